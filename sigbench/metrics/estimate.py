"""Estimates: a number, its interval, and the floor below which nothing can be seen."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import stdtrit

Better = Literal["lower", "higher", "zero"]

# The probabilities that the truth lies below and above an interval; they add up to 5 %. A distance near its floor
# is skewed to the right (W1 between equal mixtures by 1.2 to 1.4), and few repeats that happen to be small look
# precise too: with equal tails at five repeats the truth lies above the interval in 7 to 8 % of cases, and coverage
# falls to 91 %. With most of the 5 % below, coverage is 94 to 96 % for skewed and for normal values alike.
Tails = tuple[float, float]
EQUAL_TAILS: Tails = (0.025, 0.025)
DISTANCE_TAILS: Tails = (0.04, 0.01)


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over independent repeats with its two-sided interval; the ends are None below two repeats."""

    value: float
    low: float | None
    high: float | None


def mean_interval(values: Sequence[float], tails: Tails = EQUAL_TAILS) -> Interval:
    """Returns the mean of independent values with Student's t-interval, which misses by `tails`.

    The interval covers the expectation of a single value, that is, of the metric at its own sample size.
    Raises ValueError for no values.
    """
    if not values:
        raise ValueError("an interval needs at least one value")
    mean = float(np.mean(values))
    if len(values) < 2:
        return Interval(mean, None, None)
    error, freedom = float(np.std(values, ddof=1) / np.sqrt(len(values))), len(values) - 1
    reach_down, reach_up = (float(stdtrit(freedom, 1 - tail)) * error for tail in tails)
    return Interval(mean, mean - reach_down, mean + reach_up)


def median_interval(values: Sequence[float]) -> Interval:
    """Returns the median with the smallest and largest value as its ends (None below two values)."""
    spread = (min(values), max(values)) if len(values) > 1 else (None, None)
    return Interval(float(np.median(values)), *spread)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric's value over repeats of `n` samples, beside its floor.

    `value` is the mean over the repeats and [low, high] its 95 % t-interval (None at one repeat), with unequal
    tails for a distance; `floor` is
    the same metric with independent exact draws of the truth in the sampler's place, and [floor_low,
    floor_high] its interval. `better` says which direction is good; "zero" means the closer to 0 the better.
    """

    value: float
    low: float | None
    high: float | None
    floor: float
    floor_low: float | None
    floor_high: float | None
    n: int
    better: Better
    method: str

    @property
    def at_floor(self) -> bool:
        """Whether the interval reaches the floor's: the sampler cannot be told from the truth at this n."""
        if None in (self.low, self.high, self.floor_low, self.floor_high):
            return False
        assert self.low is not None and self.high is not None
        assert self.floor_low is not None and self.floor_high is not None
        if self.better == "lower":
            return self.low <= self.floor_high
        if self.better == "higher":
            return self.high >= self.floor_low
        return self.low <= self.floor_high and self.high >= self.floor_low


def estimate(values: Sequence[float], floors: Sequence[float], *, n: int, better: Better, method: str) -> Estimate:
    """Returns the Estimate of a metric from its values and its floor's values, one a repeat."""
    tails = DISTANCE_TAILS if better == "lower" else EQUAL_TAILS
    value, floor = mean_interval(values, tails), mean_interval(floors, tails)
    lows = [
        max(0.0, low) if better == "lower" and low is not None else low for low in (value.low, floor.low)
    ]  # a distance's expectation is not negative
    return Estimate(
        value.value, lows[0], value.high, floor.value, lows[1], floor.high, n=n, better=better, method=method
    )


def badness(value: float, better: Better) -> float:
    """Returns a number that is smaller the better `value` is."""
    return {"lower": value, "higher": -value, "zero": abs(value)}[better]


def overlaps(a: Estimate, b: Estimate) -> bool:
    """Returns whether the intervals of two estimates share a point; with one repeat nothing is known: True."""
    ends = (a.low, a.high, b.low, b.high)
    if None in ends:
        return True
    low_a, high_a, low_b, high_b = (math.nan if end is None else end for end in ends)
    return low_a <= high_b and low_b <= high_a


def tied(own: Estimate, best: Estimate) -> bool:
    """Returns whether `own` ties with the best: their intervals overlap, or both are at the floor.

    Where "zero" is best, the distances to zero are compared.
    """
    if own.at_floor and best.at_floor:
        return True
    if own.better == "zero":
        return overlaps(_distance_to_zero(own), _distance_to_zero(best))
    return overlaps(own, best)


def _distance_to_zero(estimate: Estimate) -> Estimate:
    if estimate.low is None or estimate.high is None:
        return estimate
    near, far = sorted((abs(estimate.low), abs(estimate.high)))
    return replace(estimate, low=0.0 if estimate.low <= 0.0 <= estimate.high else near, high=far)
