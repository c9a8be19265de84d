"""Better, worse, equivalent or not resolved: against scipy's tests, by symmetry, and what is refused."""

from dataclasses import replace
from math import inf, nan, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_records import metric_of
from numpy.typing import NDArray
from scipy import stats

from sigbench.errors import BadInput
from sigbench.metrics.estimate import DISTANCE_TAILS, EQUAL_TAILS, SHARE, Better, Tails
from sigbench.records.comparison import (
    LEVEL,
    MOST_MARGIN,
    Comparison,
    against_floor,
    at_floor,
    check_pair,
    compare,
    floor_score,
    margin,
    mean_score,
    repeats_to_decide,
    score,
    scores,
    unit,
    why,
)
from sigbench.records.record import MetricRecord

PROPERTY = settings(deadline=None, derandomize=True, database=None, max_examples=30)
BETTER: tuple[Better, ...] = ("lower", "higher", "zero")
MIRROR = {"better": "worse", "worse": "better", "equivalent": "equivalent", "not resolved": "not resolved"}
# Hundredths from −5 to 5, of which 0.25 and others are exact in binary, and repeated ones are frequent.
VALUES = st.lists(st.integers(-500, 500).map(lambda i: i / 100), min_size=2, max_size=8)
FLOORS = st.sampled_from([0.01, 0.5, 2.0])
MARGINS = st.sampled_from([0.05, 0.25, 1.0])
TAILS: dict[Better, Tails] = {"lower": DISTANCE_TAILS, "higher": EQUAL_TAILS, "zero": EQUAL_TAILS}
FINITE = st.sampled_from([0.0, 1e-320, 1e-200, 1.0, -1.0, -1e200, 1e200, 1e308])


def known(values: list[float], floor: float, sd: float | None = None, **options: Any) -> MetricRecord:
    """A metric beside a floor that is known exactly, as closed forms are; `sd` is that of one exact draw."""
    return {**without_error(metric_of(values, floor, **options)), "floor_sd": sd}


def without_error(metric: MetricRecord) -> MetricRecord:
    """The metric beside the same floor, known exactly."""
    ends: Any = {"floor_low": metric["floor"], "floor_high": metric["floor"]}
    return {**metric, "floor_error": 0.0, "floor_draws": 0, **ends}


def drawn(values: list[float], floor: float, error: float, sd: float, draws: int, **options: Any) -> MetricRecord:
    """A metric beside a floor that was drawn."""
    return {**known(values, floor, sd, **options), "floor_error": error, "floor_draws": draws}


def around(mean: float, error: float, repeats: int) -> list[float]:
    """Repeats of this mean, which has this standard error."""
    shape = np.linspace(-1.0, 1.0, repeats)
    return (mean + error * sqrt(repeats) * shape / shape.std(ddof=1)).tolist()


@st.composite
def pairs(draw: st.DrawFn, *, equal: bool = True) -> tuple[MetricRecord, MetricRecord]:
    """Two metrics of one direction beside one floor, of as many repeats where they are `equal`."""
    better, floor, share = draw(st.sampled_from(BETTER)), draw(FLOORS), draw(MARGINS)
    one = draw(VALUES)
    size = len(one) if equal else None
    two = draw(VALUES if size is None else st.lists(st.sampled_from([*one, 0.0, 1.37]), min_size=size, max_size=size))
    first, second = (metric_of(values, floor, better=better, margin=share) for values in (one, two))
    return first, second


def but_for_its_tails(found: Comparison) -> tuple[float, float, float, float]:
    """What holds of a metric beside its floor in whichever way 5 % are split."""
    return found.difference, found.p_value, found.p_equivalence, found.margin


