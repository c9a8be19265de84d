"""The baseline of the gate: the records that `sigbench check` holds the code to, and what they may lose, in one file.

The TypedDicts below are the documentation of the file. Margins and α may be edited by hand; records are sealed, and
`sigbench check --update` measures them again.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict, cast

from sigbench.errors import BadInput, Outdated
from sigbench.gate.decision import SCALES
from sigbench.records.checks import parse_record
from sigbench.records.record import SCHEMA, Record
from sigbench.records.store import replacing


class MarginEntry(TypedDict):
    """How much worse a metric may be and still count as the same; see `sigbench.gate.decision.Margin`.

    It holds for all records of the task; metrics without a margin are not guarded.
    """

    task: str  # as it is asked for: a name, or FILE.py:CLASS
    metric: str
    scale: str  # "relative": a share of the value; "absolute": in the metric's own units
    margin: float


class Baseline(TypedDict):
    """The file: its schema is that of its records."""

    schema: int
    kind: str  # "sigbench-baseline"
    alpha: float  # error rate of the run's decisions
    time_margin: float  # a share: 0.5 lets a sampler take half as long again
    margins: list[MarginEntry]
    records: list[Record]  # a curve's after each other


KIND = "sigbench-baseline"


def read_baseline(file: Path) -> Baseline:
    """Returns the baseline in `file`; raises BadInput, naming the place, where it is none that this version reads.

    Outdated is raised for one of another schema.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"), parse_constant=_refuse)
    except FileNotFoundError:
        raise BadInput(f"there is no baseline {file}: `sigbench check --update --baseline {file}` makes one.") from None
    except OSError as error:
        raise BadInput(f"the baseline {file} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"the baseline {file} is corrupt: it is no JSON ({error}).") from error
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise BadInput(f'{file} is no baseline: its "kind" is not {KIND!r}.')
    if found.get("schema") != SCHEMA:
        raise Outdated(
            f"the baseline {file} has schema {found.get('schema')!r}, and this version reads {SCHEMA}: "
            f"`sigbench check --update --baseline {file}` writes a new one."
        )
    try:
        _check_baseline(found)
    except _Corrupt as error:
        raise BadInput(f"the baseline {file} is corrupt: {error}.") from None
    return cast(Baseline, found)


def write_baseline(baseline: Baseline, file: Path) -> None:
    """Writes a baseline atomically, a margin and a record a line; raises BadInput where it cannot."""
    if not file.parent.is_dir():
        raise BadInput(f"there is no folder {file.parent} for the baseline.")
    with replacing(file) as temporary:
        temporary.write_text(_lines(baseline) + "\n", encoding="utf-8")


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


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _check_baseline(found: Mapping[str, Any]) -> None:
    _positive(_item(found, "alpha", ""), "alpha", below=0.5)
    _positive(_item(found, "time_margin", ""), "time_margin")
    relative: set[tuple[str, str]] = set()
    margins: set[tuple[str, str]] = set()
    for index, margin in enumerate(_list(_item(found, "margins", ""), "margins")):
        _check_margin(_mapping(margin, f"margins[{index}]"), f"margins[{index}]")
        at = (margin["task"], margin["metric"])
        if at in margins:
            raise _Corrupt(f"margins[{index}] is a second margin of {at[1]} on {at[0]}")
        margins.add(at)
        if margin["scale"] == "relative":
            relative.add(at)
    cells: set[tuple[Any, ...]] = set()
    for index, entry in enumerate(_list(_item(found, "records", ""), "records")):
        record = _checked_record(entry, f"records[{index}]")
        cell = (record["task_spec"], record["spec"], record["role"], record["steps"])
        if cell in cells:
            raise _Corrupt(f"records[{index}] is a second one of {cell[1]} on {cell[0]} at {cell[3]} steps")
        cells.add(cell)
        _check_guarded(record, f"records[{index}]", margins, relative)


def _check_margin(margin: Mapping[str, Any], where: str) -> None:
    for key in ("task", "metric"):
        if not isinstance(_item(margin, key, where), str) or not margin[key]:
            raise _Corrupt(f"{where}.{key} is {margin[key]!r}, not a text")
    if _item(margin, "scale", where) not in SCALES:
        raise _Corrupt(f"{where}.scale is {margin['scale']!r}, not {' or '.join(SCALES)}")
    _positive(_item(margin, "margin", where), f"{where}.margin")


def _checked_record(entry: Any, where: str) -> Record:
    try:
        record = parse_record(json.dumps(entry))
    except BadInput as error:
        raise _Corrupt(f"{where} is no record: {str(error).rstrip('.')}") from None
    if record["status"] != "ok":
        raise _Corrupt(f"{where} is of a cell that {record['status']}")
    if record["repeats"] < 2:
        raise _Corrupt(f"{where} has one repeat, and nothing can be decided from one")
    return record


def _check_guarded(record: Record, where: str, margins: set[tuple[str, str]], relative: set[tuple[str, str]]) -> None:
    task = record["task_spec"]
    if not any(at[0] == task for at in margins):
        raise _Corrupt(f"{where} is of the task {task!r}, for which there are no margins")
    for name, metric in record["metrics"].items():
        if (task, name) in relative and min(metric["values"]) <= 0:
            raise _Corrupt(f"{where}: {name} is not positive everywhere, and has no relative change")


def _item(found: Mapping[str, Any], key: str, where: str) -> Any:
    if key not in found:
        raise _Corrupt(f"{where or 'the file'} has no {key!r}")
    return found[key]


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _Corrupt(f"{where} is no object")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise _Corrupt(f"{where} is no list")
    return value


def _positive(value: Any, where: str, below: float = math.inf) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise _Corrupt(f"{where} is {value!r}, not a finite number")
    if not 0 < value < below:
        raise _Corrupt(f"{where} is {value!r}, not a number above 0" + (f" and below {below}" if below < 1 else ""))
