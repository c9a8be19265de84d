"""Brownian drivers that draw step by step: fresh ones, and what is recorded of them."""

from collections.abc import Sequence
from functools import reduce

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sigbench.errors import BadInput
from sigbench.sde.brownian import FreshBrownian, RecordingBrownian
from sigbench.sde.grid import Grid, Step, uniform_grid
from sigbench.sde.noise import NoiseStream
from sigbench.sde.signature import PartialSignature

PROPERTY = settings(deadline=None, derandomize=True, database=None, max_examples=50)
COARSE = Grid("coarse", (0.0, 0.1, 0.35, 0.5, 1.0))
ORDER = 5


def stream(shape: tuple[int, ...] = (2,), seed: int = 7) -> NoiseStream:
    return NoiseStream(seed, shape, dtype=torch.float64)


def fold(parts: Sequence[PartialSignature]) -> PartialSignature:
    return reduce(PartialSignature.then, parts)


def assert_equal(found: PartialSignature, exact: PartialSignature) -> None:
    assert found.h == exact.h
    assert found.order == exact.order
    assert all(torch.equal(a, b) for a, b in zip(found.moments, exact.moments, strict=True))


def assert_close(found: PartialSignature, exact: PartialSignature) -> None:
    assert found.h == pytest.approx(exact.h, abs=1e-12)
    for a, b in zip(found.moments, exact.moments, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@PROPERTY
@given(orders=st.tuples(st.integers(1, ORDER), st.integers(1, ORDER)).map(sorted), index=st.integers(0, 3))
def test_first_moments_do_not_depend_on_the_order(orders: list[int], index: int) -> None:
    step, driver = list(COARSE)[index], FreshBrownian(stream(), 0, 10, ORDER)
    assert_equal(driver.signature(step, orders[1]).truncated(orders[0]), driver.signature(step, orders[0]))


@PROPERTY
@given(first=st.integers(0, 5000), count=st.integers(2, 50), cut=st.floats(0, 1))
def test_paths_belong_to_samples(first: int, count: int, cut: float) -> None:
    head = min(count - 1, max(1, int(cut * count)))
    for step in COARSE:
        whole, early, late = (
            FreshBrownian(stream(), start, size, ORDER).signature(step, 3)
            for start, size in ((first, count), (first, head), (first + head, count - head))
        )
        joined = tuple(torch.cat(pair) for pair in zip(early.moments, late.moments, strict=True))
        assert_equal(PartialSignature(whole.h, joined), whole)


def test_steps_have_noise_of_their_own() -> None:
    driver = FreshBrownian(stream(), 0, 10, ORDER)
    moments = torch.cat([torch.stack(driver.signature(step, ORDER).whitened()).flatten() for step in COARSE])
    assert len(moments.unique()) == len(moments)


def test_more_than_the_driver_holds() -> None:
    driver = FreshBrownian(stream(), 0, 2, max_order=2)
    with pytest.raises(BadInput, match="up to order 2, got 3"):
        driver.signature(Step(0, 0.0, 1.0), 3)
    with pytest.raises(BadInput, match="between 1 and 8, got 9"):
        FreshBrownian(stream(), 0, 2, max_order=9)


def test_fresh_functionals_have_the_exact_law() -> None:
    """Variance and covariance with three moments of 200,000 draws; a right driver fails once in 10,000 times."""
    n, step = 200_000, Step(3, 0.2, 1.0)
    driver = FreshBrownian(stream(()), 0, n, 3)
    value = driver.functional(step, lambda u: np.exp(-3 * u)).numpy()
    draws = np.stack([value, *(moment.numpy() for moment in driver.signature(step, 3).moments)])
    x, weights = np.polynomial.legendre.leggauss(60)
    u, weights = step.start + step.h * 0.5 * (x + 1), 0.5 * step.h * weights
    kernels = np.stack([np.exp(-3 * u), np.ones_like(u), step.end - u, (step.end - u) ** 2 / 2])
    exact = (kernels * weights) @ kernels.T
    variances = np.diag(exact)
    z = (draws @ draws.T / n - exact) / np.sqrt((np.outer(variances, variances) + exact**2) / n)
    assert np.abs(z).max() < stats.norm.isf(1e-4 / 2 / 10)
    assert torch.equal(driver.functional(step, np.exp), driver.functional(step, np.exp))
    assert not torch.equal(driver.functional(step, np.exp), driver.functional(Step(2, 0.2, 1.0), np.exp))


def test_recording_hands_functionals_on_and_counts_their_step() -> None:
    fresh, steps = FreshBrownian(stream(), 0, 7, 3), uniform_grid(2, 1.0)
    recording = RecordingBrownian(FreshBrownian(stream(), 0, 7, 3), 2)
    for step in steps:
        assert torch.equal(recording.functional(step, np.exp), fresh.functional(step, np.exp))
        recording.signature(step, 1)  # of the same step: it is not counted twice
    first, second = (fresh.signature(step, 2) for step in steps)
    for found, expected in zip(recording.take().moments, first.then(second).moments, strict=True):
        assert torch.equal(found, expected)


@pytest.mark.parametrize(("asked", "kept"), [(1, 3), (3, 3), (5, 2)])
def test_recording_takes_the_very_path_that_was_walked(asked: int, kept: int) -> None:
    fine = COARSE.refine(3)
    fresh = FreshBrownian(stream(), 0, 10, ORDER)
    recording = RecordingBrownian(fresh, kept)
    coarse = iter(COARSE)
    for step in fine:
        assert_equal(recording.signature(step, asked), fresh.signature(step, asked))
        assert_equal(recording.signature(step, 1), fresh.signature(step, 1))  # asking twice counts once
        if (step.index + 1) % 3 == 0:
            taken = recording.take()
            parts = list(fine)[3 * next(coarse).index : step.index + 1]
            exact = fold([fresh.signature(part, kept) for part in parts])
            assert taken.h == pytest.approx(exact.h, abs=1e-15)
            assert all(torch.equal(a, b) for a, b in zip(taken.moments, exact.moments, strict=True))
    assert next(coarse, None) is None


def test_recording_has_nothing_to_give_before_a_step() -> None:
    recording = RecordingBrownian(FreshBrownian(stream(), 0, 2, ORDER), 2)
    with pytest.raises(ValueError, match="no step was walked"):
        recording.take()
    recording.signature(Step(0, 0.0, 1.0))
    recording.take()
    with pytest.raises(ValueError, match="no step was walked"):
        recording.take()
