"""The gate's judgement: a baseline and what was measured now give verdicts. Nothing is measured or printed here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, median
from typing import Any

from sigbench.errors import BadInput
from sigbench.gate.baseline import Baseline, MarginEntry
from sigbench.gate.curves import Curve, is_quiet, machine_of, times_of
from sigbench.gate.decision import Decision, TimeChange, compare_times, decide, decide_times, overall
from sigbench.gate.verdict import (
    BUSY,
    ELSEWHERE,
    VERDICT_SCHEMA,
    CurveVerdict,
    MetricVerdict,
    PointVerdict,
    RunVerdict,
    TimeVerdict,
)
from sigbench.records.comparison import Comparison, against_floor, compare, repeats_to_decide
from sigbench.records.names import spec_of
from sigbench.records.record import MetricRecord, Record
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
    margins: dict[str, MarginEntry]
    found: dict[str, Comparison] = field(default_factory=dict)
    adjusted: dict[str, float] = field(default_factory=dict)
    verdicts: dict[str, Decision] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    time: TimeChange | None = None
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
    makes more network calls, or where its time exceeds the margin on the same, quiet machine; it is inconclusive where
    a guarded metric cannot be compared, or has come to lie below the floor of exact draws. `known` are the names of
    each task's metrics. Raises ValueError where a pair is not of one point.
    """
    alpha = baseline["alpha"]
    points = [_Point(before, now, _margins(baseline, before["task_spec"])) for before, now in pairs]
    for point in points:
        _compare(point, baseline)
    _decide(points, alpha)
    judged = [_point_verdict(point) for point in points]
    summaries = [
        _curve_verdict(
            curve,
            [verdict for verdict in judged if (verdict["task"], verdict["sampler"]) == (curve.task, curve.sampler)],
            [point for point in points if _names(point.before) == (curve.task, curve.sampler)],
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
        "comparisons": sum(len(point.found) for point in points),
        "loosened": [],
        "notes": _notes(curves, known, baseline),
        "provenance": dict(provenance),
    }
    return Judgement(judged, summaries, run)


def _names(record: Record) -> tuple[str, str]:
    """The specs of the task and the sampler, by which the gate calls a curve."""
    return record["task_spec"], spec_of(record)


def _margins(baseline: Baseline, task: str) -> dict[str, MarginEntry]:
    return {entry["metric"]: entry for entry in baseline["margins"] if entry["task"] == task}


def _is_elsewhere(point: _Point) -> bool:
    return machine_of(point.before["provenance"]) != machine_of(point.now["provenance"])


def _is_busy(point: _Point) -> bool:
    return not (is_quiet(point.before) and is_quiet(point.now))


def _compare(point: _Point, baseline: Baseline) -> None:
    """Compares a point's metrics and times, or notes why they cannot be."""
    before, now = point.before, point.now
    if (_names(before), before["steps"]) != (_names(now), now["steps"]):
        raise ValueError(f"{spec_of(now)} at {now['steps']} steps was measured for {spec_of(before)}")
    if now["status"] != "ok":
        point.reasons.append(f"{now['status']}: {now.get('error', '')}")
        return
    if point.dearer:
        point.reasons.append(f"makes {now['nfe']} network calls a sample, {before['nfe']} before")
    for name, entry in point.margins.items():
        try:
            point.found[name] = _compared(before["metrics"], now["metrics"], name, entry, baseline["alpha"])
        except BadInput as error:
            point.reasons.append(f"{name}: {str(error).rstrip('.')}")
            point.verdicts[name] = "inconclusive"
    times = times_of(before), times_of(now)
    if not _is_elsewhere(point) and not _is_busy(point) and min(map(len, times)) > 1:
        point.time = compare_times(*times, baseline["time_margin"])


def _compared(
    before: Mapping[str, MetricRecord], now: Mapping[str, MetricRecord], name: str, entry: MarginEntry, alpha: float
) -> Comparison:
    for side, metrics in (("now", now), ("in the baseline", before)):
        if name not in metrics:
            raise BadInput(f"it is missing {side}.")
    old, new = ({**side[name], "margin": entry["excess"]} for side in (before, now))
    return compare(new, old, shared=True, level=alpha, near=entry["floor"])  # type: ignore[arg-type]  # TypedDicts


def _decide(points: Sequence[_Point], alpha: float) -> None:
    """Writes the verdicts into the points, all of one family."""
    own = [(point, name) for point in points for name in point.found]
    found = [point.found[name] for point, name in own]
    for (point, name), (verdict, p_value) in zip(own, decide(found, alpha), strict=True):
        point.verdicts[name], point.adjusted[name] = verdict, p_value
        if verdict == "inconclusive":
            needed = repeats_to_decide(point.found[name], point.now["repeats"])
            advice = f"about {needed:,} repeats would decide" if needed else "no number of repeats up to 100,000 would"
            point.reasons.append(f"{name} is not decided: {advice}")
        if _is_below(point.now, name, alpha / len(own)) and not _is_below(point.before, name, alpha / len(own)):
            point.verdicts[name] = overall([verdict, "inconclusive"])
            point.reasons.append(f"{name} has come to lie below the floor of exact draws: look for copies")
    timed = [(point, point.time) for point in points if point.time is not None]
    for (point, time), word in zip(timed, decide_times([time for _, time in timed], alpha), strict=True):
        point.time_verdict = word
        if word == "regressed":
            point.reasons.append(f"takes {percent(time.change)} longer")


def _is_below(record: Record, name: str, level: float) -> bool:
    return against_floor(record["metrics"][name], level).outcome == "better"


def _point_verdict(point: _Point) -> PointVerdict:
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
        "metrics": {name: _metric_verdict(point, name) for name in point.margins if name in point.verdicts or failed},
        "time": _time_verdict(point),
    }


