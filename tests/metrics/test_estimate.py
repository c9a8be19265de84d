"""Intervals, of repeats and of counts, and floors."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sigbench.abilities import metrics_of
from sigbench.metrics.estimate import (
    DISTANCE_TAILS,
    EQUAL_TAILS,
    NON_NEGATIVE,
    SHARE,
    UNBOUNDED,
    Better,
    Floor,
    estimate,
    floor_of,
    mean_interval,
    median_interval,
    standard_error,
    two_stage_interval,
    wilson_interval,
)
from sigbench.registry import make_task, task_names

PROPERTY = settings(deadline=None, derandomize=True, database=None, max_examples=50)
NUMBERS = st.floats(-1e6, 1e6)
FLOOR = Floor(0.1, 0.01, 0.2, 400)


@PROPERTY
@given(
    values=st.lists(NUMBERS, min_size=2, max_size=20),
    below=st.sampled_from([0.01, 0.025, 0.04]),
    above=st.sampled_from([0.01, 0.025, 0.04]),
)
def test_mean_interval_is_that_of_scipy(values: list[float], below: float, above: float) -> None:
    found = mean_interval(values, (below, above))
    assert found.value == pytest.approx(np.mean(values))
    size = max(map(abs, values)) or 1.0  # scipy squares what is too small to be squared
    spread = stats.sem(np.array(values) / size) * size
    if spread == 0:
        assert found.low == found.high == pytest.approx(values[0])
    else:
        low = stats.t.interval(1 - 2 * below, len(values) - 1, loc=np.mean(values), scale=spread)[0]
        high = stats.t.interval(1 - 2 * above, len(values) - 1, loc=np.mean(values), scale=spread)[1]
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
    values = [0.3, 0.4, 0.5]
    found, value = estimate(values, FLOOR, n=7, better="higher"), mean_interval(values)
    assert (found.value, found.low, found.high) == (value.value, value.low, value.high)
    assert found.floor is FLOOR
    assert (found.n, found.better, found.values, found.bounds) == (7, "higher", (0.3, 0.4, 0.5), UNBOUNDED)


def test_of_one_repeat_there_is_no_interval() -> None:
    for counted in (True, False):
        found = estimate([0.3], FLOOR, n=7, better="lower", bounds=SHARE, counted=counted)
        assert (found.value, found.low, found.high) == (0.3, None, None)


class TestBounds:
    """Intervals are cut to what a metric cannot leave."""

    def test_a_share_has_no_interval_beyond_one(self) -> None:
        shares = [0.97, 1.0, 1.0]
        found = estimate(shares, FLOOR, n=7, better="higher", bounds=SHARE)
        free = estimate(shares, FLOOR, n=7, better="higher")
        assert found.high == 1.0
        assert free.high is not None and free.high > 1.0
        assert (found.low, found.value) == (free.low, free.value)

    def test_a_distance_has_none_below_zero(self) -> None:
        values = [0.1, 0.9]
        found = estimate(values, FLOOR, n=7, better="lower", bounds=NON_NEGATIVE)
        free = mean_interval(values, DISTANCE_TAILS)
        assert free.low is not None and free.low < 0
        assert (found.low, found.high) == (0.0, free.high)

    def test_what_is_unbounded_keeps_its_interval(self) -> None:
        found, free = estimate([-0.1, 0.2], FLOOR, n=7, better="lower"), mean_interval([-0.1, 0.2], DISTANCE_TAILS)
        assert (found.low, found.high) == (free.low, free.high)

    def test_an_interval_holds_its_value_all_the_same(self) -> None:
        beyond = estimate([1.0 + 1e-9] * 2, FLOOR, n=7, better="higher", bounds=SHARE)
        assert beyond.low is not None and beyond.high is not None
        assert beyond.low <= beyond.value <= beyond.high

    @PROPERTY
    @given(
        values=st.lists(st.floats(0, 1), min_size=2, max_size=9),
        better=st.sampled_from(["lower", "higher", "zero"]),
        counted=st.booleans(),
        staged=st.booleans(),
        n=st.integers(1, 1000),
    )
    def test_whatever_the_interval_it_lies_within(
        self, values: list[float], better: Better, counted: bool, staged: bool, n: int
    ) -> None:
        first = 2 if staged else None
        found = estimate(values, FLOOR, n=n, better=better, bounds=SHARE, counted=counted, first=first)
        assert found.low is not None and found.high is not None
        assert -1e-12 <= found.low <= found.value <= found.high <= 1 + 1e-12


class TestCounts:
    """Wilson's interval for shares of samples that were counted."""

    @PROPERTY
    @given(n=st.integers(1, 10_000), part=st.floats(0, 1))
    def test_it_is_that_of_scipy(self, n: int, part: float) -> None:
        count = round(part * n)
        exact = stats.binomtest(count, n).proportion_ci(confidence_level=0.95, method="wilson")
        assert wilson_interval(count / n, n) == pytest.approx((exact.low, exact.high), rel=1e-9, abs=1e-12)

    def test_equal_counts_in_a_few_repeats_are_no_certainty(self) -> None:
        """Three times 50 of 50: the interval is that of 150 of 150."""
        found = estimate([1.0] * 3, FLOOR, n=50, better="higher", bounds=SHARE, counted=True)
        exact = stats.binomtest(150, 150).proportion_ci(method="wilson")
        assert (found.low, found.high) == (pytest.approx(exact.low), 1.0)
        assert estimate([1.0] * 3, FLOOR, n=50, better="higher", bounds=SHARE).low == 1.0

    def test_neither_interval_is_lost(self) -> None:
        """Repeats that scatter more than counts do keep their own interval; the two are joined."""
        quiet, loud = [0.50, 0.51, 0.50], [0.30, 0.71, 0.50]
        for values in (quiet, loud):
            found = estimate(values, FLOOR, n=100, better="higher", bounds=SHARE, counted=True)
            own, counts = mean_interval(values), wilson_interval(found.value, 300)
            assert own.low is not None and own.high is not None
            assert (found.low, found.high) == (max(0.0, min(own.low, counts[0])), min(1.0, max(own.high, counts[1])))
        assert estimate(loud, FLOOR, n=100, better="higher", bounds=SHARE, counted=True) == estimate(
            loud, FLOOR, n=100, better="higher", bounds=SHARE
        )

    @pytest.mark.slow
    @pytest.mark.parametrize("share", [0.5, 0.95, 0.999])
    def test_it_covers(self, share: float) -> None:
        """At least 94 % of 20,000 sets of five repeats of 200: the joined interval is the longer of the two."""
        rng = np.random.default_rng(1)
        shares = rng.binomial(200, share, (20_000, 5)) / 200
        found = [estimate(r, FLOOR, n=200, better="higher", bounds=SHARE, counted=True) for r in shares.tolist()]
        assert np.mean([e.low <= share <= e.high for e in found if e.low is not None and e.high is not None]) > 0.94


