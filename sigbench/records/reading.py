"""Reading records back: from store folders and JSON Lines files, with whatever is wrong named and left out."""

import gc
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sigbench.errors import BadInput
from sigbench.files import exists, is_folder, read_file
from sigbench.records.checks import Kind, OtherDocument, Unfit, parsed
from sigbench.records.record import Record


@dataclass(frozen=True, slots=True)
class Problem:
    """A record that was left out: in which file, at which line (None for a file of one record), and why."""

    file: Path
    line: int | None
    kind: Kind
    reason: str

    @property
    def where(self) -> str:
        """The file, and the line in it."""
        return str(self.file) if self.line is None else f"{self.file}, line {self.line}"

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


@dataclass
class Reading:
    """What was found: the records, those left out, the files that hold JSON of another kind, and all tasks met."""

    records: list[Record] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    tasks: set[str] = field(default_factory=set)

    def count(self, kind: Kind) -> int:
        """Returns how many records were left out for a reason of this kind."""
        return sum(problem.kind == kind for problem in self.problems)


def read_records(paths: Iterable[Path], task: str | None = None) -> Reading:
    """Returns the records of files and folders, each key once: the first one met stays.

    All are checked, and those of `task` are kept (None: of every task). A folder gives its `.json` files (one record
    each) and its `.jsonl` files (a record a line), in the order of their names. Raises BadInput for a path that does
    not exist or cannot be read.
    """
    reader = _Reader(task)
    with _no_collector():
        for path in paths:
            if is_folder(path):
                reader.read_folder(path)
            elif exists(path):
                reader.read_file(path)
            else:
                raise BadInput(f"there are no records at {path}: no such file or folder.")
    return reader.found


@contextmanager
def _no_collector() -> Iterator[None]:
    """Keeps the garbage collector from walking all records again and again, while they are read and later."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # records hold no circles, and so there is nothing among them for it to find
        if was_on:
            gc.enable()


class _Reader:
    """Reads file after file, and knows which keys it has met."""

    def __init__(self, task: str | None) -> None:
        self.found = Reading()
        self._task = task
        self._met: dict[str, tuple[str | Path, int | None]] = {}

    def read_folder(self, folder: Path) -> None:
        try:
            names = sorted(entry.name for entry in os.scandir(folder))
        except OSError as error:
            raise BadInput(f"the folder {folder} cannot be read: {error.strerror or error}.") from error
        prefix = os.path.join(folder, "")  # noqa: PTH118 - a Path for each file would cost as much as reading it
        for name in names:
            if name.endswith((".json", ".jsonl")) and not name.startswith("."):
                try:
                    self.read_file(prefix + name)
                except BadInput as error:
                    self._leave_out(prefix + name, None, "damaged", str(error).rstrip("."))

    def read_file(self, path: str | Path) -> None:
        data = read_file(path, "the file")
        if not str(path).endswith(".json"):
            self._read_lines(path, data)
            return
        try:
            self._take(path, None, data)
        except OtherDocument:
            self.found.others.append(Path(path))

    def _read_lines(self, path: str | Path, data: bytes) -> None:
        lines = [(number, line) for number, line in enumerate(data.splitlines(), 1) if line.strip()]
        strangers = []
        for number, line in lines:
            try:
                self._take(path, number, line)
            except OtherDocument:
                strangers.append(number)
        if strangers and len(strangers) == len(lines):
            self.found.others.append(Path(path))
        else:
            for number in strangers:
                self._leave_out(path, number, "foreign", "not a record: the field `schema` is missing")

    def _take(self, path: str | Path, line: int | None, data: bytes) -> None:
        try:
            record = parsed(data)
        except Unfit as problem:
            self._leave_out(path, line, problem.kind, str(problem))
            return
        key = record["key"]
        if key in self._met:
            first = Problem(Path(self._met[key][0]), self._met[key][1], "duplicate", "").where
            self._leave_out(path, line, "duplicate", f"duplicate of {key} in {first}")
            return
        self._met[key] = path, line
        self.found.tasks.add(record["task"])
        if self._task is None or record["task"] == self._task:
            self.found.records.append(record)

    def _leave_out(self, path: str | Path, line: int | None, kind: Kind, reason: str) -> None:
        self.found.problems.append(Problem(Path(path), line, kind, reason))
