"""How often decisions are wrong, and how often they are right: simulations with seeds of their own.

A rate is held to its nominal level and three binomial standard errors: a decision that errs exactly as often as it may
fails once in 740 sets of seeds. Where nothing else is said the level is 5 % an answer, both sides together, and 4,000
comparisons have a standard error of 0.34 %. Where nothing can be equivalent the outcome is that of a t-test, and scipy
computes 10,000 at once, of which `compare` decides the first 200 itself. `pytest -s` prints all rates.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import product
from math import sqrt
from typing import Any

import numpy as np
import pytest
from made_records import metric_of
from numpy.typing import NDArray
from scipy import stats
from scipy.special import stdtr

from sigbench.metrics.estimate import DISTANCE_TAILS, EQUAL_TAILS, Better, Tails
from sigbench.metrics.transport import expected_w1
from sigbench.records.comparison import LEVEL, Comparison, Outcome, against_floor, compare
from sigbench.records.family import Ranked, rank_family
from sigbench.records.record import MetricRecord
from sigbench.registry import make_task

pytestmark = pytest.mark.slow

Array = NDArray[np.float64]
RUNS, QUICK_RUNS = 4_000, 10_000  # the second where scipy computes all answers at once
FAMILIES = {2: 8_000, 5: 4_000, 20: 1_000}  # by their entries
SIMULATED_CHOICE = 0.0025  # what the simulated threshold of a family may be off by


def beside(
    floor: float, margin: float = 1e-6, *, sd: float | None = None, error: float = 0.0, draws: int = 0
) -> MetricRecord:
    """A metric beside a floor, whose values a simulation replaces; with so small a margin nothing is equivalent."""
    drawn: dict[str, Any] = {"floor_sd": sd, "floor_error": error, "floor_draws": draws}
    return {**metric_of([1.0, 2.0], floor, margin=margin), **drawn}  # type: ignore[typeddict-item]


NOTHING_EQUIVALENT = beside(1e-9)


def drawn_floors(
    rng: np.random.Generator, runs: int, floor: float, sd: float, draws: int, margin: float
) -> list[MetricRecord]:
    """Metrics beside floors that were drawn, of normal values with this deviation; no draws are a closed form."""
    if not draws:
        return [beside(floor, margin, sd=sd)] * runs
    floors = floor + sd / sqrt(draws) * rng.standard_normal(runs)
    deviations = sd * np.sqrt(rng.chisquare(draws - 1, runs) / (draws - 1))
    return [
        beside(mean, margin, sd=own, error=own / sqrt(draws), draws=draws)
        for mean, own in zip(floors.tolist(), deviations.tolist(), strict=True)
    ]


def outcomes(one: Array, other: Array, metric: MetricRecord | Sequence[MetricRecord], *, shared: bool) -> Counter[str]:
    """The outcomes of comparing each row of (runs, repeats) with that of the other, beside one floor or its own."""
    metrics = metric if isinstance(metric, Sequence) else [metric] * len(one)
    return Counter(
        compare({**each, "values": a}, {**each, "values": b}, shared=shared).outcome
        for each, a, b in zip(metrics, one.tolist(), other.tolist(), strict=True)
    )


def told(one: Array, other: Array, *, shared: bool) -> int:
    """How often rows of (runs, repeats) are told from those of the other, where nothing is equivalent."""
    test = stats.ttest_rel(one, other, axis=1) if shared else stats.ttest_ind(one, other, axis=1, equal_var=False)
    found = test.pvalue <= LEVEL
    for a, b, is_told in zip(one[:200].tolist(), other[:200].tolist(), found.tolist(), strict=False):
        own = compare({**NOTHING_EQUIVALENT, "values": a}, {**NOTHING_EQUIVALENT, "values": b}, shared=shared)
        assert own.outcome == ("not resolved" if not is_told else "worse" if own.difference > 0 else "better")
    return int(found.sum())


def against(values: Array, metric: MetricRecord | Sequence[MetricRecord]) -> Counter[str]:
    """The outcomes of holding each row of (runs, repeats) against a floor, or its own."""
    metrics = metric if isinstance(metric, Sequence) else [metric] * len(values)
    return Counter(
        against_floor({**each, "values": row}).outcome for each, row in zip(metrics, values.tolist(), strict=True)
    )


def assert_at_most(count: int, runs: int, level: float, what: str) -> None:
    """Asserts that a rate is no larger than its level, but for the simulation's error."""
    print(f"\n{what}: {count / runs:.2%} of {runs:,}, nominal {level:.2%}")
    assert count / runs <= level + 3 * sqrt(level * (1 - level) / runs), what