class TestScores:
    """What is compared: numbers of which smaller is better."""

    @pytest.mark.parametrize(
        ("better", "best_first"), [("lower", [-1, 0.5, 2]), ("higher", [2, 0.5, -1]), ("zero", [0.5, -1, 2])]
    )
    def test_they_sort_the_best_first(self, better: Better, best_first: list[float]) -> None:
        assert sorted([2.0, -1.0, 0.5], key=lambda value: score(value, better)) == best_first
        assert scores(metric_of([2.0, -1.0, 0.5], better=better)) == [score(x, better) for x in (2.0, -1.0, 0.5)]

    def test_the_mean_is_that_of_the_scores(self) -> None:
        assert mean_score(metric_of([-1.0, 3.0], better="lower")) == 1.0
        assert mean_score(metric_of([-1.0, 3.0], better="higher")) == -1.0
        assert mean_score(metric_of([-1.0, 3.0], better="zero")) == 2.0

    @PROPERTY
    @given(data=st.data(), shared=st.booleans())
    def test_where_zero_is_best_distances_from_it_are_compared(self, data: st.DataObject, shared: bool) -> None:
        one = data.draw(VALUES)
        two = data.draw(st.lists(st.integers(-500, 500).map(float), min_size=len(one), max_size=len(one)))
        zero = [metric_of(values, 0.5, better="zero") for values in (one, two)]
        lower = [metric_of([abs(value) for value in values], 0.5) for values in (one, two)]
        assert compare(zero[0], zero[1], shared=shared) == compare(lower[0], lower[1], shared=shared)
        assert but_for_its_tails(against_floor(zero[0])) == but_for_its_tails(against_floor(lower[0]))

    @PROPERTY
    @given(data=st.data(), shared=st.booleans())
    def test_where_higher_is_better_negatives_are_compared(self, data: st.DataObject, shared: bool) -> None:
        """Both units are the deviation of one exact draw, which is larger than the floor here."""
        one = values = data.draw(VALUES)
        two = data.draw(st.lists(st.integers(-500, 500).map(float), min_size=len(one), max_size=len(one)))
        higher = [known([-value for value in values], -0.5, 2.0, better="higher") for values in (one, two)]
        lower = [known(values, 0.5, 2.0) for values in (one, two)]
        assert compare(higher[0], higher[1], shared=shared) == compare(lower[0], lower[1], shared=shared)
        assert but_for_its_tails(against_floor(higher[0])) == but_for_its_tails(against_floor(lower[0]))
        zero = known([abs(value) for value in values], 0.5, 2.0, better="zero")
        if min(values) >= 0:
            assert against_floor(higher[0]) == against_floor(zero)
        assert floor_score(higher[0]) == floor_score(lower[0])


class TestUnitAndMargin:
    """What a difference must reach to be worth a word."""

    SOUND = metric_of([1.0, 2.0])

    @pytest.mark.parametrize(
        ("metric", "found", "error"),
        [
            (known([1.0, 2.0], 0.5), 0.5, 0.0),
            (known([1.0, 2.0], 0.5, 0.2), 0.5, 0.0),
            (known([1.0, 2.0], 0.5, 0.8), 0.8, 0.0),
            (known([1.0, 2.0], 0.5, better="zero"), 0.5, 0.0),
            (known([8.0, 9.0], 9.5, 0.3, better="higher"), 0.3, 0.0),
            ({**known([0.8, 0.9], 0.9, 0.02, better="higher"), "bounds": SHARE}, 0.1, 0.0),
            ({**known([0.8, 0.9], 0.9, 0.2, better="higher"), "bounds": SHARE}, 0.2, 0.0),
            (drawn([1.0, 2.0], 0.5, 0.04, 0.2, 20), 0.5, 0.04),
            (drawn([1.0, 2.0], 0.5, 0.18, 0.8, 20), 0.8, 0.8 / sqrt(38)),
            (drawn([1.0, 2.0], -0.1, 0.18, 0.8, 2), 0.8, 0.8 / sqrt(2)),
            (drawn([8.0, 9.0], 9.5, 0.01, 0.3, 901, better="higher"), 0.3, 0.3 / sqrt(1800)),
            ({**drawn([0.8, 0.9], 0.9, 0.004, 0.02, 25, better="higher"), "bounds": SHARE}, 0.1, 0.004),
            ({**known([1.0, 2.0], 0.5), "floor_draws": 1}, 0.5, 0.0),
        ],
    )
    def test_the_unit_is_the_floors_distance_or_one_draws_deviation(
        self, metric: MetricRecord, found: float, error: float
    ) -> None:
        """The deviation of n normal draws is known to 1/√(2(n − 1)) of it."""
        assert unit(metric) == pytest.approx((found, error), rel=1e-12)
        assert margin(metric) == pytest.approx(2 * 0.25 * found, rel=1e-12)

    def test_far_from_the_floor_the_margin_is_a_share_of_the_smaller_excess(self) -> None:
        near, far, at = known([2.0, 4.0], 0.5), known([9.0, 11.0], 0.5), known([0.4, 0.5], 0.5)
        assert margin(near, far) == margin(far, near) == pytest.approx(0.25 * 2.5)
        assert margin(near, at) == margin(at, near) == pytest.approx(2 * 0.25 * 0.5)
        higher = [{**known(values, 0.9, 0.01, better="higher"), "bounds": SHARE} for values in ([0.5, 0.5], [0.3, 0.3])]
        assert margin(higher[0], higher[1]) == pytest.approx(0.25 * 0.4)

    def test_the_two_margins_meet_at_an_excess_of_two_units(self) -> None:
        for excess, share in ((1.9, 2 * 0.25), (2.0, 2 * 0.25), (2.1, 2.1 * 0.25)):
            one, other = known([1.0 + excess] * 2, 1.0), known([1.1 + excess] * 2, 1.0)
            assert margin(one, other) == pytest.approx(share)

    def test_near_the_floor_the_smaller_unit_counts(self) -> None:
        """One record holds the floor of 20 draws, and by bad luck a large deviation."""
        one, other = known([1.0, 1.1], 0.5, 0.2), drawn([1.0, 1.1], 0.5, 0.2, 0.9, 20)
        assert margin(one, other) == margin(other, one) == margin(one) == 2 * 0.25 * 0.5
        assert margin(other) == 2 * 0.25 * 0.9

    @pytest.mark.parametrize("share", [1e9, MOST_MARGIN * (1 + 1e-9), 0.0, -0.25, inf, nan])
    def test_a_margin_that_is_no_share_is_refused(self, share: float) -> None:
        metric = metric_of([1.0, 2.0], margin=share)
        for ask in (
            lambda: margin(metric),
            lambda: against_floor(metric),
            lambda: compare(metric, metric, shared=True),
            lambda: compare(metric, metric, shared=False),
        ):
            with pytest.raises(
                BadInput, match=r"a margin is a share of the excess over the floor, above 0 and at most"
            ):
                ask()
        assert why(metric, metric, shared=True).startswith("a margin is a share")
        for pair in ((metric, self.SOUND), (self.SOUND, metric)):
            assert why(*pair, shared=True).startswith("a margin is a share")

    @pytest.mark.parametrize("share", [1e-6, 0.25, MOST_MARGIN])
    def test_a_share_is_taken(self, share: float) -> None:
        assert margin(metric_of([1.0, 2.0], 0.5, margin=share)) == pytest.approx(2 * 0.5 * share)


