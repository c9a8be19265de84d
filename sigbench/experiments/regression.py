"""The order of convergence from errors at several step sizes: which levels count, the slope, its interval.

Everything here is a pure function of numbers. The order is the slope of a weighted line through log error over
log h. A level counts only where its error stands above three of its standard errors and above three times the
reference's error. Through those levels goes log e = a + p·log h + b·h^q by weighted least squares, once with q = 1 and
once with q = 2; p is the mean of the two. The last term is the pre-asymptotic bend, so that p is the order in the
limit, and its interval pays for not knowing b nor q. Coarse levels lie beyond the bend, and are left out, as long as
leaving the coarsest out moves p by more than noise can. The interval adds to the spread of p over bootstrap
replicates (Student's quantile, since blocks of paths are the independent units) three quarters of the distance
between the two fits, and what the reference's error could hide.

A strong order is a bound on the error, so a scheme may be faster than it declares on a kind problem. The verdict
is "disagrees" where the whole interval lies below the declared order.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]
Verdict = Literal["agrees", "disagrees", "not-resolved"]

LEVEL = 0.95
NOISE_FACTOR = 3.0  # an error below 3 standard errors may be noise
REFERENCE_FACTOR = 3.0  # an error below 3 times the reference's own is not the scheme's alone
BEND_POWERS = (1, 2)  # the powers of h that may follow the leading one
BEND_FACTOR = 0.75  # by simulation: half misses bends that one of the two powers fits, one is needlessly wide
MIN_LEVELS = 3
STRICT = 1.7  # an interval of 99.9 % over one of 95 %
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
    """An order with its 95 % interval and verdict; the ends are None where fewer than 3 levels count.

    `advice` says what would resolve a verdict "not-resolved", and is empty otherwise.
    """

    order: float | None
    low: float | None
    high: float | None
    expected: float | None
    verdict: Verdict
    levels: tuple[LevelError, ...]
    advice: str

    @property
    def half_width(self) -> float | None:
        """Half the width of the interval, None where there is none."""
        return None if self.low is None or self.high is None else 0.5 * (self.high - self.low)


@dataclass(frozen=True, slots=True)
class Slope:
    """The exponent p of a fit, and its loading on each level's log error, shape (L,): p = loadings·log e."""

    value: float
    loadings: Array


def fit_slope(h: Array, log_error: Array, sigma: Array, bend: int | None) -> Slope:
    """Returns p of log e = a + p·log h (+ b·h^bend where it is given), weighted by 1/sigma².

    All arrays have shape (L,), with L at least 2, and at least 3 with a bend.
    """
    columns = [np.ones_like(h), np.log(h / h[0])] + ([] if bend is None else [(h / h[0]) ** bend])
    root = 1.0 / np.maximum(sigma, 1e-9 * float(np.max(sigma)) + 1e-300)
    design = np.stack(columns, 1) * root[:, None]
    loadings: Array = np.linalg.pinv(design)[1] * root
    return Slope(float(loadings @ log_error), loadings)


def fit_limit(h: Array, log_error: Array, sigma: Array) -> tuple[Slope, float]:
    """Returns the mean of the exponents with a bend of power 1 and of power 2, and the distance between them."""
    one, two = (fit_slope(h, log_error, sigma, power) for power in BEND_POWERS)
    return Slope(0.5 * (one.value + two.value), 0.5 * (one.loadings + two.loadings)), abs(one.value - two.value)


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


@dataclass(frozen=True, slots=True)
class Fit:
    """The levels from index `first` to the finest, their exponent, and the parts of the interval's half-width."""

    first: int
    slope: float
    random: float
    bend: float
    shift: float

    @property
    def half_width(self) -> float:
        """Random and bend part add as squares, the shift that the reference allows adds to them."""
        return math.hypot(self.random, self.bend) + self.shift


def first_below_bend(h: Array, log_error: Array, logs: Array, sigma: Array) -> int:
    """Returns the index of the coarsest level below the pre-asymptotic bend; at least 3 levels remain.

    Arrays run from the coarsest to the finest level, shape (L,); `logs` are bootstrap replicates of log error,
    shape (R, L), and `sigma` their standard deviations.
    """
    first = 0
    while len(h) - first > MIN_LEVELS:
        wide, _ = fit_limit(h[first:], log_error[first:], sigma[first:])
        narrow, _ = fit_limit(h[first + 1 :], log_error[first + 1 :], sigma[first + 1 :])
        loadings = wide.loadings - np.insert(narrow.loadings, 0, 0.0)
        if abs(wide.value - narrow.value) <= 2.5 * float(np.std(logs[:, first:] @ loadings, ddof=1)):
            break
        first += 1
    return first


