"""Optimal transport: against POT, against brute force, and for known shifts."""

from itertools import permutations

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from sigbench.metrics.metric import Metric, Reference
from sigbench.metrics.transport import W1, W2, ExactW2, SlicedW2, wasserstein_sorted
from sigbench_tasks.mixture.task import GMM, GMM2D

PROPERTY = settings(deadline=None, derandomize=True, database=None)
LINE, PLANE = GMM.law(), GMM2D.law()


@PROPERTY
@given(
    n=st.integers(1, 300),
    p=st.sampled_from([1.0, 2.0]),
    shift=st.floats(-5, 5),
    scale=st.floats(0.01, 10),
    seed=st.integers(0, 10_000),
)
def test_sorted_distance_is_that_of_pot(n: int, p: float, shift: float, scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=n), shift + scale * rng.standard_t(3, size=n)
    exact = float(ot.wasserstein_1d(x, y, p=p)) ** (1 / p)  # POT returns the p-th power
    assert wasserstein_sorted(np.sort(x), np.sort(y), p) == pytest.approx(exact, abs=1e-10, rel=1e-10)


@pytest.mark.parametrize(("metric", "p"), [(W1(), 1.0), (W2(), 2.0)], ids=["w1", "w2"])
def test_metric_is_the_distance_to_the_exact_quantiles(metric: Metric, p: float) -> None:
    samples = LINE.sample(5000, 1)[::-1] * 1.1
    quantiles = LINE.quantile((np.arange(5000) + 0.5) / 5000)
    exact = float(ot.wasserstein_1d(samples[:, 0], quantiles, p=p)) ** (1 / p)
    assert metric(samples, Reference(LINE, 0)) == pytest.approx(exact, abs=1e-10)


@pytest.mark.parametrize("metric", [W1(), W2()], ids=["w1", "w2"])
@pytest.mark.parametrize("shift", [0.0, 0.05, -2.0])
def test_a_shift_is_its_own_distance(metric: Metric, shift: float) -> None:
    reference = Reference(LINE, 0)
    shuffled = np.random.default_rng(0).permutation(reference.sorted_values(1000))
    assert metric(shuffled[:, None] + shift, reference) == pytest.approx(abs(shift), abs=1e-12)


def test_a_scale_is_its_own_distance() -> None:
    reference = Reference(LINE, 0)
    values = reference.sorted_values(1000)
    assert W1()(1.5 * values[:, None], reference) == pytest.approx(0.5 * np.abs(values).mean(), rel=1e-12)
    assert W2()(1.5 * values[:, None], reference) == pytest.approx(0.5 * np.sqrt((values**2).mean()), rel=1e-12)


def test_metrics_leave_their_samples_alone() -> None:
    samples = LINE.sample(100, 1)
    before = samples.copy()
    W1()(samples, Reference(LINE, 0))
    np.testing.assert_array_equal(samples, before)


def test_sliced_distance_is_the_mean_over_its_directions() -> None:
    reference, samples = Reference(PLANE, 0), 0.9 * PLANE.sample(400, 1)
    directions = ot.sliced.get_random_projections(2, 32, seed=reference.seed)
    squares = [
        wasserstein_sorted(np.sort(samples @ d), np.sort(reference.draw(400) @ d), 2.0) ** 2 for d in directions.T
    ]
    assert SlicedW2()(samples, reference) == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-10)


def test_sliced_distance_of_a_shift() -> None:
    """A shift v shows as |v|/√d; over 4,000 directions a spread of 0.6 %, and the bound is five of them."""
    reference, shift = Reference(PLANE, 0), np.array([0.3, -0.4])
    exact = reference.draw(500)
    assert SlicedW2()(exact, reference) == pytest.approx(0.0, abs=1e-12)
    assert SlicedW2(projections=4000)(exact + shift, reference) == pytest.approx(0.5 / np.sqrt(2), rel=0.03)


def test_sliced_directions_are_the_repeats_own() -> None:
    samples = PLANE.sample(300, 1)
    np.random.seed(1)  # noqa: NPY002
    one = SlicedW2()(samples, Reference(PLANE, 0))
    np.random.seed(2)  # noqa: NPY002
    assert SlicedW2()(samples, Reference(PLANE, 0)) == one
    reference = Reference(PLANE, 1)
    reference._draws[300] = Reference(PLANE, 0).draw(300)  # the same draw, in other directions
    assert SlicedW2()(samples, reference) != one


@pytest.mark.parametrize("seed", range(5))
def test_exact_distance_by_brute_force(seed: int) -> None:
    reference, samples = Reference(PLANE, seed), PLANE.sample(6, 100 + seed)
    cost = ((samples[:, None] - reference.draw(6)) ** 2).sum(-1)
    best = min(sum(cost[i, j] for i, j in enumerate(order)) for order in permutations(range(6)))
    assert ExactW2()(samples, reference) == pytest.approx(np.sqrt(best / 6), rel=1e-10)


def test_exact_distance_by_assignment() -> None:
    reference, samples = Reference(PLANE, 0), PLANE.sample(150, 1)
    cost = ((samples[:, None] - reference.draw(150)) ** 2).sum(-1)
    rows, columns = linear_sum_assignment(cost)
    assert ExactW2()(samples, reference) == pytest.approx(np.sqrt(cost[rows, columns].mean()), rel=1e-9)


def test_exact_distance_of_a_shift() -> None:
    reference = Reference(PLANE, 0)
    assert ExactW2()(reference.draw(200) + np.array([0.3, -0.4]), reference) == pytest.approx(0.5, rel=1e-9)


def test_exact_distance_bounds_the_sliced_one() -> None:
    reference, samples = Reference(PLANE, 0), 1.2 * PLANE.sample(200, 1)
    assert 0 < SlicedW2()(samples, reference) < ExactW2()(samples, reference)


def test_only_the_exact_distance_is_bounded_in_samples() -> None:
    assert ExactW2().sample_size(10**6) == 1000
    assert ExactW2(max_samples=50).sample_size(20) == 20
    assert SlicedW2().sample_size(10**6) == W1().sample_size(10**6) == 10**6
