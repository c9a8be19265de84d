"""What a gap says, in a sentence: which step makes the error at the end, and whether steps or rollout make it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from sigbench.metrics.estimate import Interval, mean_interval
from sigbench.report.numbers import digits, percent_interval, with_interval

Array = NDArray[np.float64]
Part = Literal["local", "accumulated", "unresolved", "none"]
_ERROR_RATE = 0.05
_GROWN = 2.0  # by more than this the rollout has made more of the error than the steps themselves
_MOST_NAMED = 5


@dataclass(frozen=True)
class Evidence:
    """Of every repeat: the steps' shares (repeats, K), the sum of their own squared errors, each from the teacher's
    state, and at the end, each of shape (repeats,), the squared error, by how much W1 or sliced W2 and MMD² exceed
    those of the teacher with itself, and the ratio of variances."""

    shares: Array
    local: Array
    mean_square: Array
    excess: Array
    mmd2_excess: Array
    variance_ratio: Array


@dataclass(frozen=True, slots=True)
class GapFinding:
    """The steps that make most of the error at the end, several where they cannot be told apart, and what dominates.

    `growth` is the squared error at the end over the sum of the steps' own. The part is "local" where it is below 2,
    "accumulated" where the rollout has made more of the error than the steps themselves.
    """

    steps: tuple[int, ...]
    part: Part
    growth: Interval | None
    sentence: str


def judge(
    evidence: Evidence, times: Sequence[float], *, follows: bool, distance: str = "W1", sides: tuple[int, int] = (0, 0)
) -> GapFinding:
    """Returns what is found; `times` are the diffusion times of the grid, K+1 of them.

    A step leads alone where its share exceeds every other's in paired one-sided t-tests over the repeats, 5 % of
    error shared among them (and halved for two, of which one was chosen by looking). Laws differ where one of three
    t-tests says so that share another 5 %. `follows` says whether the sampler reads the path at all, `distance` how
    that of laws is called, and `sides` how many states stand on each side of it and of MMD.
    """
    laws = _on_laws(evidence, distance, sides)
    if not (evidence.mean_square > 0).all():
        return GapFinding((), "none", None, f"There is no gap: the paths are the teacher's own. {laws}")
    leaders = _leaders(evidence.shares)
    text = _on_steps(evidence.shares, leaders, times)
    growth: Interval | None = None
    part: Part = "unresolved"
    if (evidence.local > 0).all():
        growth = mean_interval(list(evidence.mean_square / evidence.local))
        part, more = _on_growth(growth, len(times) - 1)
        text += more
    if not follows:
        text = "It draws no noise, so that its paths cannot follow the teacher's: look at the laws. " + text
    return GapFinding(tuple(j + 1 for j in leaders), part, growth, f"{text} {laws}")


def _leaders(shares: Array) -> list[int]:
    """The step with the largest mean share and those that cannot be told from it, largest first."""
    repeats, steps = shares.shape
    order = [int(j) for j in np.argsort(-shares.mean(axis=0))]
    first = order[0]
    tied = [first]
    for other in order[1:]:
        difference = shares[:, first] - shares[:, other]
        error = float(stats.sem(difference))
        reach = float(stats.t.ppf(1 - _ERROR_RATE / max(2, steps - 1), repeats - 1)) * error
        if difference.mean() <= reach:
            tied.append(other)
    return tied


def _on_growth(growth: Interval, steps: int) -> tuple[Part, str]:
    assert growth.low is not None and growth.high is not None
    if steps == 1:
        return "local", ""
    times = f"{digits(growth.value, 2)} times [{digits(growth.low, 2)}, {digits(growth.high, 2)}]"
    if growth.low > _GROWN:
        return (
            "accumulated",
            f" Most of it accumulates: along the rollout the steps' own squared errors become {times} their sum.",
        )
    if growth.high < _GROWN:
        what = (
            "the rollout damps the steps' own squared errors to"
            if growth.high < 1
            else ("along the rollout the steps' own squared errors become")
        )
        return "local", f" Most of it is the steps' own: {what} {times} their sum."
    return "unresolved", (
        " Whether most of it is the steps' own or accumulates is not resolved: along the rollout their squared errors "
        f"become {times} their sum."
    )


def _on_steps(shares: Array, leaders: Sequence[int], times: Sequence[float]) -> str:
    steps = shares.shape[1]
    first = leaders[0]
    share = mean_interval(list(shares[:, first]))
    if steps == 1:
        return "It takes a single step, which makes all of the error."
    if len(leaders) == 1:
        return (
            f"Step {first + 1} of {steps} (t from {digits(times[first])} to {digits(times[first + 1])}) makes "
            f"{_percent(share)} of the squared error at the end, more than any other."
        )
    if len(leaders) > _MOST_NAMED:
        return (
            f"No step stands out: {len(leaders)} of {steps} cannot be told apart as the greatest source of the squared "
            f"error at the end; step {first + 1}, the largest, makes {_percent(share)}."
        )
    named = [str(j + 1) for j in sorted(leaders)]
    return (
        f"Steps {', '.join(named[:-1])} and {named[-1]} of {steps} cannot be told apart as the greatest source of the "
        f"squared error at the end; step {first + 1} makes {_percent(share)}."
    )


def _on_laws(evidence: Evidence, distance: str, sides: tuple[int, int]) -> str:
    """In which ways the law at the end differs from the teacher's, beyond what chance explains."""
    ratio = mean_interval(list(evidence.variance_ratio))
    found = [
        f"{name} is {with_interval(value.value, value.low, value.high, 2)} above its floor"
        for name, values in ((distance, evidence.excess), ("MMD²", evidence.mmd2_excess))
        if _resolved(values, 0.0, "greater")
        for value in [mean_interval(list(values))]
    ]
    if _resolved(evidence.variance_ratio, 1.0, "two-sided"):
        assert ratio.low is not None and ratio.high is not None
        lost = sorted(abs(1.0 - end) for end in (ratio.low, ratio.high))
        word = "less" if ratio.value < 1 else "more"
        found.append(f"it has {_percent(Interval(abs(1.0 - ratio.value), *lost))} {word} variance")
    if not found:
        of, of_mmd = (f" of {n:,}" for n in sides)
        by = f"{distance} and MMD{of}" if of == of_mmd else f"{distance}{of} and MMD{of_mmd}"
        return f"The law at the end cannot be told from the teacher's, by {by} states on each side or by its variance."
    listed = " and ".join([*([", ".join(found[:-1])] if found[1:] else []), found[-1]])
    return f"The law at the end is another than the teacher's: {listed}."


def _resolved(values: Array, null: float, side: Literal["greater", "two-sided"]) -> bool:
    """Whether the mean differs from `null`, by a t-test with a third of the error rate."""
    if np.ptp(values) == 0.0:
        return bool(values[0] > null if side == "greater" else values[0] != null)
    return bool(stats.ttest_1samp(values, null, alternative=side).pvalue < _ERROR_RATE / 3)


def _percent(share: Interval) -> str:
    return percent_interval(share.value, share.low, share.high)