def correlated(rng: np.random.Generator, runs: int, repeats: int, correlation: float) -> tuple[Array, Array]:
    """Standard normal values of two samplers, (runs, repeats) each, correlated repeat by repeat."""
    one, own = rng.standard_normal((2, runs, repeats))
    return one, correlation * one + sqrt(1 - correlation**2) * own


class TestNoDifference:
    """Better or worse where expectations are equal: at most 5 % of answers."""

    @pytest.mark.parametrize("repeats", [3, 5, 10])
    @pytest.mark.parametrize("correlation", [0.0, 0.9, -0.5])
    def test_paired_normal_values(self, correlation: float, repeats: int) -> None:
        """At most 5 % of 10,000, whatever the correlation."""
        one, other = correlated(np.random.default_rng([1, repeats]), QUICK_RUNS, repeats, correlation)
        found = told(10 + one, 10 + other, shared=True)
        what = f"paired, correlation {correlation:g}, {repeats} repeats"
        assert_at_most(found, QUICK_RUNS, LEVEL, what)

    @pytest.mark.parametrize("repeats", [3, 5, 10])
    @pytest.mark.parametrize("shared", [True, False])
    def test_skewed_values_of_one_law(self, shared: bool, repeats: int) -> None:
        """At most 5 % of 10,000 exponential values (skewness 2): differences of one law with itself are symmetric."""
        one, other = np.random.default_rng([2, repeats]).exponential(1.0, (2, QUICK_RUNS, repeats))
        found = told(one, other, shared=shared)
        what = f"exponential, {'paired' if shared else 'Welch'}, {repeats} repeats"
        assert_at_most(found, QUICK_RUNS, LEVEL, what)

    @pytest.mark.parametrize("repeats", [5, 10])
    @pytest.mark.parametrize("shared", [True, False])
    def test_as_skewed_as_a_distance_at_its_floor_beside_a_normal_one(self, shared: bool, repeats: int) -> None:
        """Gamma of skewness 1.2, as W1 has it, beside a normal law of the same mean and spread: about 5 %, at most 6 %.

        No t-test holds its level for skewed differences; this one misses it by less than a percent.
        """
        rng, shape = np.random.default_rng([3, repeats]), (2 / 1.2) ** 2
        skewed = (rng.gamma(shape, 1.0, (QUICK_RUNS, repeats)) - shape) / sqrt(shape)
        found = told(10 + skewed, 10 + rng.standard_normal((QUICK_RUNS, repeats)), shared=shared)
        what = f"skewed beside normal, {'paired' if shared else 'Welch'}, {repeats} repeats"
        assert_at_most(found, QUICK_RUNS, 0.06, what)

    @pytest.mark.parametrize(
        ("ratio", "repeats", "most"),
        [
            *product((1.0, 2.0, 5.0), [(5, 5), (10, 10), (10, 5), (5, 10)], [1.1 * LEVEL]),
            *product((1.0, 5.0), [(3, 3), (3, 6), (6, 3)], [0.07]),
        ],
    )
    def test_welch_with_unequal_spreads(self, ratio: float, repeats: tuple[int, int], most: float) -> None:
        """At most 5 % of 10,000 where one sampler scatters up to five times as much, and has other repeats.

        Welch's test is no exact one: a tenth of the level is allowed for that, and 7 % in all with three repeats.
        """
        rng = np.random.default_rng([4, *repeats])
        one = rng.standard_normal((QUICK_RUNS, repeats[0]))
        other = ratio * rng.standard_normal((QUICK_RUNS, repeats[1]))
        found = told(10 + one, 10 + other, shared=False)
        what = f"Welch, {repeats[0]} and {repeats[1]} repeats, spreads 1 and {ratio:g}"
        assert_at_most(found, QUICK_RUNS, most, what)


