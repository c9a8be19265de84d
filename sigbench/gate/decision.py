"""Decisions between two measurements of the same thing, before and after, paired over repeats.

Every question is asked of the paired differences d_r of R repeats, where d > 0 means worse:

- *Is it worse? Is it better?* One-sided paired t-tests of E d ≤ 0 and of E d ≥ 0. Where nothing changed, before
  and after are exchangeable, so d is symmetric about 0 whatever the law of the metric, and Student's t keeps its
  level for symmetric laws or errs on the safe side. Over all m comparisons of a run the p-values of each side are
  corrected by Holm's step-down method (Holm 1979), which needs no independence, at α/2 a side. So if nothing
  changed at all, a run calls anything changed with probability ≤ α and anything regressed with ≤ α/2.
- *Is it the same?* Two one-sided t-tests (TOST; Schuirmann 1987) of E d ≤ −δ and of E d ≥ δ, each at α, δ being
  the margin that a maintainer is willing to lose; so the same as asking whether the 1 − 2α interval lies inside
  (−δ, δ). A run passes only where *every* comparison is the same or better, an intersection–union test (Berger
  1982), which needs no correction: whatever is truly worse by δ or more passes with probability ≤ α, however few
  the repeats or large the noise. What lacks the power for either answer is inconclusive, which is no pass.

Being the same is asked first: another processor's rounding may differ by a hair, and consistently so, which is
significant and does not matter. The same code on common random numbers has d = 0 exactly.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from sigbench.metrics.estimate import Better

Scale = Literal["relative", "absolute"]
Decision = Literal["regressed", "improved", "equivalent", "inconclusive"]

SCALES: tuple[Scale, ...] = ("relative", "absolute")


@dataclass(frozen=True, slots=True)
class Margin:
    """How much worse still counts as the same: a share of the value (0.1: 10 %), or a distance in its own units."""

    scale: Scale
    size: float

    @property
    def reach(self) -> float:
        """The margin δ on the scale of `differences`: log(1 + size) where it is relative."""
        return math.log1p(self.size) if self.scale == "relative" else self.size


@dataclass(frozen=True, slots=True)
class PairedTest:
    """The tests of one metric at one point: mean difference, its 1 − 2α interval, and the p-values.

    Small values speak for what the name says: `p_worse` and `p_better` for a mean above and below 0, `p_same` for
    one within the margin, `p_beyond` for one that is worse by more than the margin.
    """

    mean: float
    low: float
    high: float
    p_worse: float
    p_better: float
    p_same: float
    p_beyond: float


def differences(before: Sequence[float], after: Sequence[float], better: Better, scale: Scale) -> NDArray[np.float64]:
    """Returns how much worse `after` is in each repeat, shape (repeats,); positive is worse.

    "relative" is the log-ratio, which treats twice as large and half as large alike and suits what is positive,
    such as a distance; "absolute" is the plain difference, for what may be 0 or change its sign. Where "zero" is
    best, it is the absolute values that are compared. Raises ValueError where the numbers of repeats differ, and
    for a value that is not positive on the relative scale.
    """
    if len(before) != len(after):
        raise ValueError(f"{len(before)} repeats before and {len(after)} after are no pairs")
    old, new = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    if better == "zero":
        old, new = np.abs(old), np.abs(new)
    if scale == "relative":
        if min(old.min(), new.min()) <= 0:
            raise ValueError("a value that is not positive has no relative change")
        old, new = np.log(old), np.log(new)
    return old - new if better == "higher" else new - old


def paired(values: NDArray[np.float64], margin: float, alpha: float) -> PairedTest:
    """Returns the tests of paired differences, shape (repeats,), against 0 and against ±`margin`.

    Without any spread the mean is taken for exact. Raises ValueError below two repeats.
    """
    if len(values) < 2:
        raise ValueError("a paired test needs at least two repeats")
    return _tests(float(np.mean(values)), _standard_error(values), len(values) - 1, margin, alpha)


def unpaired(before: NDArray[np.float64], after: NDArray[np.float64], margin: float, alpha: float) -> PairedTest:
    """Returns the tests of after − before for independent samples of at least two values each (Welch 1947)."""
    old, new = _standard_error(before) ** 2, _standard_error(after) ** 2
    parts = old**2 / (len(before) - 1) + new**2 / (len(after) - 1)
    freedom = (old + new) ** 2 / parts if parts > 0 else 1.0
    return _tests(float(np.mean(after) - np.mean(before)), math.sqrt(old + new), freedom, margin, alpha)


def _standard_error(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1)) / math.sqrt(len(values))


def _tests(mean: float, error: float, freedom: float, margin: float, alpha: float) -> PairedTest:
    def above(bound: float) -> float:
        """The p-value of the hypothesis that the expectation is at most `bound`."""
        if error > 0:
            return float(stdtr(freedom, (bound - mean) / error))
        return 0.0 if mean > bound else 1.0

    def below(bound: float) -> float:
        if error > 0:
            return float(stdtr(freedom, (mean - bound) / error))
        return 0.0 if mean < bound else 1.0

    reach = float(stdtrit(freedom, 1 - alpha)) * error
    same = max(above(-margin), below(margin))
    return PairedTest(mean, mean - reach, mean + reach, above(0.0), below(0.0), same, above(margin))


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns Holm's adjusted p-values; rejecting those ≤ α keeps the family's error rate ≤ α under any dependence."""
    order = np.argsort(p_values, kind="stable")
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def decide(comparisons: Sequence[PairedTest], alpha: float) -> list[Decision]:
    """Returns the verdict on each comparison of a run; the module's docstring states their error rates."""
    worse = holm([c.p_worse for c in comparisons])
    better = holm([c.p_better for c in comparisons])
    return [_verdict(c.p_same, *sides, alpha=alpha) for c, *sides in zip(comparisons, worse, better, strict=True)]


def _verdict(p_same: float, p_worse: float, p_better: float, *, alpha: float) -> Decision:
    if p_same <= alpha:
        return "equivalent"
    if p_worse <= alpha / 2:
        return "regressed"
    return "improved" if p_better <= alpha / 2 else "inconclusive"


def decide_beyond(comparisons: Sequence[PairedTest], alpha: float) -> list[Decision]:
    """Returns verdicts where only a change beyond the margin counts, Holm-corrected at α/2 a side.

    For what drifts for reasons of its own, such as time on another day; nothing is ever called improved.
    """
    beyond = holm([c.p_beyond for c in comparisons])
    return [
        "regressed" if p <= alpha / 2 else "equivalent" if c.p_same <= alpha else "inconclusive"
        for p, c in zip(beyond, comparisons, strict=True)
    ]


def overall(verdicts: Sequence[Decision]) -> Decision:
    """Returns the verdict on a whole: the worst there is, and "improved" only where nothing is left open."""
    order: tuple[Decision, ...] = ("regressed", "inconclusive", "improved", "equivalent")
    return next((verdict for verdict in order if verdict in verdicts), "inconclusive")
