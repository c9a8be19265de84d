"""Partial signatures: the exact law, Chen's identity and whitening."""

from collections.abc import Callable, Sequence
from functools import reduce
from itertools import pairwise
from math import factorial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sigbench.errors import BadInput
from sigbench.sde.brownian import FreshBrownian
from sigbench.sde.grid import Step
from sigbench.sde.noise import NoiseStream
from sigbench.sde.signature import (
    MAX_ORDER,
    PartialSignature,
    check_order,
    moment_covariance,
    moment_factor,
    signature_of_normals,
    whitening_factor,
)

PROPERTY = settings(deadline=None, derandomize=True, database=None)
ORDERS = st.integers(1, 5)
NODES, WEIGHTS = np.polynomial.legendre.leggauss(40)


class SmoothPaths:
    """Eight paths W with dW/du = Σ a_i cos(i·u + b_i), whose moments a quadrature gives to rounding error."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.amplitudes, self.phases = rng.normal(size=(8, 4)), rng.uniform(0, 6, size=(8, 4))

    def velocity(self, u: np.ndarray) -> np.ndarray:
        waves = np.cos(np.arange(4)[:, None] * u + self.phases[:, :, None])
        return (self.amplitudes[:, :, None] * waves).sum(1)

    def signature(self, start: float, end: float, order: int) -> PartialSignature:
        """The moments over [start, end] by their definition, with no use of Chen's identity."""
        half = 0.5 * (end - start)
        u = start + half * (NODES + 1)
        moments = [
            half * (self.velocity(u) * WEIGHTS * (end - u) ** k / factorial(k)).sum(1, keepdims=True)
            for k in range(order)
        ]
        return PartialSignature(end - start, tuple(torch.from_numpy(moment) for moment in moments))


def fold_left(parts: Sequence[PartialSignature]) -> PartialSignature:
    return reduce(PartialSignature.then, parts)


def fold_right(parts: Sequence[PartialSignature]) -> PartialSignature:
    return reduce(lambda later, earlier: earlier.then(later), reversed(parts))


def fold_halves(parts: Sequence[PartialSignature]) -> PartialSignature:
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return fold_halves(parts[:middle]).then(fold_halves(parts[middle:]))


def normals(order: int, n: int = 64, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, 2, dtype=torch.float64, generator=generator) for _ in range(order)]


@pytest.mark.parametrize("order", range(1, MAX_ORDER + 1))
def test_covariance_is_the_ito_isometry(order: int) -> None:
    u = 0.5 * (NODES + 1)
    kernels = np.array([(1 - u) ** k / factorial(k) for k in range(order)])
    np.testing.assert_allclose(moment_covariance(order), kernels @ np.diag(0.5 * WEIGHTS) @ kernels.T, rtol=1e-13)


def test_covariance_of_the_paper() -> None:
    np.testing.assert_allclose(moment_covariance(2), [[1, 1 / 2], [1 / 2, 1 / 3]])


@pytest.mark.parametrize("order", range(1, MAX_ORDER + 1))
def test_factor_and_its_inverse(order: int) -> None:
    factor = moment_factor(order)
    np.testing.assert_allclose(factor @ factor.T, moment_covariance(order), rtol=1e-14)
    np.testing.assert_allclose(np.triu(factor, 1), 0.0)
    np.testing.assert_allclose(whitening_factor(order) @ factor, np.eye(order), atol=1e-10)


@pytest.mark.parametrize(
    ("order", "dtype"), [*((order, torch.float64) for order in range(1, 6)), (5, torch.float32)], ids=str
)
def test_empirical_covariances(order: int, dtype: torch.dtype) -> None:
    """A million draws of the driver; with the Bonferroni bound a right sampler fails once in 10,000 times."""
    n, h = 1_000_000, 0.37
    stream = NoiseStream(20, (), dtype=dtype)
    moments = FreshBrownian(stream, 0, n, max_order=5).signature(Step(0, 1.0, 1.0 + h), order).moments
    draws = torch.stack(moments).double().numpy()
    powers = h ** (np.arange(order)[:, None] + np.arange(order) + 1.0)
    exact = powers * moment_covariance(order)
    variances = np.diag(exact)
    z_covariance = (draws @ draws.T / n - exact) / np.sqrt((np.outer(variances, variances) + exact**2) / n)
    z_mean = draws.mean(1) / np.sqrt(variances / n)
    comparisons = order * (order + 1) // 2 + order
    bound = stats.norm.isf(1e-4 / 2 / comparisons)
    assert np.abs(z_covariance).max() < bound
    assert np.abs(z_mean).max() < bound