class TestEquivalence:
    """Equivalent at the edge of the margin: at most 5 % of answers."""

    @pytest.mark.parametrize("repeats", [3, 5, 10])
    @pytest.mark.parametrize("side", [1, -1])
    def test_near_the_floor(self, side: int, repeats: int) -> None:
        """At most 5 % of 4,000, of which half the level is used: the floor is 1 and known, and a half is the margin."""
        one, other = correlated(np.random.default_rng([5, repeats]), RUNS, repeats, 0.5)
        found = outcomes(1.7 + side * 0.5 + 0.1 * one, 1.7 + 0.1 * other, beside(1.0, 0.25), shared=True)
        assert_at_most(found["equivalent"], RUNS, LEVEL, f"equivalence near the floor, {repeats} repeats")

    @pytest.mark.parametrize("repeats", [5, 10])
    @pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9, 0.99])
    def test_far_above_the_floor(self, correlation: float, repeats: int) -> None:
        """At most 5 % of 4,000: excesses are 1 and 1.25, and the margin, a quarter of the one, is an estimate."""
        one, other = correlated(np.random.default_rng([6, repeats]), RUNS, repeats, correlation)
        found = outcomes(1.25 + 0.05 * one, 1 + 0.05 * other, beside(1e-9, 0.25), shared=True)
        what = f"equivalence far above the floor, correlation {correlation:g}, {repeats} repeats"
        assert_at_most(found["equivalent"], RUNS, LEVEL, what)

    @pytest.mark.parametrize("repeats", [5, 10])
    def test_far_above_the_floor_on_independent_noise(self, repeats: int) -> None:
        """At most 5 % of 4,000, by Welch's test."""
        one, other = correlated(np.random.default_rng([7, repeats]), RUNS, repeats, 0.0)
        found = outcomes(1.25 + 0.05 * one, 1 + 0.05 * other, beside(1e-9, 0.25), shared=False)
        assert_at_most(found["equivalent"], RUNS, LEVEL, f"equivalence far above the floor, Welch, {repeats} repeats")

    @staticmethod
    def equivalent(
        excess: float,
        deviation: float,
        draws: int,
        correlation: float,
        repeats: int,
        runs: int = RUNS,
        spread: float = 0.1,
    ) -> int:
        """How often two are equivalent of which the better lies `excess` units above its floor, one at the edge.

        The floor is 1, exact draws scatter by `deviation`, samplers by `spread` units, and a quarter is the share.
        """
        rng = np.random.default_rng([18, repeats, draws, round(100 * excess), round(100 * deviation)])
        size, share = max(1.0, deviation), 0.25
        edge = excess + max(share * excess, 2 * share)
        one, other = correlated(rng, runs, repeats, correlation)
        metrics = drawn_floors(rng, runs, 1.0, deviation, draws, share)
        values = [1 + size * (where + spread * noise) for where, noise in ((edge, one), (excess, other))]
        return outcomes(values[0], values[1], metrics, shared=True)["equivalent"]

    @pytest.mark.parametrize("repeats", [3, 10])
    @pytest.mark.parametrize("correlation", [0.0, 0.9, -0.5])
    @pytest.mark.parametrize("draws", [0, 20])
    @pytest.mark.parametrize("excess", [1.0, 10.0])
    def test_at_an_excess_of_one_unit_and_far_above(
        self, excess: float, draws: int, correlation: float, repeats: int
    ) -> None:
        """At most 5 % of 4,000, also with floors of 20 draws, whatever the correlation."""
        count = self.equivalent(excess, 0.4, draws, correlation, repeats)
        what = f"equivalence {excess:g} units above a floor of {draws} draws, correlation {correlation:g}"
        assert_at_most(count, RUNS, LEVEL, f"{what}, {repeats} repeats")

    @pytest.mark.parametrize(
        ("deviation", "draws", "most"),
        [(0.4, 0, LEVEL), (0.4, 2500, LEVEL), (2.5, 2500, LEVEL), (0.4, 20, 0.06), (1.0, 20, 0.08), (1.0, 2500, 0.08)],
    )
    @pytest.mark.parametrize("correlation", [0.9, -0.5])
    def test_where_both_margins_meet(self, correlation: float, deviation: float, draws: int, most: float) -> None:
        """At most 5 % of 4,000, 6 % beside a floor of 20 draws, and 8 % where one draw's deviation equals the floor.

        At an excess of two units either way may err, each at half the level; and of two units that are equal the larger
        estimate is too large.
        """
        runs = 3 * RUNS if draws == 20 else RUNS
        count = self.equivalent(2.0, deviation, draws, correlation, 10, runs, 0.005)
        what = f"equivalence at both edges, {draws} draws, deviation {deviation:g}, correlation {correlation:g}"
        assert_at_most(count, runs, most, what)


