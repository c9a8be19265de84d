"""Estimates: a number, its interval, and the floor below which nothing can be seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal

from scipy.special import stdtrit

Better = Literal["lower", "higher", "zero"]

# What a metric cannot leave, None where there is no such end: a share lies within (0, 1), a distance within (0, None).
Bounds = tuple[float | None, float | None]
UNBOUNDED: Bounds = (None, None)
NON_NEGATIVE: Bounds = (0.0, None)
SHARE: Bounds = (0.0, 1.0)

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
    mean, error = _mean_and_error(values)
    if error is None:
        return Interval(mean, None, None)
    freedom, (below, above) = len(values) - 1, tails
    down, up = float(stdtrit(freedom, 1 - below)) * error, float(stdtrit(freedom, 1 - above)) * error
    return Interval(mean, mean - down, mean + up)


def median_interval(values: Sequence[float]) -> Interval:
    """Returns the median with the smallest and largest value as its ends (None below two values)."""
    ordered, middle = sorted(map(float, values)), len(values) // 2
    median = ordered[middle] if len(ordered) % 2 else 0.5 * (ordered[middle - 1] + ordered[middle])
    return Interval(median, ordered[0], ordered[-1]) if len(ordered) > 1 else Interval(median, None, None)


def standard_error(values: Sequence[float]) -> float | None:
    """Returns the standard error of a mean over independent values, None below two of them."""
    return _mean_and_error(values)[1]


def _mean_and_error(values: Sequence[float]) -> tuple[float, float | None]:
    count = len(values)
    mean = sum(values) / count
    if count < 2:
        return float(mean), None
    scale = float(max(abs(value - mean) for value in values)) or 1.0  # so that none is too large to be squared
    squares = sum([((value - mean) / scale) ** 2 for value in values])
    return float(mean), sqrt(squares / ((count - 1) * count)) * scale


def _cut(interval: Interval, bounds: Bounds) -> Interval:
    """The interval without what lies beyond the bounds: the one place where intervals are cut. It keeps its value."""
    low, high, (least, most) = interval.low, interval.high, bounds
    if low is None or high is None or ((least is None or low >= least) and (most is None or high <= most)):
        return interval
    if least is not None and low < least:
        low = min(least, interval.value)
    if most is not None and high > most:
        high = max(most, interval.value)
    return Interval(interval.value, low, high)


@dataclass(frozen=True, slots=True)
class Floor:
    """What the truth itself scores at a number of samples: the expectation over independent exact draws.

    `value` is that of the metric, for one whose best is 0 that of its distance from 0. `error` is its standard error
    over `draws` draws, 0 for a closed form, where `draws` is 0; `sd` is the standard deviation of one draw, None where
    it is not known.
    """

    value: float
    error: float
    sd: float | None
    draws: int

    def interval(self, bounds: Bounds = UNBOUNDED) -> Interval:
        """Returns the 95 % interval of the expectation; of fewer than two draws it has no ends, as a rule."""
        if self.draws == 1:
            return Interval(self.value, None, None)
        half = float(stdtrit(self.draws - 1, 0.975)) * self.error if self.draws else 0.0
        return _cut(Interval(self.value, self.value - half, self.value + half), bounds)


def imperfection(value: float, better: Better, bounds: Bounds) -> float:
    """Returns how far a metric is from a perfect score, 0 where higher is better without an end."""
    if better != "higher":
        return abs(value)
    return 0.0 if bounds[1] is None else bounds[1] - value


def floor_of(values: Sequence[float], better: Better) -> Floor:
    """Returns the floor that independent exact draws with these values give; raises ValueError for none."""
    own = [abs(value) for value in values] if better == "zero" else list(values)
    interval = mean_interval(own)
    error = standard_error(own)
    if error is None:
        return Floor(interval.value, 0.0, None, 1)
    return Floor(interval.value, error, error * sqrt(len(own)), len(own))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric's value over repeats of `n` samples, beside its floor.

    `value` is the mean of `values`, one a repeat, and [low, high] its 95 % t-interval (None at one repeat), with
    unequal tails for a distance and cut to `bounds`, which the metric cannot leave; `floor` is what exact draws of the
    truth score. `better` says which direction is good; "zero" means the closer to 0 the better.
    """

    value: float
    low: float | None
    high: float | None
    floor: Floor
    n: int
    better: Better
    values: tuple[float, ...]
    bounds: Bounds


def estimate(
    values: Sequence[float],
    floor: Floor,
    *,
    n: int,
    better: Better,
    bounds: Bounds = UNBOUNDED,
    counted: bool = False,
    first: int | None = None,
) -> Estimate:
    """Returns the Estimate of a metric from its values, one a repeat, and its floor.

    `counted` says that a value is a share of n samples that were counted: then the interval holds Wilson's (1927) for
    all of them, since equal counts in a few repeats are no certainty. `first` is the number of repeats after which the
    total was fixed from their spread, None where it was fixed before: then that spread is the interval's (Stein 1945).
    """
    tails = DISTANCE_TAILS if better == "lower" else EQUAL_TAILS
    found = mean_interval(values, tails) if first is None else two_stage_interval(values, first, tails)
    if counted and found.low is not None and found.high is not None:
        low, high = wilson_interval(found.value, n * len(values))
        found = Interval(found.value, min(found.low, low), max(found.high, high))
    own = _cut(found, bounds)
    return Estimate(own.value, own.low, own.high, floor, n, better, tuple(values), bounds)


def two_stage_interval(values: Sequence[float], first: int, tails: Tails = EQUAL_TAILS) -> Interval:
    """Returns the mean of all values with the t-interval whose spread is that of the first ones (Stein 1945).

    It covers as it says although the number of values depends on that spread. Raises ValueError below two first values.
    """
    if not 2 <= first <= len(values):
        raise ValueError(f"a first stage of {first} of {len(values)} values gives no spread")
    error = standard_error(values[:first])
    assert error is not None
    error *= sqrt(first / len(values))
    mean, (below, above) = sum(values) / len(values), tails
    down, up = float(stdtrit(first - 1, 1 - below)) * error, float(stdtrit(first - 1, 1 - above)) * error
    return Interval(mean, mean - down, mean + up)


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """Returns Wilson's 95 % interval (1927) for a share of n that were counted."""
    z = 1.959963984540054
    centre, half = share + z * z / (2 * n), z * sqrt(max(0.0, share * (1 - share)) / n + z * z / (4 * n * n))
    return (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)
