"""What a gap says, in a sentence: which step makes the error at the end, and whether it was made there or before."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from sigbench.metrics.estimate import Interval, mean_interval

Array = NDArray[np.float64]
Part = Literal["local", "accumulated", "both", "none"]
_ERROR_RATE = 0.05


@dataclass(frozen=True)
class Evidence:
    """Of every repeat: the steps' shares (repeats, K), and at the end, each of shape (repeats,), the squared error's
    local part and the whole of it, the distance of laws above its floor, and the ratio of variances."""

    shares: Array
    local: Array
    mean_square: Array
    excess: Array
    variance_ratio: Array


@dataclass(frozen=True, slots=True)
class Verdict:
    """The steps that make most of the error at the end (several where they cannot be told apart), and the part that
    dominates there: "local" is the last step's own error, "accumulated" what was carried to it."""

    steps: tuple[int, ...]
    part: Part
    accumulated_share: Interval | None
    sentence: str


def judge(evidence: Evidence, times: Sequence[float], *, follows: bool, distance: str = "W1") -> Verdict:
    """Returns the verdict; `times` are the diffusion times of the grid, K+1 of them.

    A step leads alone where its share exceeds every other's in paired one-sided t-tests over the repeats, 5 % of
    error shared among them. `follows` says whether the sampler reads the path at all, `distance` how that of laws is
    called.
    """
    laws = _on_laws(evidence, distance)
    if not (evidence.mean_square > 0).all():
        return Verdict((), "none", None, f"There is no gap: the paths are the teacher's own. {laws}")
    leaders = _leaders(evidence.shares)
    accumulated = mean_interval(list(1.0 - evidence.local / evidence.mean_square))
    part = _part(accumulated, len(times) - 1)
    told = _on_steps(evidence.shares, leaders, times)
    if part == "accumulated":
        told += f" Of all of it, {_percent(accumulated)} was carried to the last step and the rest was made there."
    elif part == "local":
        told += f" Of all of it, {_percent(_complement(accumulated))} was made in the last step itself."
    else:
        told += " The last step's own error and what was carried to it are of the same size."
    if not follows:
        told = "It draws no noise, so that its paths cannot follow the teacher's: look at the laws. " + told
    return Verdict(tuple(j + 1 for j in leaders), part, accumulated, f"{told} {laws}")


def _leaders(shares: Array) -> list[int]:
    """The step with the largest mean share and those that cannot be told from it, largest first."""
    repeats, steps = shares.shape
    order = [int(j) for j in np.argsort(-shares.mean(axis=0))]
    first = order[0]
    tied = [first]
    for other in order[1:]:
        difference = shares[:, first] - shares[:, other]
        error = float(stats.sem(difference))
        reach = float(stats.t.ppf(1 - _ERROR_RATE / (steps - 1), repeats - 1)) * error
        if difference.mean() <= reach:
            tied.append(other)
    return tied


def _part(accumulated: Interval, steps: int) -> Part:
    assert accumulated.low is not None and accumulated.high is not None
    if steps == 1 or accumulated.high < 0.5:
        return "local"
    return "accumulated" if accumulated.low > 0.5 else "both"


def _on_steps(shares: Array, leaders: Sequence[int], times: Sequence[float]) -> str:
    steps = shares.shape[1]
    first = leaders[0]
    share = mean_interval(list(shares[:, first]))
    if steps == 1:
        return "The one step makes all of the error."
    if len(leaders) == 1:
        return (
            f"Step {first + 1} of {steps} (t from {times[first]:.3g} to {times[first + 1]:.3g}) makes "
            f"{_percent(share)} of the squared error at the end, more than any other."
        )
    named = [str(j + 1) for j in sorted(leaders)]
    return (
        f"Steps {', '.join(named[:-1])} and {named[-1]} of {steps} cannot be told apart as the greatest source of the "
        f"squared error at the end; step {first + 1} makes {_percent(share)}."
    )


def _on_laws(evidence: Evidence, distance: str) -> str:
    excess, ratio = mean_interval(list(evidence.excess)), mean_interval(list(evidence.variance_ratio))
    assert excess.low is not None and ratio.low is not None and ratio.high is not None
    law = (
        f"The law at the end is farther from the teacher's than its floor, by {excess.value:.2g} in {distance}"
        if excess.low > 0
        else "The law at the end cannot be told from the teacher's at this n"
    )
    if ratio.low <= 1.0 <= ratio.high:
        return f"{law}, and no difference in variance shows."
    word = "less" if ratio.value < 1 else "more"
    lost = sorted(abs(1.0 - end) for end in (ratio.low, ratio.high))
    return f"{law}, with {_percent(Interval(abs(1.0 - ratio.value), *lost))} {word} variance."


def _complement(share: Interval) -> Interval:
    assert share.low is not None and share.high is not None
    return Interval(1.0 - share.value, 1.0 - share.high, 1.0 - share.low)


def _percent(share: Interval) -> str:
    assert share.low is not None and share.high is not None
    digits = 0 if abs(share.value) >= 0.1 else 1
    low, value, high = (f"{100 * end:.{digits}f}" for end in (share.low, share.value, share.high))
    return f"{value} % [{low}, {high}]"
