"""The order of convergence from errors at several step sizes: which levels count, the slope, its interval.

Everything here is a pure function of numbers. A level is resolved where its error stands above ten of its standard
errors and above three times the reference's own error. Through the logarithms of the four finest errors that are
resolved goes

    log e(h) = a + p·log h + b·√(h/h₀) + noise

by generalised least squares. The noise has the covariance that a bootstrap over blocks of paths gives; b, the bend that
is left at the coarsest of the four, h₀, is normal with mean 0 and standard deviation 0.2. So p is the slope over those
steps, and its interval allows for a bend: it is that of a straight line where the noise is larger than the bend could
be, and that of a fit with a free √h where it is far smaller.

How the rule was chosen: three to eight levels and deviations of the bend from 0 to 0.5 were tried on simulated errors
alone, with seeds of their own, no scheme and no task; fewer levels are wide, and more of them miss. Bends were drawn
from −50 to +100 % at the coarsest of seven levels, noise from 0.4 to 5 %, growing with the levels. In 4,000 studies of
a kind on other seeds the interval, ±0.10 on average, holds the order so often of 100 times: bends in √h 96, in h 96,
two terms of opposite signs 95; in h² 98 and straight lines 99, since the interval pays for a bend that is not there. It
does not hold it where errors oscillate about a power law (57) or carry a logarithm (91): a slope over a range of steps
cannot tell these, and 1 in 100 of each is accused. `tests/studies/convergence/test_order_coverage.py` repeats
it. One constant came after the others: 0.3 % of each level as noise of its own, when a study of `ou` had called SEA's
0.999 ± 0.0003 a disagreement with 1. It makes every interval wider, none shorter.

Where the errors lie too far from the bent line, at a level of 0.1 %, the verdict is withheld: an error that changes its
sign on the way has no slope there.

A strong order is a bound on the error, so a scheme may be faster than it declares on a kind problem. The verdict
is "disagrees" where the declared order lies above the interval of 99.9 %.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from sigbench.report.numbers import digits, rounded_up

Array = NDArray[np.float64]
OrderVerdict = Literal["agrees", "disagrees", "not-resolved"]

LEVEL = 0.95
UNDECLARED = "the sampler declares no order to compare with"
NO_POWER = "its errors follow no power law over these steps: take finer levels, or another grid"
NOISE_FACTOR = 10.0  # below 10 standard errors a level says little, and its logarithm is not normal
REFERENCE_FACTOR = 3.0  # an error below 3 times the reference's own is not the scheme's alone
FINEST = 4  # levels that carry the slope
ROUGHNESS = 0.003  # what other bends leave of a level, relative: noise that levels share says nothing of these
BEND = 0.2  # the standard deviation of the bend at the coarsest of them
MIN_LEVELS = 3
ACCUSATION = 0.999  # a study makes dozens of intervals of which one in twenty misses: an accusation takes more
MOST_FACTOR = 100.0  # an error so far below its noise says little of how many paths would show it
RESOLUTION = 0.25  # half the gap between neighbouring orders (½, 1, 1½, 2): a wider interval tells nothing apart


@dataclass(frozen=True, slots=True)
class LevelError:
    """One level: its steps, mean step h, error with standard error and 95 % interval, and why it does not count.

    `reason` is noise, reference, diverged or coarse (finer ones count) where `used` is False; [low, high] allows for
    the reference's own error too.
    """

    steps: int
    h: float
    error: float
    standard_error: float
    low: float
    high: float
    used: bool
    reason: str


@dataclass(frozen=True, slots=True)
class OrderEstimate:
    """An order with its 95 % interval and verdict; order and ends are None where fewer than 3 levels are resolved.

    It is the slope over the steps of the levels that are used. `advice` says what would resolve a verdict
    "not-resolved", and otherwise how the interval misses the declared order, if it does.
    """

    order: float | None
    low: float | None
    high: float | None
    expected: float | None
    verdict: OrderVerdict
    levels: tuple[LevelError, ...]
    advice: str


@dataclass(frozen=True, slots=True)
class Slope:
    """A slope, its standard deviation, the weights (L,) of the log errors in it, and how well these lie on it.

    `fit` is the p-value of their distances from the bent line: small where errors follow no power law.
    """

    value: float
    deviation: float
    loadings: Array
    fit: float


def fit_slope(h: Array, log_error: Array, covariance: Array) -> Slope:
    """Returns the hedged slope of log errors (L,), coarsest first, whose noise has a covariance (L, L)."""
    design = np.stack([np.ones_like(h), np.log(h)], 1)
    bend = BEND * np.sqrt(h / h[0])
    total = covariance + np.outer(bend, bend) + ROUGHNESS**2 * np.eye(len(h))
    solved = np.linalg.solve(total, design)
    inverse = np.linalg.inv(design.T @ solved)
    both: Array = inverse @ solved.T
    rest = log_error - design @ (both @ log_error)
    fit = float(stats.chi2.sf(rest @ np.linalg.solve(total, rest), len(h) - 2))
    return Slope(float(both[1] @ log_error), math.sqrt(inverse[1, 1]), both[1], fit)


def noise_covariance(logs: Array) -> Array:
    """Returns the covariance (L, L) of replicates (R, L) of log errors, coarsest level first.

    A finer level's deviation is never taken smaller than a coarser one's: where the few paths that carry a level's
    error happen to be missing, both the error and its bootstrap deviation come out too small.
    """
    deviations = np.maximum.accumulate(np.std(logs, axis=0, ddof=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation: Array = np.nan_to_num(np.atleast_2d(np.corrcoef(logs, rowvar=False)))
    np.fill_diagonal(correlation, 1.0)
    return correlation * np.outer(deviations, deviations)


def bootstrap_weights(blocks: int, replicates: int, seed: int = 0) -> Array:
    """Returns how often each block is drawn in each replicate, shape (replicates, blocks); rows sum to `blocks`."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(blocks, np.full(blocks, 1.0 / blocks), size=replicates).astype(np.float64)