@cache
def exact_w1(task: str, n: int = 1000, draws: int = 24_000) -> tuple[Array, float]:
    """W1 of independent exact draws of a task's truth, and its expectation."""
    truth: Any = make_task(task).truth()
    quantiles, chunk = truth.quantile((np.arange(n) + 0.5) / n), 2000
    values = [
        np.abs(np.sort(truth.sample(chunk * n, 900_000 + seed).reshape(chunk, n), 1) - quantiles).mean(1)
        for seed in range(draws // chunk)
    ]
    return np.concatenate(values), expected_w1(truth, n)


class TestFloor:
    """At the floor, above and below it."""

    @pytest.mark.parametrize("repeats", [3, 5, 10])
    @pytest.mark.parametrize("side", [1, -1])
    def test_at_the_edge_of_a_floor_that_is_known(self, side: int, repeats: int) -> None:
        """At the floor in at most 5 % of 4,000 where the metric lies a whole margin, half the floor, away from it."""
        values = 1 + 0.5 * side + 0.2 * np.random.default_rng([8, repeats]).standard_normal((RUNS, repeats))
        found = against(values, beside(1.0, 0.25))
        assert_at_most(found["equivalent"], RUNS, LEVEL, f"at the floor from its edge, {repeats} repeats")

    @pytest.mark.parametrize("repeats", [10, 50])
    @pytest.mark.parametrize("draws", [20, 400, 2500])
    @pytest.mark.parametrize("side", [1, -1])
    def test_at_the_edge_of_a_floor_that_was_drawn(self, side: int, draws: int, repeats: int) -> None:
        """At the floor in at most 5 % of 4,000: exact draws scatter by a fifth of the floor, and so do samples."""
        rng, spread = np.random.default_rng([9, repeats, draws]), 0.2
        values = 1 + 0.5 * side + spread * rng.standard_normal((RUNS, repeats))
        found = against(values, drawn_floors(rng, RUNS, 1.0, spread, draws, 0.25))
        what = f"at a floor of {draws} draws from its {'upper' if side > 0 else 'lower'} edge, {repeats} repeats"
        assert_at_most(found["equivalent"], RUNS, LEVEL, what)

    @pytest.mark.parametrize("margin", [0.25, 1e-6])
    @pytest.mark.parametrize("repeats", [3, 5, 10, 20])
    @pytest.mark.parametrize("task", ["gmm", "ou", "gbm"])
    def test_exact_draws_are_not_below_the_floor(self, task: str, repeats: int, margin: float) -> None:
        """W1 of 1,000 exact draws, skewed by 1.2, is called below the floor in at most 3.6 % of 24,000/repeats tests.

        And above it in at most 4 %; with any margin, also one within which nothing is at the floor.
        """
        values, floor = exact_w1(task)
        rows = values[: len(values) // repeats * repeats].reshape(-1, repeats)
        found, what = against(rows, beside(floor, margin)), f"{task}, margin {margin:g}, {repeats} repeats"
        print(f"\nexact draws of {what}: { ({k: f'{v / len(rows):.2%}' for k, v in found.items()}) }")
        assert_at_most(found["worse"], len(rows), DISTANCE_TAILS[0], f"exact draws above the floor, {what}")
        assert_at_most(found["better"], len(rows), 0.036, f"exact draws below the floor, {what}")

    @pytest.mark.parametrize("repeats", [3, 5, 10])
    @pytest.mark.parametrize("draws", [0, 20, 2500])
    @pytest.mark.parametrize(("better", "tails"), [("lower", DISTANCE_TAILS), ("zero", EQUAL_TAILS)])
    def test_normal_exact_draws_are_not_below_the_floor(
        self, better: Better, tails: Tails, draws: int, repeats: int
    ) -> None:
        """Above the floor in at most 4 % of 4,000 and below it in 1 %, as intervals are; or in 2.5 % on either side.

        Three repeats beside a floor of 20 draws take Welch's test beyond what it holds: 4 % on either side, and 2 %
        below the floor of a distance.
        """
        rng = np.random.default_rng([10, repeats, draws])
        values = 1 + 0.4 * rng.standard_normal((RUNS, repeats))
        metrics: list[MetricRecord] = [
            {**each, "better": better} for each in drawn_floors(rng, RUNS, 1.0, 0.4, draws, 0.25)
        ]
        found = against(values, metrics)
        if (repeats, draws) == (3, 20):
            tails = (0.04, 0.02 if better == "lower" else 0.04)
        for outcome, tail in zip(("worse", "better"), tails, strict=True):
            what = f"normal exact draws {outcome} than a floor of {draws} draws, {better}, {repeats} repeats"
            assert_at_most(found[outcome], RUNS, tail, what)


@contextmanager
def in_bulk(values: Array, *, shared: bool) -> Iterator[None]:
    """Comparisons of families of (families, entries, repeats) whose p-values are computed for all pairs at once.

    A metric says which of them it is by what it holds in place of its bounds; nothing is equivalent.
    """
    count, means = values.shape[2], values.mean(2)
    differences = means[:, :, None] - means[:, None]
    variances = values.var(2, ddof=1) / count
    if shared:
        centred = values - means[:, :, None]
        covariances = centred @ centred.transpose(0, 2, 1) / (count * (count - 1))
        squares, freedom = variances[:, :, None] + variances[:, None] - 2 * covariances, np.array(count - 1.0)
    else:
        squares = variances[:, :, None] + variances[:, None]
        freedom = squares**2 * (count - 1) / (variances[:, :, None] ** 2 + variances[:, None] ** 2)
    size = np.abs(differences)
    p_values = 2 * stdtr(freedom, -size / np.sqrt(np.where(size > 0, squares, 1.0)))
    differences, p_values = differences.tolist(), p_values.tolist()

    def looked_up(own: MetricRecord, other: MetricRecord, *, shared: bool) -> Comparison:
        (family, a), (_, b) = own["bounds"], other["bounds"]
        difference, p_value = differences[family][a][b], p_values[family][a][b]
        outcome: Outcome = "not resolved" if p_value > LEVEL else "worse" if difference > 0 else "better"
        return Comparison(outcome, difference, 0.0, 0.0, p_value, 1.0, 0.0, shared)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sigbench.records.family.compare", looked_up)
        yield


def families(values: Array, *, shared: bool) -> list[list[Ranked]]:
    """What is known of each family of (families, entries, repeats)."""
    with in_bulk(values, shared=shared):
        return [
            rank_family(
                [{**NOTHING_EQUIVALENT, "values": row, "bounds": (family, k)} for k, row in enumerate(rows)],
                shared=shared,
            )
            for family, rows in enumerate(values.tolist())
        ]


class TestFamilies:
    """Marks and ranks in families, all of one at once."""

    @pytest.mark.parametrize("shared", [True, False])
    @pytest.mark.parametrize("repeats", [3, 10])
    def test_in_bulk_they_are_what_they_are_one_by_one(self, repeats: int, shared: bool) -> None:
        """The p-values of a hundred families of five, near and far apart, and all that follows from them."""
        rng = np.random.default_rng([19, repeats])
        values = 10 + np.cumsum(rng.exponential(0.7, (100, 5, 1)), 1) + rng.standard_normal((100, 5, repeats))
        for rows, bulk in zip(values.tolist(), families(values, shared=shared), strict=True):
            single = rank_family([{**NOTHING_EQUIVALENT, "values": row} for row in rows], shared=shared)
            for one, other in zip(single, bulk, strict=True):
                assert (one.mark, one.first, one.last) == (other.mark, other.first, other.last)
                assert one.p_adjusted == pytest.approx(other.p_adjusted, abs=2e-4)
                if one.beside_best is not None and other.beside_best is not None:
                    assert one.beside_best.p_value == pytest.approx(other.beside_best.p_value, rel=1e-6)
                    assert one.beside_best.difference == pytest.approx(other.beside_best.difference, rel=1e-9)
                    assert one.beside_best.outcome == other.beside_best.outcome

    @pytest.mark.parametrize("shared", [True, False])
    @pytest.mark.parametrize("repeats", [3, 5, 10])
    @pytest.mark.parametrize("count", FAMILIES)
    def test_of_equal_entries_none_is_worse(self, count: int, repeats: int, shared: bool) -> None:
        """Any mark "worse", or any rank told, in at most 5 % of 8,000, 4,000 or 1,000 families of 2, 5 or 20.

        On shared noise, which all entries walk, and on independent noise. The threshold is itself simulated, and right
        to 0.25 %.
        """
        rng, runs = np.random.default_rng([11, count, repeats, shared]), FAMILIES[count]
        values = 10 + rng.standard_normal((runs, count, repeats))
        if shared:
            values += 2 * rng.standard_normal((runs, 1, repeats))
        found = families(values, shared=shared)
        what = f"{count} equal entries, {repeats} repeats, {'shared' if shared else 'independent'} noise"
        worse = sum(any(each.mark == "worse" for each in family) for family in found)
        told = sum(any((each.first, each.last) != (1, count) for each in family) for family in found)
        assert_at_most(worse, runs, LEVEL + SIMULATED_CHOICE, f"any worse among {what}")
        assert_at_most(told, runs, LEVEL, f"any rank told among {what}")

    @pytest.mark.parametrize("law", ["a noisy one", "a quiet one", "two camps", "skewed"])
    @pytest.mark.parametrize("repeats", [3, 10])
    def test_of_entries_that_only_their_noise_tells_apart_none_is_worse(self, repeats: int, law: str) -> None:
        """At most 5 % of 4,000 families of five whose threshold was simulated for another law than theirs."""
        rng, runs = np.random.default_rng([12, repeats]), FAMILIES[5]
        noise = rng.standard_normal((runs, 5, repeats))
        if law == "a noisy one":
            noise *= np.array([0.1, 0.1, 0.1, 0.1, 1.0])[:, None]
        elif law == "a quiet one":
            noise *= np.array([1.0, 1.0, 1.0, 1.0, 0.1])[:, None]
        elif law == "two camps":
            noise *= 0.1
            noise[:, 2:] += rng.standard_normal((runs, 1, repeats))
        else:
            noise = rng.exponential(1.0, noise.shape)
        worse = sum(any(each.mark == "worse" for each in family) for family in families(10 + noise, shared=True))
        assert_at_most(worse, runs, LEVEL + SIMULATED_CHOICE, f"any worse, {law}, {repeats} repeats")

    @pytest.mark.parametrize("equal", [2, 3])
    @pytest.mark.parametrize("repeats", [3, 5, 10])
    def test_those_that_are_truly_worse_cost_the_others_nothing(self, repeats: int, equal: int) -> None:
        """Any of the equal best called worse in at most 5 % of 4,000 families, in which five in all are known apart."""
        rng, runs = np.random.default_rng([13, repeats, equal]), FAMILIES[5]
        means = np.array([10.0] * equal + [10.0 + 100 * k for k in range(1, 6 - equal)])[:, None]
        found = families(means + rng.standard_normal((runs, 5, repeats)), shared=True)
        worse = sum(any(each.mark == "worse" for each in family[:equal]) for family in found)
        sure = np.mean([[each.mark == "worse" for each in family[equal:]] for family in found])
        assert_at_most(worse, runs, LEVEL + SIMULATED_CHOICE, f"any of {equal} best worse, {repeats} repeats")
        assert sure > 0.99

    @pytest.mark.parametrize("count", FAMILIES)
    @pytest.mark.parametrize("repeats", [3, 5, 10])
    def test_all_rank_intervals_hold_at_once(self, repeats: int, count: int) -> None:
        """In at least 95 % of families of unequal entries, the true ranks of which are near and far apart."""
        rng, runs = np.random.default_rng([14, count, repeats]), FAMILIES[count] // 2
        means = 10 + np.cumsum(rng.exponential(0.7, (runs, count)), axis=1)
        found = families(means[:, :, None] + rng.standard_normal((runs, count, repeats)), shared=True)
        missed = sum(not all(e.first <= rank + 1 <= e.last for rank, e in enumerate(family)) for family in found)
        assert_at_most(missed, runs, LEVEL, f"any rank missed among {count}, {repeats} repeats")


def overlap(one: Array, other: Array) -> Array:
    """Whether the 95 % t-intervals of each pair of rows (runs, repeats) overlap."""
    repeats = one.shape[1]
    reach = stats.t.isf(0.025, repeats - 1) / sqrt(repeats)
    halves = reach * (one.std(1, ddof=1) + other.std(1, ddof=1))
    return np.asarray(np.abs(one.mean(1) - other.mean(1)) <= halves)


def difference_of_power(power: float, repeats: int) -> float:
    """The difference, in deviations of the paired differences, that a paired t-test finds so often."""
    threshold = stats.t.isf(LEVEL / 2, repeats - 1)

    def found(difference: float) -> float:
        shift = difference * sqrt(repeats)
        return float(stats.nct.sf(threshold, repeats - 1, shift) + stats.nct.cdf(-threshold, repeats - 1, shift))

    low, high = 0.0, 10.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if found(middle) < power else (low, middle)
    return high


class TestPower:
    """What is found beside what intervals that must not overlap find."""

    @staticmethod
    def rates(correlation: float, repeats: int, power: float) -> tuple[float, float]:
        """The shares of 10,000 pairs that `compare` and the overlap rule tell apart."""
        rng = np.random.default_rng([15, repeats])
        one, other = correlated(rng, QUICK_RUNS, repeats, correlation)
        shift = difference_of_power(power, repeats) * sqrt(2 - 2 * correlation) if power else 0.0
        found = told(20 + shift + one, 20 + other, shared=True)
        return found / QUICK_RUNS, 1 - float(overlap(one + shift, other).mean())

    @pytest.mark.parametrize("repeats", [5, 10])
    @pytest.mark.parametrize("correlation", [0.5, 0.9, 0.99])
    def test_on_shared_noise_pairs_find_twice_as_much_and_more(self, correlation: float, repeats: int) -> None:
        """Where a paired t-test has 80 % (held to 77 to 83 %), the overlap rule has at most half of it."""
        paired, rule = self.rates(correlation, repeats, 0.8)
        print(f"\ncorrelation {correlation:g}, {repeats} repeats: power {paired:.1%}, of the overlap rule {rule:.2%}")
        assert paired == pytest.approx(0.8, abs=0.03)
        assert paired >= 2 * rule

    @pytest.mark.parametrize("repeats", [5, 10])
    @pytest.mark.parametrize(("correlation", "times"), [(0.0, 1.4), (-0.5, 1.05)])
    def test_even_without_correlation_pairs_find_more(self, correlation: float, times: float, repeats: int) -> None:
        """80 % beside 55 % at most of independent values, and beside 76 % at most of opposed ones.

        Opposed they may well be: W1 of ddim and of heun on one noise, 10 steps on `gmm`, is correlated by −0.9.
        """
        paired, rule = self.rates(correlation, repeats, 0.8)
        print(f"\ncorrelation {correlation:g}, {repeats} repeats: power {paired:.1%}, of the overlap rule {rule:.2%}")
        assert paired == pytest.approx(0.8, abs=0.03)
        assert paired >= times * rule

    @pytest.mark.parametrize("repeats", [5, 10])
    @pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
    def test_the_overlap_rule_hardly_ever_errs_and_that_is_its_price(self, correlation: float, repeats: int) -> None:
        """Where nothing differs it errs in less than 1 % of cases; `compare` uses its 5 %."""
        paired, rule = self.rates(correlation, repeats, 0.0)
        print(f"\ncorrelation {correlation:g}, {repeats} repeats: size {paired:.2%}, of the overlap rule {rule:.2%}")
        assert paired == pytest.approx(LEVEL, abs=0.007)
        assert rule < 0.01


@pytest.mark.parametrize("repeats", [5, 10])
def test_intervals_of_a_difference_cover(repeats: int) -> None:
    """95 % of 6,000, on shared noise and on independent noise: within 94 and 96 %."""
    rng = np.random.default_rng([16, repeats])
    cases: dict[str, tuple[bool, Callable[[], tuple[Array, Array]]]] = {
        "paired": (True, lambda: correlated(rng, 6_000, repeats, 0.8)),
        "Welch": (False, lambda: correlated(rng, 6_000, repeats, 0.0)),
    }
    for name, (shared, values) in cases.items():
        one, other = values()
        found = [
            compare({**NOTHING_EQUIVALENT, "values": a}, {**NOTHING_EQUIVALENT, "values": b}, shared=shared)
            for a, b in zip((11 + one).tolist(), (10 + other).tolist(), strict=True)
        ]
        coverage = np.mean([each.low <= 1.0 <= each.high for each in found])
        print(f"\n{name}, {repeats} repeats: intervals cover {coverage:.2%}")
        assert 0.94 <= coverage <= 0.96
