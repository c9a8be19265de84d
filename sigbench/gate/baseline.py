"""The baseline of the gate: the records that `sigbench check` holds the code to, and what they may lose, in one file.

The TypedDicts below are the documentation of the file. Margins, α and the time margin may be edited by hand, and
`sigbench check --against` names what was; records and curves are sealed, and `sigbench check --update` measures them
again.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import msgspec
from msgspec import Meta

from sigbench.errors import BadInput, Outdated
from sigbench.files import Missing, document, read_file
from sigbench.gate.curves import CurveEntry, curve_entries
from sigbench.records.checks import parse_record
from sigbench.records.record import Record
from sigbench.records.store import replacing

KIND: Literal["sigbench-baseline"] = "sigbench-baseline"
SCHEMA = 3  # 2 had margins of two scales, and no seals of curves
MOST = 0.5  # beyond it half as much error again would pass for the same

Share = Annotated[float, Meta(gt=0, le=MOST)]
Word = Annotated[str, Meta(min_length=1)]


class MarginEntry(TypedDict):
    """How much worse a metric may be and still count as the same: the larger of two shares.

    It holds for all records of the task; metrics without a margin are not guarded.
    """

    task: Word  # as it is asked for: a name, or FILE.py:CLASS
    metric: Word
    excess: Share  # of what the metric lies above its floor
    floor: Share  # of the floor itself, or of the deviation of one exact draw where that is larger


class _Asked(TypedDict):
    """All of the file but its records."""

    schema: int
    kind: Literal["sigbench-baseline"]
    alpha: Annotated[float, Meta(gt=0, lt=0.5)]  # error rate of the run's decisions
    time_margin: Annotated[float, Meta(gt=0, le=10)]  # a share: 0.5 lets a sampler take half as long again
    margins: list[MarginEntry]
    curves: list[CurveEntry]


class Baseline(_Asked):
    """The file."""

    records: list[Record]  # a curve's after each other


class _File(_Asked):
    """The file with its records as they are written: their own reader checks them."""

    records: list[msgspec.Raw]


class _Head(TypedDict, total=False):
    """What tells another file or another schema."""

    schema: Any
    kind: Any


def read_baseline(file: Path) -> Baseline:
    """Returns the baseline in `file`; raises BadInput, naming the place, where it is none that this version reads.

    Outdated is raised for one of another schema.
    """
    try:
        data = read_file(file, "the baseline")
    except Missing:
        raise BadInput(f"there is no baseline {file}: `sigbench check --update --baseline {file}` makes one.") from None
    return parse_baseline(data, str(file))


def parse_baseline(data: bytes, name: str) -> Baseline:
    """Returns the baseline in a document of a name; raises as `read_baseline`."""
    with document(f"the baseline {name}"):
        return _parsed(data, name)


def _parsed(data: bytes, name: str) -> Baseline:
    try:
        head = msgspec.json.decode(data, type=_Head)
    except msgspec.ValidationError:
        raise BadInput(f"{name} is no baseline: it is no object of JSON.") from None
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise BadInput(f"the baseline {name} is corrupt: it is no JSON ({error}).") from error
    if head.get("kind") != KIND:
        raise BadInput(f'{name} is no baseline: its "kind" is not {KIND!r}.')
    if head.get("schema") != SCHEMA:
        raise Outdated(
            f"the baseline {name} has schema {str(head.get('schema'))[:40]}, and this version reads {SCHEMA}: "
            f"`sigbench check --update --baseline {name}` writes a new one."
        )
    try:
        found = msgspec.json.decode(data, type=_File)
        records = [_checked_record(bytes(raw), f"records[{index}]") for index, raw in enumerate(found["records"])]
        _check_margins(found["margins"], records)
        _check_curves(found["curves"], records)
    except (msgspec.MsgspecError, _Corrupt) as error:
        raise BadInput(f"the baseline {name} is corrupt: {error}.") from None
    return {**found, "records": records}


def write_baseline(baseline: Baseline, file: Path) -> None:
    """Writes a baseline atomically, its curves sealed, an entry a line; raises BadInput where it cannot."""
    if not file.parent.is_dir():
        raise BadInput(f"there is no folder {file.parent} for the baseline.")
    sealed: Baseline = {**baseline, "curves": curve_entries(baseline["records"])}
    with replacing(file) as temporary:
        temporary.write_text(_lines(sealed) + "\n", encoding="utf-8")


def _lines(baseline: Baseline) -> str:
    """JSON with one line for each entry of a list, so that a changed record is a changed line."""
    parts = []
    for name, value in baseline.items():
        text = _compact(value)
        if isinstance(value, list):
            text = "[" + ",".join(f"\n  {_compact(entry)}" for entry in value) + "\n ]"
        parts.append(f" {json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}"


def _compact(value: Any) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


class _Corrupt(Exception):
    """What is wrong, and where."""


def _checked_record(data: bytes, where: str) -> Record:
    try:
        record = parse_record(data)
    except BadInput as error:
        raise _Corrupt(f"{where} is no record: {str(error).rstrip('.')}") from None
    if record["status"] != "ok":
        raise _Corrupt(f"{where} is of a cell that {record['status']}")
    if record["repeats"] < 2:
        raise _Corrupt(f"{where} has one repeat, and nothing can be decided from one")
    return record


def _check_margins(margins: Sequence[MarginEntry], records: Iterable[Record]) -> None:
    guarded: set[tuple[str, str]] = set()
    for index, margin in enumerate(margins):
        if (at := (margin["task"], margin["metric"])) in guarded:
            raise _Corrupt(f"margins[{index}] is a second margin of {at[1]} on {at[0]}")
        guarded.add(at)
    for index, record in enumerate(records):
        if not any(task == record["task_spec"] for task, _ in guarded):
            raise _Corrupt(f"records[{index}] is of the task {record['task_spec']!r}, for which there are no margins")


def _check_curves(told: Sequence[CurveEntry], records: Sequence[Record]) -> None:
    """Whether the curves are those that were measured: every one, whole, and by the same question."""
    seen: set[tuple[Any, ...]] = set()
    for index, record in enumerate(records):
        point = (record["task_spec"], record["spec"], record["role"], record["steps"])
        if point in seen:
            raise _Corrupt(f"records[{index}] is a second one of {point[1]} on {point[0]} at {point[3]} steps")
        seen.add(point)
    found = {(entry["task"], entry["sampler"]): entry for entry in curve_entries(records)}
    for index, entry in enumerate(told):
        own = found.pop((entry["task"], entry["sampler"]), None)
        if own != entry:
            raise _Corrupt(
                f"curves[{index}], {entry['sampler']} on {entry['task']}, is not what was measured: its points or what "
                "they were asked for have changed"
            )
    if found:
        task, sampler = next(iter(found))
        raise _Corrupt(f"the records of {sampler} on {task} belong to no curve")