def fit_order(h: Array, log_error: Array, logs: Array, ratio: Array, quantile: float) -> Fit:
    """Returns the fit over the levels below the bend; `ratio` (L,) is the reference's error over the level's."""
    sigma = np.std(logs, axis=0, ddof=1)
    first = first_below_bend(h, log_error, logs, sigma)
    part = slice(first, None)
    slope, disagreement = fit_limit(h[part], log_error[part], sigma[part])
    return Fit(
        first,
        slope.value,
        random=quantile * float(np.std(logs[:, part] @ slope.loadings, ddof=1)),
        bend=BEND_FACTOR * disagreement,
        shift=float(np.abs(slope.loadings) @ np.log1p(ratio[part])),
    )


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
) -> OrderEstimate:
    """Returns the order of errors (L,), coarsest level first, with bootstrap replicates of them (R, L).

    `reference` (L,) is the reference's own error, `blocks` the number of independent blocks of paths behind the
    replicates, and `paths` the number of paths, from which the advice is computed.
    """
    with np.errstate(all="ignore"):
        spread = np.nan_to_num(np.std(replicates, axis=0, ddof=1), nan=np.inf, posinf=np.inf)
        quantile = float(stats.t.ppf(0.5 + LEVEL / 2, max(1, blocks - 1)))
    reasons = usable_levels(error, spread, reference)
    usable = [i for i, reason in enumerate(reasons) if not reason]
    order = low = high = None
    verdict: Verdict = "not-resolved"
    advice = _advice(error, spread, reference, reasons, paths) if len(usable) < MIN_LEVELS else ""
    if not advice:
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(np.maximum(replicates[:, usable], error[usable] * 1e-3))
        fit = fit_order(h[usable], np.log(error[usable]), logs, reference[usable] / error[usable], quantile)
        for i in usable[: fit.first]:
            reasons[i] = "bend"
        order, half = fit.slope, fit.half_width
        low, high = order - half, order + half
        verdict, advice = _judge(fit, expected, paths)
    allowance = quantile * spread + reference
    bottom = np.maximum(error - np.where(np.isfinite(error), allowance, 0.0), 0.0)
    levels = tuple(
        LevelError(
            n, float(h[i]), float(error[i]), float(spread[i]), float(bottom[i]), float(error[i] + allowance[i]),
            not reasons[i], reasons[i],
        )
        for i, n in enumerate(steps)
    )  # fmt: skip
    return OrderEstimate(order, low, high, expected, verdict, levels, advice)


def _judge(fit: Fit, expected: float | None, paths: int) -> tuple[Verdict, str]:
    """The verdict, and what would resolve it or what else is to be said.

    "Disagrees" accuses, and a study makes dozens of intervals of which one in twenty misses: it takes one that
    is STRICT times as wide.
    """
    half = fit.half_width
    if expected is None:
        return "not-resolved", "the sampler declares no order to compare with"
    if fit.slope + STRICT * half < expected:
        return "disagrees", ""
    if half > RESOLUTION or fit.slope + half < expected:
        if fit.random > 0.5 * half:
            factor = max((half / RESOLUTION) ** 2, STRICT**2)
            return "not-resolved", f"about {_round_up(paths * factor)} paths would resolve it"
        return "not-resolved", "finer levels would resolve it: the slope still bends"
    if fit.slope - STRICT * half > expected:
        return "agrees", "faster than declared: an order is a bound, and this problem does not reach it"
    return "agrees", ""


def _advice(error: Array, spread: Array, reference: Array, reasons: Sequence[str], paths: int) -> str:
    """What would lift a third level above noise and reference."""
    missing = MIN_LEVELS - sum(not reason for reason in reasons)
    if "noise" in reasons:
        with np.errstate(divide="ignore", invalid="ignore"):
            factors = sorted(
                float((NOISE_FACTOR * spread[i] / abs(error[i])) ** 2) if error[i] != 0 else math.inf
                for i, reason in enumerate(reasons)
                if reason == "noise"
            )
        if len(factors) >= missing:
            factor = min(max(factors[missing - 1], 2.0), 1e6)
            return f"about {_round_up(paths * factor)} paths would resolve it"
    plural = "s" if missing > 1 else ""
    where = "finer" if "diverged" in reasons else "coarser"
    return f"{missing} more {where} level{plural} would resolve it"


def _round_up(value: float) -> str:
    """Two significant digits, rounded up, with thousands apart."""
    digits = max(0, math.floor(math.log10(value)) - 1)
    return f"{math.ceil(value / 10**digits) * 10**digits:,}".replace(",", " ")
