"""The order of convergence from errors at several step sizes: which levels count, the slope, its interval.

Everything here is a pure function of numbers. A level counts only where its error stands above three of its standard
errors and above three times the reference's error. Through the logarithms of those errors goes

    log e(h) = a + p·log h + b₁·h^½ + b₂·h + b₃·h² + b₄·h⁴ + noise,

p being the order in the limit and the last terms the pre-asymptotic bend. The noise has the covariance that a
bootstrap over blocks of paths gives; the b are normal with mean 0 and scale τ at the coarsest level (2τ for b₁: the
errors of stochastic schemes go in powers of h^½), and τ is half-normal with scale 0.3. So p has a posterior law in
closed form but for τ, which is summed over: where the errors lie on a line τ is found small and the interval is that
of a weighted regression, where they bend the interval pays for what the bend may hide (Bayesian extrapolation to h =
0; compare Oates et al. 2025, Probabilistic Richardson extrapolation). The coarsest level lies before the bend, and is
left out, as long as its estimated departure from the power law exceeds 30 % and more than four levels are left.

A strong order is a bound on the error, so a scheme may be faster than it declares on a kind problem. The verdict
is "disagrees" where the declared order lies above the interval that holds 99.9 % of the posterior law.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from sigbench.report.numbers import digits, rounded_up

Array = NDArray[np.float64]
OrderVerdict = Literal["agrees", "disagrees", "not-resolved"]

LEVEL = 0.95
UNDECLARED = "the sampler declares no order to compare with"
NOISE_FACTOR = 3.0  # an error below 3 standard errors may be noise
REFERENCE_FACTOR = 3.0  # an error below 3 times the reference's own is not the scheme's alone
BENDS = {0.5: 2.0, 1.0: 1.0, 2.0: 1.0, 4.0: 1.0}  # by power of h, the scale of its coefficient in units of τ
BEND_SCALES = np.geomspace(1e-3, 2.0, 18)  # the values of τ that are summed over
BEND_SCALE = 0.3  # of τ's own law
LARGEST_BEND = 0.3
MIN_LEVELS = 3
ACCUSATION = 0.999  # a study makes dozens of intervals of which one in twenty misses: an accusation takes more
MOST_FACTOR = 100.0  # an error so far below its noise says little of how many paths would show it
RESOLUTION = 0.25  # half the gap between neighbouring orders (½, 1, 1½, 2): a wider interval tells nothing apart


@dataclass(frozen=True, slots=True)
class LevelError:
    """One level: its steps, mean step h, error with standard error and 95 % interval, and why it does not count.

    `reason` is noise, reference, bend or diverged where `used` is False; [low, high] allows for the reference's
    own error too.
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
    """An order, the middle of its 95 % interval, with verdict; order and ends are None where fewer than 3 levels count.

    `advice` says what would resolve a verdict "not-resolved", and is empty otherwise.
    """

    order: float | None
    low: float | None
    high: float | None
    expected: float | None
    verdict: OrderVerdict
    levels: tuple[LevelError, ...]
    advice: str


@dataclass(frozen=True, slots=True)
class Posterior:
    """The law of the order: a mixture over τ of normal laws, shape (T,) each, and what else the fit says.

    `loadings` (L,) are the weights of the log errors in the mean order, and `departure` is the estimated bend of the
    coarsest level.
    """

    weights: Array
    means: Array
    deviations: Array
    loadings: Array
    departure: float

    def quantile(self, level: float) -> float:
        """Returns the order below which the posterior has the given mass."""
        low, high = self.means - 9 * self.deviations, self.means + 9 * self.deviations

        def excess(order: float) -> float:
            return float(self.weights @ stats.norm.cdf((order - self.means) / self.deviations)) - level

        return float(optimize.brentq(excess, low.min(), high.max()))


def fit_order(h: Array, log_error: Array, covariance: Array) -> Posterior:
    """Returns the law of the order for log errors (L,), coarsest first, with noise of a covariance (L, L)."""
    design = np.stack([np.ones_like(h), np.log(h / h[0])], 1)
    bends = np.stack([scale * (h / h[0]) ** power for power, scale in BENDS.items()], 1)
    bends = bends @ bends.T
    fits = [_generalised_least_squares(design, log_error, covariance, scale**2 * bends) for scale in BEND_SCALES]
    evidence = np.array([fit.log_evidence for fit in fits])
    # On a geometric grid the half-normal density takes another factor τ.
    weights = BEND_SCALES * np.exp(evidence - evidence.max() - 0.5 * (BEND_SCALES / BEND_SCALE) ** 2)
    weights /= weights.sum()
    return Posterior(
        weights,
        np.array([fit.slope for fit in fits]),
        np.sqrt([fit.variance for fit in fits]),
        weights @ np.stack([fit.loadings for fit in fits]),
        float(weights @ np.array([fit.departure for fit in fits])),
    )


