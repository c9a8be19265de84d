"""Better, worse, equivalent or not resolved: against scipy's tests, by symmetry, and what is refused."""

from dataclasses import replace
from math import inf, nan, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_records import metric_of
from scipy import stats

from sigbench.errors import BadInput
from sigbench.metrics.estimate import SHARE, Better
from sigbench.records.comparison import (
    LEVEL,
    MOST_MARGIN,
    Comparison,
    against_floor,
    at_floor,
    check_pair,
    compare,
    decided,
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

PROPERTY = settings(deadline=None, derandomize=True, database=None, max_examples=50)
BETTER: tuple[Better, ...] = ("lower", "higher", "zero")
MIRROR = {"better": "worse", "worse": "better", "equivalent": "equivalent", "not resolved": "not resolved"}
# Hundredths from −5 to 5, of which 0.25 and others are exact in binary, and repeated ones are frequent.
VALUES = st.lists(st.integers(-500, 500).map(lambda i: i / 100), min_size=2, max_size=8)
FLOORS = st.sampled_from([0.01, 0.5, 2.0])
MARGINS = st.sampled_from([0.05, 0.25, 1.0])


def known(values: list[float], floor: float, sd: float | None = None, **options: Any) -> MetricRecord:
    """A metric beside a floor that is known exactly, as closed forms are; `sd` is that of one exact draw."""
    found = metric_of(values, floor, **options)
    return {**found, "floor_error": 0.0, "floor_sd": sd, "floor_draws": 0, "floor_low": floor, "floor_high": floor}


@st.composite
def pairs(draw: st.DrawFn, *, equal: bool = True) -> tuple[MetricRecord, MetricRecord]:
    """Two metrics of one direction beside one floor, of as many repeats where they are `equal`."""
    better, floor, share = draw(st.sampled_from(BETTER)), draw(FLOORS), draw(MARGINS)
    one = draw(VALUES)
    size = len(one) if equal else None
    two = draw(VALUES if size is None else st.lists(st.sampled_from([*one, 0.0, 1.37]), min_size=size, max_size=size))
    first, second = (metric_of(values, floor, better=better, margin=share) for values in (one, two))
    return first, second


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
        assert against_floor(zero[0]) == against_floor(lower[0])

    @PROPERTY
    @given(data=st.data(), shared=st.booleans())
    def test_where_higher_is_better_negatives_are_compared(self, data: st.DataObject, shared: bool) -> None:
        """Both units are the deviation of one exact draw, which is larger than the floor here."""
        one = data.draw(VALUES)
        two = data.draw(st.lists(st.integers(-500, 500).map(float), min_size=len(one), max_size=len(one)))
        higher = [known([-value for value in values], -0.5, 2.0, better="higher") for values in (one, two)]
        lower = [known(values, 0.5, 2.0) for values in (one, two)]
        assert compare(higher[0], higher[1], shared=shared) == compare(lower[0], lower[1], shared=shared)
        assert against_floor(higher[0]) == against_floor(lower[0])
        assert floor_score(higher[0]) == floor_score(lower[0])


class TestUnitAndMargin:
    """What a difference must reach to be worth a word."""

    @pytest.mark.parametrize(
        ("metric", "found"),
        [
            (known([1.0, 2.0], 0.5), 0.5),
            (known([1.0, 2.0], 0.5, 0.2), 0.5),
            (known([1.0, 2.0], 0.5, 0.8), 0.8),
            (known([1.0, 2.0], 0.5, better="zero"), 0.5),
            (known([8.0, 9.0], 9.5, 0.3, better="higher"), 0.3),
            ({**known([0.8, 0.9], 0.9, 0.02, better="higher"), "bounds": SHARE}, 0.1),
            ({**known([0.8, 0.9], 0.9, 0.2, better="higher"), "bounds": SHARE}, 0.2),
        ],
    )
    def test_the_unit_is_the_floors_distance_or_one_draws_deviation(self, metric: MetricRecord, found: float) -> None:
        assert unit(metric) == pytest.approx(found, rel=1e-12)
        assert margin(metric) == pytest.approx(0.25 * found, rel=1e-12)

    def test_far_from_the_floor_the_margin_is_a_share_of_the_smaller_excess(self) -> None:
        near, far, at = known([2.0, 4.0], 0.5), known([9.0, 11.0], 0.5), known([0.4, 0.5], 0.5)
        assert margin(near, far) == margin(far, near) == pytest.approx(0.25 * 2.5)
        assert margin(near, at) == margin(at, near) == pytest.approx(0.25 * 0.5)
        higher = [{**known(values, 0.9, 0.01, better="higher"), "bounds": SHARE} for values in ([0.5, 0.5], [0.7, 0.7])]
        assert margin(higher[0], higher[1]) == pytest.approx(0.25 * 0.2)

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

    @pytest.mark.parametrize("share", [1e-6, 0.25, MOST_MARGIN])
    def test_a_share_is_taken(self, share: float) -> None:
        assert margin(metric_of([1.0, 2.0], 0.5, margin=share)) == pytest.approx(0.5 * share)


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
        assert found.p_equivalence == pytest.approx(
            max(
                stats.ttest_1samp(difference, -found.margin, alternative="greater").pvalue,
                stats.ttest_1samp(difference, found.margin, alternative="less").pvalue,
            ),
            rel=1e-6,
        )

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
        at_the_margin = known([2.25] * 3, 1.0)
        assert compare(at_the_margin, one, shared=shared).outcome == "worse"

    @pytest.mark.parametrize("shared", [True, False])
    def test_equivalent_is_what_lies_within_the_margin(self, shared: bool) -> None:
        """The floor is 1, so the margin is a quarter; differences scatter by 0.01."""
        rng = np.random.default_rng(1)
        noise = 0.01 * rng.standard_normal((2, 10))
        one = known((1.2 + noise[0]).tolist(), 1.0)
        for away, outcome in ((0.2, "equivalent"), (-0.2, "equivalent"), (0.3, "worse"), (-0.3, "better")):
            assert compare(known((1.2 + away + noise[1]).tolist(), 1.0), one, shared=shared).outcome == outcome

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

    @pytest.mark.parametrize("level", [0.01, 0.05, 0.2])
    def test_the_level_is_the_callers(self, level: float) -> None:
        for mean, outcome in ((0.99, "not resolved"), (1.01, "worse"), (-1.01, "better")):
            threshold = float(stats.t.isf(level / 2, 7)) * 0.3
            found = decided(mean * threshold, 0.3, 7, 1e-9, paired=True, level=level)
            assert found.outcome == outcome
            assert found.high - found.difference == pytest.approx(threshold)

    @pytest.mark.parametrize("shared", [True, False])
    @pytest.mark.parametrize("size", [1e-100, 1e-30, 1e30, 1e100, 1e200])
    def test_very_small_and_very_large_numbers_are_numbers(self, shared: bool, size: float) -> None:
        """A record that somebody hands in may hold any finite number, and a board must read it."""
        one, other = (known([x * size for x in values], size) for values in ([1.0, 1.1, 1.2], [5.0, 5.2, 5.3]))
        assert compare(one, other, shared=shared).outcome == "better"
        assert against_floor({**one, "floor_error": 0.01 * size, "floor_draws": 20}).outcome == "not resolved"


class TestFloor:
    """A metric beside exact draws."""

    @pytest.mark.parametrize("better", BETTER)
    @pytest.mark.parametrize(
        ("score_over_floor", "outcome"),
        [(0.0, "equivalent"), (0.2, "equivalent"), (-0.2, "equivalent"), (0.4, "worse"), (-0.4, "better")],
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
        assert found.margin == 0.25 * floor

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
        found = decided(difference, deviation / sqrt(repeats), repeats - 1, reach, paired=True)
        assert found.outcome == "not resolved"
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
        found = decided(0.6, 0.3, 4, 0.01, paired=True)
        assert found.outcome == "not resolved"
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
