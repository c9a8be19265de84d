"""The scores in the plane again: sliced and exact transport, kernels, modes and moments, by hand."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.stats import norm

from sigbench.metrics.discrepancy import MMD
from sigbench.metrics.metric import Reference
from sigbench.metrics.moments import LostVariance, MeanError, ModeTV, VarianceError
from sigbench.metrics.transport import ExactW2, SlicedW2
from sigbench_tasks.mixture.task import GMM2D

Array = NDArray[np.float64]

CENTRES = [(float(a), float(b)) for a in (-4, -2, 0, 2, 4) for b in (-4, -2, 0, 2, 4)]
STD = 0.15
BANDWIDTHS = (0.15, 0.75, 3.0)
REFERENCE = Reference(GMM2D.law(), 3)


def drawn(n: int) -> Array:
    return GMM2D.law().sample(n, 21)


def turned(n: int) -> Array:
    """Draws under a map that turns, stretches and moves, with a corner of modes that is lost."""
    x = GMM2D.law().sample(2 * n, 22)
    x = x[(x[:, 0] < 3) | (x[:, 1] < 3)][:n]
    return x @ np.array([[1.05, 0.1], [-0.05, 0.9]]) + np.array([0.1, -0.2])


def normal(n: int) -> Array:
    return np.random.default_rng(23).multivariate_normal([0.5, 0.0], [[6.0, 2.0], [2.0, 5.0]], n)


KINDS = pytest.mark.parametrize("kind", [drawn, turned, normal])
Kind = Callable[[int], Array]


def squared_w2_along(x: Array, y: Array, direction: Array) -> float:
    """The squared W2 of two samples' shadows on a line, equal ranks paired."""
    own = sorted(float(a * direction[0] + b * direction[1]) for a, b in x)
    other = sorted(float(a * direction[0] + b * direction[1]) for a, b in y)
    return math.fsum((a - b) ** 2 for a, b in zip(own, other, strict=True)) / len(x)


@KINDS
def test_sliced_w2_by_its_directions(kind: Kind) -> None:
    """The directions are normals of NumPy's old generator at the repeat's seed, over their lengths."""
    normals = np.random.RandomState(REFERENCE.seed).randn(2, 32)
    directions = [np.array([a, b]) / math.hypot(a, b) for a, b in normals.T]
    squares = [squared_w2_along(kind(600), REFERENCE.draw(600), direction) for direction in directions]
    assert SlicedW2()(kind(600), REFERENCE) == pytest.approx(math.sqrt(math.fsum(squares) / 32), rel=1e-12)


@KINDS
def test_sliced_w2_is_about_that_of_all_directions(kind: Kind) -> None:
    """Against 120 even angles: 32 random ones stray by their standard error; fails once in 10,000 times if right."""
    angles = (np.arange(120) + 0.5) * math.pi / 120
    x, y = kind(600), REFERENCE.draw(600)
    squares = [squared_w2_along(x, y, np.array([math.cos(a), math.sin(a)])) for a in angles]
    bound = norm.isf(0.5e-4) * np.std(squares) / math.sqrt(32)
    assert SlicedW2()(x, REFERENCE) ** 2 == pytest.approx(np.mean(squares), abs=bound)


@pytest.mark.parametrize(("kind", "n"), [(drawn, 100), (normal, 100), (turned, 1000)])
def test_exact_w2_by_assignment(kind: Kind, n: int) -> None:
    """SciPy's Hungarian algorithm in the place of POT's network simplex."""
    x, y = kind(n), REFERENCE.draw(n)
    cost = np.array([(y[:, 0] - a) ** 2 + (y[:, 1] - b) ** 2 for a, b in x])
    rows, columns = linear_sum_assignment(cost)
    expected = math.sqrt(math.fsum(cost[rows, columns]) / n)
    assert ExactW2()(x, REFERENCE) == pytest.approx(expected, rel=1e-9)


