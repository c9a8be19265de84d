"""Submitted records: kept in a folder as they came, beside what running their cells again here has found."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sigbench.abilities import teacher_of
from sigbench.errors import BadInput
from sigbench.files import Missing, document, read_file
from sigbench.leaderboard.board import Entry
from sigbench.leaderboard.verification import compare, sentence
from sigbench.records.changes import same_cell
from sigbench.records.checks import parse_record
from sigbench.records.key import determinants_of, key_of
from sigbench.records.names import DENOISED, identity
from sigbench.records.reading import Problem, Reading, read_records
from sigbench.records.record import Record
from sigbench.records.store import Store, make_folder, replacing
from sigbench.registry import make_task, own_name, sampler_class, sampler_names, task_class, task_names
from sigbench.spec import parse_spec

_SHOWN = 5


@dataclass
class Added:
    """What became of the records of a file: those taken, and those refused or known already."""

    taken: list[Record] = field(default_factory=list)
    refused: list[Problem] = field(default_factory=list)
    known: list[Problem] = field(default_factory=list)


class Submissions:
    """A folder of submitted records: `KEY.json` each, and in `again/` the same cells as they were run here.

    A record is data that a stranger wrote. It is taken where it is sound in itself, its key is the hash of what it says
    was asked for, and its names are those of what its specs ask for. That its numbers are true is not known until it
    was run again here; what `again/` holds is believed only where it is a sound record of the same cell, and what it
    comes to is worked out anew from the two records. Nothing that a record names is loaded here but installed plug-ins.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._again = folder / "again"

    def add(self, file: Path) -> Added:
        """Takes the records of a file, one as JSON or a line each; raises BadInput where it cannot be read."""
        try:
            text = read_file(file, "the file").decode("utf-8", errors="replace")
        except Missing:
            raise BadInput(f"there are no records at {file}: no such file.") from None
        lines = [(None, text)] if _is_one(text) else list(enumerate(text.split("\n"), 1))
        added = Added()
        for number, line in lines:
            if not line.strip():
                continue
            try:
                record = _taken(line)
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
        reading = self._sound()
        return [self._entry(record) for record in reading.records], reading

    def _sound(self) -> Reading:
        """The records that can be taken: whoever can write into the folder can write anything."""
        if not self.folder.is_dir():
            return Reading()
        reading = read_records([self.folder])
        found, reading.records = reading.records, []
        for record in found:
            try:
                _check(record)
                reading.records.append(record)
            except BadInput as error:
                file = self.folder / f"{record['key']}.json"
                reading.problems.append(Problem(file, None, "damaged", str(error).rstrip(".")))
        return reading

    def _entry(self, record: Record) -> Entry:
        ours = self._run_here(record)
        if ours is None:
            return Entry(record, "reported", "Handed in, and not run again here yet.")
        verdict, found = compare(record, ours)
        remark = sentence(verdict, record, ours, found)
        if verdict == "reproduced":
            # Our own numbers stand for the cell from now on.
            return Entry(ours, "reproduced", remark)
        return Entry(record, "reported" if verdict == "undecided" else "differs", remark)

    def _run_here(self, record: Record) -> Record | None:
        """The record of the same cell that was made here, None where there is none."""
        file = self._again / f"{record['key']}.json"
        try:
            with document(str(file)):
                ours = parse_record(json.dumps(json.loads(read_file(file, "the file"))["record"]))
                same = identity(ours) == identity(record) and ours["family"] == record["family"]
                return ours if same and same_cell(determinants_of(record), determinants_of(ours)) else None
        except BadInput:
            return None

    def find(self, prefix: str) -> Record:
        """Returns the submitted record whose key begins with `prefix`; raises BadInput unless it is exactly one."""
        entries = {record["key"]: record for record in self._sound().records}
        found = [key for key in entries if key.startswith(prefix)]
        if len(found) == 1 and prefix:
            return entries[found[0]]
        if len(found) > 1:
            raise BadInput(f"{prefix!r} begins {len(found)} keys: {_some(found)}; give more of it.")
        raise BadInput(
            f"no submitted record in {self.folder} has a key that begins {prefix!r}: there are {_some(entries)}."
        )

    def prepare(self) -> None:
        """Raises BadInput where what a run finds cannot be kept; called before it."""
        make_folder(self._again, "the folder of what was run again")

    def keep(self, record: Record, ours: Record, verdict: str, remark: str) -> None:
        """Keeps what running a submitted cell again has found: our record, the verdict, and a sentence.

        The last two are for who reads the file; a board works them out again.
        """
        self.prepare()
        document = {"verdict": verdict, "remark": remark, "record": ours}
        with replacing(self._again / f"{record['key']}.json") as temporary:
            temporary.write_text(json.dumps(document, allow_nan=False, indent=1) + "\n")


def _taken(text: str) -> Record:
    record = parse_record(text)
    _check(record)
    return record


def _check(record: Record) -> None:
    """Raises BadInput where a sound record says something of itself that is not so."""
    if key_of(determinants_of(record)) != record["key"]:
        raise BadInput("the key is not the hash of what the record says was asked for.")
    asked = own_name(record["spec"])
    _check_name("task", record["task_spec"], record["task"], task_names(), task_class)
    _check_name("sampler", asked, record["sampler"], sampler_names(), sampler_class)
    bare = parse_spec(asked)
    if bare.name in sampler_names() and (family := sampler_class(bare.name).family) != record["family"]:
        raise BadInput(f"it calls {bare.name} of the family {record['family']!r}, which is of {family!r}.")
    if record["role"] == "teacher" and record["task"] in task_names():
        teacher = teacher_of(make_task(record["task"]))
        if teacher is None or (teacher.scheme, teacher.steps) != (asked.removesuffix(DENOISED), record["steps"]):
            raise BadInput(f"{asked} at {record['steps']} steps is not the teacher of {record['task']}.")


def _check_name(
    kind: str, spec: str, name: str, installed: Sequence[str], class_of: Callable[[str], type[Any]]
) -> None:
    """Raises BadInput where `name` is not that of what a spec asks for; no file is opened for it."""
    asked = parse_spec(spec).name
    if asked in installed:
        if (own := class_of(asked).name) != name:
            raise BadInput(f"it calls its {kind} {name!r}, and asks for {asked!r}, which is called {own!r}.")
    elif name in installed:
        raise BadInput(f"it calls its {kind} {name!r}, as an installed one is, and asks for {asked!r}.")


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
