"""Brownian drivers: fresh, coupled and recording, all of one path."""

from collections.abc import Sequence
from functools import reduce

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sigbench.errors import BadInput
from sigbench.sde.brownian import CoupledBrownian, FreshBrownian, RecordingBrownian, StoredBrownian
from sigbench.sde.grid import Grid, Step, uniform_grid
from sigbench.sde.noise import NoiseStream
from sigbench.sde.signature import PartialSignature, moment_covariance

PROPERTY = settings(deadline=None, derandomize=True, database=None, max_examples=50)
COARSE = Grid("coarse", (0.0, 0.1, 0.35, 0.5, 1.0))
ORDER = 5


def stream(steps: int, shape: tuple[int, ...] = (2,), seed: int = 7) -> NoiseStream:
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
@given(factor=st.integers(1, 6), order=st.integers(1, ORDER))
def test_coupled_folds_the_fresh_fine_signatures(factor: int, order: int) -> None:
    fine = COARSE.refine(factor)
    fresh = FreshBrownian(stream(fine.steps), 3, 10, ORDER)
    coupled = CoupledBrownian(stream(fine.steps), 3, 10, fine, ORDER)
    parts = [fresh.signature(step, order) for step in fine]
    for step in COARSE:
        assert_equal(coupled.signature(step, order), fold(parts[step.index * factor : (step.index + 1) * factor]))
    for step, part in zip(fine, parts, strict=True):
        assert_equal(coupled.signature(step, order), part)


@PROPERTY
@given(factors=st.tuples(st.integers(1, 4), st.integers(2, 4)), order=st.integers(1, ORDER))
def test_one_path_on_every_coarser_grid(factors: tuple[int, int], order: int) -> None:
    middle = COARSE.refine(factors[1])
    fine = middle.refine(factors[0])
    coupled = CoupledBrownian(stream(fine.steps), 0, 10, fine, ORDER)
    for step in COARSE:
        inner = [part for part in middle if step.start <= part.start < step.end]
        assert_close(fold([coupled.signature(part, order) for part in inner]), coupled.signature(step, order))
    whole = coupled.signature(Step(0, fine.times[0], fine.times[-1]), order)
    assert_close(fold([coupled.signature(part, order) for part in fine]), whole)


def test_folded_signatures_have_the_exact_law() -> None:
    """15 covariances of 200,000 folded signatures; a right driver fails once in 10,000 times."""
    n, fine = 200_000, Grid("fine", (0.0, 0.05, 0.3, 0.7))
    coupled = CoupledBrownian(stream(fine.steps, ()), 0, n, fine, ORDER)
    draws = torch.stack(coupled.signature(Step(0, 0.0, 0.7), ORDER).moments).numpy()
    exact = moment_covariance(ORDER) * 0.7 ** (np.arange(ORDER)[:, None] + np.arange(ORDER) + 1.0)
    variances = np.diag(exact)
    z = (draws @ draws.T / n - exact) / np.sqrt((np.outer(variances, variances) + exact**2) / n)
    assert np.abs(z).max() < stats.norm.isf(1e-4 / 2 / 15)


@PROPERTY
@given(orders=st.tuples(st.integers(1, ORDER), st.integers(1, ORDER)).map(sorted), index=st.integers(0, 3))
def test_first_moments_do_not_depend_on_the_order(orders: list[int], index: int) -> None:
    step, driver = list(COARSE)[index], FreshBrownian(stream(COARSE.steps), 0, 10, ORDER)
    assert_equal(driver.signature(step, orders[1]).truncated(orders[0]), driver.signature(step, orders[0]))


@PROPERTY
@given(first=st.integers(0, 5000), count=st.integers(2, 50), cut=st.floats(0, 1))
def test_paths_belong_to_samples(first: int, count: int, cut: float) -> None:
    head = min(count - 1, max(1, int(cut * count)))
    fine = COARSE.refine(2)
    for step in COARSE:
        whole, early, late = (
            CoupledBrownian(stream(fine.steps), start, size, fine, ORDER).signature(step, 3)
            for start, size in ((first, count), (first, head), (first + head, count - head))
        )
        joined = tuple(torch.cat(pair) for pair in zip(early.moments, late.moments, strict=True))
        assert_equal(PartialSignature(whole.h, joined), whole)