@KINDS
def test_mmd_by_a_double_sum_and_a_quadrature(kind: Kind) -> None:
    """The trapezoidal rule at 0.03 is exact to rounding for Gaussians of width 0.15 and more, and their products."""
    x = kind(80)
    axis = np.arange(-7.5, 7.5, 0.03)
    mass = np.zeros((len(axis), len(axis)))
    for a, b in CENTRES:
        along, across = (np.exp(-0.5 * ((axis - c) / STD) ** 2) / (STD * math.sqrt(2 * math.pi)) for c in (a, b))
        mass += 0.03**2 * np.outer(along, across) / 25
    expected = 0.0
    for b in BANDWIDTHS:
        pairs = [math.exp(-0.5 * (math.dist(x[i], x[j]) / b) ** 2) for i in range(80) for j in range(80) if i != j]
        first, second = (np.exp(-0.5 * ((x[:, i, None] - axis) / b) ** 2) for i in (0, 1))
        cross = math.fsum(float(u @ mass @ v) for u, v in zip(first, second, strict=True)) / 80
        kernel = np.exp(-0.5 * ((axis[:, None] - axis) / b) ** 2)
        energy = float((mass * (kernel @ mass @ kernel)).sum())
        expected += (math.fsum(pairs) / (80 * 79) + energy - 2 * cross) / len(BANDWIDTHS)
    assert MMD(BANDWIDTHS)(x, REFERENCE) == pytest.approx(expected, abs=1e-12)


def posterior(point: Array) -> list[float]:
    """The probabilities of the 25 modes at a point, by Bayes."""
    squares = [math.dist(point, centre) ** 2 for centre in CENTRES]
    joint = [math.exp(-0.5 * (square - min(squares)) / STD**2) for square in squares]
    return [part / sum(joint) for part in joint]


@KINDS
def test_mode_weights_by_loops(kind: Kind) -> None:
    """Half the sum of what each of 25 modes has too much or too little."""
    shares = [0.0] * 25
    for point in kind(400):
        for k, part in enumerate(posterior(point)):
            shares[k] += part / 400
    expected = 0.5 * sum(abs(share - 0.04) for share in shares)
    assert ModeTV()(kind(400), REFERENCE) == pytest.approx(expected, abs=1e-12)


@KINDS
def test_mean_and_covariance_by_loops(kind: Kind) -> None:
    """The law's mean is 0 and its covariance (8 + 0.15²)·I, for even numbers from −4 to 4 have variance 8."""
    x = [(float(a), float(b)) for a, b in kind(500)]
    mean = [math.fsum(point[i] for point in x) / 500 for i in (0, 1)]
    squares = 0.0
    for i in (0, 1):
        for j in (0, 1):
            own = math.fsum((point[i] - mean[i]) * (point[j] - mean[j]) for point in x) / 499
            squares += (own - (8.0225 if i == j else 0.0)) ** 2
    assert MeanError()(kind(500), REFERENCE) == pytest.approx(math.hypot(*mean), abs=1e-12)
    assert VarianceError()(kind(500), REFERENCE) == pytest.approx(math.sqrt(squares), abs=1e-11)


def interquartile_range(values: list[float]) -> float:
    """By linear interpolation between order statistics."""
    ordered, ends = sorted(values), []
    for share in (0.25, 0.75):
        place = share * (len(ordered) - 1)
        low = math.floor(place)
        ends.append(ordered[low] + (place - low) * (ordered[min(low + 1, len(ordered) - 1)] - ordered[low]))
    return ends[1] - ends[0]


@KINDS
def test_lost_variance_by_loops(kind: Kind) -> None:
    """Every sample counts for the nearest centre; a standard normal's interquartile range is 1.3489795."""
    members: list[list[Array]] = [[] for _ in CENTRES]
    for point in kind(1000):
        distances = [math.dist(point, centre) for centre in CENTRES]
        members[distances.index(min(distances))].append(point)
    kept = 0.0
    for own in members:
        if own:
            ranges = [interquartile_range([float(point[i]) for point in own]) for i in (0, 1)]
            kept += 0.04 * sum((r / (1.3489795003921634 * STD)) ** 2 for r in ranges) / 2
    assert LostVariance()(kind(1000), REFERENCE) == pytest.approx(1 - kept, abs=1e-12)
