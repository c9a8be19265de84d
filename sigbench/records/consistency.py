"""Do the numbers of a record agree with each other? What follows from its repeats is worked out again."""

from collections.abc import Sequence

from sigbench.metrics.estimate import estimate, median_interval
from sigbench.records.comparison import reaches_floor
from sigbench.records.record import MetricRecord, Record, SpreadRecord, TimingRecord

_CLOSE = 1e-9  # relative: what float arithmetic of another machine may change
_ENDS = ("value", "low", "high", "floor", "floor_low", "floor_high")


def inconsistency(record: Record) -> str | None:
    """Returns why the fields of a record cannot all be true, None where they can; types were checked before."""
    times, repeats = record["times"], record["repeats"]
    if record["steps"] < 1 or len(times) != record["steps"] + 1:
        return f"{record['steps']} steps cannot have {len(times)} times"
    if times != sorted(times):
        return "the times go back"
    if record["samples"] < 1 or repeats < 1:
        return f"{record['samples']} samples in {repeats} repeats cannot be"
    metrics, timing = record["metrics"], record["timing"]
    if record["status"] == "ok":
        if not metrics or timing is None or record["nfe"] is None:
            return "the status is ok, but metrics, timing or NFE are missing"
    elif metrics:
        return f"the status is {record['status']}, but there are metrics"
    for name, metric in metrics.items():
        if len(metric["values"]) != repeats or len(metric["floor_values"]) != repeats:
            return f"{name} has not one value and one of its floor for each of {repeats} repeats"
        if not _follows(metric):
            return f"the numbers of {name} contradict each other"
    return None if timing is None else _timing(timing, repeats)


def _follows(metric: MetricRecord) -> bool:
    """Whether the interval and the floor are those of the repeats."""
    values, floors = metric["values"], metric["floor_values"]
    found = estimate(
        values, floors, n=metric["n"], better=metric["better"], method=metric["method"], bounds=metric["bounds"]
    )
    room = _CLOSE * max(map(abs, (*values, *floors)))
    for name in _ENDS:
        told, own = metric[name], getattr(found, name)  # type: ignore[literal-required]
        if (told is None) is not (own is None) or (own is not None and abs(told - own) > room):
            return False
    return metric["at_floor"] == reaches_floor(metric)


def _timing(timing: TimingRecord, repeats: int) -> str | None:
    for name in ("sample_s", "path_s", "cpu_s", "calibration_s", "efficiency"):
        spread: SpreadRecord | None = timing[name]
        if spread is None:
            continue
        if len(spread["values"]) != repeats or not _spreads(spread, spread["values"]):
            return f"the numbers of {name} contradict each other"
    seconds = timing["sample_s"]["value"]
    if not (seconds > 0 and abs(seconds * timing["samples_per_s"] - 1) < 1e-6):
        return "sample_s and samples_per_s contradict each other"
    return None


def _spreads(spread: SpreadRecord, values: Sequence[float]) -> bool:
    found = median_interval(values)
    return (spread["value"], spread["low"], spread["high"]) == (found.value, found.low, found.high)
