"""How far a submitted record and that of the same cell, run again here, are apart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.special import stdtrit

from sigbench.metrics.estimate import standard_error
from sigbench.records.record import MetricRecord, Record
from sigbench.report.numbers import digits, percent

Reproduction = Literal["reproduced", "differs", "undecided"]
LEVEL = 0.05
CLOSE = 1e-3  # relative: what float arithmetic of another machine may change where no standard error is known


@dataclass(frozen=True, slots=True)
class MetricDifference:
    """A reported metric beside that of the same cell run here: their difference in standard errors, None if unknown."""

    metric: str
    reported: float
    measured: float
    standard_errors: float | None
    agrees: bool | None


def compare(reported: Record, ours: Record) -> tuple[Reproduction, list[MetricDifference]]:
    """Returns whether our record reproduces the reported one, and the difference of each metric that both have.

    Both sides average as many independent repeats, so the standard error of their difference is √2 times ours;
    what the reported record says of its own spread is not taken on trust. It is reproduced where no metric differs by
    more than the quantile of Student's t at 5 %, divided among the metrics. One repeat has no standard error:
    numbers that agree to 0.1 % are reproduced, others undecided.
    """
    if reported["status"] != ours["status"] or reported["nfe"] != ours["nfe"]:
        return "differs", []
    common = [name for name in ours["metrics"] if name in reported["metrics"]]
    if not common:
        return ("reproduced" if reported["status"] != "ok" else "undecided"), []
    limit = _limit(ours["repeats"], len(common))
    found = [_difference(name, reported["metrics"][name], ours["metrics"][name], ours, limit) for name in common]
    if any(each.agrees is False for each in found):
        return "differs", found
    return ("reproduced" if all(each.agrees for each in found) else "undecided"), found


def _limit(repeats: int, metrics: int) -> float:
    return math.inf if repeats < 2 else float(stdtrit(repeats - 1, 1 - LEVEL / (2 * metrics)))


def _difference(name: str, theirs: MetricRecord, mine: MetricRecord, ours: Record, limit: float) -> MetricDifference:
    gap = theirs["value"] - mine["value"]
    close = math.isclose(theirs["value"], mine["value"], rel_tol=CLOSE, abs_tol=1e-12)
    error = standard_error(mine["values"])
    if theirs["method"] != mine["method"] or theirs["n"] != mine["n"]:
        return MetricDifference(name, theirs["value"], mine["value"], None, None)
    if error is None:
        return MetricDifference(name, theirs["value"], mine["value"], None, True if close else None)
    if error == 0:
        return MetricDifference(name, theirs["value"], mine["value"], 0.0 if close else math.inf, close)
    size = gap / (math.sqrt(2) * error)
    return MetricDifference(name, theirs["value"], mine["value"], size, abs(size) <= limit)


def sentence(verdict: Reproduction, reported: Record, ours: Record, found: Sequence[MetricDifference]) -> str:
    """Returns what running the cell again has found, in words."""
    if reported["status"] != ours["status"]:
        return f"Reported as {reported['status']}; here the cell ended as {ours['status']}."
    if reported["nfe"] != ours["nfe"]:
        return f"Reported with {reported['nfe']} network calls a sample; counted here are {ours['nfe']}."
    if not found:
        return {"reproduced": f"It ended as {ours['status']} here too."}.get(
            verdict, "No metric is common to both runs."
        )
    known = [each for each in found if each.standard_errors is not None]
    if verdict == "reproduced":
        if not known:
            return f"All {len(found)} metrics agree to {percent(CLOSE)}; one repeat has no standard error."
        most = max(abs(each.standard_errors or 0.0) for each in known)
        return f"Run again here: {len(found)} metrics agree, the farthest by {digits(most, 2)} standard errors."
    if verdict == "differs":
        off = [each for each in found if each.agrees is False]
        listed = "; ".join(
            f"{each.metric} by {'?' if each.standard_errors is None else digits(each.standard_errors)} standard errors "
            f"({digits(each.reported, 4)} reported, {digits(each.measured, 4)} here)"
            for each in off
        )
        return f"Run again here, {len(off)} of {len(found)} metrics differ: {listed}."
    open_ = ", ".join(each.metric for each in found if each.agrees is None)
    return f"Not decided for {open_}: no standard error is known, and the numbers are not the same."
