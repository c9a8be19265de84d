"""Records made up for tests: sound under the schema, with numbers that a test chooses."""

from typing import Any

from sigbench.records.checks import digest_of
from sigbench.records.names import name_and_role
from sigbench.records.record import SCHEMA, MetricRecord, Record, key_of


def metric(
    value: float,
    half: float | None,
    *,
    floor: float = 0.01,
    better: str = "lower",
    n: int = 1000,
    method: str = "made up",
) -> MetricRecord:
    """A metric with the interval value ± half (None: one repeat) beside a floor of ± 10 %."""
    low, high = (None, None) if half is None else (value - half, value + half)
    ends = (None, None) if half is None else (floor * 0.9, floor * 1.1)
    at_floor = False
    if low is not None and high is not None and ends[0] is not None and ends[1] is not None:
        below, above = low <= ends[1], high >= ends[0]
        at_floor = {"lower": below, "higher": above, "zero": below and above}[better]
    return {
        "value": value,
        "low": low,
        "high": high,
        "floor": floor,
        "floor_low": ends[0],
        "floor_high": ends[1],
        "at_floor": at_floor,
        "n": n,
        "better": better,
        "method": method,
    }


def made(
    sampler: str = "ddim",
    steps: int = 5,
    metrics: dict[str, MetricRecord] | None = None,
    *,
    nfe: int | None = None,
    seconds: float = 1e-3,
    **changes: Any,
) -> Record:
    """A record of `sampler` at `steps` on a task called gmm; `changes` replace fields.

    `sampler` is what tables call it: ddim, ddim:eta=0.5, teacher (euler-maruyama).
    """
    name, spec, role = name_and_role(sampler, None)
    metrics = {"w1": metric(1.0 / steps, 0.01)} if metrics is None else metrics
    spread = {"value": seconds, "low": seconds * 0.9, "high": seconds * 1.1}
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "key": "",
        "task": "gmm",
        "task_version": 1,
        "sampler": name,
        "spec": spec,
        "role": role,
        "family": "ode",
        "steps": steps,
        "nfe": steps if nfe is None else nfe,
        "samples": 1000,
        "repeats": 5,
        "seed": 0,
        "grid": "quadratic",
        "times": [i / steps for i in range(steps + 1)],
        "final_step": "none",
        "status": "ok",
        "metrics": metrics,
        "timing": {
            "sample_s": spread,
            "samples_per_s": 1 / seconds,
            "efficiency": 0.9,
            "peak_memory_mb": 3.0,
            "batch": 256,
            "training_s": None,
        },
        "provenance": {
            "sigbench": "0.1.0",
            "git": "abc",
            "torch": "2.13.0",
            "packages": {"torch": "2.13.0"},
            "python": "3.11.7",
            "platform": "Linux",
            "device": "cpu",
            "device_name": "a processor",
            "dtype": "float32",
            "threads": 1,
            "artifacts": {},
            "date": "2026-01-02T03:04:05+00:00",
        },
        "asked": {"sampler": spec, "nfe": None, "batch": 256, "dtype": "float32", "sources": ["a" * 64, "b" * 64]},
        **changes,
    }
    if record["status"] != "ok":
        record |= {"metrics": {}, "timing": None, "nfe": None, "error": changes.get("error", "it went wrong")}
    return sealed(record)


def sealed(record: dict[str, Any]) -> Record:
    """The record with the key and the digest that belong to it."""
    conditions = record.get("conditions", {})
    named = ("task", "task_version", "times", "samples", "repeats", "seed")
    made_with = record["provenance"]
    determinants = {name: record[name] for name in named} | conditions | record["asked"]
    determinants |= {name: made_with[name] for name in ("sigbench", "device", "artifacts")}
    record["key"] = key_of(determinants)
    record["digest"] = digest_of(record)
    return record  # type: ignore[return-value]