def test_steps_have_noise_of_their_own() -> None:
    driver = FreshBrownian(stream(COARSE.steps), 0, 10, ORDER)
    moments = torch.cat([torch.stack(driver.signature(step, ORDER).whitened()).flatten() for step in COARSE])
    assert len(moments.unique()) == len(moments)


def test_a_time_off_the_fine_grid() -> None:
    fine = uniform_grid(4, 1.0)
    coupled = CoupledBrownian(stream(fine.steps), 0, 2, fine, ORDER)
    with pytest.raises(BadInput, match=r"the time 0\.3 is not on the fine grid"):
        coupled.signature(Step(0, 0.0, 0.3))
    with pytest.raises(BadInput, match=r"the time 0\.1 is not on the fine grid"):
        coupled.signature(Step(0, 0.1, 0.5))


def test_more_than_the_driver_holds() -> None:
    driver = FreshBrownian(stream(1), 0, 2, max_order=2)
    with pytest.raises(BadInput, match="up to order 2, got 3"):
        driver.signature(Step(0, 0.0, 1.0), 3)
    with pytest.raises(BadInput, match="between 1 and 8, got 9"):
        FreshBrownian(stream(1), 0, 2, max_order=9)


def test_fresh_functionals_have_the_exact_law() -> None:
    """Variance and covariance with three moments of 200,000 draws; a right driver fails once in 10,000 times."""
    n, step = 200_000, Step(3, 0.2, 1.0)
    driver = FreshBrownian(stream(4, ()), 0, n, 3)
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


@pytest.mark.parametrize(("asked", "kept"), [(1, 3), (3, 3), (5, 2)])
def test_recording_takes_the_very_path_that_was_walked(asked: int, kept: int) -> None:
    fine = COARSE.refine(3)
    fresh = FreshBrownian(stream(fine.steps), 0, 10, ORDER)
    coupled = CoupledBrownian(stream(fine.steps), 0, 10, fine, ORDER)
    recording = RecordingBrownian(fresh, kept)
    coarse = iter(COARSE)
    for step in fine:
        assert_equal(recording.signature(step, asked), fresh.signature(step, asked))
        assert_equal(recording.signature(step, 1), fresh.signature(step, 1))  # asking twice counts once
        if (step.index + 1) % 3 == 0:
            taken = recording.take()
            exact = coupled.signature(next(coarse), kept)
            assert taken.h == pytest.approx(exact.h, abs=1e-15)
            assert all(torch.equal(a, b) for a, b in zip(taken.moments, exact.moments, strict=True))
    assert next(coarse, None) is None


def test_recording_has_nothing_to_give_before_a_step() -> None:
    recording = RecordingBrownian(FreshBrownian(stream(1), 0, 2, ORDER), 2)
    with pytest.raises(ValueError, match="no step was walked"):
        recording.take()
    recording.signature(Step(0, 0.0, 1.0))
    recording.take()
    with pytest.raises(ValueError, match="no step was walked"):
        recording.take()


@PROPERTY
@given(factor=st.integers(1, 4), order=st.integers(1, ORDER))
def test_a_stored_path_is_the_recorded_one_on_every_coarser_grid(factor: int, order: int) -> None:
    fine = COARSE.refine(factor)
    fresh = FreshBrownian(stream(fine.steps), 3, 10, ORDER)
    stored = StoredBrownian(fine, [fresh.signature(step, ORDER) for step in fine])
    coupled = CoupledBrownian(stream(fine.steps), 3, 10, fine, ORDER)
    for step in (*COARSE, *fine):
        assert_close(stored.signature(step, order), coupled.signature(step, order))


def test_a_stored_path_knows_its_times_and_its_order() -> None:
    fresh = FreshBrownian(stream(COARSE.steps), 0, 2, ORDER)
    stored = StoredBrownian(COARSE, [fresh.signature(step, 2) for step in COARSE])
    with pytest.raises(BadInput, match=r"time 0\.2 is not on the grid"):
        stored.signature(Step(0, 0.1, 0.2))
    with pytest.raises(BadInput, match="recorded up to order 2, got 3"):
        stored.signature(next(iter(COARSE)), 3)
    with pytest.raises(ValueError, match="1 signatures do not make the 4 steps"):
        StoredBrownian(COARSE, [fresh.signature(next(iter(COARSE)), 2)])
