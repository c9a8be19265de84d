"""Reading records back: from store folders and JSON Lines files, with whatever is wrong named and left out."""

import gc
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from sigbench.errors import BadInput
from sigbench.records.names import name_and_role
from sigbench.records.record import SCHEMA, MetricRecord, Record, key_of

_DECODER = msgspec.json.Decoder(Record)
_ENCODER = msgspec.msgpack.Encoder()  # binary: numbers cost no formatting
_SEALED = (
    "schema",
    "key",
    "task",
    "task_version",
    "conditions",
    "sampler",
    "family",
    "steps",
    "nfe",
    "samples",
    "repeats",
    "seed",
    "grid",
    "times",
    "final_step",
    "status",
    "error",
    "metrics",
    "asked",
)
_SEALED_LATER = ("spec", "role")  # fields that records of older versions lack
_CHUNK = 1 << 16

Kind = Literal["damaged", "foreign", "duplicate"]


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


class _Unfit(Exception):
    """Why a document is not taken."""

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


class _OtherDocument(Exception):
    """The document is sound JSON, but of something else than a record."""


def read_records(paths: Iterable[Path], task: str | None = None) -> Reading:
    """Returns the records of files and folders, each key once: the first one met stays.

    All are checked, and those of `task` are kept (None: of every task). A folder gives its `.json` files (one record
    each) and its `.jsonl` files (a record a line), in the order of their names. Raises BadInput for a path that does
    not exist or cannot be read.
    """
    reader = _Reader(task)
    with _no_collector():
        for path in paths:
            if path.is_dir():
                reader.read_folder(path)
            elif path.is_file():
                reader.read_file(path)
            else:
                raise BadInput(f"there are no records at {path}: no such file or folder.")
    return reader.found


def parse_sound(text: bytes | str) -> Record:
    """Returns the record in a JSON document, sound in itself; raises BadInput, saying what is wrong with it."""
    try:
        return _parse(text if isinstance(text, bytes) else text.encode())
    except _OtherDocument:
        raise BadInput("not a record: the field `schema` is missing.") from None
    except _Unfit as problem:
        raise BadInput(f"{problem}.") from None


def parse_record(text: bytes | str) -> Record:
    """Returns the record in a JSON document after every check, its key too; raises BadInput as `parse_sound`."""
    record = parse_sound(text)
    if (determinants := determinants_of(record)) is not None and key_of(determinants) != record["key"]:
        raise BadInput("the key is not the hash of what the record says was asked for.")
    return record


def digest_of(record: Mapping[str, Any]) -> str:
    """Returns a hash of everything in a record but its times: the timing, the date and the note.

    Equal cells have equal digests, whenever they ran; a number changed by hand no longer fits its digest.
    """
    # By way of JSON, so that the numbers have the types with which they will be read.
    return _digest(msgspec.json.decode(json.dumps(record)))


def determinants_of(record: Record) -> dict[str, Any] | None:
    """Returns what the record's key is the hash of, None for a record of an older version, which does not say."""
    asked = record.get("asked")
    if asked is None:
        return None
    conditions = {
        name: int(value) if name == "label" else value for name, value in record.get("conditions", {}).items()
    }
    provenance = record["provenance"]
    return {
        "sigbench": provenance.get("sigbench"),
        "task": record["task"],
        "task_version": record["task_version"],
        "times": record["times"],
        "samples": record["samples"],
        "repeats": record["repeats"],
        "seed": record["seed"],
        "device": provenance.get("device"),
        **conditions,
        "artifacts": provenance.get("artifacts"),
        **asked,
    }


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


def _bytes_of(path: str | Path) -> bytes:
    # A bare read: for tens of thousands of small files the layers of open() cost more than the reading.
    parts = []
    try:
        handle = os.open(path, os.O_RDONLY)
        try:
            while part := os.read(handle, _CHUNK):
                parts.append(part)
                if len(part) < _CHUNK // 2 and len(parts) == 1:
                    break  # small, and so at its end
        finally:
            os.close(handle)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}.") from error
    return b"".join(parts)


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
        data = _bytes_of(path)
        if not str(path).endswith(".json"):
            self._read_lines(path, data)
            return
        try:
            self._take(path, None, data)
        except _OtherDocument:
            self.found.others.append(Path(path))

    def _read_lines(self, path: str | Path, data: bytes) -> None:
        lines = [(number, line) for number, line in enumerate(data.splitlines(), 1) if line.strip()]
        strangers = []
        for number, line in lines:
            try:
                self._take(path, number, line)
            except _OtherDocument:
                strangers.append(number)
        if strangers and len(strangers) == len(lines):
            self.found.others.append(Path(path))
        else:
            for number in strangers:
                self._leave_out(path, number, "foreign", "not a record: the field `schema` is missing")

    def _take(self, path: str | Path, line: int | None, data: bytes) -> None:
        try:
            record = _parse(data)
        except _Unfit as problem:
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


