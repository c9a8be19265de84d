"""Intervals, floors, and what may be said about them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sigbench.metrics.estimate import (
    DISTANCE_TAILS,
    EQUAL_TAILS,
    NON_NEGATIVE,
    SHARE,
    UNBOUNDED,
    Better,
    Estimate,
    estimate,
    mean_interval,
    median_interval,
    standard_error,
)
from sigbench.registry import make_task, task_names

PROPERTY = settings(deadline=None, derandomize=True, database=None)
NUMBERS = st.floats(-1e6, 1e6)


def with_ends(
    low: float | None, high: float | None, floor_low: float | None, floor_high: float | None, better: Better = "lower"
) -> Estimate:
    return Estimate(0.0, low, high, 0.0, floor_low, floor_high, n=10, better=better, method="by hand")


@PROPERTY
@given(
    values=st.lists(NUMBERS, min_size=2, max_size=20),
    below=st.sampled_from([0.01, 0.025, 0.04]),
    above=st.sampled_from([0.01, 0.025, 0.04]),
)
def test_mean_interval_is_that_of_scipy(values: list[float], below: float, above: float) -> None:
    found = mean_interval(values, (below, above))
    assert found.value == pytest.approx(np.mean(values))
    spread = stats.sem(values)
    if spread == 0:
        assert found.low == found.high == pytest.approx(values[0])
    else:
        low = stats.t.interval(1 - 2 * below, len(values) - 1, loc=np.mean(values), scale=spread)[0]
        high = stats.t.interval(1 - 2 * above, len(values) - 1, loc=np.mean(values), scale=spread)[1]
        size = max(map(abs, values))
        assert found.low == pytest.approx(low, abs=1e-9 * size)
        assert found.high == pytest.approx(high, abs=1e-9 * size)


def test_mean_interval_by_hand() -> None:
    found = mean_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    half = 2.7764451 * np.sqrt(2.5 / 5)  # the 97.5 % point of t with 4 degrees of freedom
    assert (found.value, found.low, found.high) == pytest.approx((3.0, 3 - half, 3 + half))


def test_one_value_has_no_interval() -> None:
    assert (mean_interval([2.0]).value, mean_interval([2.0]).low, mean_interval([2.0]).high) == (2.0, None, None)
    assert (median_interval([2.0]).value, median_interval([2.0]).low, median_interval([2.0]).high) == (2.0, None, None)


def test_no_value_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        mean_interval([])


def test_median_interval_spans_the_values() -> None:
    found = median_interval([5.0, 1.0, 2.0, 9.0])
    assert (found.value, found.low, found.high) == (3.5, 1.0, 9.0)


def test_estimate_joins_values_and_floor() -> None:
    values, floors = [0.3, 0.4, 0.5], [0.1, 0.2, 0.1]
    found = estimate(values, floors, n=7, better="higher", method="how")
    value, floor = mean_interval(values), mean_interval(floors)
    assert (found.value, found.low, found.high) == (value.value, value.low, value.high)
    assert (found.floor, found.floor_low, found.floor_high) == (floor.value, floor.low, floor.high)
    assert (found.n, found.better, found.method) == (7, "higher", "how")


def test_intervals_are_cut_to_what_a_metric_cannot_leave() -> None:
    """A share of 0.99 has no interval that ends at 1.022; a metric that may be negative keeps its interval."""
    shares, floors = [0.97, 1.0, 1.0], [0.0, 0.03, 0.0]
    found = estimate(shares, floors, n=7, better="higher", method="how", bounds=SHARE)
    free = estimate(shares, floors, n=7, better="higher", method="how")
    assert (found.high, found.floor_low) == (1.0, 0.0)
    assert free.high is not None and free.high > 1.0 and free.floor_low is not None and free.floor_low < 0.0
    assert (found.low, found.floor_high, found.value) == (free.low, free.floor_high, free.value)
    assert (
        estimate([-0.1, 0.2], [0.0, 0.0], n=7, better="lower", method="how").low
        == mean_interval([-0.1, 0.2], DISTANCE_TAILS).low
    )
    beyond = estimate([1.0 + 1e-9] * 2, floors[:2], n=7, better="higher", method="how", bounds=SHARE)
    assert beyond.value <= beyond.high if beyond.high is not None else False


def test_the_error_of_a_mean() -> None:
    assert standard_error([1.0]) is None
    assert standard_error([1.0, 2.0, 4.0]) == pytest.approx(stats.sem([1.0, 2.0, 4.0]))


def test_every_metric_declares_what_it_cannot_leave() -> None:
    """Values of the truth lie within, and shares within 0 and 1."""
    shares = {"class-tv", "label-accuracy", "precision", "recall", "coverage", "mode-tv", "ks"}
    for task in task_names():
        for metric in make_task(task).metrics():
            if metric.name in shares:
                assert metric.bounds == SHARE, metric.name
            elif metric.better == "lower":
                assert metric.bounds == NON_NEGATIVE, metric.name
            elif metric.better == "zero":
                assert metric.bounds == UNBOUNDED, metric.name


def test_tails_add_up_and_distances_reach_further_up() -> None:
    assert sum(EQUAL_TAILS) == pytest.approx(sum(DISTANCE_TAILS)) == pytest.approx(0.05)
    found = estimate([0.3, 0.4, 0.5], [0.1, 0.2, 0.1], n=7, better="lower", method="how")
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.value > found.value - found.low > 0


@pytest.mark.parametrize(
    ("better", "low", "high", "at_floor"),
    [  # the floor's interval is [1, 2]
        ("lower", 2.1, 3.0, False),
        ("lower", 2.0, 3.0, True),
        ("lower", 1.2, 1.4, True),
        ("lower", 0.1, 0.5, True),
        ("higher", 0.1, 0.9, False),
        ("higher", 0.1, 1.0, True),
        ("higher", 2.5, 3.0, True),
        ("zero", 2.1, 3.0, False),
        ("zero", 0.1, 0.9, False),
        ("zero", 0.1, 1.0, True),
        ("zero", 2.0, 3.0, True),
        ("zero", 0.1, 3.0, True),
    ],
)
def test_at_floor(better: Better, low: float, high: float, at_floor: bool) -> None:
    assert with_ends(low, high, 1.0, 2.0, better).at_floor is at_floor


@pytest.mark.parametrize("better", ["lower", "higher", "zero"])
@pytest.mark.parametrize("missing", [0, 2])
def test_without_intervals_nothing_is_at_the_floor(better: Better, missing: int) -> None:
    ends: list[float | None] = [1.0, 2.0, 1.0, 2.0]
    ends[missing] = ends[missing + 1] = None
    assert not with_ends(ends[0], ends[1], ends[2], ends[3], better).at_floor