@dataclass(frozen=True, slots=True)
class _Fit:
    slope: float
    variance: float
    loadings: Array
    departure: float
    log_evidence: float


def _generalised_least_squares(design: Array, y: Array, noise: Array, bend: Array) -> _Fit:
    """The fit for one τ, flat in a and p; the evidence is the restricted likelihood."""
    total = noise + bend + 1e-12 * np.eye(len(y))
    solved = np.linalg.solve(total, np.column_stack([design, y]))
    information = design.T @ solved[:, :2]
    covariance = np.linalg.inv(information)
    loadings = covariance @ solved[:, :2].T
    residual = y - design @ (loadings @ y)
    weighted = np.linalg.solve(total, residual)
    evidence = -0.5 * (np.linalg.slogdet(total)[1] + np.linalg.slogdet(information)[1] + residual @ weighted)
    return _Fit(
        float(loadings[1] @ y), float(covariance[1, 1]), loadings[1], float(bend[0] @ weighted), float(evidence)
    )


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


def first_below_bend(h: Array, log_error: Array, covariance: Array) -> tuple[int, Posterior]:
    """Returns the index of the coarsest level below the bend, and the law of the order from there on."""
    first = 0
    while True:
        posterior = fit_order(h[first:], log_error[first:], covariance[first:, first:])
        if abs(posterior.departure) <= LARGEST_BEND or len(h) - first <= MIN_LEVELS + 1:
            return first, posterior
        first += 1


def bootstrap_weights(blocks: int, replicates: int, seed: int = 0) -> Array:
    """Returns how often each block is drawn in each replicate, shape (replicates, blocks); rows sum to `blocks`."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(blocks, np.full(blocks, 1.0 / blocks), size=replicates).astype(np.float64)


def usable_levels(error: Array, spread: Array, reference: Array) -> list[str]:
    """Returns for each level why noise or the reference forbid it, "" where neither does."""
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
        quantile = float(stats.t.ppf(0.5 + LEVEL / 2, max(1, blocks - 1)))
    reasons = usable_levels(error, spread, reference)
    usable = [i for i, reason in enumerate(reasons) if not reason]
    order = low = high = None
    verdict: OrderVerdict = "not-resolved"
    advice = ""
    if len(usable) < MIN_LEVELS:
        advice = UNDECLARED if expected is None else _advice(error, spread, reference, reasons, paths)
    else:
        logs = np.log(np.maximum(replicates[:, usable], error[usable] * 1e-3))
        first, posterior = first_below_bend(h[usable], np.log(error[usable]), noise_covariance(logs))
        for i in usable[:first]:
            reasons[i] = "bend"
        counted = usable[first:]
        shift = float(np.abs(posterior.loadings) @ np.log1p(reference[counted] / error[counted]))
        low, high = posterior.quantile(0.5 - LEVEL / 2) - shift, posterior.quantile(0.5 + LEVEL / 2) + shift
        order = 0.5 * (low + high)
        verdict, advice = ("not-resolved", doubt) if doubt else _judge(posterior, shift, low, high, expected)
        if verdict == "not-resolved" and not advice:
            counted_covariance = noise_covariance(logs)[first:, first:]
            advice = _what_resolves(h[counted], counted_covariance, posterior, shift, paths)
    allowance = quantile * spread + reference
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


def _judge(
    posterior: Posterior, shift: float, low: float, high: float, expected: float | None
) -> tuple[OrderVerdict, str]:
    """The verdict, and what else is to be said."""
    if expected is None:
        return "not-resolved", UNDECLARED
    if posterior.quantile(0.5 + ACCUSATION / 2) + shift < expected:
        return "disagrees", ""
    if 0.5 * (high - low) > RESOLUTION or high < expected:
        return "not-resolved", ""
    if posterior.quantile(0.5 - ACCUSATION / 2) - shift > expected:
        return "agrees", "faster than declared: an order is a bound, and this problem does not reach it"
    return "agrees", ""


def _what_resolves(h: Array, covariance: Array, found: Posterior, shift: float, paths: int) -> str:
    """How many paths would make the interval narrow, as far as paths can: a bend asks for finer levels.

    It is tried on errors without noise that have the order and the bend that were found.
    """
    smooth = float(found.weights @ found.means) * np.log(h / h[0]) + found.departure * (h / h[0])
    for factor in (3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 32.0, 64.0):
        posterior = fit_order(h, smooth, covariance / factor)
        half = 0.5 * (posterior.quantile(0.5 + LEVEL / 2) - posterior.quantile(0.5 - LEVEL / 2)) + shift
        if half <= RESOLUTION:
            return f"about {rounded_up(paths * factor)} paths might resolve it"
    return "finer levels might resolve it: the slope still bends"


def _advice(error: Array, spread: Array, reference: Array, reasons: Sequence[str], paths: int) -> str:
    """What it takes at least to lift a third level above noise and reference."""
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
