"""What a baseline asks less of than an earlier one: curves that left, margins that widened, numbers that got worse.

An edit of the baseline makes a regression pass, and no measurement shows it. Held against the file of another commit,
each such edit is named, and with any of them a check does not pass.
"""

from collections.abc import Iterator

from sigbench.gate.baseline import Baseline
from sigbench.gate.curves import curves_of, measured_with
from sigbench.gate.judge import Judgement


def loosened(old: Baseline, new: Baseline) -> list[str]:
    """Returns a sentence for everything that `new` asks less of than `old`, or asks in another way."""
    return [*_points(old, new), *_margins(old, new), *_rates(old, new)]


def worsened(judged: Judgement) -> list[str]:
    """Returns a sentence for every point whose record in the new baseline is not as good as in the old one.

    `judged` are the verdicts on the new records against the old ones.
    """
    words = {"regressed": "is worse", "inconclusive": "is not shown to be as good"}
    return [
        f"{point['task']}, {point['sampler']} at {point['steps']} steps {words[point['verdict']]} in the new baseline."
        for point in judged.points
        if point["verdict"] in words
    ]


def _points(old: Baseline, new: Baseline) -> Iterator[str]:
    held = {(curve.task, curve.sampler): curve for curve in curves_of(new["records"])}
    for curve in curves_of(old["records"]):
        where = f"{curve.task}, {curve.sampler}"
        own = held.get((curve.task, curve.sampler))
        if own is None:
            yield f"{where}: the curve left the baseline."
            continue
        for record in curve.records:
            if record["steps"] not in (kept := {point["steps"]: point for point in own.records}):
                yield f"{where}: the point at {record['steps']} steps left the baseline."
                continue
            before, now = measured_with(record), measured_with(kept[record["steps"]])
            for name, value in before.items():
                if now[name] != value:  # type: ignore[literal-required]
                    yield f"{where} at {record['steps']} steps: {name} was {value}, and is {now[name]}."  # type: ignore[literal-required]


def _margins(old: Baseline, new: Baseline) -> Iterator[str]:
    held = {(entry["task"], entry["metric"]): entry for entry in new["margins"]}
    for entry in old["margins"]:
        where = f"{entry['task']}, {entry['metric']}"
        own = held.get((entry["task"], entry["metric"]))
        if own is None:
            yield f"{where}: it is guarded no more."
            continue
        for name in ("excess", "floor"):
            if own[name] > entry[name]:
                yield f"{where}: the margin widened from {entry[name]} to {own[name]} of the {name}."


def _rates(old: Baseline, new: Baseline) -> Iterator[str]:
    if old["alpha"] != new["alpha"]:
        yield f"α was {old['alpha']}, and is {new['alpha']}."
    if new["time_margin"] > old["time_margin"]:
        yield f"the margin of times widened from {old['time_margin']} to {new['time_margin']}."