class TestPairs:
    """One metric beside another."""

    @PROPERTY
    @given(pair=pairs(), shared=st.booleans())
    def test_turned_round_it_is_the_mirror(self, pair: tuple[MetricRecord, MetricRecord], shared: bool) -> None:
        one, other = pair
        there, back = compare(one, other, shared=shared), compare(other, one, shared=shared)
        assert back.outcome == MIRROR[there.outcome]
        assert (back.difference, back.low, back.high) == (-there.difference, -there.high, -there.low)
        assert (back.p_value, back.p_equivalence, back.margin) == (there.p_value, there.p_equivalence, there.margin)
        assert there.low <= there.difference <= there.high
        assert there.paired is shared

    @PROPERTY
    @given(pair=pairs(equal=False))
    def test_unequal_repeats_of_independent_noise_are_the_mirror_too(
        self, pair: tuple[MetricRecord, MetricRecord]
    ) -> None:
        there, back = compare(*pair, shared=False), compare(pair[1], pair[0], shared=False)
        assert back.outcome == MIRROR[there.outcome]
        assert (back.difference, back.p_value) == (-there.difference, there.p_value)

    def test_floors_that_were_drawn_apart_leave_it_the_mirror(self) -> None:
        """One record holds a floor of 20 draws, the other that of 2,500: the question is still one."""
        one = metric_of([1.0, 1.2, 1.1], 0.5)
        other: MetricRecord = {**metric_of([1.05, 1.3, 1.0], 0.52), "floor_sd": 2.0, "floor_draws": 20}
        there, back = compare(one, other, shared=True), compare(other, one, shared=True)
        assert there.margin == back.margin
        assert back.outcome == MIRROR[there.outcome]

    @PROPERTY
    @given(pair=pairs(), shared=st.booleans(), power=st.integers(-20, 20))
    def test_units_of_measurement_do_not_matter(
        self, pair: tuple[MetricRecord, MetricRecord], shared: bool, power: int
    ) -> None:
        """A power of two scales numbers without rounding, so that all answers are the same to the last bit."""
        factor = 2.0**power

        def scaled(metric: MetricRecord) -> MetricRecord:
            assert metric["floor_sd"] is not None
            return {
                **metric,
                "values": [factor * value for value in metric["values"]],
                "floor": factor * metric["floor"],
                "floor_error": factor * metric["floor_error"],
                "floor_sd": factor * metric["floor_sd"],
            }

        before, after = compare(*pair, shared=shared), compare(scaled(pair[0]), scaled(pair[1]), shared=shared)
        fields = ("difference", "low", "high", "margin")
        assert after == replace(before, **{name: factor * getattr(before, name) for name in fields})
        assert against_floor(scaled(pair[0])).outcome == against_floor(pair[0]).outcome

    @PROPERTY
    @given(pair=pairs())
    def test_on_shared_noise_it_is_scipys_paired_test(self, pair: tuple[MetricRecord, MetricRecord]) -> None:
        a, b = map(scores, pair)
        difference = np.subtract(a, b)
        assume(difference.std() > 1e-9)
        found, test = compare(*pair, shared=True), stats.ttest_rel(a, b)
        assert found.p_value == pytest.approx(test.pvalue, rel=1e-6)
        interval = test.confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-6, abs=1e-9)
        assert found.margin == margin(*pair)

    @PROPERTY
    @given(pair=pairs(), is_known=st.booleans())
    def test_on_shared_noise_equivalence_is_shown_in_either_way_at_half_the_level(
        self, pair: tuple[MetricRecord, MetricRecord], is_known: bool
    ) -> None:
        """By scipy: twice the smaller p-value of the differences within the margin near the floor, and of the ratios.

        An error that is known is that of a second sample which is as good as endless.
        """
        if is_known:
            pair = without_error(pair[0]), without_error(pair[1])
        a, b = np.array(scores(pair[0])), np.array(scores(pair[1]))
        assume((a - b).std() > 1e-9)

        def below(values: NDArray[np.float64], shift: float, error: float) -> float:
            if error == 0:
                return float(stats.ttest_1samp(values, -shift, alternative="less").pvalue)
            own = values.mean() + shift, values.std(ddof=1), len(values)
            many = 1e14
            return float(
                stats.ttest_ind_from_stats(
                    *own, 0.0, error * sqrt(many), many, equal_var=False, alternative="less"
                ).pvalue
            )

        share, (size, error), one = pair[0]["margin"], unit(pair[0]), pair[0]
        near = max(below(side, -2 * share * size, 2 * share * error) for side in (a - b, b - a))
        floor = share * floor_score(one), share * one["floor_error"]
        ratios = max(below(x - (1 + share) * y, *floor) for x, y in ((a, b), (b, a)))
        found = compare(*pair, shared=True)
        assert found.p_equivalence == pytest.approx(min(1.0, 2 * min(near, ratios)), rel=1e-6, abs=1e-12)

    @PROPERTY
    @given(pair=pairs(equal=False))
    def test_on_independent_noise_so_it_is_by_welchs_tests(self, pair: tuple[MetricRecord, MetricRecord]) -> None:
        one, other = map(without_error, pair)
        a, b = np.array(scores(one)), np.array(scores(other))
        assume(min(a.std(), b.std()) > 1e-9)

        def below(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
            return float(stats.ttest_ind(x, y, equal_var=False, alternative="less").pvalue)

        share, size = one["margin"], unit(one)[0]
        near = max(below(x, y + 2 * share * size) for x, y in ((a, b), (b, a)))
        floor = floor_score(one)
        ratios = max(below(x + share * floor, (1 + share) * y) for x, y in ((a, b), (b, a)))
        found = compare(one, other, shared=False)
        assert found.p_equivalence == pytest.approx(min(1.0, 2 * min(near, ratios)), rel=1e-6, abs=1e-12)

    @PROPERTY
    @given(pair=pairs(equal=False))
    def test_on_independent_noise_it_is_scipys_test_of_welch(self, pair: tuple[MetricRecord, MetricRecord]) -> None:
        a, b = map(scores, pair)
        assume(min(np.std(a), np.std(b)) > 1e-9)
        found, test = compare(*pair, shared=False), stats.ttest_ind(a, b, equal_var=False)
        assert found.p_value == pytest.approx(test.pvalue, rel=1e-6)
        interval = test.confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-6, abs=1e-9)

    @PROPERTY
    @given(pair=pairs(), shared=st.booleans())
    def test_the_outcome_follows_from_the_two_tests(
        self, pair: tuple[MetricRecord, MetricRecord], shared: bool
    ) -> None:
        found = compare(*pair, shared=shared)
        if found.p_equivalence <= LEVEL:
            assert found.outcome == "equivalent"
        elif found.p_value <= LEVEL:
            assert found.outcome == ("worse" if found.difference > 0 else "better")
            assert found.low >= 0 or found.high <= 0
        else:
            assert found.outcome == "not resolved"
        assert 0 <= found.p_value <= 1
        assert why(*pair, shared=shared) == {"better": "", "worse": ""}.get(found.outcome, found.outcome)

    def test_pairing_finds_what_shared_noise_hides(self) -> None:
        noise = [0.0, 1.0, 2.0, 3.0, 4.0]
        one = known([10 + x for x in noise], 0.01, margin=1e-3)
        other = known(
            [10.3 + x + d for x, d in zip(noise, (0.1, -0.1, 0.0, 0.1, -0.1), strict=True)], 0.01, margin=1e-3
        )
        assert compare(one, other, shared=True).outcome == "better"
        assert compare(one, other, shared=False).outcome == "not resolved"
        assert compare(one, other, shared=True).p_value < 0.01 * compare(one, other, shared=False).p_value

    def test_opposed_noise_makes_pairs_less_sure(self) -> None:
        one, other = known([1.0, 2.0, 3.0], 0.01), known([4.0, 3.0, 2.0], 0.01)
        assert compare(one, other, shared=True).p_value > compare(one, other, shared=False).p_value

    @pytest.mark.parametrize("shared", [True, False])
    def test_without_any_spread_what_was_seen_is_exact(self, shared: bool) -> None:
        one, near, far = (known([value] * 3, 1.0) for value in (2.0, 2.125, 4.0))
        found = compare(one, far, shared=shared)
        assert (found.outcome, found.low, found.high, found.p_value) == ("better", -2.0, -2.0, 0.0)
        found = compare(near, one, shared=shared)
        assert (found.outcome, found.low, found.high, found.p_equivalence) == ("equivalent", 0.125, 0.125, 0.0)
        assert compare(one, one, shared=shared).outcome == "equivalent"
        for above, outcome in ((2.49, "equivalent"), (2.51, "worse")):  # half the floor above 2, near the floor
            assert compare(known([above] * 3, 1.0), one, shared=shared).outcome == outcome
        five = known([5.0] * 3, 1.0)
        for above, outcome in ((5.99, "equivalent"), (6.01, "worse")):  # a quarter more excess, far above it
            assert compare(known([above] * 3, 1.0), five, shared=shared).outcome == outcome
            assert compare(five, known([above] * 3, 1.0), shared=shared).outcome == MIRROR[outcome]

    @pytest.mark.parametrize("shared", [True, False])
    @pytest.mark.parametrize("better", BETTER)
    @pytest.mark.parametrize("value", [0.0, 1.0])
    def test_what_is_equal_without_spread_is_equivalent_within_any_margin(
        self, value: float, better: Better, shared: bool
    ) -> None:
        """Even within none: where the floor and the deviation of exact draws are 0, so is the unit."""
        for sd in (0.0, None):
            one = known([value] * 3, 0.0, sd, better=better)
            assert margin(one) == 0.0
            found = compare(one, one, shared=shared)
            assert (found.outcome, found.difference, found.p_equivalence) == ("equivalent", 0.0, 0.0)
            outcome = {0.0: "equivalent", 1.0: "better" if better == "higher" else "worse"}[value]
            assert against_floor(one).outcome == outcome
            other = known([value + 1e-9] * 3, 0.0, sd, better=better)
            if value == 0.0:
                assert compare(one, other, shared=shared).outcome == ("worse" if better == "higher" else "better")

    @pytest.mark.parametrize("shared", [True, False])
    def test_equivalent_is_what_lies_within_the_margin(self, shared: bool) -> None:
        """The floor is 1, so the margin is a half; differences scatter by 0.01."""
        rng = np.random.default_rng(1)
        noise = 0.01 * rng.standard_normal((2, 10))
        one = known((1.7 + noise[0]).tolist(), 1.0)
        for away, outcome in ((0.4, "equivalent"), (-0.4, "equivalent"), (0.6, "worse"), (-0.6, "better")):
            assert compare(known((1.7 + away + noise[1]).tolist(), 1.0), one, shared=shared).outcome == outcome

    @pytest.mark.parametrize("shared", [True, False])
    def test_far_above_the_floor_so_is_what_has_nearly_the_same_excess(self, shared: bool) -> None:
        """Excesses of 100: a quarter more is not, however far beyond the margin near the floor."""
        noise = 0.1 * np.random.default_rng(2).standard_normal((2, 10))
        one = known((101 + noise[0]).tolist(), 1.0)
        for excess, outcome in ((120, "equivalent"), (84, "equivalent"), (130, "worse"), (76, "better")):
            assert compare(known((1 + excess + noise[1]).tolist(), 1.0), one, shared=shared).outcome == outcome

    def test_what_the_floor_is_not_known_to_is_no_equivalence(self) -> None:
        """Half a floor of 1 is the margin, which is only known as well as the floor."""
        one, other = around(1.0, 0.01, 10), around(1.4, 0.02, 10)
        for error, outcome in ((0.01, "equivalent"), (0.5, "better")):
            pair = [drawn(values, 1.0, error, 0.2, 20) for values in (one, other)]
            assert compare(pair[0], pair[1], shared=True).outcome == outcome

    def test_a_difference_may_be_sure_and_of_no_account(self) -> None:
        """Equivalence goes first: 1 % more of a floor of which a quarter counts."""
        one, other = known([1.0, 1.001, 0.999], 1.0), known([1.01, 1.0111, 1.009], 1.0)
        found = compare(other, one, shared=True)
        assert found.p_value < 0.001
        assert found.outcome == "equivalent"

    @PROPERTY
    @given(pair=pairs())
    def test_a_metric_is_equivalent_to_itself_on_its_own_noise(self, pair: tuple[MetricRecord, MetricRecord]) -> None:
        found = compare(pair[0], pair[0], shared=True)
        assert (found.outcome, found.difference, found.low, found.high) == ("equivalent", 0.0, 0.0, 0.0)

    @pytest.mark.parametrize("shared", [True, False])
    @pytest.mark.parametrize("level", [0.01, 0.05, 0.2])
    def test_the_level_is_the_callers(self, level: float, shared: bool) -> None:
        other = known([10.0] * 8, 1e-9, margin=1e-6)
        for mean, outcome in ((0.99, "not resolved"), (1.01, "worse"), (-1.01, "better")):
            threshold = float(stats.t.isf(level / 2, 7)) * 0.3
            own = known(around(10 + mean * threshold, 0.3, 8), 1e-9, margin=1e-6)
            found = compare(own, other, shared=shared, level=level)
            assert found.outcome == outcome
            assert found.high - found.difference == pytest.approx(threshold)
            assert found.difference - found.low == pytest.approx(threshold)

    @pytest.mark.parametrize("level", [0.01, 0.05, 0.2])
    def test_so_it_is_of_equivalence(self, level: float) -> None:
        """At half the level near the floor, where half of it is the margin; the other way is far from shown."""
        threshold = float(stats.t.isf(level / 2, 7)) * 0.01
        other = known([1.0] * 8, 1.0)
        for times, is_within in ((0.99, False), (1.01, True)):
            for side in (-1, 1):
                own = known(around(1.0 + side * (0.5 - times * threshold), 0.01, 8), 1.0)
                found = compare(own, other, shared=True, level=level)
                assert (found.p_equivalence <= level) is (found.outcome == "equivalent") is is_within

    @pytest.mark.parametrize("shared", [True, False])
    @pytest.mark.parametrize("size", [1e-300, 1e-200, 1e-100, 1e-30, 1e30, 1e100, 1e200, 1e300])
    def test_very_small_and_very_large_numbers_are_numbers(self, shared: bool, size: float) -> None:
        """A record that somebody hands in may hold any finite number, and a board must read it."""
        one, other = (known([x * size for x in values], size) for values in ([1.0, 1.1, 1.2], [5.0, 5.2, 5.3]))
        assert compare(one, other, shared=shared).outcome == "better"
        assert compare(one, one, shared=shared).outcome == "equivalent"
        for values, outcome in (([1.0, 1.1, 1.2], "equivalent"), ([0.8, 1.1, 1.8], "not resolved")):
            own = drawn([x * size for x in values], size, 0.01 * size, 0.1 * size, 20)
            assert against_floor(own).outcome == outcome

    @PROPERTY
    @given(
        values=st.lists(FINITE, min_size=3, max_size=3),
        others=st.lists(FINITE, min_size=3, max_size=3),
        floor=FINITE,
        better=st.sampled_from(BETTER),
        shared=st.booleans(),
    )
    def test_no_finite_number_raises(
        self, values: list[float], others: list[float], floor: float, better: Better, shared: bool
    ) -> None:
        one, other = (drawn(each, floor, 0.5, 1.0, 20, better="lower") for each in (values, others))
        one["better"] = other["better"] = better
        assert compare(one, other, shared=shared).outcome in MIRROR
        assert against_floor(one).outcome in MIRROR


