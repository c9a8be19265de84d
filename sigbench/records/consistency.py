"""Do the numbers of a record agree with each other? What follows from its repeats is worked out again."""

from collections.abc import Sequence

from sigbench.metrics.estimate import Floor, estimate, median_interval
from sigbench.records.record import SCHEMA, MetricRecord, Record, SpreadRecord, TimingRecord

_FAMILIES = ("sde", "ode", "student")
# What is kept of code and machine, and is no other kind of value where it is there.
_PROVENANCE = {
    **dict.fromkeys(("sigbench", "git", "torch", "python", "platform", "machine", "device", "device_name"), str),
    **dict.fromkeys(("dtype", "date"), str),
    **dict.fromkeys(("cores", "threads"), int),
    **dict.fromkeys(("packages", "artifacts"), dict),
}
MOST_EFFICIENCY, MOST_SPREAD = 1.1, 3.0
_OWN_LOAD = 0.5  # beyond the processors: what a measurement's own threads come to, one of them waiting
_CLOSE = 1e-9  # relative: what float arithmetic of another machine may change


def inconsistency(record: Record) -> str | None:
    """Returns why the fields of a record cannot all be true, None where they can; types were checked before."""
    times, repeats = record["times"], record["repeats"]
    if record["steps"] < 1 or len(times) != record["steps"] + 1:
        return f"{record['steps']} steps cannot have {len(times)} times"
    if times != sorted(times):
        return "the times go back"
    if min(record["samples"], repeats, record["asked"]["batch"], record["task_version"]) < 1:
        return f"{record['samples']} samples in {repeats} repeats cannot be"
    if reason := _facts(record):
        return reason
    metrics, timing, stop = record["metrics"], record["timing"], record["asked"]["stop"]
    if stop["repeats"] != repeats and (stop["half_width"] is None or stop["repeats"] > repeats):
        return f"{repeats} repeats are not the {stop['repeats']} that were asked for"
    first = None if stop["half_width"] is None else stop["repeats"]
    if record["status"] == "ok":
        if not metrics or timing is None or record["nfe"] is None:
            return "the status is ok, but metrics, timing or NFE are missing"
    elif metrics:
        return f"the status is {record['status']}, but there are metrics"
    for name, metric in metrics.items():
        if len(metric["values"]) != repeats:
            return f"{name} has not one value for each of {repeats} repeats"
        if not _follows(metric, first):
            return f"the numbers of {name} contradict each other"
    return None if timing is None else _timing(timing, repeats)


def _facts(record: Record) -> str | None:
    """What is wrong with names and facts, which are shown, grouped and compared as what they say they are."""
    for name in ("task", "sampler", "task_spec", "spec", "grid", "family"):
        if not record[name]:
            return f"the {name} has no name"
    for name, shown in (("task", record["task"]), ("sampler", record["sampler"])):
        if not shown.isprintable():
            return f"the name of its {name} is no line of text"
    if record["family"] not in _FAMILIES:
        return f"the family {record['family'][:40]!r} is none of {', '.join(_FAMILIES)}"
    if (calls := record["nfe"]) is not None and calls < 0:
        return f"{calls} network calls cannot be"
    made = record["provenance"]
    for name, kinds in _PROVENANCE.items():
        if made.get(name) is not None and not isinstance(made[name], kinds):
            return f"the {name} of its provenance is no {kinds.__name__}, but {repr(made[name])[:40]}"
    for name in ("packages", "artifacts"):
        for whose, value in (made.get(name) or {}).items():
            if not isinstance(value, str | None):
                return f"the {name} of its provenance hold {repr(value)[:40]} for {whose[:40]!r}, which is no text"
    if made.get("dtype") not in (None, record["asked"]["dtype"]):
        return f"its provenance says {made['dtype'][:40]}, and {record['asked']['dtype'][:40]} was asked for"
    return None


def _follows(metric: MetricRecord, first: int | None) -> bool:
    """Whether the intervals are those of the repeats, and of the floor's error."""
    values = metric["values"]
    floor = Floor(metric["floor"], metric["floor_error"], metric["floor_sd"], metric["floor_draws"])
    if min(floor.error, floor.sd or 0.0, floor.draws) < 0 or (floor.draws < 2 and floor.error > 0):
        return False
    found = estimate(
        values,
        floor,
        n=metric["n"],
        better=metric["better"],
        bounds=metric["bounds"],
        counted=metric["counted"],
        first=first,
    )
    of_floor = floor.interval(metric["bounds"])
    room = _CLOSE * max(abs(floor.value), *map(abs, values))
    pairs = (
        (metric["value"], found.value),
        (metric["low"], found.low),
        (metric["high"], found.high),
        (metric["floor_low"], of_floor.low),
        (metric["floor_high"], of_floor.high),
    )
    return all(own == told if own is None or told is None else abs(told - own) <= room for told, own in pairs)


def time_doubts(timing: TimingRecord, cores: int | None) -> list[str]:
    """Returns why times are not to be trusted, a reason each: other work on the machine shows in them.

    Bare calls that took longer than the walk that makes them, repeats that differ threefold, and a load above the
    number of processors, which a measurement itself keeps busy. Where there is a reason nothing is ranked by these
    times.
    """
    found = []
    efficiency, spread, load = timing["efficiency"], timing["sample_s"], timing["load"]
    if efficiency is not None and efficiency["value"] > MOST_EFFICIENCY:
        found.append(
            f"the calls alone took longer than the sampling that makes them (efficiency {efficiency['value']:.2f})"
        )
    if (low := min(spread["values"])) > 0 and (times := max(spread["values"]) / low) > MOST_SPREAD:
        found.append(f"one repeat took {times:.1f} times as long as another")
    if load and cores and load[0] > cores + _OWN_LOAD:
        found.append(f"the machine had a load of {load[0]:.1f} on {cores} processor{'' if cores == 1 else 's'}")
    return found


def doubts_of(record: Record) -> list[str]:
    """Returns why the times of a record are not to be trusted, nothing where they are, or where there are none.

    Records of an older schema, which the documents still read, do not hold what tells.
    """
    timing, cores = record["timing"], record["provenance"].get("cores")
    return (
        []
        if timing is None or record.get("schema") != SCHEMA
        else time_doubts(timing, cores if isinstance(cores, int) else None)
    )


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
