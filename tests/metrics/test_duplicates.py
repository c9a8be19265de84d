"""Copies among samples: counted to the sample where they are exact, near ones told from neighbours by chance."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigbench.abilities import ObservesSamples, metrics_of
from sigbench.errors import BadInput
from sigbench.metrics.duplicates import Duplicates
from sigbench.metrics.metric import Reference
from sigbench.registry import make_task, task_names
from sigbench.task import Task
from sigbench_tasks.mixture.task import GMM

NOWHERE: Any = None  # no truth has a part in it
COUNT = Duplicates()


def normal(n: int, d: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal((n, d))


def share(x: Any) -> float:
    return COUNT(x, Reference(NOWHERE, 0))


CHANCE = 1 - 0.99**9  # of nine neighbours that are spread evenly over a ball, one is in 1 % of it


@pytest.mark.parametrize("d", [1, 2, 3, 4, 128])
def test_independent_draws_have_few(d: int) -> None:
    """Four standard errors of 40,000 draws, of which those of one neighbourhood count together, and 0.2 % for edges."""
    found = np.mean([share(normal(2_000, d, seed)) for seed in range(20)])
    assert found == pytest.approx(CHANCE, abs=0.01)


@pytest.mark.parametrize(
    "law",
    [
        lambda x: 3 * x,
        lambda x: x**3,
        np.exp,
        lambda x: np.where(x > 0, x, 0.01 * x - 5),
        lambda x: np.round(x / 4) * 50 + x,
    ],
)
def test_the_law_has_no_part_in_it(law: Any) -> None:
    """Wide, narrow, skew or in several modes: a sampler of another law has no more copies than another."""
    found = np.mean([share(law(normal(5_000, 1, seed))) for seed in range(20)])
    assert found == pytest.approx(CHANCE, abs=0.01)


def test_points_that_keep_apart_have_less() -> None:
    """Stratified numbers are no independent draws."""
    grid = (np.arange(2_000)[:, None] + np.random.default_rng(0).random((2_000, 1))) / 2_000
    assert share(grid) < 0.7 * CHANCE


@pytest.mark.parametrize("d", [1, 2, 3, 128])
@pytest.mark.parametrize("copies", [1, 20, 600])
def test_exact_copies_count_with_their_originals(d: int, copies: int) -> None:
    x = normal(2_000, d)
    before, copied = share(x), 2 * copies / 2_000
    x[-copies:] = x[:copies]
    # A little less: among the ten neighbours of the others some are copies of each other.
    assert share(x) == pytest.approx(copied + (1 - copied) * before, abs=0.025)


def test_copies_of_one_count_once_each() -> None:
    x = normal(1_000, 5)
    x[500:] = x[0]
    assert share(x) == pytest.approx(0.501 + 0.499 * CHANCE, abs=0.02)
    assert share(np.ones((100, 5))) == 1.0
    assert share(np.ones((1, 5))) == 0.0


@pytest.mark.parametrize(("d", "noise"), [(1, 1e-6), (2, 1e-4), (3, 1e-3), (128, 1e-3)])
def test_near_copies_are_found(d: int, noise: float) -> None:
    """Also where there are eight of each."""
    x = normal(2_000, d)
    x[-600:] = x[:600] + noise * normal(600, d, 1)
    assert share(x) > 0.5
    eight = np.repeat(normal(250, d), 8, axis=0) + noise * normal(2_000, d, 1)
    assert share(eight) > 0.9


def test_the_order_and_the_unit_have_no_part_in_it() -> None:
    x = normal(1_000, 3)
    x[-100:] = x[:100]
    mixed = np.random.default_rng(5).permutation(x)
    assert share(mixed) == share(x)
    assert share(16.0 * x) == share(x)  # a power of two, which rounds nothing


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 60), st.integers(1, 6), st.integers(0, 2**31))
def test_it_is_a_share_that_more_copies_do_not_lower(n: int, d: int, seed: int) -> None:
    x = normal(n, d, seed)
    doubled = np.concatenate([x, x])
    assert 0.0 <= share(x) <= 1.0
    assert share(doubled) == 1.0
    assert share(np.concatenate([x] * 5)) == 1.0


def test_a_float_in_single_precision_is_no_copy() -> None:
    """Samplers work in float32, whose grid is coarse beside 100,000 samples on a line: the floor knows that."""
    draws = GMM.law().sample(100_000, 3)
    assert share(draws.astype(np.float32).astype(np.float64)) == share(draws)


def test_it_reads_any_task() -> None:
    for name in task_names():
        task = make_task(name)
        found = [metric for metric in metrics_of(task) if metric.name == "duplicates"]
        assert len(found) == 1
        seen = task.observe_truth(1_000, 0) if isinstance(task, ObservesSamples) else task.truth().sample(1_000, 0)
        found[0].check(seen, task.truth())
        assert 0.05 <= found[0](seen, Reference(task.truth(), 0)) <= 0.13


def test_a_task_that_has_its_own_keeps_it() -> None:
    class Own(GMM):
        def metrics(self) -> Any:
            return [*super().metrics(), Duplicates(100)]

    own: Task = Own()
    assert [metric.max_samples for metric in metrics_of(own) if metric.name == "duplicates"] == [100]


def test_what_are_no_points_is_refused() -> None:
    with pytest.raises(BadInput, match="duplicates reads samples of shape"):
        COUNT.check(np.zeros((3, 2, 2)), NOWHERE)
    with pytest.raises(BadInput, match="duplicates reads samples of shape"):
        COUNT.check([1.0, 2.0], NOWHERE)