class TestFloor:
    """A metric beside exact draws."""

    @pytest.mark.parametrize("better", BETTER)
    @pytest.mark.parametrize(
        ("score_over_floor", "outcome"),
        [(0.0, "equivalent"), (0.4, "equivalent"), (-0.4, "equivalent"), (0.6, "worse"), (-0.6, "better")],
    )
    def test_at_above_and_below(self, better: Better, score_over_floor: float, outcome: str) -> None:
        """The unit is 1: the floor, or where higher is better the deviation of one draw."""
        sign = -1 if better == "higher" else 1
        values = [1.0 + sign * score_over_floor + d for d in (-0.02, -0.01, 0.0, 0.01, 0.02)]
        metric = known(values, 1.0, 1.0, better=better)
        assert against_floor(metric).outcome == outcome
        assert at_floor(metric) is (outcome == "equivalent")

    def test_few_noisy_repeats_are_not_resolved(self) -> None:
        found = against_floor(known([0.7, 1.0, 1.4], 1.0))
        assert found.outcome == "not resolved"
        assert not at_floor(known([0.7, 1.0, 1.4], 1.0))

    @PROPERTY
    @given(values=VALUES, draws=st.integers(2, 2500), error=st.sampled_from([0.01, 0.3]), floor=FLOORS)
    def test_it_is_welchs_test_with_the_floors_own_error(
        self, values: list[float], draws: int, error: float, floor: float
    ) -> None:
        metric: MetricRecord = {**metric_of(values, floor), "floor_error": error, "floor_draws": draws}
        test = stats.ttest_ind_from_stats(
            np.mean(values), np.std(values, ddof=1), len(values), floor, error * sqrt(draws), draws, equal_var=False
        )
        assert against_floor(metric).p_value == pytest.approx(test.pvalue, rel=1e-6)

    @PROPERTY
    @given(values=VALUES, floor=FLOORS)
    def test_beside_a_closed_form_it_is_the_test_of_one_sample(self, values: list[float], floor: float) -> None:
        assume(np.std(values) > 1e-9)
        found = against_floor(known(values, floor))
        assert found.p_value == pytest.approx(stats.ttest_1samp(values, floor).pvalue, rel=1e-6)
        assert found.margin == 2 * 0.25 * floor
        within = (
            stats.ttest_1samp(values, floor + found.margin, alternative="less"),
            stats.ttest_1samp(values, floor - found.margin, alternative="greater"),
        )
        assert found.p_equivalence == pytest.approx(max(test.pvalue for test in within), rel=1e-6)

    @pytest.mark.parametrize(("better", "tails"), TAILS.items())
    @pytest.mark.parametrize("level", [0.01, 0.05, 0.2])
    def test_a_distances_level_is_split_four_to_one(self, level: float, better: Better, tails: Tails) -> None:
        """As its interval is: four fifths of it to be worse, and one to be below."""
        up, down = (float(stats.t.isf(tail * level / LEVEL, 7)) * 0.3 for tail in tails)
        sign = -1 if better == "higher" else 1
        for away, outcome in (
            (0.99 * up, "not resolved"),
            (1.01 * up, "worse"),
            (-0.99 * down, "not resolved"),
            (-1.01 * down, "better"),
        ):
            metric = known(around(10 + sign * away, 0.3, 8), 10.0, 1e-9, better=better, margin=1e-6)
            found = against_floor(metric, level)
            assert found.outcome == outcome
            assert (found.difference - found.low, found.high - found.difference) == pytest.approx((up, down))

    @PROPERTY
    @given(values=VALUES, better=st.sampled_from(BETTER), floor=FLOORS, draws=st.sampled_from([0, 20]))
    def test_its_interval_says_what_the_outcome_says(
        self, values: list[float], better: Better, floor: float, draws: int
    ) -> None:
        metric = metric_of(values, floor, better=better)
        found = against_floor(metric if draws else without_error(metric))
        assert found.low <= found.difference <= found.high
        if found.outcome != "equivalent":
            assert found.outcome == ("worse" if found.low > 0 else "better" if found.high < 0 else "not resolved")

    def test_a_margin_of_the_floor_errs_as_the_floor_does(self) -> None:
        """A floor that is 5 % too high makes a metric look nearer and the margin wider, at once.

        Of 1.4 beside 1 ± 0.05: 1.4 < 1.5·floor is true by (1.5 − 1.4)/(1.5·0.05), 1.33 standard errors only.
        """
        found = against_floor(drawn([1.4] * 5, 1.0, 0.05, 0.22, 20))
        assert found.p_equivalence == pytest.approx(stats.norm.sf(0.1 / 0.075), abs=0.02)
        assert found.outcome == "worse"

    def test_a_badly_known_floor_is_less_sure(self) -> None:
        metric = metric_of([1.4, 1.5, 1.6], 1.0)
        assert against_floor({**metric, "floor_error": 0.0}).outcome == "worse"
        assert against_floor({**metric, "floor_error": 0.5, "floor_draws": 20}).outcome == "not resolved"

    def test_of_one_repeat_nothing_is_known(self) -> None:
        assert not at_floor(metric_of([0.01]))
        with pytest.raises(BadInput, match="one repeat has no spread"):
            against_floor(metric_of([0.01]))

    def test_where_the_truth_is_perfect_so_are_its_equals(self) -> None:
        """All exact draws and all samples have the right label: nothing could be closer to the truth."""
        perfect: MetricRecord = {**known([1.0] * 3, 1.0, 0.0, better="higher"), "bounds": SHARE}
        assert at_floor(perfect)
        assert compare(perfect, perfect, shared=True).outcome == "equivalent"