class TestTwoStages:
    """The interval whose spread is that of the first repeats alone (Stein 1945)."""

    VALUES = (1.0, 3.0, 2.0, 9.0, 2.0, 4.0)

    def test_by_hand(self) -> None:
        """Of 1, 3, 2 the deviation is 1, and the 97.5 % point of t with two degrees of freedom is 4.3027."""
        found, half = two_stage_interval(self.VALUES, 3), 4.3026527 / sqrt(6)
        assert (found.value, found.low, found.high) == pytest.approx((3.5, 3.5 - half, 3.5 + half))

    @PROPERTY
    @given(values=st.lists(NUMBERS, min_size=2, max_size=9), tails=st.sampled_from([EQUAL_TAILS, DISTANCE_TAILS]))
    def test_without_a_second_stage_it_is_the_interval_of_the_mean(
        self, values: list[float], tails: tuple[float, float]
    ) -> None:
        found, single = two_stage_interval(values, len(values), tails), mean_interval(values, tails)
        room = 1e-9 * max(1.0, *map(abs, values))
        assert (found.value, found.low, found.high) == pytest.approx((single.value, single.low, single.high), abs=room)

    def test_it_does_not_look_at_how_later_repeats_scatter(self) -> None:
        later = (1.0, 3.0, 2.0, 5.0, 5.0, 5.0)
        found, other = two_stage_interval(self.VALUES, 3), two_stage_interval(later, 3)
        assert found == other

    @pytest.mark.parametrize("first", [-1, 0, 1, 7])
    def test_a_first_stage_has_at_least_two_values(self, first: int) -> None:
        with pytest.raises(ValueError, match=f"a first stage of {first} of 6 values"):
            two_stage_interval(self.VALUES, first)

    def test_an_estimate_takes_it_where_the_total_followed_from_the_spread(self) -> None:
        for better, tails in (("lower", DISTANCE_TAILS), ("higher", EQUAL_TAILS), ("zero", EQUAL_TAILS)):
            found = estimate(self.VALUES, FLOOR, n=7, better=better, first=3)  # type: ignore[arg-type]
            staged = two_stage_interval(self.VALUES, 3, tails)
            assert (found.value, found.low, found.high) == (staged.value, staged.low, staged.high)
            assert found != estimate(self.VALUES, FLOOR, n=7, better=better)  # type: ignore[arg-type]


