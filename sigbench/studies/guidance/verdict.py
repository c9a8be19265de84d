"""What guidance does, in sentences: to each sampler by its weight, and how far students are from the teacher."""

from collections.abc import Sequence

from sigbench.records.comparison import why
from sigbench.records.record import MetricRecord
from sigbench.report.numbers import digits, percent_interval, ratio, with_interval
from sigbench.studies.guidance.result import Guided


def in_order(points: Sequence[Guided]) -> list[Guided]:
    """Returns the points by weight, students first and teachers last."""
    return sorted(points, key=lambda point: (("student", "other", "teacher").index(point.side), point.weight))


def sentences(points: Sequence[Guided]) -> list[tuple[str, str]]:
    """Returns what guidance does to each sampler, and how far each student is from the teacher at each weight."""
    by_curve: dict[str, dict[float, Guided]] = {}
    for point in in_order(points):
        by_curve.setdefault(point.curve, {})[point.weight] = point
    found = [(curve, _on_weights(list(several.values()))) for curve, several in by_curve.items()]
    teacher = next((several for several in by_curve.values() if next(iter(several.values())).side == "teacher"), {})
    for curve, several in by_curve.items():
        for weight, point in several.items():
            if point.side == "student" and weight in teacher:
                found.append((f"{curve} at W = {digits(weight)}", _beside(point, teacher[weight])))
    return found


def _on_weights(several: Sequence[Guided]) -> str:
    first, last = several[0], several[-1]
    least = min(several, key=lambda point: point.metric("intra")["value"])
    most = max(several, key=lambda point: point.metric("accuracy")["value"])
    return (
        f"label accuracy {_percent(first.metric('accuracy'))} at W = {digits(first.weight)}, highest at W = "
        f"{digits(most.weight)}: {_percent(most.metric('accuracy'))}; FCD within classes "
        f"{_value(least.metric('intra'))} at W = {digits(least.weight)}, its smallest, and "
        f"{_value(last.metric('intra'))} at W = {digits(last.weight)}."
    )


def _beside(student: Guided, teacher: Guided) -> str:
    ours, theirs = student.metric("intra"), teacher.metric("intra")
    reason = why(ours, theirs, shared=True)
    return (
        f"FCD within classes {_value(ours)}, {ratio(ours['value'] / theirs['value'])} times the teacher's "
        f"{_value(theirs)}{f'; {reason}' if reason else ''}."
    )


def _value(metric: MetricRecord) -> str:
    return with_interval(metric["value"], metric["low"], metric["high"])


def _percent(metric: MetricRecord) -> str:
    """A share as it can be: an interval of one may reach above 1."""
    high = metric["high"]
    return percent_interval(metric["value"], metric["low"], None if high is None else min(high, 1.0))