class TestRefusals:
    """What is no pair, and why."""

    ONE = metric_of([1.0, 2.0, 3.0])

    @pytest.mark.parametrize("shared", [True, False])
    @pytest.mark.parametrize(
        ("other", "reason"),
        [
            (metric_of([1.0, 2.0, 3.0], n=999), "different numbers of samples cannot be compared: 1000 and 999"),
            (metric_of([1.0, 2.0, 3.0], method="otherwise"), "different methods cannot be compared: made up and other"),
            (metric_of([1.0, 2.0, 3.0], better="zero"), "different directions cannot be compared: lower and zero"),
            (metric_of([1.0, 2.0, 3.0], margin=0.5), "different margins cannot be compared: 0.25 and 0.5"),
            (metric_of([1.0]), "one repeat has no spread, and nothing can be compared: measure at least two"),
        ],
    )
    def test_by_reason(self, other: MetricRecord, reason: str, shared: bool) -> None:
        with pytest.raises(BadInput, match=reason):
            compare(self.ONE, other, shared=shared)
        with pytest.raises(BadInput):
            check_pair(other, self.ONE, shared=shared)
        assert reason in why(self.ONE, other, shared=shared)

    def test_unequal_numbers_of_repeats_make_no_pairs(self) -> None:
        other = metric_of([1.0, 2.0, 3.0, 4.0])
        with pytest.raises(BadInput, match="3 and 4 repeats make no pairs: measure both equally often"):
            compare(self.ONE, other, shared=True)
        assert compare(self.ONE, other, shared=False).outcome == "not resolved"


