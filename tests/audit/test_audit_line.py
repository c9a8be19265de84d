"""The scores on the line again, from the mixture's formulas: the package gives the draws and the number under test."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special, stats

from sigbench.metrics.discrepancy import MMD, KolmogorovSmirnov
from sigbench.metrics.metric import Reference
from sigbench.metrics.moments import LostVariance, MeanError, ModeTV, VarianceError
from sigbench.metrics.transport import W1, W2
from sigbench_tasks.mixture.task import GMM

Array = NDArray[np.float64]

WEIGHTS, MEANS, STDS = (0.3, 0.4, 0.3), (-2.0, 0.0, 2.5), (0.3, 0.2, 0.4)
MODES = tuple(zip(WEIGHTS, MEANS, STDS, strict=True))
BANDWIDTHS = (0.1, 0.5, 2.0)
REFERENCE = Reference(GMM.law(), 0)


def cdf(x: Array) -> Array:
    """P(X ≤ x)."""
    return np.sum([w * 0.5 * special.erfc((m - x) / (s * math.sqrt(2))) for w, m, s in MODES], axis=0)


def density(x: Array) -> Array:
    """The derivative of `cdf`."""
    return np.sum([w * np.exp(-0.5 * ((x - m) / s) ** 2) / (s * math.sqrt(2 * math.pi)) for w, m, s in MODES], axis=0)


def area_below(x: Array) -> Array:
    """The integral of `cdf` up to x, which is E(x − X)⁺."""
    total = np.zeros_like(x)
    for w, m, s in MODES:
        total += w * (x - m) * 0.5 * special.erfc((m - x) / (s * math.sqrt(2)))
        total += w * s * np.exp(-0.5 * ((x - m) / s) ** 2) / math.sqrt(2 * math.pi)
    return total


def moments_below(x: Array) -> tuple[Array, Array]:
    """E[X; X ≤ x] and E[X²; X ≤ x]."""
    first, second = np.zeros_like(x), np.zeros_like(x)
    for w, m, s in MODES:
        mass = 0.5 * special.erfc((m - x) / (s * math.sqrt(2)))
        height = np.exp(-0.5 * ((x - m) / s) ** 2) / math.sqrt(2 * math.pi)
        first += w * (m * mass - s * height)
        second += w * ((m * m + s * s) * mass - s * (x + m) * height)
    return first, second


def quantile(p: Array) -> Array:
    """The inverse of `cdf`: a table's interpolation, polished by Newton's method."""
    table = np.linspace(-6.0, 7.0, 100_001)
    x = np.interp(p, cdf(table), table)
    for _ in range(8):
        x = x - (cdf(x) - p) / density(x)
    assert np.abs(cdf(x) - p).max() < 1e-14
    return x


def middle_quantiles(n: int) -> Array:
    """The quantiles at (i + ½)/n, which the package pairs with sorted samples."""
    return quantile((np.arange(n) + 0.5) / n)


def integral_of_gap(x: Array) -> float:
    """∫|F_n − F|: F_n is constant between neighbours, and F crosses it at a quantile if at all."""
    x, n = np.sort(x), len(x)
    level = np.arange(1, n) / n
    left, right = x[:-1], x[1:]
    cross = np.clip(quantile(level), left, right)
    before = level * (cross - left) - (area_below(cross) - area_below(left))
    after = area_below(right) - area_below(cross) - level * (right - cross)
    mean = sum(w * m for w, m, _ in MODES)
    tails = area_below(x[:1])[0] + area_below(x[-1:])[0] + mean - x[-1]
    return float(before.sum() + after.sum() + tails)


def integral_of_squares(x: Array) -> float:
    """The root of ∫₀¹(F_n⁻¹ − F⁻¹)², which is W2 to the law itself, from partial moments of every n-th part of it."""
    x, n = np.sort(x), len(x)
    ends = np.concatenate([[-40.0], quantile(np.arange(1, n) / n), [40.0]])
    first, second = (part[1:] - part[:-1] for part in moments_below(ends))
    return math.sqrt(float((x**2 / n - 2 * x * first + second).sum()))


def drawn(n: int) -> Array:
    return GMM.law().sample(n, 11)[:, 0]


def shrunk(n: int) -> Array:
    return 0.9 * GMM.law().sample(n, 12)[:, 0] + 0.05


def tied(n: int) -> Array:
    return np.round(GMM.law().sample(n, 13)[:, 0], 1)


def normal(n: int) -> Array:
    return np.random.default_rng(14).normal(0.2, 1.8, n)


KINDS = pytest.mark.parametrize("kind", [drawn, shrunk, tied, normal])
SIZES = pytest.mark.parametrize("n", [300, 50_000])
Kind = Callable[[int], Array]


def test_the_integral_of_the_gap_by_brute_force() -> None:
    """A middle sum over 2·10⁶ intervals: each of 40 jumps of 1/40 is misplaced by half an interval at most."""
    x, width = np.sort(shrunk(40)), 16.0 / 2_000_000
    middles: Array = -8.0 + width * np.arange(0.5, 2_000_000.0)
    steps = np.searchsorted(x, middles, side="right") / 40
    assert integral_of_gap(x) == pytest.approx(width * np.abs(steps - cdf(middles)).sum(), abs=width)


@KINDS
@SIZES
def test_w1_and_w2_by_own_quantiles(kind: Kind, n: int) -> None:
    """The package's own definition by another inverse; its bisection ends at 1e-10."""
    gaps = np.abs(np.sort(kind(n)) - middle_quantiles(n))
    assert W1()(kind(n)[:, None], REFERENCE) == pytest.approx(gaps.sum() / n, abs=2e-10)
    assert W2()(kind(n)[:, None], REFERENCE) == pytest.approx(math.sqrt((gaps**2).sum() / n), abs=2e-10)


