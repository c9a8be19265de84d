"""Estimates: a number, its interval, and the floor below which nothing can be seen."""

from collections.abc import Sequence
from dataclasses import dataclass
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