class TestRepeatsToDecide:
    """How many repeats would decide what is not resolved."""

    @staticmethod
    def unresolved(difference: float, deviation: float, reach: float, repeats: int) -> Comparison:
        """What is not resolved of two metrics near their floor, beside a margin of `reach`."""
        floor = 2 * reach
        own = known(around(floor + difference, deviation / sqrt(repeats), repeats), floor)
        found = compare(own, known([floor] * repeats, floor), shared=True)
        assert (found.outcome, found.margin) == ("not resolved", pytest.approx(reach))
        return found

    @pytest.mark.parametrize("repeats", [5, 10, 30])
    @pytest.mark.parametrize("difference", [0.1, 0.2, -0.3])
    def test_they_tell_a_difference_in_four_fifths_of_cases(self, difference: float, repeats: int) -> None:
        """By the noncentral t law; the normal law that the rule takes is right to a few hundredths."""
        needed = repeats_to_decide(self.unresolved(difference, 1.0, 0.01, repeats), repeats)
        assert needed is not None
        shift, threshold = abs(difference) * sqrt(needed), stats.t.isf(0.025, needed - 1)
        assert stats.nct.sf(threshold, needed - 1, shift) == pytest.approx(0.8, abs=0.02)

    def test_they_show_equivalence_in_about_as_many(self) -> None:
        """At no difference both sides of the margin must be told: 1 − 2·0.12 by the normal law."""
        needed = repeats_to_decide(self.unresolved(0.0, 1.0, 0.2, 10), 10)
        assert needed is not None
        reach = 0.2 * sqrt(needed) - stats.t.isf(0.05, needed - 1)
        assert 2 * stats.norm.cdf(reach) - 1 == pytest.approx(0.76, abs=0.02)

    def test_there_are_always_more(self) -> None:
        found = self.unresolved(0.6, 0.3 * sqrt(5), 0.01, 5)
        assert repeats_to_decide(found, 5) == 11  # 5·(2.8·0.3/0.6)² is 9.8
        assert repeats_to_decide(replace(found, difference=0.69), 5) == 8
        assert repeats_to_decide(replace(found, difference=50.0), 5) == 6

    def test_where_no_number_is_likely_to_there_is_none(self) -> None:
        exact = Comparison("not resolved", 0.0, 0.0, 0.0, 1.0, 0.5, 0.1, True)
        assert repeats_to_decide(exact, 5) is None
        unknown = Comparison("not resolved", 0.0, -inf, inf, 1.0, 0.5, 0.1, True)
        assert repeats_to_decide(unknown, 5) is None
        nothing_to_tell = Comparison("not resolved", 0.0, -1.0, 1.0, 1.0, 1.0, 0.0, True)
        assert repeats_to_decide(nothing_to_tell, 5) is None

    def test_more_than_a_hundred_thousand_are_no_advice(self) -> None:
        for needed in (90_000, 99_000, 101_000, 1e9, 1e300):
            found = self.unresolved(2.8 / sqrt(needed), 1.0, 1e-160, 10)
            repeats = repeats_to_decide(found, 10)
            assert repeats is None if needed > 100_000 else repeats == pytest.approx(needed, rel=0.01)

    @PROPERTY
    @given(difference=FINITE, half=FINITE, reach=FINITE.map(abs), repeats=st.integers(2, 1000))
    def test_no_finite_number_raises(self, difference: float, half: float, reach: float, repeats: int) -> None:
        found = Comparison("not resolved", difference, -abs(half), abs(half), 1.0, 1.0, reach, True)
        needed = repeats_to_decide(found, repeats)
        assert needed is None or repeats < needed <= 100_001