@KINDS
@SIZES
def test_w1_is_the_integral_between_distribution_functions(kind: Kind, n: int) -> None:
    """By the triangle inequality W1 to n quantiles and W1 to the law differ by the distance of these two at most."""
    found, bound = W1()(kind(n)[:, None], REFERENCE), integral_of_gap(middle_quantiles(n))
    assert bound < 2.2 / n
    assert found == pytest.approx(integral_of_gap(kind(n)), abs=bound + 1e-9)


@KINDS
@SIZES
def test_w2_is_the_distance_to_the_law(kind: Kind, n: int) -> None:
    """The same triangle; the outermost parts of the law make its W2 to n quantiles fall like the root of n."""
    found, bound = W2()(kind(n)[:, None], REFERENCE), integral_of_squares(middle_quantiles(n))
    assert bound < 0.3 / math.sqrt(n)
    assert found == pytest.approx(integral_of_squares(kind(n)), abs=bound + 1e-9)


@KINDS
def test_ks_by_brute_force(kind: Kind) -> None:
    """The largest gap on either side of every sample, whose rank is counted."""
    x = kind(1000)
    gaps = [max(abs((x <= a).mean() - f), abs((x < a).mean() - f)) for a, f in zip(x, cdf(x), strict=True)]
    assert KolmogorovSmirnov()(x[:, None], REFERENCE) == pytest.approx(max(gaps), abs=1e-14)


def test_the_floor_of_w1_is_its_exact_expectation() -> None:
    """E∫|F_n − F| by de Moivre's mean deviation of a binomial; fails once in 10,000 times where all is right."""
    n, repeats = 500, 400
    x = np.linspace(-5.0, 6.0, 40_001)
    p = cdf(x)
    k = np.floor(n * p) + 1
    deviation = 2 * k * (1 - p) * stats.binom.pmf(k, n, p) / n
    expected = float(deviation.sum()) * (x[1] - x[0])
    values = [W1()(GMM.law().sample(n, 1000 + i), Reference(GMM.law(), i)) for i in range(repeats)]
    bound = stats.norm.isf(0.5e-4) * np.std(values, ddof=1) / math.sqrt(repeats)
    assert bound < 0.15 * expected
    assert np.mean(values) == pytest.approx(expected, abs=bound + integral_of_gap(middle_quantiles(n)))


@pytest.mark.parametrize("n", [10, 60])
def test_the_closed_floor_of_w1_by_order_statistics(n: int) -> None:
    """The level of the i-th of n ordered draws has the law Beta(i, n + 1 − i): its mean distance to its partner."""
    x = np.linspace(-6.0, 7.0, 26_001)
    levels, heights = cdf(x), density(x) * (x[1] - x[0])
    distances = [
        float((np.abs(x - q) * stats.beta.pdf(levels, i, n + 1 - i)) @ heights)
        for i, q in enumerate(middle_quantiles(n), start=1)
    ]
    floor = W1().exact_floor(GMM.law(), n)
    assert floor is not None
    assert floor.value == pytest.approx(math.fsum(distances) / n, rel=1e-3)


