"""Records made up for tests: sound under the schema, with numbers that a test chooses."""

import math
from typing import Any

from scipy.special import stdtrit

from sigbench.metrics.estimate import DISTANCE_TAILS, EQUAL_TAILS, Better, Floor, estimate, median_interval
from sigbench.records.checks import digest_of
from sigbench.records.key import determinants_of, key_of
from sigbench.records.names import is_teacher
from sigbench.records.record import SCHEMA, MetricRecord, NoiseRecord, Record, SpreadRecord

REPEATS = 5
NOISE: NoiseRecord = {"paths": "shared", "axes": ["task", "seed", "repeat"]}
CODE: Any = {"plug_ins": [{"plug_in": "sampler", "name": "Made", "files": {"made.py": "ab12"}}], "package": {}}


def metric(
    value: float,
    half: float | None,
    *,
    floor: float = 0.01,
    better: Better = "lower",
    n: int = 1000,
    method: str = "made up",
    repeats: int = REPEATS,
    margin: float = 0.25,
) -> MetricRecord:
    """A metric of this value whose interval reaches `half` beyond it upwards, beside a floor known to 1 %.

    `half` is None for one repeat. Downwards a distance's interval is shorter, as it is by `estimate`.
    """
    values = repeats_around(value, half, better, repeats)
    return {**metric_of(values, floor, better=better, n=n, method=method, margin=margin), "value": value}


def metric_of(
    values: list[float],
    floor: float = 0.01,
    *,
    better: Better = "lower",
    n: int = 1000,
    method: str = "made up",
    margin: float = 0.25,
) -> MetricRecord:
    """A metric of these repeats, beside a floor of 2,500 draws whose deviation is half of it."""
    drawn = Floor(floor, 0.01 * abs(floor), 0.5 * abs(floor), 2_500)
    found, ends = estimate(values, drawn, n=n, better=better), drawn.interval()
    return {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "floor": floor,
        "floor_low": ends.low,
        "floor_high": ends.high,
        "floor_error": drawn.error,
        "floor_sd": drawn.sd,
        "floor_draws": drawn.draws,
        "values": values,
        "bounds": found.bounds,
        "counted": False,
        "margin": margin,
        "n": n,
        "better": better,
        "method": method,
    }


def repeats_around(value: float, half: float | None, better: Better, repeats: int = REPEATS) -> list[float]:
    """Values of this mean whose interval reaches `half` upwards."""
    if half is None:
        return [value]
    tail = (DISTANCE_TAILS if better == "lower" else EQUAL_TAILS)[1]
    deviation = half / float(stdtrit(repeats - 1, 1 - tail)) * math.sqrt(repeats)
    shape = [2.0 * i / (repeats - 1) - 1.0 for i in range(repeats)]
    scale = deviation / math.sqrt(sum(x * x for x in shape) / (repeats - 1))
    return [value + scale * x for x in shape]


def spread(value: float, share: float = 0.1, repeats: int = REPEATS) -> SpreadRecord:
    """A time with its smallest and largest this share below and above it."""
    values = [value * (1 + share * (2 * i / (repeats - 1) - 1)) for i in range(repeats)] if repeats > 1 else [value]
    found = median_interval(values)
    return {"value": found.value, "low": found.low, "high": found.high, "values": values}


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
    spec = sampler[len("teacher (") : -1] if is_teacher(sampler) else sampler
    metrics = {"w1": metric(1.0 / steps, 0.01)} if metrics is None else metrics
    repeats = len(next(iter(metrics.values()))["values"]) if metrics else REPEATS
    timed = spread(seconds, repeats=repeats)
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "key": "",
        "task": "gmm",
        "task_spec": "gmm",
        "task_version": 1,
        "conditions": {},
        "sampler": spec.partition(":")[0],
        "spec": spec,
        "role": "teacher" if is_teacher(sampler) else "sampler",
        "family": "ode",
        "steps": steps,
        "nfe": steps if nfe is None else nfe,
        "samples": 1000,
        "repeats": repeats,
        "seed": 0,
        "noise": NOISE,
        "grid": "quadratic",
        "times": [i / steps for i in range(steps + 1)],
        "final_step": "none",
        "status": "ok",
        "metrics": metrics,
        "timing": {
            "sample_s": timed,
            "path_s": timed,
            "cpu_s": timed,
            "calibration_s": spread(0.01, repeats=repeats),
            "samples_per_s": 1 / timed["value"],
            "efficiency": spread(0.9, repeats=repeats),
            "peak_memory_mb": 3.0,
            "batch": 256,
            "workers": 1,
            "load": [0.1, 0.1, 0.1],
            "others": 0.1,
            "quiet": True,
            "training_s": None,
        },
        "provenance": {
            "sigbench": "0.1.0",
            "git": "abc",
            "torch": "2.13.0",
            "packages": {"torch": "2.13.0"},
            "python": "3.11.7",
            "platform": "Linux",
            "machine": "x86_64",
            "cores": 2,
            "device": "cpu",
            "device_name": "a processor",
            "dtype": "float32",
            "threads": 1,
            "artifacts": {},
            "date": "2026-01-02T03:04:05+00:00",
        },
        "asked": {
            "nfe": None,
            "batch": 256,
            "dtype": "float32",
            "tf32": {"matmul": False, "cudnn": True},
            "compile": "none",
            "stop": {"repeats": changes.get("repeats", repeats), "half_width": None},
            "metrics": {name: m["method"] for name, m in metrics.items()},
        },
        "code": CODE,
        **changes,
    }
    if record["status"] != "ok":
        record |= {"metrics": {}, "timing": None, "nfe": None, "error": changes.get("error", "it went wrong")}
    return sealed(record)


def sealed(record: dict[str, Any]) -> Record:
    """The record with the key and the digest that belong to it."""
    record["key"] = key_of(determinants_of(record))  # type: ignore[arg-type]
    record["digest"] = digest_of(record)
    return record  # type: ignore[return-value]
