"""Comparing two metrics of one comparison: the one place where better, worse and equivalent are decided.

A metric's values are turned into *scores*, one a repeat, of which smaller is better: the values, their negatives, or
their absolute values. Two samplers on the same noise are compared by the differences of their scores, repeat by
repeat; on independent noise by Welch's test. Answers are

- *equivalent*: the difference is shown to lie within a margin, by two one-sided tests (Schuirmann 1987);
- *better* or *worse*: else, where the two-sided t-test tells the difference from 0;
- *not resolved*: else. It is no equality: more repeats may decide.

The margin is a share of the excess over the floor: neither excess is more than 1 + share times the other (tested as
that, since the excess is itself an estimate). Near the floor that would be less than can be seen; there a difference of
twice the share of the *unit* counts as none, the unit being the floor's own distance from a perfect score, or the
deviation of one exact draw where that is larger. Each of the two ways is tried at half the level.

Against the floor itself a metric is "equivalent" (at the floor, within the second margin), "better" (significantly
below it, which exact samples are not: look for copies), "worse" (above it) or "not resolved". As in a record's interval
the 5 % of a distance are split 4 : 1, since a distance near its floor is skewed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, inf, isfinite, sqrt
from typing import Literal

from scipy.special import stdtr, stdtrit

from sigbench.errors import BadInput
from sigbench.metrics.estimate import DISTANCE_TAILS, EQUAL_TAILS, Tails, imperfection
from sigbench.records.record import MetricRecord

Outcome = Literal["better", "worse", "equivalent", "not resolved"]

LEVEL = 0.05
MOST_MARGIN = 1.0  # of the excess: beyond it twice the error would be called the same
_AT_THE_FLOOR = 2.0  # how many margins' shares of the unit count as none near the floor
_MOST_REPEATS = 100_000  # more are no advice


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one metric is beside another: the difference of mean scores (positive is worse) with its 95 % interval.

    `p_value` is the two-sided one of no difference, `p_equivalence` that of a difference of `margin` or more.
    """

    outcome: Outcome
    difference: float
    low: float
    high: float
    p_value: float
    p_equivalence: float
    margin: float
    paired: bool


@dataclass(frozen=True, slots=True)
class _Mean:
    """A mean with its standard error and degrees of freedom."""

    value: float
    error: float
    freedom: float

    def below(self, bound: float) -> float:
        """Returns the p-value of the hypothesis that the expectation is at least `bound`."""
        return _tail(self.value - bound, self.error, self.freedom)

    def plus(self, shift: float, error: float = 0.0, draws: int = 0) -> "_Mean":
        """Returns it moved by an independent number, known from so many draws with a standard error of its own."""
        if error == 0.0:
            return _Mean(self.value + shift, self.error, self.freedom)
        both = hypot(self.error, error)
        parts = (self.error / both) ** 4 / self.freedom + (error / both) ** 4 / max(1, draws - 1)  # Welch 1947
        return _Mean(self.value + shift, both, 1 / parts)


def score(value: float, better: str) -> float:
    """Returns a number that is smaller the better `value` is: itself, its negative, or its distance from 0."""
    return -value if better == "higher" else abs(value) if better == "zero" else value


def scores(metric: MetricRecord) -> list[float]:
    """Returns the scores of a metric's repeats."""
    return [score(value, metric["better"]) for value in metric["values"]]


def mean_score(metric: MetricRecord) -> float:
    """Returns the mean of a metric's scores, by which boards are sorted."""
    return _mean_of(scores(metric)).value


def floor_score(metric: MetricRecord) -> float:
    """Returns the expected score of exact draws."""
    return -metric["floor"] if metric["better"] == "higher" else metric["floor"]


def unit(metric: MetricRecord) -> tuple[float, float]:
    """Returns what can be seen at this number of samples, as a difference of scores, and its standard error."""
    sd, draws = metric["floor_sd"] or 0.0, metric["floor_draws"]
    distance = imperfection(metric["floor"], metric["better"], metric["bounds"])
    return (distance, metric["floor_error"]) if distance >= sd else (sd, sd / sqrt(2 * (draws - 1)) if draws > 1 else 0)


def margin(metric: MetricRecord, other: MetricRecord | None = None, *, near: float | None = None) -> float:
    """Returns the difference of scores below which two metrics, or a metric and its floor, count as equivalent.

    It is an estimate where the excess over the floor makes it. `near` is as in `compare`. Raises BadInput for a margin
    that is no share.
    """
    share = _share(metric)
    near = _near(share, near) * min(unit(each)[0] for each in (metric, other or metric))
    if other is None:
        return near
    return max(near, share * min(mean_score(each) - floor_score(each) for each in (metric, other)))


