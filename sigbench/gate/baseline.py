"""The baseline of the gate: the curves that `sigbench check` holds the code to, in one JSON file.

The TypedDicts below are the documentation of the file. Margins, α and the number of repeats may be edited by hand;
after any change but one of a margin or α, `sigbench check --update` has to measure again.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict, cast

from sigbench.errors import BadInput
from sigbench.gate.decision import SCALES
from sigbench.records.store import replacing

BASELINE_SCHEMA = 1


class MarginEntry(TypedDict):
    """How much worse a metric may be and still count as the same; see `sigbench.gate.decision.Margin`."""

    scale: str  # "relative": a share of the value; "absolute": in the metric's own units
    margin: float


class TaskEntry(TypedDict):
    """How the cells of a task are measured, and which of its metrics are guarded."""

    version: int
    samples: int
    repeats: int
    seed: int
    grid: str
    device: str
    dtype: str
    margins: dict[str, MarginEntry]


class PointEntry(TypedDict):
    """One point of a curve, its values in the order of the repeats."""

    steps: int
    nfe: int
    values: dict[str, list[float]]  # a guarded metric's value of every repeat
    times: list[float]  # of sampling a repeat, over that of the calibration loop beside it


class CurveEntry(TypedDict):
    """One sampler on one task, with where and when it was measured."""

    task: str
    sampler: str  # a spec, as `sigbench run --sampler` takes it
    points: list[PointEntry]
    machine: dict[str, Any]  # the fingerprint; times are compared only where it is the same
    git: str | None
    date: str


class Baseline(TypedDict):
    """The file."""

    schema: int
    kind: str  # "sigbench-baseline"
    alpha: float  # error rate of the run's decisions
    time_margin: float  # a share: 0.5 lets a sampler take half as long again
    tasks: dict[str, TaskEntry]
    curves: list[CurveEntry]


KIND = "sigbench-baseline"


def read_baseline(file: Path) -> Baseline:
    """Returns the baseline in `file`; raises BadInput, naming the place, where it is none that this version reads."""
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
    if found.get("schema") != BASELINE_SCHEMA:
        raise BadInput(
            f"the baseline {file} has schema {found.get('schema')!r}, and this version reads {BASELINE_SCHEMA}: "
            f"write it anew with `sigbench check --update` after moving it away."
        )
    try:
        _check_baseline(found)
    except _Corrupt as error:
        raise BadInput(f"the baseline {file} is corrupt: {error}.") from None
    return cast(Baseline, found)


def write_baseline(baseline: Baseline, file: Path) -> None:
    """Writes a baseline atomically, values of a repeat list on one line; raises BadInput where it cannot."""
    if not file.parent.is_dir():
        raise BadInput(f"there is no folder {file.parent} for the baseline.")
    with replacing(file) as temporary:
        temporary.write_text(_pretty(baseline, "") + "\n", encoding="utf-8")


def _pretty(value: Any, indent: str) -> str:
    """JSON with lists of numbers on one line, so that a changed point is a changed line."""
    inner = indent + " "
    if isinstance(value, dict) and value:
        parts = [f"{inner}{json.dumps(key)}: {_pretty(part, inner)}" for key, part in value.items()]
        return "{\n" + ",\n".join(parts) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(part, dict | list) for part in value):
        return "[\n" + ",\n".join(inner + _pretty(part, inner) for part in value) + f"\n{indent}]"
    return json.dumps(value, allow_nan=False)


class _Corrupt(Exception):
    """What is wrong, and where."""


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _check_baseline(found: Mapping[str, Any]) -> None:
    _positive(_item(found, "alpha", ""), "alpha", below=0.5)
    _positive(_item(found, "time_margin", ""), "time_margin")
    tasks = _mapping(_item(found, "tasks", ""), "tasks")
    for name, task in tasks.items():
        _check_task(_mapping(task, f"tasks.{name}"), f"tasks.{name}")
    seen: set[tuple[str, str]] = set()
    for index, curve in enumerate(_list(_item(found, "curves", ""), "curves")):
        where = f"curves[{index}]"
        _check_curve(_mapping(curve, where), where, tasks)
        if (curve["task"], curve["sampler"]) in seen:
            raise _Corrupt(f"{where} is a second curve of {curve['sampler']} on {curve['task']}")
        seen.add((curve["task"], curve["sampler"]))


def _check_task(task: Mapping[str, Any], where: str) -> None:
    for key, least in (("version", 0), ("samples", 2), ("repeats", 2), ("seed", 0)):
        _whole(_item(task, key, where), f"{where}.{key}", least)
    for key in ("grid", "device", "dtype"):
        _text(_item(task, key, where), f"{where}.{key}")
    margins = _mapping(_item(task, "margins", where), f"{where}.margins")
    if not margins:
        raise _Corrupt(f"{where}.margins guards no metric")
    for name, entry in margins.items():
        place = f"{where}.margins.{name}"
        scale = _item(_mapping(entry, place), "scale", place)
        if scale not in SCALES:
            raise _Corrupt(f"{place}.scale is {scale!r}, not {' or '.join(SCALES)}")
        _positive(_item(entry, "margin", place), f"{place}.margin")


def _check_curve(curve: Mapping[str, Any], where: str, tasks: Mapping[str, Any]) -> None:
    for key in ("task", "sampler", "date"):
        _text(_item(curve, key, where), f"{where}.{key}")
    if curve["task"] not in tasks:
        raise _Corrupt(f'{where}.task is {curve["task"]!r}, of which "tasks" says nothing')
    _mapping(_item(curve, "machine", where), f"{where}.machine")
    steps: set[int] = set()
    for index, point in enumerate(_list(_item(curve, "points", where), f"{where}.points")):
        place = f"{where}.points[{index}]"
        _whole(_item(_mapping(point, place), "steps", place), f"{place}.steps", 1)
        _whole(_item(point, "nfe", place), f"{place}.nfe", 0)
        if point["steps"] in steps:
            raise _Corrupt(f"{place} is a second point at {point['steps']} steps")
        steps.add(point["steps"])
        for name, values in _mapping(_item(point, "values", place), f"{place}.values").items():
            _numbers(values, f"{place}.values.{name}")
        _numbers(_item(point, "times", place), f"{place}.times", positive=True)
        _check_signs(point, tasks[curve["task"]]["margins"], place)


def _check_signs(point: Mapping[str, Any], margins: Mapping[str, MarginEntry], where: str) -> None:
    for name, entry in margins.items():
        if entry["scale"] == "relative" and min(point["values"].get(name) or [1.0]) <= 0:
            raise _Corrupt(f"{where}.values.{name} is not positive everywhere, and has no relative change")


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


def _text(value: Any, where: str) -> None:
    if not isinstance(value, str) or not value:
        raise _Corrupt(f"{where} is {value!r}, not a text")


def _whole(value: Any, where: str, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise _Corrupt(f"{where} is {value!r}, not a whole number of at least {least}")


def _number(value: Any, where: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise _Corrupt(f"{where} is {value!r}, not a finite number")
    return value


def _positive(value: Any, where: str, below: float = math.inf) -> None:
    if not 0 < _number(value, where) < below:
        raise _Corrupt(f"{where} is {value!r}, not a number above 0" + (f" and below {below}" if below < 1 else ""))


def _numbers(value: Any, where: str, *, positive: bool = False) -> None:
    for index, number in enumerate(_list(value, where)):
        if _number(number, f"{where}[{index}]") <= 0 and positive:
            raise _Corrupt(f"{where}[{index}] is {number!r}, not a time")
