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


@pytest.mark.parametrize("d", [1, 2, 3, 4, 128])
def test_independent_draws_have_few(d: int) -> None:
    """About twice 1 % of a uniform law, less where a law is spread unevenly over its projections or its box."""
    found = np.mean([share(normal(2_000, d, seed)) for seed in range(20)])
    assert 0.0005 < found < 0.03


@pytest.mark.parametrize("d", [1, 2, 3, 128])
@pytest.mark.parametrize("copies", [1, 20, 600])
def test_exact_copies_count_with_their_originals(d: int, copies: int) -> None:
    x = normal(2_000, d)
    before = share(x)
    x[-copies:] = x[:copies]
    assert share(x) - before == pytest.approx(2 * copies / 2_000, abs=0.03 * 2 * copies / 2_000 + 1e-3)


def test_copies_of_one_count_once_each() -> None:
    x = normal(1_000, 5)
    x[500:] = x[0]
    assert share(x) == pytest.approx(501 / 1_000, abs=0.01)
    assert share(np.ones((100, 5))) == 1.0
    assert share(np.ones((1, 5))) == 0.0


@pytest.mark.parametrize(("d", "noise"), [(1, 1e-6), (2, 1e-4), (3, 1e-3), (128, 1e-3)])
def test_near_copies_are_found(d: int, noise: float) -> None:
    x = normal(2_000, d)
    x[-600:] = x[:600] + noise * normal(600, d, 1)
    assert share(x) > 0.5


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


def test_a_float_in_single_precision_is_no_copy() -> None:
    """Samplers work in float32, whose grid is coarse beside 100,000 samples on a line: the floor knows that."""
    draws = GMM.law().sample(100_000, 3)
    assert share(draws.astype(np.float32).astype(np.float64)) == share(draws)


def test_it_reads_any_task() -> None:
    for name in task_names():
        task = make_task(name)
        found = [metric for metric in metrics_of(task) if metric.name == "duplicates"]
        assert len(found) == 1
        seen = task.observe_truth(64, 0) if isinstance(task, ObservesSamples) else task.truth().sample(64, 0)
        found[0].check(seen, task.truth())
        assert 0.0 <= found[0](seen, Reference(task.truth(), 0)) <= 0.2


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