class TestFloor:
    """What exact draws score."""

    def test_it_is_the_mean_of_the_draws_with_its_error(self) -> None:
        values = [1.0, 3.0, 2.0, 4.0, 0.0]
        for better in ("lower", "higher"):
            found = floor_of(values, better)  # type: ignore[arg-type]
            assert (found.value, found.draws) == (2.0, 5)
            assert (found.error, found.sd) == pytest.approx((stats.sem(values), np.std(values, ddof=1)))

    def test_where_zero_is_best_it_is_that_of_the_distances(self) -> None:
        values = [-1.0, 3.0, -2.0, 4.0, 0.0]
        assert floor_of(values, "zero") == floor_of([abs(value) for value in values], "lower")
        assert floor_of([-0.5], "zero").value == 0.5

    def test_its_interval_is_that_of_its_draws(self) -> None:
        values = [1.0, 3.0, 2.0, 4.0, 0.0]
        found, own = floor_of(values, "lower").interval(), mean_interval(values)
        assert (found.value, found.low, found.high) == pytest.approx((own.value, own.low, own.high))

    def test_its_interval_is_cut(self) -> None:
        values = [0.0, 0.0, 0.3]
        free, cut = floor_of(values, "lower").interval(), floor_of(values, "lower").interval(NON_NEGATIVE)
        assert free.low is not None and free.low < 0
        assert (cut.low, cut.high) == (0.0, free.high)
        shares = floor_of([1.0, 1.0, 0.9], "higher").interval(SHARE)
        assert shares.high == 1.0

    def test_of_one_draw_nothing_is_known_of_its_error(self) -> None:
        found = floor_of([0.3], "lower")
        assert found == Floor(0.3, 0.0, None, 1)
        ends = found.interval(NON_NEGATIVE)
        assert (ends.value, ends.low, ends.high) == (0.3, None, None)

    def test_a_closed_form_is_exact(self) -> None:
        ends = Floor(0.3, 0.0, None, 0).interval(NON_NEGATIVE)
        assert (ends.value, ends.low, ends.high) == (0.3, 0.3, 0.3)

    def test_no_draw_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="at least one value"):
            floor_of([], "lower")

    @PROPERTY
    @given(values=st.lists(NUMBERS, min_size=2, max_size=30), better=st.sampled_from(["lower", "higher", "zero"]))
    def test_one_draws_deviation_is_that_of_scipy(self, values: list[float], better: Better) -> None:
        size = max(map(abs, values)) or 1.0  # numpy squares what is too small to be squared
        own, found = np.abs(values) if better == "zero" else np.array(values), floor_of(values, better)
        assert found.sd is not None
        assert (found.value, found.sd) == pytest.approx((own.mean(), (own / size).std(ddof=1) * size), abs=1e-9 * size)


def test_the_error_of_a_mean() -> None:
    assert standard_error([1.0]) is None
    assert standard_error([1.0, 2.0, 4.0]) == pytest.approx(stats.sem([1.0, 2.0, 4.0]))


@pytest.mark.parametrize("size", [1e-300, 1e-200, 1e200, 1e300])
def test_numbers_whose_squares_are_none_have_an_error_and_intervals(size: float) -> None:
    values, one = [size * value for value in (1.0, 2.0, 4.0)], stats.sem([1.0, 2.0, 4.0])
    assert standard_error(values) == pytest.approx(one * size, rel=1e-12, abs=0)
    for found in (mean_interval(values), two_stage_interval(values, 3), floor_of(values, "lower").interval()):
        assert found.low is not None
        assert found.value - found.low == pytest.approx(stats.t.isf(0.025, 2) * one * size, rel=1e-12, abs=0)


def test_every_metric_declares_what_it_cannot_leave() -> None:
    """Values of the truth lie within, and shares within 0 and 1."""
    shares = {"class-tv", "label-accuracy", "precision", "recall", "coverage", "mode-tv", "ks", "duplicates"}
    for task in task_names():
        for metric in metrics_of(make_task(task)):
            if metric.name in shares:
                assert metric.bounds == SHARE, metric.name
            elif metric.better == "lower":
                assert metric.bounds == NON_NEGATIVE, metric.name
            elif metric.better == "zero":
                assert metric.bounds == UNBOUNDED, metric.name


def test_tails_add_up_and_distances_reach_further_up() -> None:
    assert sum(EQUAL_TAILS) == pytest.approx(sum(DISTANCE_TAILS)) == pytest.approx(0.05)
    found = estimate([0.3, 0.4, 0.5], FLOOR, n=7, better="lower")
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.value > found.value - found.low > 0