def _parse(data: bytes) -> Record:
    try:
        record = _DECODER.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _why_not(data, error) from None
    if record["schema"] != SCHEMA:
        raise _Unfit("foreign", f"schema {record['schema']}, where this version reads {SCHEMA}")
    reason = _inconsistency(record)
    if reason is None and "digest" in record and not _intact(record, data):
        reason = "changed since it was written: it does not fit its digest"
    if reason is not None:
        raise _Unfit("damaged", reason)
    return record if "role" in record else _with_role(record)


def _with_role(record: Record) -> Record:
    """A record of an older version, whose sampler was a label, with name, spec and role apart; sealed anew."""
    asked = record.get("asked")
    found = name_and_role(record["sampler"], None if asked is None else asked["sampler"])
    record["sampler"], record["spec"], record["role"] = found
    if "digest" in record:
        record["digest"] = _digest(record)
    return record


def _why_not(data: bytes, error: Exception) -> Exception:
    """The exception for a document that is no record of this schema."""
    try:
        document = msgspec.json.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as problem:
        return _Unfit("damaged", f"not JSON: {str(problem)[:200] or type(problem).__name__}")
    if not isinstance(document, dict):
        return _Unfit("foreign", "not a record: JSON, but no object")
    if "schema" not in document:
        return _Unfit("damaged", "the field `schema` is missing") if "key" in document else _OtherDocument()
    if "key" not in document and "status" not in document:
        return _OtherDocument()  # other files have schemas too
    if document["schema"] != SCHEMA or isinstance(document["schema"], bool):
        return _Unfit("foreign", f"schema {str(document['schema'])[:40]!r}, where this version reads {SCHEMA}")
    return _Unfit("damaged", f"not as the schema says: {str(error)[:200]}")


def _inconsistency(record: Record) -> str | None:
    """Why the fields cannot all be true, None where they can; types were checked before."""
    times = record["times"]
    if record["steps"] < 1 or len(times) != record["steps"] + 1:
        return f"{record['steps']} steps cannot have {len(times)} times"
    if times != sorted(times):
        return "the times go back"
    if record["samples"] < 1 or record["repeats"] < 1:
        return f"{record['samples']} samples in {record['repeats']} repeats cannot be"
    metrics, timing = record["metrics"], record["timing"]
    if record["status"] == "ok":
        if not metrics or timing is None or record["nfe"] is None:
            return "the status is ok, but metrics, timing or NFE are missing"
    elif metrics:
        return f"the status is {record['status']}, but there are metrics"
    if not all(map(_in_order, metrics.values())):
        name = next(name for name, metric in metrics.items() if not _in_order(metric))
        return f"the numbers of {name} contradict each other"
    if timing is not None:
        seconds = timing["sample_s"]["value"]
        if not (seconds > 0 and abs(seconds * timing["samples_per_s"] - 1) < 1e-6):
            return "sample_s and samples_per_s contradict each other"
    return None


def _in_order(metric: MetricRecord) -> bool:
    low, high, value = metric["low"], metric["high"], metric["value"]
    if low is None or high is None:
        return low is high and metric["better"] in ("lower", "higher", "zero")
    floor_low, floor_high, better = metric["floor_low"], metric["floor_high"], metric["better"]
    if not low <= value <= high:
        return False
    if floor_low is None or floor_high is None:
        return not metric["at_floor"]
    if not floor_low <= metric["floor"] <= floor_high:
        return False
    if better == "lower":
        return metric["at_floor"] == (low <= floor_high)
    if better == "higher":
        return metric["at_floor"] == (high >= floor_low)
    return better == "zero" and metric["at_floor"] == (low <= floor_high and high >= floor_low)


def _intact(record: Record, data: bytes) -> bool:
    # Decoded by type, a whole number in the place of a float has become one; only then the text is read again.
    return _digest(record) == record["digest"] or _digest(msgspec.json.decode(data)) == record["digest"]


def _digest(document: Mapping[str, Any]) -> str:
    sealed = list(map(document.get, _SEALED))
    sealed += [document[name] for name in _SEALED_LATER if name in document]
    made = dict(document["provenance"])
    made.pop("date", None)
    sealed += made.items()
    return hashlib.blake2b(_ENCODER.encode(sealed), digest_size=10).hexdigest()
