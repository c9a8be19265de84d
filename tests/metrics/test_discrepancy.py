"""MMD and Kolmogorov–Smirnov: against brute force, by hand, and on average."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import cdist

from sigbench.metrics.discrepancy import MMD, KolmogorovSmirnov, mean_kernel, squared_distances
from sigbench.metrics.metric import Array, Reference
from sigbench_tasks.mixture.law import GaussianMixture
from sigbench_tasks.mixture.task import GMM, GMM2D

PROPERTY = settings(deadline=None, derandomize=True, database=None)
LINE, PLANE = GMM.law(), GMM2D.law()


class DrawsOnly:
    """A law of which nothing is known but its draws."""

    def __init__(self, law: GaussianMixture) -> None:
        self.sample = law.sample


class Normal:
    """The standard normal law on the line."""

    def sample(self, n: int, seed: int) -> Array:
        return np.random.default_rng(seed).standard_normal((n, 1))

    def cdf(self, x: Array) -> Array:
        return stats.norm.cdf(x)

    def quantile(self, p: Array) -> Array:
        return stats.norm.ppf(p)


class Uniform(Normal):
    """The uniform law on [0, 1]."""

    def cdf(self, x: Array) -> Array:
        return np.clip(x, 0.0, 1.0)


def brute_force_mmd(x: Array, y: Array, bandwidths: tuple[float, ...]) -> float:
    """Gretton et al. 2012, eq. 3, term by term."""

    def kernel(a: Array, b: Array) -> float:
        return sum(math.exp(-((a - b) ** 2).sum() / (2 * width**2)) for width in bandwidths) / len(bandwidths)

    n, m = len(x), len(y)
    total = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    total += sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return total - 2 * sum(kernel(x[i], y[j]) for i in range(n) for j in range(m)) / (n * m)


@pytest.mark.parametrize("n", [2, 3, 17])
@pytest.mark.parametrize("bandwidths", [(1.0,), (0.15, 0.75, 3.0)])
def test_mmd_by_brute_force(n: int, bandwidths: tuple[float, ...]) -> None:
    reference, samples = Reference(DrawsOnly(PLANE), 0), 1.1 * PLANE.sample(n, 1)
    exact = brute_force_mmd(samples, reference.draw(n), bandwidths)
    assert MMD(bandwidths)(samples, reference) == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("bandwidths", [(0.1,), (0.15, 0.75, 3.0)])
def test_kernel_means_of_a_mixture_by_quadrature(bandwidths: tuple[float, ...]) -> None:
    """On the line by the trapezoidal rule; in the plane a mixture of products gives products of those of the line."""
    at, y = np.array([[-2.3], [0.0], [1.7]]), np.linspace(-6, 7, 20_001)
    kernel = np.mean([np.exp(-((at - y) ** 2) / (2 * b**2)) for b in bandwidths], axis=0)
    density = LINE.density(y[:, None])
    np.testing.assert_allclose(
        LINE.kernel_means(at, bandwidths), np.trapezoid(kernel * density, y), rtol=1e-9, atol=1e-12
    )
    means = LINE.kernel_means(y[:, None], bandwidths)
    assert LINE.kernel_energy(bandwidths) == pytest.approx(np.trapezoid(means * density, y), rel=1e-9)

    law = GaussianMixture(np.array([1.0]), np.array([[0.3, -1.0]]), np.array([0.7]))
    sides = [GaussianMixture(np.array([1.0]), law.means[:, k : k + 1], law.stds) for k in (0, 1)]
    for b in bandwidths:
        products = np.prod([side.kernel_means(at, (b,)) for side in sides], axis=0)
        np.testing.assert_allclose(law.kernel_means(np.repeat(at, 2, axis=1), (b,)), products, rtol=1e-12)
        energies = [side.kernel_energy((b,)) for side in sides]
        assert law.kernel_energy((b,)) == pytest.approx(np.prod(energies), rel=1e-12)


def test_what_is_known_of_the_truth_adds_no_noise() -> None:
    """Against its expectation MMD² varies less than against draws, and is the same on average: 100 repeats of 200."""
    metric = MMD((0.1, 0.5, 2.0))
    known, drawn = (
        np.array([metric(LINE.sample(200, 5_000 + seed), Reference(truth, seed)) for seed in range(100)])
        for truth in (LINE, DrawsOnly(LINE))
    )
    assert known.std() < 0.75 * drawn.std()
    assert abs((known - drawn).mean()) < 4 * stats.sem(known - drawn)


@pytest.mark.parametrize("d", [1, 3, 4])
def test_squared_distances(d: int) -> None:
    x, y = np.random.default_rng(0).standard_normal((2, 5, d))
    np.testing.assert_allclose(squared_distances(x, y[:3]), cdist(x, y[:3], "sqeuclidean"), rtol=1e-12, atol=1e-14)


def test_mean_kernel_of_unequal_sizes() -> None:
    squared = cdist(PLANE.sample(4, 0), PLANE.sample(7, 1), "sqeuclidean")
    exact = np.mean([np.exp(-squared / (2 * b**2)).mean() for b in (0.5, 2.0)])
    assert mean_kernel(squared, (0.5, 2.0)) == pytest.approx(exact, rel=1e-12)


def test_mmd_keeps_references_and_sizes_apart() -> None:
    """What one metric remembers of a reference must not reach another reference or another size."""
    metric, first, second = MMD((0.5,)), Reference(DrawsOnly(LINE), 0), Reference(DrawsOnly(LINE), 1)
    for reference, n in ((first, 30), (second, 30), (first, 20), (first, 30), (second, 20)):
        samples = LINE.sample(n, 5)
        exact = brute_force_mmd(samples, reference.draw(n), (0.5,))
        assert metric(samples, reference) == pytest.approx(exact, abs=1e-12)


def test_mmd_of_the_truth_is_zero_on_average() -> None:
    """300 draws of the truth against others; an unbiased estimator fails once in 10,000 times."""
    metric = MMD((0.15, 0.75, 3.0))
    values = [metric(PLANE.sample(150, 10_000 + seed), Reference(PLANE, seed)) for seed in range(300)]
    assert abs(np.mean(values)) < stats.norm.isf(1e-4 / 2) * stats.sem(values)
    assert min(values) < 0 < max(values)


@pytest.mark.parametrize("shift", [0.5, 2.0])
def test_mmd_of_a_shift_is_known_on_average(shift: float) -> None:
    """Between N(0, 1) and N(c, 1); an unbiased estimator fails once in 10,000 times."""
    bandwidth, truth = 0.8, Normal()
    values = [
        MMD((bandwidth,))(truth.sample(150, 10_000 + seed) + shift, Reference(truth, seed)) for seed in range(300)
    ]
    spread = bandwidth**2 + 2
    exact = 2 * bandwidth / math.sqrt(spread) * (1 - math.exp(-(shift**2) / (2 * spread)))
    assert abs(np.mean(values) - exact) < stats.norm.isf(1e-4 / 2) * stats.sem(values)


def test_ks_by_hand() -> None:
    # F − (i−1)/n: 0.3, 0.17, 0.23; i/n − F: 0.03, 0.17, 0.1 (n = 3)
    samples = np.array([[0.9], [0.3], [0.5]])
    assert KolmogorovSmirnov()(samples, Reference(Uniform(), 0)) == pytest.approx(0.3, abs=1e-12)
    assert KolmogorovSmirnov()(np.array([[0.5]]), Reference(Uniform(), 0)) == pytest.approx(0.5)
    assert KolmogorovSmirnov()(np.full((4, 1), 2.0), Reference(Uniform(), 0)) == pytest.approx(1.0)


@PROPERTY
@given(n=st.integers(1, 200), seed=st.integers(0, 1000), scale=st.floats(0.1, 3.0))
def test_ks_by_its_definition(n: int, seed: int, scale: float) -> None:
    samples = scale * LINE.sample(n, seed)
    at = LINE.cdf(np.sort(samples[:, 0]))
    exact = max((np.arange(1, n + 1) / n - at).max(), (at - np.arange(n) / n).max())
    assert KolmogorovSmirnov()(samples, Reference(LINE, 0)) == pytest.approx(exact, abs=1e-12)


def test_ks_of_the_truth_falls_like_a_square_root() -> None:
    """The mean of √n·KS over 100 draws is 0.8687 in the limit; a right metric fails once in 10,000 times."""
    values = [math.sqrt(2000) * KolmogorovSmirnov()(LINE.sample(2000, seed), Reference(LINE, 0)) for seed in range(100)]
    limit = math.sqrt(math.pi / 2) * math.log(2)
    assert abs(np.mean(values) - limit) < stats.norm.isf(1e-4 / 2) * stats.sem(values) + 0.01
