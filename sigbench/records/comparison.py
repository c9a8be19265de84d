"""Comparing two metrics of one comparison: the one place where better, worse and tied are decided.

Everything is a pure function of metrics as records hold them. Intervals are turned so that smaller is better. One
metric is better than another where its whole interval lies on the better side; where they overlap the two are tied,
and so they are where both are at the floor, since neither can be told from the truth there. Of one repeat there is no
interval, and nothing is known.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal

from sigbench.records.record import MetricRecord

Outcome = Literal["better", "worse", "tied", "unknown"]


def turned(low: float, high: float, better: str) -> tuple[float, float]:
    """Returns the ends of an interval on a scale where smaller is better: as they are, negated, or distances to 0."""
    if better == "higher":
        return -high, -low
    if better == "zero":
        near, far = sorted((abs(low), abs(high)))
        return (0.0 if low <= 0.0 <= high else near), far
    return low, high


def badness(value: float, better: str) -> float:
    """Returns a number that is smaller the better `value` is."""
    return turned(value, value, better)[0]


def ends_of(metric: MetricRecord) -> tuple[float, float] | None:
    """Returns the turned ends of a metric's interval, None where it has none."""
    low, high = metric["low"], metric["high"]
    return None if low is None or high is None else turned(low, high, metric["better"])


def reaches_floor(metric: MetricRecord) -> bool:
    """Returns whether the interval reaches the floor's: it cannot be told from the truth at this number of samples."""
    low, high, better = metric["low"], metric["high"], metric["better"]
    floor_low, floor_high = metric["floor_low"], metric["floor_high"]
    if low is None or high is None or floor_low is None or floor_high is None:
        return False
    if better == "lower":
        return low <= floor_high
    if better == "higher":
        return high >= floor_low
    return low <= floor_high and high >= floor_low


def outcome(own: MetricRecord, other: MetricRecord) -> Outcome:
    """Returns what `own` is beside `other`; "unknown" where one of them is of one repeat."""
    a, b = ends_of(own), ends_of(other)
    if a is None or b is None:
        return "unknown"
    if (own["at_floor"] and other["at_floor"]) or (a[0] <= b[1] and b[0] <= a[1]):
        return "tied"
    return "better" if a[1] < b[0] else "worse"


def why(own: MetricRecord, other: MetricRecord) -> str:
    """Returns what makes two metrics tied or not decided, in words; "" where one is better."""
    found = outcome(own, other)
    if found == "tied":
        return "both at the floor" if own["at_floor"] and other["at_floor"] else "the intervals overlap"
    return "one repeat has no interval" if found == "unknown" else ""


def ranks(metrics: Sequence[MetricRecord | None]) -> list[int | None]:
    """Returns 1 + the number of metrics that are better than each; None for None and for what has no interval.

    So ties share a rank. It takes n log n steps: better than an end are those whose own worse end lies before it,
    which a sorted list counts, less those at the floor where both are.
    """
    ends = [None if metric is None else ends_of(metric) for metric in metrics]
    floored = [metric is not None and metric["at_floor"] for metric in metrics]
    worse_ends = sorted(end[1] for end in ends if end is not None)
    at_floor = sorted(end[1] for end, is_floored in zip(ends, floored, strict=True) if end is not None and is_floored)
    return [
        None
        if end is None
        else 1 + bisect_left(worse_ends, end[0]) - (bisect_left(at_floor, end[0]) if is_floored else 0)
        for end, is_floored in zip(ends, floored, strict=True)
    ]