def _metric_verdict(point: _Point, name: str) -> MetricVerdict:
    before, now = (record["metrics"].get(name) for record in (point.before, point.now))
    found, verdict = point.found.get(name), point.verdicts.get(name, "regressed")
    open_ = found is not None and verdict == "inconclusive"
    return {
        "verdict": verdict,
        "before": fmean(before["values"]) if before else None,
        "now": fmean(now["values"]) if now else None,
        "margin": None if found is None else found.margin,
        "change": None if found is None else found.difference,
        "low": None if found is None else found.low,
        "high": None if found is None else found.high,
        "p_value": None if found is None else found.p_value,
        "p_adjusted": point.adjusted.get(name),
        "p_equivalence": None if found is None else found.p_equivalence,
        "repeats_to_decide": repeats_to_decide(found, point.now["repeats"]) if open_ and found else None,
        "identical": before is not None and now is not None and before["values"] == now["values"],
    }


def _time_verdict(point: _Point) -> TimeVerdict | None:
    if point.time is None or point.time_verdict is None:
        return None
    return {
        "verdict": point.time_verdict,
        "before": median(times_of(point.before)),
        "now": median(times_of(point.now)),
        "change": point.time.change,
        "low": point.time.low,
        "high": point.time.high,
    }


def _curve_verdict(curve: Curve, judged: Sequence[PointVerdict], points: Sequence[_Point]) -> CurveVerdict:
    times = [point["time"]["verdict"] for point in judged if point["time"] is not None]
    if times:
        time = {"regressed": "slower", "equivalent": "same"}.get(overall(times), "not resolved")
    elif any(map(_is_elsewhere, points)):
        time = ELSEWHERE
    else:
        time = BUSY if any(map(times_of, (point.now for point in points))) else "not compared: no times"
    return {
        "schema": VERDICT_SCHEMA,
        "kind": "curve",
        "task": curve.task,
        "sampler": curve.sampler,
        "verdict": overall([point["verdict"] for point in judged]),
        "points": len(judged),
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


def loosened_by(judgement: Judgement, sentences: Sequence[str]) -> Judgement:
    """Returns a judgement that knows what its baseline asks less of: with that nothing passes."""
    if not sentences:
        return judgement
    verdict = overall([judgement.run["verdict"], "inconclusive"])
    code = judgement.run["exit_code"] if judgement.run["exit_code"] == 4 else EXIT_CODES[verdict]
    run: RunVerdict = {**judgement.run, "verdict": verdict, "exit_code": code, "loosened": list(sentences)}
    return replace(judgement, run=run)
