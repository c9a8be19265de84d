"""Decisions between two measurements of the same points, before and after, with one error rate for all of them.

Each metric of each point is compared by `sigbench.records.comparison`, paired over repeats on the same noise: its
p-value of no difference, and that of a difference beyond the margin.

- *Is it the same?* By two one-sided tests (Schuirmann 1987) at α. A run passes only where every comparison is the same
  or better, an intersection–union test (Berger 1982), which needs no correction: whatever is truly worse by more than
  its margin passes with a probability of at most α, however few the repeats or large the noise.
- *Is it worse, or better?* By the two-sided t-test at α, corrected over all comparisons of the run by Holm's step-down
  method (Holm 1979), which needs no independence: where nothing changed, a run calls anything changed with a
  probability of at most α.

What lacks the power for either answer is inconclusive, which is no pass. Being the same is asked first: another
processor's rounding may differ by a hair, and consistently so, which is significant and does not matter. The same code
on the same noise has differences of exactly 0.

Times drift for reasons of their own, so that only what is slower beyond its margin counts (Welch 1947).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from sigbench.records.comparison import Comparison

Decision = Literal["regressed", "improved", "equivalent", "inconclusive"]


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns Holm's adjusted p-values; rejecting those ≤ α keeps the family's error rate ≤ α under any dependence."""
    order = np.argsort(p_values, kind="stable")
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def decide(comparisons: Sequence[Comparison], alpha: float) -> list[tuple[Decision, float]]:
    """Returns the verdict on each comparison of a run, with its adjusted p-value.

    The module's docstring states their error rates.
    """
    adjusted = holm([found.p_value for found in comparisons])
    return [(_verdict(found, p_value, alpha), p_value) for found, p_value in zip(comparisons, adjusted, strict=True)]


def _verdict(found: Comparison, p_value: float, alpha: float) -> Decision:
    if found.p_equivalence <= alpha:
        return "equivalent"
    if p_value > alpha:
        return "inconclusive"
    return "regressed" if found.difference > 0 else "improved"


@dataclass(frozen=True, slots=True)
class TimeChange:
    """How much longer sampling takes, as a share with its 90 % interval, and the p-values of the two questions."""

    change: float
    low: float
    high: float
    p_slower: float  # small where it is slower by more than the margin
    p_same: float  # small where it is neither slower nor faster by more than the margin


def compare_times(before: Sequence[float], now: Sequence[float], margin: float) -> TimeChange:
    """Returns what became of times, of at least two repeats each; `margin` is the share that counts as none."""
    old, new, shift = np.log(before), np.log(now), math.log1p(margin)
    found = stats.ttest_ind(new, old, equal_var=False)
    interval = found.confidence_interval(0.90)
    slower = stats.ttest_ind(new - shift, old, equal_var=False, alternative="greater").pvalue
    not_slower = stats.ttest_ind(new - shift, old, equal_var=False, alternative="less").pvalue
    not_faster = stats.ttest_ind(new + shift, old, equal_var=False, alternative="greater").pvalue
    return TimeChange(
        change=math.expm1(new.mean() - old.mean()),
        low=math.expm1(interval.low),
        high=math.expm1(interval.high),
        p_slower=float(slower),
        p_same=float(max(not_slower, not_faster)),
    )


def decide_times(changes: Sequence[TimeChange], alpha: float) -> list[Decision]:
    """Returns verdicts on times, Holm-corrected at α/2; nothing is ever called improved."""
    slower = holm([found.p_slower for found in changes])
    return [
        "regressed" if p <= alpha / 2 else "equivalent" if found.p_same <= alpha else "inconclusive"
        for p, found in zip(slower, changes, strict=True)
    ]


def overall(verdicts: Sequence[Decision]) -> Decision:
    """Returns the verdict on a whole: the worst there is, and "improved" only where nothing is left open."""
    order: tuple[Decision, ...] = ("regressed", "inconclusive", "improved", "equivalent")
    return next((verdict for verdict in order if verdict in verdicts), "inconclusive")