@pytest.mark.parametrize("fold", [fold_left, fold_right, fold_halves])
@PROPERTY
@given(
    order=ORDERS,
    seed=st.integers(0, 1000),
    start=st.floats(0.0, 2.0),
    lengths=st.lists(st.floats(1e-3, 0.4), min_size=2, max_size=9),
)
def test_chen_is_exact(
    fold: Callable[[Sequence[PartialSignature]], PartialSignature],
    order: int,
    seed: int,
    start: float,
    lengths: list[float],
) -> None:
    paths, times = SmoothPaths(seed), start + np.concatenate([[0.0], np.cumsum(lengths)])
    parts = [paths.signature(a, b, order) for a, b in pairwise(times.tolist())]
    folded, whole = fold(parts), paths.signature(times[0], times[-1], order)
    assert folded.order == order
    assert folded.h == pytest.approx(whole.h, abs=1e-12)
    for found, exact in zip(folded.moments, whole.moments, strict=True):
        torch.testing.assert_close(found, exact, rtol=0, atol=1e-12)


@PROPERTY
@given(order=ORDERS, cut=st.floats(0.01, 0.99), h=st.floats(1e-3, 2.0), seed=st.integers(0, 1000))
def test_chen_keeps_the_law(order: int, cut: float, h: float, seed: int) -> None:
    """The map of two signatures to their join carries their covariances to the covariance over the whole."""
    first, second = cut * h, h - cut * h
    unit, zero = torch.eye(order, dtype=torch.float64), torch.zeros(order, order, dtype=torch.float64)
    head = signature_of_normals([*unit], first).then(signature_of_normals([*zero], second))
    tail = signature_of_normals([*zero], first).then(signature_of_normals([*unit], second))
    loadings = torch.cat([torch.stack(head.moments), torch.stack(tail.moments)], dim=1).numpy()
    powers = h ** (np.arange(order)[:, None] + np.arange(order) + 1.0)
    np.testing.assert_allclose(loadings @ loadings.T, powers * moment_covariance(order), rtol=1e-12)


@PROPERTY
@given(order=st.integers(1, MAX_ORDER), h=st.floats(1e-4, 10.0))
def test_whitening_inverts_the_sampler(order: int, h: float) -> None:
    drawn = normals(order)
    for found, exact in zip(signature_of_normals(drawn, h).whitened(), drawn, strict=True):
        torch.testing.assert_close(found, exact, rtol=0, atol=1e-9)


@PROPERTY
@given(order=ORDERS, seed=st.integers(0, 1000), start=st.floats(0.0, 2.0), h=st.floats(0.01, 2.0))
def test_whitened_moments_are_legendre_coefficients(order: int, seed: int, start: float, h: float) -> None:
    paths = SmoothPaths(seed)
    velocity = paths.velocity(start + 0.5 * h * (NODES + 1))
    for k, xi in enumerate(paths.signature(start, start + h, order).whitened()):
        polynomial = np.polynomial.legendre.Legendre.basis(k)(NODES) * np.sqrt((2 * k + 1) / h)
        exact = 0.5 * h * (velocity * polynomial * WEIGHTS).sum(1)
        np.testing.assert_allclose(xi[:, 0].numpy(), (-1) ** k * exact, atol=1e-10)


@PROPERTY
@given(h=st.floats(1e-4, 10.0), order=st.integers(2, 5))
def test_space_time_area_does_not_see_the_increment(h: float, order: int) -> None:
    drawn = normals(order)
    area = signature_of_normals(drawn, h).space_time_area
    torch.testing.assert_close(area, drawn[1] * (h / 12) ** 0.5, rtol=0, atol=1e-14)


@PROPERTY
@given(orders=st.tuples(ORDERS, ORDERS).map(sorted), h=st.floats(1e-4, 10.0))
def test_first_moments_do_not_depend_on_the_order(orders: list[int], h: float) -> None:
    few, many = orders
    drawn = normals(many)
    short, long = signature_of_normals(drawn[:few], h), signature_of_normals(drawn, h)
    assert all(torch.equal(a, b) for a, b in zip(short.moments, long.truncated(few).moments, strict=True))


def test_named_moments() -> None:
    signature = signature_of_normals(normals(3), 0.5)
    assert signature.increment is signature.moments[0]
    assert signature.time_integral is signature.moments[1]
    assert signature.truncated(2).order == 2
    assert signature.truncated(2).h == 0.5
    with pytest.raises(IndexError):
        _ = signature.truncated(1).time_integral


def test_dtype_is_kept() -> None:
    single = signature_of_normals([xi.float() for xi in normals(4)], 0.1)
    assert {moment.dtype for moment in (*single.moments, *single.whitened(), *single.then(single).moments)} == {
        torch.float32
    }


def test_orders_that_do_not_match() -> None:
    with pytest.raises(ValueError, match="orders 2 and 3 do not match"):
        signature_of_normals(normals(2), 1.0).then(signature_of_normals(normals(3), 1.0))


@pytest.mark.parametrize("order", [0, -1, MAX_ORDER + 1])
def test_impossible_orders(order: int) -> None:
    with pytest.raises(BadInput, match=f"between 1 and {MAX_ORDER}, got {order}"):
        check_order(order)
