"""The reference: draws made once, exact quantiles where they are known."""

import numpy as np

from sigbench.metrics.metric import Array, KnownCDF, Reference
from sigbench_tasks.mixture.task import GMM, GMM2D


class CountingTruth:
    """A truth on the line without a distribution function, which counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def sample(self, n: int, seed: int) -> Array:
        self.asked.append((n, seed))
        return np.random.default_rng(seed).standard_normal((n, 1))


def test_draws_are_made_once() -> None:
    truth = CountingTruth()
    reference = Reference(truth, 5)
    assert reference.draw(10) is reference.draw(10)
    assert reference.draw(20).shape == (20, 1)
    assert truth.asked == [(10, 5), (20, 5)]


def test_sorted_draw_where_no_quantile_is_known() -> None:
    truth = CountingTruth()
    assert not isinstance(truth, KnownCDF)
    reference = Reference(truth, 5)
    np.testing.assert_array_equal(reference.sorted_values(50), np.sort(truth.sample(50, 5)[:, 0]))
    assert reference.sorted_values(50) is reference.sorted_values(50)


def test_exact_quantiles_where_they_are_known() -> None:
    law = GMM.law()
    assert isinstance(law, KnownCDF)
    assert not isinstance(GMM2D.law(), KnownCDF)
    values = Reference(law, 5).sorted_values(50)
    np.testing.assert_allclose(law.cdf(values), (np.arange(50) + 0.5) / 50, atol=1e-9)
    np.testing.assert_array_equal(values, Reference(law, 6).sorted_values(50))
