"""The records that a board is made of: the project's own and those handed in, with what is left out said on stderr."""

import gc
from pathlib import Path
from typing import TYPE_CHECKING

from sigbench.cli.again import OUTDATED
from sigbench.cli.printing import say
from sigbench.errors import BadInput
from sigbench.files import is_folder

if TYPE_CHECKING:
    from sigbench.leaderboard.board import Entry
    from sigbench.leaderboard.submissions import Submissions
    from sigbench.records.reading import Reading

_NAMED, _FEW = 10, 2


def submissions_in(folder: Path) -> "Submissions":
    """Returns what was handed in to a board."""
    from sigbench.leaderboard.submissions import Submissions

    return Submissions(folder / "submitted")


def gather(paths: list[Path] | None, folder: Path, task: str | None = None) -> "tuple[list[Entry], set[str]]":
    """Returns the entries of all records (of a task), those submitted last, and all tasks met.

    What was left out is named on stderr. Raises BadInput where there is nothing.
    """
    from sigbench.leaderboard.board import Entry
    from sigbench.records.reading import read_records

    if not paths and not is_folder(folder):
        raise BadInput(f"there is no folder {folder} here: name records with --records PATH, or another --folder.")
    own = read_records(
        paths
        or [*sorted((folder / "records").glob("*.jsonl")), *sorted((folder / "studies" / "guidance").glob("*.jsonl"))],
        task,
    )
    gc.freeze()  # tens of thousands of records are not worth walking again at every collection
    submitted, reading = submissions_in(folder).read()
    if not paths:
        own.others.clear()  # results of other kinds lie in the board's folder by intent
    old = own.count("outdated") + reading.count("outdated")
    tasks = own.tasks | reading.tasks
    if old and not tasks:
        raise BadInput(f"no records in {', '.join(map(str, paths or [folder]))} can be read: {_outdated(old)}.")
    for each in (own, reading):
        _say_skipped(each, _NAMED if tasks else _FEW)
    if old:
        say(f"{_outdated(old)}.")
    entries = [Entry(record) for record in own.records]
    entries += [entry for entry in submitted if task in (None, entry.record["task"])]
    if not tasks:
        raise BadInput(f"there are no records in {', '.join(map(str, paths or [folder]))}.")
    return entries, tasks


def _outdated(count: int) -> str:
    """What is said of records of older schemas, which can be many."""
    return (
        f"{count} {'record is' if count == 1 else 'records are'} {OUTDATED}; measure the cells again, as "
        "`sigbench sweep FILE.toml --json` and `sigbench run --json` do"
    )


def _say_skipped(reading: "Reading", most: int) -> None:
    named = [problem for problem in reading.problems if problem.kind != "outdated"]
    for problem in named[:most]:
        say(f"skipped {problem}.")
    if named:
        kinds = [(reading.count(kind), kind) for kind in ("damaged", "foreign", "duplicate")]
        counts = ", ".join(f"{count} {kind}" for count, kind in kinds if count)
        rest = "" if len(named) <= most else f" (the first {most} are named above)"
        say(f"{len(named)} records were skipped: {counts}{rest}.")
    if reading.others:
        names = ", ".join(str(path) for path in reading.others[:_NAMED])
        more = f" and {len(reading.others) - _NAMED} more" if len(reading.others) > _NAMED else ""
        say(f"no records in {names}{more}.")
