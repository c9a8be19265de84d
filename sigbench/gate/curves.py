"""What the gate knows of a record: the curve that it is a point of, its times, and the machine that it was made on."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from sigbench.records.consistency import doubts_of
from sigbench.records.names import spec_of
from sigbench.records.record import Record

# What has to be equal for times to be compared at all.
_MACHINE = ("device", "device_name", "machine", "cores", "threads", "torch")


class MeasuredWith(TypedDict):
    """What a point was asked for."""

    task_version: int
    samples: int
    repeats: int
    seed: int
    grid: str
    device: str
    dtype: str


class CurveEntry(TypedDict):
    """A curve of a baseline, and the seal of what it was measured with."""

    task: str
    sampler: str
    points: int
    measured: MeasuredWith  # of its first point
    digest: str  # of its points: what each was asked for, and its record


@dataclass(frozen=True, slots=True)
class Curve:
    """One sampler on one task, by the specs that ask for them, with its records: none yet where it is new."""

    task: str
    sampler: str
    records: tuple[Record, ...] = ()


def curves_of(records: Sequence[Record]) -> list[Curve]:
    """Returns the curves that records are the points of, in the order in which they are met."""
    found: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        found.setdefault((record["task_spec"], spec_of(record)), []).append(record)
    return [Curve(*names, tuple(points)) for names, points in found.items()]


def measured_with(record: Record) -> MeasuredWith:
    """Returns what a record was asked for, as a baseline names it."""
    return {
        "task_version": record["task_version"],
        "samples": record["samples"],
        "repeats": record["repeats"],
        "seed": record["seed"],
        "grid": record["grid"],
        "device": str(record["provenance"]["device"]),
        "dtype": record["asked"]["dtype"],
    }


def curve_entries(records: Sequence[Record]) -> list[CurveEntry]:
    """Returns the entries of the curves that records are the points of, sealed."""
    return [
        {
            "task": curve.task,
            "sampler": curve.sampler,
            "points": len(curve.records),
            "measured": measured_with(curve.records[0]),
            "digest": _digest(curve),
        }
        for curve in curves_of(records)
    ]


def _digest(curve: Curve) -> str:
    points = [[record["steps"], measured_with(record), record["digest"]] for record in curve.records]
    text = json.dumps([curve.task, curve.sampler, points], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def times_of(record: Record) -> list[float]:
    """Returns the time of sampling a repeat over that of the calibration loop beside it; none where it failed.

    On a CPU both are processor time, elsewhere the wall clock of the device.
    """
    timing = record["timing"]
    if timing is None:
        return []
    spent = timing["cpu_s"] if record["provenance"]["device"] == "cpu" else timing["sample_s"]
    pairs = zip(spent["values"], timing["calibration_s"]["values"], strict=True)
    return [record["samples"] * each / max(fixed, 1e-9) for each, fixed in pairs]


def is_quiet(record: Record) -> bool:
    """Returns whether a record says that nothing else kept the machine busy while it was measured."""
    return record["timing"] is not None and record["timing"]["quiet"] is True and not doubts_of(record)


def machine_of(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what has to be equal in two provenances for their times to be compared at all."""
    found = {name: provenance.get(name) for name in _MACHINE}
    return {**found, "python": str(provenance.get("python")).split(".")[:2]}
