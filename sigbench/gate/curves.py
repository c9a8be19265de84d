"""What the gate knows of a record: the curve that it is a point of, its times, and the machine that it was made on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sigbench.records.names import spec_of
from sigbench.records.record import Record

# What has to be equal for times to be compared at all.
_MACHINE = ("device", "device_name", "machine", "cores", "threads", "torch")


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


def machine_of(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what has to be equal in two provenances for their times to be compared at all."""
    found = {name: provenance.get(name) for name in _MACHINE}
    return {**found, "python": str(provenance.get("python")).split(".")[:2]}


def values_of(record: Record) -> dict[str, list[float]]:
    """Returns a metric's value of every repeat, by the metrics' names."""
    return {name: metric["values"] for name, metric in record["metrics"].items()}
