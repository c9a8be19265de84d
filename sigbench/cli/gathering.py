"""What the leaderboard's commands read: a board's records, those named, and those handed in."""

import gc
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sigbench.cli.again import OUTDATED
from sigbench.cli.committed import FOLDER, here_or_copy
from sigbench.cli.printing import say
from sigbench.errors import BadInput, unknown_name
from sigbench.files import read_file
from sigbench.registry import declared_metrics

if TYPE_CHECKING:
    from sigbench.leaderboard.board import Board, Entry
    from sigbench.leaderboard.submissions import Submissions
    from sigbench.records.reading import Reading

_NAMED, _FEW = 10, 2
GRID_CHOICES = ("main", "best", "all")


def board_of(folder: Path, *, quiet: bool = False) -> Path:
    """Returns the folder whose records are a board's: the installed copy where the usual folder is not here."""
    return here_or_copy(folder, quiet=quiet) if folder == FOLDER else folder


def submissions_in(folder: Path) -> "Submissions":
    """Returns what was handed in to a board."""
    from sigbench.leaderboard.submissions import Submissions

    return Submissions(folder / "submitted")


def check_mentioned(paths: list[Path] | None, folder: Path, task: str, metric: str, grid: str) -> None:
    """Raises BadInput for a name that no record mentions, from the records' bytes: what reads them takes a second.

    A name that is mentioned passes, whatever it is there: reading the records tells.
    """
    files = (file for path in paths or _files_of(board_of(folder, quiet=True)) for file in _files_in(path))
    data = [text for file in files if (text := _bytes_of(file))]
    tasks, grids = (
        {name.decode(errors="replace") for text in data for name in re.findall(pattern, text)}
        for pattern in (rb'"task"\s*:\s*"([^"\\]+)"', rb'"grid"\s*:\s*"([^"\\]+)"')
    )
    choices = (
        ("task among the records", task, tasks),
        (f"metric of {task}", metric, set(declared_metrics(task))),
        ("grid among the records", grid, {*GRID_CHOICES, *grids}),
    )
    for kind, name, known in choices:
        if name and known and name not in known and not any(json.dumps(name).encode() in text for text in data):
            raise unknown_name(kind, name, known)


def _files_of(board: Path) -> list[Path]:
    return [file for part in ("records", "studies/guidance") for file in sorted((board / part).glob("*.jsonl"))]


def _bytes_of(file: Path) -> bytes:
    try:
        return read_file(file, "the records")
    except BadInput:
        return b""  # a folder, or what must not be read: said where records are read


def _files_in(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir():
        # Where records are read from, and no deeper: a folder may be the whole disk. A pipe would be waited for.
        yield from (file for file in path.glob("*.json*") if file.is_file())


def gather(paths: list[Path] | None, folder: Path, task: str | None = None) -> "tuple[list[Entry], set[str]]":
    """The entries of all records (of a task), those submitted last, and all tasks met.

    What was left out is named on stderr.
    """
    from sigbench.leaderboard.board import Entry
    from sigbench.records.reading import read_records

    board = folder if paths else board_of(folder)
    if not paths and not board.is_dir():
        raise BadInput(f"there is no folder {folder} here: name records with --store PATH, or another --board.")
    own = read_records(
        paths or _files_of(board),
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


def pick_board(several: "list[Board]", samples: int | None, seed: int | None) -> "Board":
    """Returns the first board of so many samples and this seed; raises BadInput where there is none."""
    for board in several:
        if (samples is None or board.samples == samples) and (seed is None or board.seed == seed):
            return board
    raise BadInput(
        f"no records of {several[0].task} with these --samples and --seed: there are "
        + "; ".join(f"{b.samples} samples, seed {b.seed}" for b in several[:_NAMED])
        + "."
    )


def titles_of(tasks: Iterable[str]) -> dict[str, str]:
    """Returns the tasks' titles in words, where their plug-ins are installed."""
    from sigbench.registry import task_class, task_names

    installed, titles = set(task_names()), {}
    for name in tasks:
        if name in installed:
            with suppress(BadInput):  # one that cannot be loaded is called by its name
                titles[name] = task_class(name).title
    return titles
