"""The gate's judgement: a baseline and what was measured now give verdicts. Nothing is measured or printed here."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

import numpy as np

from sigbench.gate.baseline import Baseline, CurveEntry, PointEntry
from sigbench.gate.decision import (
    Decision,
    Margin,
    PairedTest,
    decide,
    decide_beyond,
    differences,
    overall,
    paired,
    unpaired,
)
from sigbench.gate.measure import Measured
from sigbench.gate.verdict import (
    ELSEWHERE,
    VERDICT_SCHEMA,
    CurveVerdict,
    MetricVerdict,
    PointVerdict,
    RunVerdict,
    TimeVerdict,
)
from sigbench.metrics.estimate import Better
from sigbench.report.numbers import percent

EXIT_CODES: dict[Decision, int] = {"equivalent": 0, "improved": 0, "regressed": 1, "inconclusive": 3}
Sense = Mapping[str, Mapping[str, Better]]  # of each task's metrics, by name


@dataclass(frozen=True)
class Judgement:
    """The verdicts on every point, every curve and the run."""

    points: list[PointVerdict]
    curves: list[CurveVerdict]
    run: RunVerdict


@dataclass
class _Point:
    """A point while it is judged."""

    curve: CurveEntry
    before: PointEntry
    now: Measured
    tests: dict[str, PairedTest] = field(default_factory=dict)
    verdicts: dict[str, Decision] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    time: PairedTest | None = None
    time_verdict: Decision | None = None


def judge(
    baseline: Baseline,
    curves: Sequence[CurveEntry],
    measured: Sequence[Measured],
    senses: Sense,
    machine: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> Judgement:
    """Returns the verdicts on `curves` of the baseline, whose points `measured` holds in the same order.

    A point is regressed where a metric is (see `sigbench.gate.decision`), where the sampler failed, where it now
    makes more network calls, or where its time exceeds the margin on the same `machine`; it is inconclusive where a
    guarded metric cannot be compared. `senses` says which direction of a metric is good. Raises ValueError where
    points and measurements do not match.
    """
    alpha = baseline["alpha"]
    points = [_Point(curve, before, now) for (curve, before), now in zip(_pairs(curves), measured, strict=True)]
    for point in points:
        _compare(point, baseline, senses, dict(machine))
    tests = [test for point in points for test in point.tests.values()]
    verdicts = iter(decide(tests, alpha))
    for point in points:
        for name in point.tests:
            point.verdicts[name] = next(verdicts)
    timed = [point for point in points if point.time is not None]
    slower = decide_beyond([point.time for point in timed if point.time is not None], alpha)
    for point, verdict in zip(timed, slower, strict=True):
        point.time_verdict = verdict
        if verdict == "regressed":
            assert point.time is not None
            point.reasons.append(f"takes {percent(math.expm1(point.time.mean))} longer")
    judged = [_point_verdict(point, baseline) for point in points]
    summaries = [
        _curve_verdict(
            curve, [p for p in judged if (p["task"], p["sampler"]) == (curve["task"], curve["sampler"])], dict(machine)
        )
        for curve in curves
    ]
    verdict = overall([curve["verdict"] for curve in summaries])
    run: RunVerdict = {
        "schema": VERDICT_SCHEMA,
        "kind": "run",
        "verdict": verdict,
        "exit_code": EXIT_CODES[verdict] if judged else 4,
        "alpha": alpha,
        "time_margin": baseline["time_margin"],
        "comparisons": len(tests),
        "notes": _notes(curves, senses, baseline),
        "provenance": dict(provenance),
    }
    return Judgement(judged, summaries, run)


def _pairs(curves: Sequence[CurveEntry]) -> list[tuple[CurveEntry, PointEntry]]:
    return [(curve, point) for curve in curves for point in curve["points"]]


def _compare(point: _Point, baseline: Baseline, senses: Sense, machine: dict[str, Any]) -> None:
    """Makes the tests of a point, or notes why there can be none."""
    before, now, task = point.before, point.now, point.curve["task"]
    if (task, point.curve["sampler"], before["steps"]) != (now.task, now.sampler, now.steps):
        raise ValueError(f"{now.sampler} at {now.steps} steps was measured for {point.curve['sampler']}")
    if now.failure is not None:
        point.reasons.append(now.failure)
        return
    if now.nfe is not None and now.nfe > before["nfe"]:
        point.reasons.append(f"makes {now.nfe} network calls a sample, {before['nfe']} before")
    for name, margin in _margins(baseline, task).items():
        if name not in before["values"] or name not in now.values:
            side = "now" if name in before["values"] else "in the baseline"
            point.reasons.append(f"{name} is missing {side}")
            point.verdicts[name] = "inconclusive"
            continue
        try:
            worse = differences(before["values"][name], now.values[name], senses[task][name], margin.scale)
        except ValueError as error:
            point.reasons.append(f"{name}: {error}")
            point.verdicts[name] = "inconclusive"
        else:
            point.tests[name] = paired(worse, margin.reach, baseline["alpha"])
    if point.curve["machine"] == machine and min(len(before["times"]), len(now.times)) > 1:
        point.time = unpaired(
            np.log(before["times"]), np.log(now.times), math.log1p(baseline["time_margin"]), baseline["alpha"]
        )


def _margins(baseline: Baseline, task: str) -> dict[str, Margin]:
    entries = baseline["tasks"][task]["margins"]
    return {
        name: Margin("relative" if entry["scale"] == "relative" else "absolute", entry["margin"])
        for name, entry in entries.items()
    }


def _point_verdict(point: _Point, baseline: Baseline) -> PointVerdict:
    now, before = point.now, point.before
    verdicts = list(point.verdicts.values())
    costlier = now.nfe is not None and now.nfe > before["nfe"]
    if now.failure is not None or costlier or point.time_verdict == "regressed":
        verdicts.append("regressed")
    margins = _margins(baseline, now.task)
    return {
        "schema": VERDICT_SCHEMA,
        "kind": "point",
        "task": now.task,
        "sampler": now.sampler,
        "steps": now.steps,
        "verdict": overall(verdicts),
        "reason": "; ".join(point.reasons) or None,
        "nfe_before": before["nfe"],
        "nfe": now.nfe,
        "metrics": {
            name: _metric_verdict(point, name, margin)
            for name, margin in margins.items()
            if name in point.verdicts or now.failure is not None
        },
        "time": _time_verdict(point),
    }


def _metric_verdict(point: _Point, name: str, margin: Margin) -> MetricVerdict:
    before, now, test = point.before["values"].get(name), point.now.values.get(name), point.tests.get(name)
    ends = (None, None, None) if test is None else (test.mean, test.low, test.high)
    if margin.scale == "relative":
        ends = tuple(None if end is None else math.expm1(end) for end in ends)  # type: ignore[assignment]
    return {
        "verdict": point.verdicts.get(name, "regressed"),
        "before": fmean(before) if before else None,
        "now": fmean(now) if now else None,
        "scale": margin.scale,
        "margin": margin.size,
        "change": ends[0],
        "low": ends[1],
        "high": ends[2],
        "p_worse": None if test is None else test.p_worse,
        "p_better": None if test is None else test.p_better,
        "p_same": None if test is None else test.p_same,
        "identical": before is not None and before == now,
    }


def _time_verdict(point: _Point) -> TimeVerdict | None:
    if point.time is None or point.time_verdict is None:
        return None
    change, low, high = (math.expm1(end) for end in (point.time.mean, point.time.low, point.time.high))
    return {
        "verdict": point.time_verdict,
        "before": median(point.before["times"]),
        "now": median(point.now.times),
        "change": change,
        "low": low,
        "high": high,
    }


def _curve_verdict(curve: CurveEntry, points: Sequence[PointVerdict], machine: dict[str, Any]) -> CurveVerdict:
    times = [point["time"]["verdict"] for point in points if point["time"] is not None]
    if times:
        time = {"regressed": "slower", "equivalent": "same"}.get(overall(times), "not resolved")
    elif curve["machine"] != machine:
        time = ELSEWHERE
    else:
        time = "not compared: no times"
    return {
        "schema": VERDICT_SCHEMA,
        "kind": "curve",
        "task": curve["task"],
        "sampler": curve["sampler"],
        "verdict": overall([point["verdict"] for point in points]),
        "points": len(points),
        "time": time,
    }


def _notes(curves: Sequence[CurveEntry], senses: Sense, baseline: Baseline) -> list[str]:
    notes = []
    for task in dict.fromkeys(curve["task"] for curve in curves):
        unguarded = [name for name in senses[task] if name not in baseline["tasks"][task]["margins"]]
        if unguarded:
            notes.append(f"{task}: not guarded are {', '.join(unguarded)}.")
    return notes
