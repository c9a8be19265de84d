"""The gate's judgement: a baseline and what was measured now give verdicts. Nothing is measured or printed here."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

import numpy as np

from sigbench.gate.baseline import Baseline
from sigbench.gate.curves import Curve, machine_of, times_of, values_of
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
from sigbench.gate.verdict import (
    ELSEWHERE,
    VERDICT_SCHEMA,
    CurveVerdict,
    MetricVerdict,
    PointVerdict,
    RunVerdict,
    TimeVerdict,
)
from sigbench.records.names import spec_of
from sigbench.records.record import Record
from sigbench.report.numbers import percent

EXIT_CODES: dict[Decision, int] = {"equivalent": 0, "improved": 0, "regressed": 1, "inconclusive": 3}
Pair = tuple[Record, Record]  # a point before and now


@dataclass(frozen=True)
class Judgement:
    """The verdicts on every point, every curve and the run."""

    points: list[PointVerdict]
    curves: list[CurveVerdict]
    run: RunVerdict


@dataclass
class _Point:
    """A point while it is judged."""

    before: Record
    now: Record
    tests: dict[str, PairedTest] = field(default_factory=dict)
    verdicts: dict[str, Decision] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    time: PairedTest | None = None
    time_verdict: Decision | None = None

    @property
    def dearer(self) -> bool:
        """Whether it makes more network calls than before."""
        calls, before = self.now["nfe"], self.before["nfe"]
        return calls is not None and before is not None and calls > before


def judge(
    baseline: Baseline,
    curves: Sequence[Curve],
    pairs: Sequence[Pair],
    known: Mapping[str, Sequence[str]],
    provenance: Mapping[str, Any],
) -> Judgement:
    """Returns the verdicts on `curves` of the baseline, whose records `pairs` hold in the same order, before and now.

    A point is regressed where a metric is (see `sigbench.gate.decision`), where the sampler failed, where it now
    makes more network calls, or where its time exceeds the margin on the same machine; it is inconclusive where a
    guarded metric cannot be compared. `known` are the names of each task's metrics. Raises ValueError where a pair
    is not of one point.
    """
    alpha = baseline["alpha"]
    points = [_Point(before, now) for before, now in pairs]
    for point in points:
        _compare(point, baseline)
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
            curve,
            [p for p in judged if (p["task"], p["sampler"]) == (curve.task, curve.sampler)],
            elsewhere=any(_is_elsewhere(p) for p in points if _names(p.before) == (curve.task, curve.sampler)),
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
        "notes": _notes(curves, known, baseline),
        "provenance": dict(provenance),
    }
    return Judgement(judged, summaries, run)


def _names(record: Record) -> tuple[str, str]:
    """The specs of the task and the sampler, by which the gate calls a curve."""
    return record["task_spec"], spec_of(record)


def _is_elsewhere(point: _Point) -> bool:
    return machine_of(point.before["provenance"]) != machine_of(point.now["provenance"])


def _compare(point: _Point, baseline: Baseline) -> None:
    """Makes the tests of a point, or notes why there can be none."""
    before, now = point.before, point.now
    if (_names(before), before["steps"]) != (_names(now), now["steps"]):
        raise ValueError(f"{spec_of(now)} at {now['steps']} steps was measured for {spec_of(before)}")
    if now["status"] != "ok":
        point.reasons.append(f"{now['status']}: {now.get('error', '')}")
        return
    if point.dearer:
        point.reasons.append(f"makes {now['nfe']} network calls a sample, {before['nfe']} before")
    old, new = values_of(before), values_of(now)
    for name, margin in _margins(baseline, before["task_spec"]).items():
        if name not in old or name not in new:
            side = "now" if name in old else "in the baseline"
            point.reasons.append(f"{name} is missing {side}")
            point.verdicts[name] = "inconclusive"
            continue
        try:
            worse = differences(old[name], new[name], now["metrics"][name]["better"], margin.scale)
        except ValueError as error:
            point.reasons.append(f"{name}: {error}")
            point.verdicts[name] = "inconclusive"
        else:
            point.tests[name] = paired(worse, margin.reach, baseline["alpha"])
    times = times_of(before), times_of(now)
    if not _is_elsewhere(point) and min(map(len, times)) > 1:
        point.time = unpaired(
            np.log(times[0]), np.log(times[1]), math.log1p(baseline["time_margin"]), baseline["alpha"]
        )


def _margins(baseline: Baseline, task: str) -> dict[str, Margin]:
    return {
        entry["metric"]: Margin("relative" if entry["scale"] == "relative" else "absolute", entry["margin"])
        for entry in baseline["margins"]
        if entry["task"] == task
    }


def _point_verdict(point: _Point, baseline: Baseline) -> PointVerdict:
    now, before = point.now, point.before
    verdicts = list(point.verdicts.values())
    failed = now["status"] != "ok"
    if failed or point.dearer or point.time_verdict == "regressed":
        verdicts.append("regressed")
    task, sampler = _names(before)
    assert before["nfe"] is not None  # a baseline holds no failures
    return {
        "schema": VERDICT_SCHEMA,
        "kind": "point",
        "task": task,
        "sampler": sampler,
        "steps": now["steps"],
        "verdict": overall(verdicts),
        "reason": "; ".join(point.reasons) or None,
        "nfe_before": before["nfe"],
        "nfe": None if failed else now["nfe"],
        "metrics": {
            name: _metric_verdict(point, name, margin)
            for name, margin in _margins(baseline, task).items()
            if name in point.verdicts or failed
        },
        "time": _time_verdict(point),
    }


def _metric_verdict(point: _Point, name: str, margin: Margin) -> MetricVerdict:
    before, now = values_of(point.before).get(name), values_of(point.now).get(name)
    test = point.tests.get(name)
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
        "before": median(times_of(point.before)),
        "now": median(times_of(point.now)),
        "change": change,
        "low": low,
        "high": high,
    }


def _curve_verdict(curve: Curve, points: Sequence[PointVerdict], *, elsewhere: bool) -> CurveVerdict:
    times = [point["time"]["verdict"] for point in points if point["time"] is not None]
    if times:
        time = {"regressed": "slower", "equivalent": "same"}.get(overall(times), "not resolved")
    elif elsewhere:
        time = ELSEWHERE
    else:
        time = "not compared: no times"
    return {
        "schema": VERDICT_SCHEMA,
        "kind": "curve",
        "task": curve.task,
        "sampler": curve.sampler,
        "verdict": overall([point["verdict"] for point in points]),
        "points": len(points),
        "time": time,
    }


def _notes(curves: Sequence[Curve], known: Mapping[str, Sequence[str]], baseline: Baseline) -> list[str]:
    notes = []
    for task in dict.fromkeys(curve.task for curve in curves):
        guarded = _margins(baseline, task)
        unguarded = [name for name in known[task] if name not in guarded]
        if unguarded:
            notes.append(f"{task}: not guarded are {', '.join(unguarded)}.")
    return notes