def compare(
    own: MetricRecord, other: MetricRecord, *, shared: bool, level: float = LEVEL, near: float | None = None
) -> Comparison:
    """Returns what `own` is beside `other`, at an error rate of `level` an answer.

    `shared` says whether both walked the same noise, repeat by repeat; `near` is the share of the unit that counts as
    none whatever the excess, twice the margin where it is None. Raises BadInput where the two are no pair: other
    numbers of samples or repeats, other methods or margins, one repeat.
    """
    check_pair(own, other, shared=shared)
    share = _share(own)
    found = _difference(own, other, 1.0, shared)
    p_near = _within(found, own if unit(own)[0] <= unit(other)[0] else other, _near(share, near))
    # Whether own's excess is less than 1 + share times the other's, and the other way round.
    ratios = [
        _difference(a, b, 1.0 + share, shared)
        .plus(share * floor_score(b), share * b["floor_error"], b["floor_draws"])
        .below(0.0)
        for a, b in ((own, other), (other, own))
    ]
    equal = found.error == 0.0 and found.value == 0.0
    p_equivalence = 0.0 if equal else min(1.0, 2 * min(p_near, max(ratios)))
    return _decided(found, margin(own, other, near=near), p_equivalence, (level / 2, level / 2), level, paired=shared)


def against_floor(metric: MetricRecord, level: float = LEVEL) -> Comparison:
    """Returns what a metric is beside exact draws; raises BadInput for one repeat."""
    _check_repeats(metric)
    share = _share(metric)
    alone = _mean_of(scores(metric)).plus(-floor_score(metric))
    found = alone.plus(0.0, metric["floor_error"], metric["floor_draws"])
    tails = DISTANCE_TAILS if metric["better"] == "lower" else EQUAL_TAILS
    scaled = tails[0] * level / LEVEL, tails[1] * level / LEVEL
    return _decided(
        found, margin(metric), _within(alone, metric, _near(share), beside_floor=True), scaled, level, paired=False
    )


def beside_floor(metric: MetricRecord) -> Outcome | None:
    """Returns what a metric is beside exact draws, None of one repeat."""
    return against_floor(metric).outcome if len(metric["values"]) > 1 else None


def at_floor(metric: MetricRecord) -> bool:
    """Returns whether a metric is equivalent to exact draws; False where that is not resolved, or of one repeat."""
    return beside_floor(metric) == "equivalent"


def floor_words(metric: MetricRecord) -> str:
    """Returns what is worth saying of a metric beside exact draws, "" where it is nothing."""
    found = beside_floor(metric)
    return "at the floor" if found == "equivalent" else "below the floor: look for copies" if found == "better" else ""


def why(own: MetricRecord, other: MetricRecord, *, shared: bool) -> str:
    """Returns what makes two metrics equivalent or not decided, in words; "" where one is better."""
    try:
        found = compare(own, other, shared=shared)
    except BadInput as error:
        return str(error).rstrip(".")
    return {"equivalent": "equivalent", "not resolved": "not resolved"}.get(found.outcome, "")


def repeats_to_decide(found: Comparison, repeats: int) -> int | None:
    """Returns about how many repeats would decide what is not resolved at `repeats`, None above 100,000.

    Of a normal difference with the spread that was seen: enough that the farther of 0 and the margin is told from it
    with a probability of four fifths.
    """
    half = 0.5 * (found.high - found.low)
    away = max(abs(found.difference), found.margin - abs(found.difference))
    if not (half > 0 and away > 0 and isfinite(half)):
        return None
    ratio = (1.96 + 0.84) * half / float(stdtrit(repeats - 1, 1 - LEVEL / 2)) / away
    if ratio > sqrt(_MOST_REPEATS / repeats):
        return None
    return min(_MOST_REPEATS, max(repeats + 1, round(repeats * ratio**2) + 1))