@pytest.mark.parametrize("n", [100, 2000])
def test_the_closed_floor_of_ks_is_that_of_its_exact_law(n: int) -> None:
    """Against the mean of the exact law of the statistic of n draws, to a thousandth from n = 100 on."""
    floor = KolmogorovSmirnov().exact_floor(GMM.law(), n)
    assert floor.value == pytest.approx(stats.kstwo(n).mean(), rel=1e-3)


def test_the_floor_of_ks_is_kolmogorovs() -> None:
    """The mean over 400 draws against the exact law's at n = 500; fails once in 10,000 times where all is right."""
    law = stats.kstwo(500)
    values = [KolmogorovSmirnov()(GMM.law().sample(500, 5000 + i), REFERENCE) for i in range(400)]
    assert np.mean(values) == pytest.approx(law.mean(), abs=stats.norm.isf(0.5e-4) * law.std() / 20)


@KINDS
def test_mmd_by_a_double_sum_and_a_quadrature(kind: Kind) -> None:
    """The trapezoidal rule at 0.01 is exact to rounding for Gaussians of width 0.1 and more."""
    x = kind(120)
    y = np.arange(-7.0, 8.0, 0.01)
    mass = 0.01 * density(y)
    expected = 0.0
    for b in BANDWIDTHS:
        pairs = [math.exp(-0.5 * ((u - v) / b) ** 2) for i, u in enumerate(x) for j, v in enumerate(x) if i != j]
        cross = sum(float(np.exp(-0.5 * ((u - y) / b) ** 2) @ mass) for u in x) / len(x)
        energy = float(mass @ np.exp(-0.5 * ((y[:, None] - y) / b) ** 2) @ mass)
        expected += (sum(pairs) / (len(x) * (len(x) - 1)) + energy - 2 * cross) / len(BANDWIDTHS)
    assert MMD(BANDWIDTHS)(x[:, None], REFERENCE) == pytest.approx(expected, abs=1e-12)


def posterior(x: float) -> list[float]:
    """The probabilities of the modes at x, by Bayes."""
    joint = [w * math.exp(-0.5 * ((x - m) / s) ** 2) / s for w, m, s in MODES]
    return [part / sum(joint) for part in joint]


@KINDS
def test_mode_weights_by_loops(kind: Kind) -> None:
    """Half the sum of what each mode has too much or too little."""
    shares = [0.0, 0.0, 0.0]
    for x in kind(800):
        for k, part in enumerate(posterior(float(x))):
            shares[k] += part / 800
    expected = 0.5 * sum(abs(share - w) for share, w in zip(shares, WEIGHTS, strict=True))
    assert ModeTV()(kind(800)[:, None], REFERENCE) == pytest.approx(expected, abs=1e-12)


@KINDS
def test_mean_and_variance_by_loops(kind: Kind) -> None:
    """The law's moments are Σwm = 0.15 and Σw(s² + m²) − 0.15² = 3.1435."""
    x = [float(value) for value in kind(800)]
    mean = math.fsum(x) / 800
    variance = math.fsum((value - mean) ** 2 for value in x) / 799
    assert MeanError()(kind(800)[:, None], REFERENCE) == pytest.approx(abs(mean - 0.15), abs=1e-12)
    assert VarianceError()(kind(800)[:, None], REFERENCE) == pytest.approx(abs(variance - 3.1435), abs=1e-11)


def quartile(ordered: list[float], share: float) -> float:
    """The quantile by linear interpolation between order statistics."""
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    return ordered[low] + (place - low) * (ordered[min(low + 1, len(ordered) - 1)] - ordered[low])


@KINDS
def test_lost_variance_by_loops(kind: Kind) -> None:
    """Interquartile ranges of the samples nearest to a mode in probability; a standard normal's is 1.3489795."""
    members: list[list[float]] = [[], [], []]
    for x in sorted(kind(800)):
        found = posterior(float(x))
        members[found.index(max(found))].append(float(x))
    expected = 1.0
    for own, (w, _, s) in zip(members, MODES, strict=True):
        expected -= w * ((quartile(own, 0.75) - quartile(own, 0.25)) / (1.3489795003921634 * s)) ** 2
    assert LostVariance()(kind(800)[:, None], REFERENCE) == pytest.approx(expected, abs=1e-12)
