"""How many repeats are enough: a fixed number, or as many as a wanted precision takes, by Stein's two stages.

Stein (1945, Ann. Math. Stat. 16): from the standard deviation s of a first stage of r repeats, N = ⌈(t·s/d)²⌉ repeats
in all, t being Student's 97.5 % point with r − 1 degrees of freedom, give an interval of half-width ≤ d that covers
exactly as it says, whatever the true spread. Stopping as soon as an interval looks short does not.

The wanted d is a share of the first metric's mean score, or of its floor where the excess over the floor is smaller
than that: what lies at the floor need not be known better than what can be seen there.
"""

from collections.abc import Sequence
from math import ceil, isfinite

from scipy.special import stdtrit

from sigbench.metrics.estimate import DISTANCE_TAILS, EQUAL_TAILS, Better, Floor, standard_error, wilson_interval
from sigbench.records.comparison import score
from sigbench.records.record import StopRecord

MOST_REPEATS = 1_000


def half_width(values: Sequence[float], floor: Floor, better: Better, share: float) -> float:
    """Returns the half-width that is asked for, in the metric's units, from the values of the first stage."""
    mean = abs(sum(score(value, better) for value in values) / len(values))
    own = abs(floor.value)
    return share * (own if abs(mean - own) < own else mean)


def repeats_wanted(
    values: Sequence[float], floor: Floor, better: Better, stop: StopRecord, *, counted: int | None = None
) -> int:
    """Returns how many repeats there should be in all, from the values of the first stage, one a repeat.

    At most half of the interval's width, whose tails are unequal for a distance, is then what was asked for. It is at
    least the first stage's number, which values that are not finite leave as it is, and at most MOST_REPEATS. A value
    may be a share of so many samples that were `counted`: then Wilson's interval is to be as short.
    """
    share, first = stop["half_width"], len(values)
    if share is None or not all(map(isfinite, values)):
        return stop["repeats"]
    wanted = half_width(values, floor, better, share)
    total = max(first, _by_spread(values, better, wanted))
    if counted is None:
        return total
    mean = sum(values) / first
    return next((n for n in range(total, MOST_REPEATS) if _wilson_half(mean, n * counted) <= wanted), MOST_REPEATS)


def _wilson_half(share: float, n: int) -> float:
    low, high = wilson_interval(share, n)
    return 0.5 * (high - low)


def _by_spread(values: Sequence[float], better: Better, wanted: float) -> int:
    """How many repeats a t-interval of the wanted half-width takes, by the spread of the first ones."""
    error, first = standard_error(values), len(values)
    if error is None or error == 0.0 or not isfinite(error):
        return first
    if wanted == 0.0:
        return MOST_REPEATS
    below, above = DISTANCE_TAILS if better == "lower" else EQUAL_TAILS
    reach = 0.5 * float(stdtrit(first - 1, 1 - below) + stdtrit(first - 1, 1 - above))
    ratio = reach * (error / wanted)
    return MOST_REPEATS if ratio > MOST_REPEATS else min(MOST_REPEATS, ceil(first * ratio**2))