def level_reasons(error: Array, spread: Array, reference: Array) -> list[str]:
    """Returns for each level, coarsest first, why it does not count, "" where it does."""
    reasons = []
    for value, noise, own in zip(error, spread, reference, strict=True):
        if not math.isfinite(value):
            reasons.append("diverged")
        elif value <= 0.0 or value < NOISE_FACTOR * noise:
            reasons.append("noise")
        elif value < REFERENCE_FACTOR * own:
            reasons.append("reference")
        else:
            reasons.append("")
    for i in [i for i, reason in enumerate(reasons) if not reason][:-FINEST]:
        reasons[i] = "coarse"
    return reasons


def estimate_order(
    steps: Sequence[int],
    h: Array,
    error: Array,
    replicates: Array,
    reference: Array,
    *,
    blocks: int,
    paths: int,
    expected: float | None,
    doubt: str = "",
) -> OrderEstimate:
    """Returns the order of errors (L,), coarsest level first, with bootstrap replicates of them (R, L).

    `reference` (L,) is the reference's own error, `blocks` the number of independent blocks of paths behind the
    replicates, and `paths` the number of paths, from which the advice is computed. With a `doubt` the order is
    measured and the verdict withheld, the doubt being the advice.
    """
    with np.errstate(all="ignore"):
        spread = np.nan_to_num(np.std(replicates, axis=0, ddof=1), nan=np.inf, posinf=np.inf)
    reasons = level_reasons(error, spread, reference)
    used = [i for i, reason in enumerate(reasons) if not reason]
    order = low = high = None
    verdict: OrderVerdict = "not-resolved"
    if len(used) < MIN_LEVELS:
        advice = UNDECLARED if expected is None else _what_lifts(error, spread, reasons, paths)
    else:
        logs = np.log(np.maximum(replicates[:, used], error[used] * 1e-3))
        covariance = noise_covariance(logs)
        slope = fit_slope(h[used], np.log(error[used]), covariance)
        shift = float(np.abs(slope.loadings) @ np.log1p(reference[used] / error[used]))
        order, half = slope.value, _half(slope, LEVEL, blocks) + shift
        low, high = order - half, order + half
        verdict, advice = ("not-resolved", doubt) if doubt else _judge(slope, shift, blocks, expected)
        if verdict == "not-resolved" and not advice:
            advice = _what_narrows(h[used], covariance, shift, blocks, paths)
    allowance = _quantile(LEVEL, blocks) * spread + reference
    bottom = np.maximum(error - np.where(np.isfinite(error), allowance, 0.0), 0.0)
    levels = tuple(
        LevelError(
            n,
            float(h[i]),
            float(error[i]),
            float(spread[i]),
            float(bottom[i]),
            float(error[i] + allowance[i]),
            not reasons[i],
            reasons[i],
        )
        for i, n in enumerate(steps)
    )
    return OrderEstimate(order, low, high, expected, verdict, levels, advice)


def _quantile(level: float, blocks: int) -> float:
    return float(stats.t.ppf(0.5 + level / 2, max(1, blocks - 1)))


def _half(slope: Slope, level: float, blocks: int) -> float:
    return _quantile(level, blocks) * slope.deviation


def _judge(slope: Slope, shift: float, blocks: int, expected: float | None) -> tuple[OrderVerdict, str]:
    """The verdict, and what else is to be said."""
    if expected is None:
        return "not-resolved", UNDECLARED
    if slope.fit < 1 - ACCUSATION:
        return "not-resolved", NO_POWER
    half, wide = (_half(slope, level, blocks) + shift for level in (LEVEL, ACCUSATION))
    if slope.value + wide < expected:
        return "disagrees", ""
    if half > RESOLUTION or slope.value + half < expected:
        return "not-resolved", ""
    if slope.value - wide > expected:
        return "agrees", "faster than declared: an order is a bound, and this problem does not reach it"
    if slope.value - half > expected:
        return "agrees", "the interval lies above the declared order, which is a bound"
    return "agrees", ""


def _what_narrows(h: Array, covariance: Array, shift: float, blocks: int, paths: int) -> str:
    """How many paths would make the interval narrow."""
    for factor in (2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 32.0, 64.0):
        if _half(fit_slope(h, np.log(h), covariance / factor), LEVEL, blocks) + shift <= 0.5 * RESOLUTION:
            return f"about {rounded_up(paths * factor)} paths might resolve it"
    return "finer levels might resolve it"


def _what_lifts(error: Array, spread: Array, reasons: Sequence[str], paths: int) -> str:
    """What it takes at least to resolve a third level."""
    missing = MIN_LEVELS - sum(not reason for reason in reasons)
    if "noise" in reasons:
        with np.errstate(divide="ignore", invalid="ignore"):
            factors = sorted(
                float((NOISE_FACTOR * spread[i] / abs(error[i])) ** 2) if error[i] != 0 else math.inf
                for i, reason in enumerate(reasons)
                if reason == "noise"
            )
        if len(factors) >= missing:
            factor = max(factors[missing - 1], 2.0)
            if factor < MOST_FACTOR:
                return f"at least {rounded_up(paths * factor)} paths are needed"
            return f"more than {digits(MOST_FACTOR)} times as many paths are needed: take coarser levels"
    if "reference" in reasons:
        return "the reference's own error hides the finer levels: take coarser ones"
    return "it diverges: take finer levels" if "diverged" in reasons else "more levels are needed"
