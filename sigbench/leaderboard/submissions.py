"""Submitted records: kept in a folder as they came, beside what running their cells again here has found."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sigbench.errors import BadInput
from sigbench.leaderboard.board import Entry
from sigbench.records.checks import parse_record
from sigbench.records.reading import Problem, Reading, read_records
from sigbench.records.record import Record
from sigbench.records.store import Store, replacing

_SHOWN = 5


@dataclass
class Added:
    """What became of the records of a file: those taken, and those refused or known already."""

    taken: list[Record] = field(default_factory=list)
    refused: list[Problem] = field(default_factory=list)
    known: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MetricDifference:
    """A reported metric beside that of the same cell run here: their difference in standard errors, None if unknown."""

    metric: str
    reported: float
    measured: float
    standard_errors: float | None
    agrees: bool | None


class Submissions:
    """A folder of submitted records: `KEY.json` each, and in `again/` the same cells as they were run here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._again = folder / "again"

    def add(self, file: Path) -> Added:
        """Takes the records of a file, one as JSON or a line each; raises BadInput where there is no such file."""
        if not file.is_file():
            raise BadInput(f"there are no records at {file}: no such file.")
        text = file.read_text(encoding="utf-8", errors="replace")
        lines = [(None, text)] if _is_one(text) else list(enumerate(text.split("\n"), 1))
        added = Added()
        for number, line in lines:
            if not line.strip():
                continue
            try:
                record = parse_record(line)
            except BadInput as error:
                added.refused.append(Problem(file, number, "damaged", str(error).rstrip(".")))
                continue
            if (self.folder / f"{record['key']}.json").exists():
                reason = f"{record['key']} is submitted already"
                added.known.append(Problem(file, number, "duplicate", reason))
            else:
                self._keep_as_it_came(record["key"], line)
                added.taken.append(record)
        return added

    def _keep_as_it_came(self, key: str, text: str) -> None:
        # Not what was decoded: that has floats where a whole number stood, which the digest tells apart.
        document = json.loads(text)
        with replacing(Store(self.folder).path_of(key)) as temporary:
            temporary.write_text(json.dumps(document, indent=1) + "\n")

    def read(self) -> tuple[list[Entry], Reading]:
        """Returns the submitted records as entries of a board, and what was wrong with those left out."""
        if not self.folder.is_dir():
            return [], Reading()
        reading = read_records([self.folder])
        return [self._entry(record) for record in reading.records], reading

    def _entry(self, record: Record) -> Entry:
        try:
            found = json.loads((self._again / f"{record['key']}.json").read_text())
            ours, verdict, remark = parse_record(json.dumps(found["record"])), found["verdict"], str(found["remark"])
        except (OSError, ValueError, TypeError, KeyError, BadInput):
            return Entry(record, "reported", "Handed in, and not run again here yet.")
        if verdict == "reproduced":
            # Our own numbers stand for the cell from now on.
            return Entry(ours, "reproduced", remark)
        return Entry(record, "differs", remark)

    def find(self, prefix: str) -> Record:
        """Returns the submitted record whose key begins with `prefix`; raises BadInput unless it is exactly one."""
        entries = {r["key"]: r for r in read_records([self.folder]).records} if self.folder.is_dir() else {}
        found = [key for key in entries if key.startswith(prefix)]
        if len(found) == 1 and prefix:
            return entries[found[0]]
        if len(found) > 1:
            raise BadInput(f"{prefix!r} begins {len(found)} keys: {_some(found)}; give more of it.")
        raise BadInput(
            f"no submitted record in {self.folder} has a key that begins {prefix!r}: there are {_some(entries)}."
        )

    def keep(self, record: Record, ours: Record, verdict: str, remark: str) -> None:
        """Keeps what running a submitted cell again has found: our record, the verdict, and a sentence."""
        self._again.mkdir(parents=True, exist_ok=True)
        document = {"verdict": verdict, "remark": remark, "record": ours}
        with replacing(self._again / f"{record['key']}.json") as temporary:
            temporary.write_text(json.dumps(document, allow_nan=False, indent=1) + "\n")


def _is_one(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _some(keys: Sequence[str] | Mapping[str, Any]) -> str:
    listed = list(keys)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more if listed else "none"