def check_pair(own: MetricRecord, other: MetricRecord, *, shared: bool) -> None:
    """Raises BadInput, with the reason, where two metrics cannot be compared."""
    for each in (own, other):
        _share(each)
        _check_repeats(each)
    for what, one, two in (
        ("numbers of samples", own["n"], other["n"]),
        ("directions", own["better"], other["better"]),
        ("methods", own["method"], other["method"]),
        ("margins", own["margin"], other["margin"]),
    ):
        if one != two:
            raise BadInput(f"metrics of different {what} cannot be compared: {one} and {two}.")
    if shared and len(own["values"]) != len(other["values"]):
        raise BadInput(
            f"{len(own['values'])} and {len(other['values'])} repeats make no pairs: measure both equally often."
        )


def _check_repeats(metric: MetricRecord) -> None:
    if len(metric["values"]) < 2:
        raise BadInput("one repeat has no spread, and nothing can be compared: measure at least two.")


def _share(metric: MetricRecord) -> float:
    share = metric["margin"]
    if not 0.0 < share <= MOST_MARGIN:  # NaN is none either
        raise BadInput(
            f"a margin is a share of the excess over the floor, above 0 and at most {MOST_MARGIN:g}; it is {share:g}."
        )
    return share


def _near(share: float, near: float | None = None) -> float:
    """The share of the unit that counts as none near the floor."""
    return _AT_THE_FLOOR * share if near is None else near


def _within(found: _Mean, metric: MetricRecord, times: float, *, beside_floor: bool = False) -> float:
    """The p-value of a difference that is as large as so many units, either way.

    `beside_floor` says that it is one from the metric's own floor, whose error is not in it yet: where the unit is the
    floor's distance too, the two err together.
    """
    floor_error = metric["floor_error"] if beside_floor else 0.0
    size, error = (times * part for part in unit(metric))
    errors = [hypot(floor_error, error)] * 2
    if beside_floor and unit(metric)[1] == floor_error:
        errors = [(1 + times) * floor_error, abs(1 - times) * floor_error]
    if found.error == 0.0 and max(errors) == 0.0:
        return 0.0 if abs(found.value) <= size else 1.0
    above = _Mean(-found.value, found.error, found.freedom)
    draws = metric["floor_draws"]
    return max(side.plus(-size, own, draws).below(0.0) for side, own in zip((found, above), errors, strict=True))


def _decided(
    found: _Mean, reach: float, p_equivalence: float, tails: Tails, level: float, *, paired: bool
) -> Comparison:
    """The answer for a difference; `tails` are the probabilities to call nothing "worse" and to call it "better"."""
    down, up = (float(stdtrit(found.freedom, 1 - tail)) * found.error if found.error > 0 else 0.0 for tail in tails)
    worse, better = (_tail(side * found.value, found.error, found.freedom) for side in (-1, 1))
    outcome: Outcome = "not resolved"
    if p_equivalence <= level:
        outcome = "equivalent"
    elif found.value > 0 and worse <= tails[0]:
        outcome = "worse"
    elif found.value < 0 and better <= tails[1]:
        outcome = "better"
    p_value = min(1.0, 2 * min(worse, better)) if found.value else 1.0
    return Comparison(outcome, found.value, found.value - down, found.value + up, p_value, p_equivalence, reach, paired)


def _tail(bound: float, error: float, freedom: float) -> float:
    """P(error·T ≤ bound) of Student's T; without any spread what was seen is taken for exact."""
    if error > 0:
        return float(stdtr(freedom, bound / error))
    return 0.0 if bound < 0 else 1.0


def _difference(own: MetricRecord, other: MetricRecord, times: float, shared: bool) -> _Mean:
    """own − times·other: of the repeats' pairs where noise is shared, else of two independent means (Welch 1947)."""
    a, b = scores(own), [times * value for value in scores(other)]
    if shared:
        return _mean_of([x - y for x, y in zip(a, b, strict=True)])
    one, two = _mean_of(a), _mean_of(b)
    error = hypot(one.error, two.error)
    if error == 0.0:
        return _Mean(one.value - two.value, 0.0, inf)
    parts = (one.error / error) ** 4 / one.freedom + (two.error / error) ** 4 / two.freedom
    return _Mean(one.value - two.value, error, 1 / parts)


def _mean_of(values: Sequence[float]) -> _Mean:
    """The mean of independent values; they are scaled, so that none is too large to be squared."""
    count, scale = len(values), max(map(abs, values)) or 1.0
    mean = sum(value / scale for value in values) / count
    if count < 2:
        return _Mean(mean * scale, 0.0, inf)
    variance = sum((value / scale - mean) ** 2 for value in values) / (count - 1)
    return _Mean(mean * scale, sqrt(variance / count) * scale, count - 1)
