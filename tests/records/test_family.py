"""Families: marks beside the best, ranges of ranks, what makes no family, and the sentence of a budget."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_records import NOISE, made, metric, metric_of
from scipy import stats

from sigbench.errors import BadInput
from sigbench.metrics.estimate import Better
from sigbench.records.comparison import LEVEL, compare, mean_score
from sigbench.records.family import Ranked, budget_sentence, rank_family, rank_records
from sigbench.records.record import MetricRecord, Record

PROPERTY = settings(deadline=None, derandomize=True, database=None, max_examples=25)
SHARED = pytest.mark.parametrize("shared", [True, False])


def entries(means: Sequence[float], spread: float, *, seed: int = 0, repeats: int = 5, **options: Any) -> list[Any]:
    """Metrics whose repeats scatter by `spread` around the means, beside a floor of 0.01."""
    noise = spread * np.random.default_rng(seed).standard_normal((len(means), repeats))
    return [metric_of(values.tolist(), **options) for values in np.array(means)[:, None] + noise]


def marks(found: Sequence[Ranked]) -> list[str]:
    """The marks alone."""
    return [each.mark for each in found]


@st.composite
def families(draw: st.DrawFn) -> list[MetricRecord]:
    """Two to six entries of three to five repeats, near and far, with no two equal means."""
    count, repeats = draw(st.integers(2, 6)), draw(st.integers(3, 5))
    means = draw(st.lists(st.sampled_from([1.0, 1.02, 1.1, 1.5, 3.0]), min_size=count, max_size=count))
    better: Better = draw(st.sampled_from(["lower", "higher", "zero"]))
    spread, seed = draw(st.sampled_from([0.001, 0.05, 0.5])), draw(st.integers(0, 10_000))
    return entries(means, spread, seed=seed, repeats=repeats, better=better)


class TestMarks:
    """What each entry is beside the best."""

    @SHARED
    def test_of_an_obvious_family(self, shared: bool) -> None:
        family = [
            metric_of([3.00, 3.02, 2.98, 3.01, 2.99]),
            metric_of([1.00, 1.02, 0.98, 1.01, 0.99]),
            metric_of([1.01, 1.03, 0.99, 1.00, 1.02]),
            metric_of([0.20, 2.60, 0.50, 2.10, 0.90]),
            metric_of([2.00, 2.02, 1.98, 2.01, 2.00]),
        ]
        found = rank_family(family, shared=shared)
        assert marks(found) == ["worse", "best", "equivalent", "not resolved", "worse"]
        assert [each.beside_best is None for each in found] == [False, True, False, False, False]
        for own, each in zip(family, found, strict=True):
            if each.beside_best is not None:
                assert each.beside_best == compare(own, family[1], shared=shared)
                assert 0.0 <= each.p_adjusted <= 1.0
                assert (each.mark == "worse") is (each.p_adjusted <= LEVEL and each.mark != "equivalent")
        assert found[1].p_adjusted == 1.0

    @pytest.mark.parametrize(("better", "best"), [("lower", 0), ("higher", 2), ("zero", 1)])
    def test_the_best_is_that_of_the_smallest_score(self, better: Better, best: int) -> None:
        found = rank_family(entries([-3.0, 0.5, 2.0], 0.01, better=better), shared=True)
        assert [each.mark == "best" for each in found] == [place == best for place in range(3)]

    @SHARED
    def test_alone_it_is_the_best(self, shared: bool) -> None:
        assert rank_family(entries([1.0], 0.1), shared=shared) == [Ranked("best", None, 1.0, 1, 1)]

    @SHARED
    def test_without_entries_there_is_none(self, shared: bool) -> None:
        with pytest.raises(BadInput, match="a family without entries has no best"):
            rank_family([], shared=shared)

    @pytest.mark.parametrize("copies", [2, 5])
    def test_the_same_entry_again_is_equivalent_to_it(self, copies: int) -> None:
        found = rank_family(entries([1.0], 0.3) * copies, shared=True)
        assert marks(found) == ["best"] + ["equivalent"] * (copies - 1)
        assert {(each.first, each.last) for each in found} == {(1, copies)}
        assert {each.beside_best.difference for each in found if each.beside_best is not None} == {0.0}

    def test_the_same_entry_again_shares_its_mark(self) -> None:
        one, other = entries([1.0, 9.0], 0.01)
        assert marks(rank_family([other, one, other, one], shared=True)) == ["worse", "best", "worse", "equivalent"]

    @SHARED
    @PROPERTY
    @given(family=families(), data=st.data())
    def test_the_order_of_the_entries_does_not_matter(
        self, shared: bool, family: list[MetricRecord], data: st.DataObject
    ) -> None:
        order = data.draw(st.permutations(range(len(family))))
        there, back = rank_family(family, shared=shared), rank_family([family[k] for k in order], shared=shared)
        assert back == [there[k] for k in order]

    @PROPERTY
    @given(family=families(), other=families())
    def test_another_family_changes_nothing(self, family: list[MetricRecord], other: list[MetricRecord]) -> None:
        before = rank_family(family, shared=True)
        rank_family(other, shared=True)
        assert rank_family(family, shared=True) == before

    @SHARED
    @PROPERTY
    @given(family=families())
    def test_marks_and_ranks_agree_with_each_other(self, shared: bool, family: list[MetricRecord]) -> None:
        found = rank_family(family, shared=shared)
        means = [mean_score(each) for each in family]
        (best,) = (place for place, each in enumerate(found) if each.mark == "best")
        assert means[best] == min(means)
        assert found[best].first == 1
        for each in found:
            assert 1 <= each.first <= each.last <= len(family)
        order = sorted((each.beside_best.p_value, each.p_adjusted) for each in found if each.beside_best is not None)
        assert [adjusted for _, adjusted in order] == sorted(adjusted for _, adjusted in order)

    @SHARED
    @PROPERTY
    @given(family=families())
    def test_a_p_value_within_the_family_is_never_the_smaller_one(
        self, shared: bool, family: list[MetricRecord]
    ) -> None:
        for each in rank_family(family, shared=shared):
            assert each.beside_best is None or each.beside_best.p_value <= each.p_adjusted <= 1.0

    def test_nor_is_it_after_the_first_that_is_not_rejected(self) -> None:
        family = [metric_of(values) for values in ([1.0, 1.1, 0.9], [1.0, 1.9, 0.7], [0.2, 2.6, 0.3], [1.0, 1.1, 1.2])]
        for each in rank_family(family, shared=True):
            assert each.beside_best is None or each.beside_best.p_value <= each.p_adjusted

    def test_two_are_compared_as_a_pair_is(self) -> None:
        """Which of two looks best is no choice that a two-sided test does not know: p-values hold to a percent."""
        for seed in range(40):
            one, other = entries([1.0, 1.0], 0.5, seed=seed)
            (adjusted,) = (e.p_adjusted for e in rank_family([one, other], shared=True) if e.beside_best is not None)
            assert adjusted == pytest.approx(compare(one, other, shared=True).p_value, abs=0.015)

    def test_the_more_rivals_the_harder_to_be_worse(self) -> None:
        """Beside 20 more of its kind a difference is no finding any more that was one beside the best alone."""
        best, own = metric_of([1.0, 1.1, 0.9, 1.05, 0.95]), metric_of([1.5, 1.8, 1.3, 1.9, 1.1])
        rivals = entries([3.0] * 20, 3.0, seed=1)
        alone, among = rank_family([best, own], shared=True), rank_family([best, own, *rivals], shared=True)
        assert (alone[1].mark, among[1].mark) == ("worse", "not resolved")
        assert among[1].p_adjusted > 2 * alone[1].p_adjusted

    def test_what_is_sure_makes_room_for_the_rest(self) -> None:
        """Step by step: 20 rivals that are surely worse leave a family of two, and its threshold."""
        best, own = metric_of([1.0, 1.1, 0.9, 1.05, 0.95]), metric_of([1.5, 1.8, 1.3, 1.9, 1.1])
        rivals = entries([30.0] * 20, 0.01, seed=1)
        found = rank_family([best, own, *rivals], shared=True)
        assert set(marks(found[1:])) == {"worse"}
        assert found[1].p_adjusted == pytest.approx(rank_family([best, own], shared=True)[1].p_adjusted)

    def test_the_level_is_the_callers(self) -> None:
        family = [metric_of([1.0, 1.1, 0.9, 1.05, 0.95]), metric_of([1.5, 1.8, 1.3, 1.9, 1.1])]
        p_value = rank_family(family, shared=True)[1].p_adjusted
        for level, mark in ((0.9 * p_value, "not resolved"), (1.1 * p_value, "worse")):
            assert rank_family(family, shared=True, level=level)[1].mark == mark

    def test_what_cannot_be_compared_is_refused(self) -> None:
        one = metric_of([1.0, 2.0, 3.0])
        for other in (metric_of([1.0, 2.0, 3.0], n=5), metric_of([1.0, 2.0]), metric_of([1.0])):
            with pytest.raises(BadInput):
                rank_family([one, one, other], shared=True)
        for shared in (True, False):
            with pytest.raises(BadInput, match="one repeat has no spread"):
                rank_family([metric_of([1.0])], shared=shared)


class TestRanks:
    """The ranges in which true ranks lie."""

    @SHARED
    def test_well_separated_entries_have_their_true_ranks(self, shared: bool) -> None:
        means = [4.0, 1.0, 3.0, 5.0, 2.0, 6.0]
        for seed in range(10):
            found = rank_family(entries(means, 0.01, seed=seed), shared=shared)
            assert [(each.first, each.last) for each in found] == [(int(mean), int(mean)) for mean in means]

    def test_true_ranks_lie_in_range(self) -> None:
        """Means two to twenty deviations of a difference apart, in 50 families: the seeds are fixed."""
        means = [1.0, 1.2, 1.5, 2.5, 4.0]
        for seed in range(50):
            for rank, each in enumerate(rank_family(entries(means, 0.1, seed=seed), shared=True), start=1):
                assert each.first <= rank <= each.last

    def test_what_cannot_be_told_apart_shares_its_ranks(self) -> None:
        found = rank_family(entries([1.0, 1.0, 5.0, 5.0], 0.05, seed=3), shared=True)
        assert [(each.first, each.last) for each in found] == [(1, 2), (1, 2), (3, 4), (3, 4)]

    def test_all_pairs_are_corrected_for(self) -> None:
        """By Holm: the smallest of three p-values counts threefold."""
        family = [metric_of(values) for values in ([1.0, 1.1, 0.9], [1.4, 1.9, 1.35], [1.15, 1.1, 1.9])]
        smallest = min(compare(family[a], family[b], shared=True).p_value for a, b in ((0, 1), (0, 2), (1, 2)))
        assert smallest < 0.05 < 3 * smallest
        assert {(each.first, each.last) for each in rank_family(family, shared=True)} == {(1, 3)}
        level = 3.1 * smallest
        assert {each.last for each in rank_family(family, shared=True, level=level)} == {2, 3}

    def test_numbers_that_differ_by_rounding_have_a_best(self) -> None:
        family = [metric_of([0.1 + 0.2] * 3), metric_of([0.3] * 3), metric_of([0.9 / 3] * 3)]
        found = rank_family(family, shared=True)
        assert sorted(marks(found)) == ["best", "equivalent", "equivalent"]
        assert next(each.first for each in found if each.mark == "best") == 1


def sampled(name: str, values: Sequence[float], **changes: Any) -> Record:
    """A record at 10 calls with these repeats of W1, far above the floor unless they are near 0.01."""
    return made(name, 10, {"w1": metric_of(list(values))}, **changes)


def precise(record: Record, share: float = 0.05) -> Record:
    """The record as if it had been measured with `--precision`."""
    return {**record, "asked": {**record["asked"], "stop": {"repeats": 5, "half_width": share}}}


FAMILY = [made("ddim", 5), made("heun", 5, {"w1": metric(0.9, 0.01)}), made("shark", 5, {"w1": metric(0.2, 0.001)})]


class TestRecords:
    """Records of one budget."""

    def test_they_are_ranked_by_the_metric(self) -> None:
        found = rank_records(FAMILY, "w1")
        assert found == rank_family([record["metrics"]["w1"] for record in FAMILY], shared=True)
        assert marks(found) == ["best", "worse", "equivalent"]

    def test_on_fresh_noise_they_are_no_pairs(self) -> None:
        fresh: list[Record] = [{**record, "noise": {**NOISE, "paths": "fresh"}} for record in FAMILY]
        found = rank_records(fresh, "w1")
        assert found == rank_family([record["metrics"]["w1"] for record in FAMILY], shared=False)
        assert all(not each.beside_best.paired for each in found if each.beside_best is not None)

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"task": "ou"}, "records of different tasks are not compared: gmm and ou."),
            ({"task_version": 2}, "records of different task versions are not compared: 1 and 2."),
            ({"conditions": {"label": 3}}, "records of different conditions are not compared: {} and {'label': 3}."),
            ({"samples": 2000}, "records of different numbers of samples are not compared: 1000 and 2000."),
            ({"seed": 7}, "records of different seeds are not compared: 0 and 7."),
            ({"nfe": 10}, "records of different numbers of network calls are not compared: 5 and 10."),
            (
                {"noise": {**NOISE, "paths": "fresh"}},
                "records of different noise are not compared: shared and fresh.",
            ),
            ({"status": "diverged"}, "ddim has no metric 'w1': its status is diverged."),
            ({"metrics": {"w2": metric(1.0, 0.1)}}, "ddim has no metric 'w1': its status is ok."),
            ({"metrics": {"w1": metric(1.0, 0.1, n=500)}}, "different numbers of samples cannot be compared"),
            ({"metrics": {"w1": metric(1.0, 0.1, method="x")}}, "different methods cannot be compared"),
            ({"metrics": {"w1": metric(1.0, 0.1, repeats=8)}}, "make no pairs: measure both equally often."),
            ({"metrics": {"w1": metric(1.0, None, repeats=1)}}, "one repeat has no spread"),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
    )
    def test_what_is_of_no_one_family_is_refused(self, changes: dict[str, Any], reason: str) -> None:
        other = made("ddim", 5, **{"nfe": 5, **changes})
        if changes.get("status") == "diverged":
            other["nfe"] = 5  # it counted its calls, and then the samples were lost
        for family in ([*FAMILY, other], [other, *FAMILY]):
            with pytest.raises(BadInput) as refusal:
                rank_records(family, "w1")
            head, colon, both = reason.rstrip(".").partition(" compared: ")
            turned = f"{head}{colon}{' and '.join(reversed(both.split(' and ')))}"
            assert reason.rstrip(".") in str(refusal.value) or turned in str(refusal.value)

    def test_what_took_as_many_repeats_as_its_spread_asked_for_is_compared_on_those_that_all_have(self) -> None:
        """On shared noise, where the first repeats of all make pairs; their order does not matter."""
        noise = np.random.default_rng(0).standard_normal((3, 12))
        counts = zip((1, 1.1, 2), noise, (12, 7, 5), strict=True)
        values = [(mean + 0.1 * row)[:count].tolist() for mean, row, count in counts]
        records = [precise(sampled(name, own)) for name, own in zip(("ddim", "heun", "sea"), values, strict=True)]
        found = rank_records(records, "w1")
        assert found == rank_family([metric_of(own[:5]) for own in values], shared=True)
        assert rank_records(records[:2], "w1") == rank_family([metric_of(own[:7]) for own in values[:2]], shared=True)
        assert rank_records(records[::-1], "w1") == found[::-1]
        assert [len(record["metrics"]["w1"]["values"]) for record in records] == [12, 7, 5]

    def test_on_fresh_noise_all_of_their_repeats_count(self) -> None:
        records = [precise(sampled("ddim", [1.0, 1.2, 1.1, 1.3, 1.1, 1.2])), precise(sampled("heun", [1.5, 1.6, 1.4]))]
        fresh: list[Record] = [{**record, "noise": {**NOISE, "paths": "fresh"}} for record in records]
        assert rank_records(fresh, "w1") == rank_family([r["metrics"]["w1"] for r in records], shared=False)

    def test_a_number_that_was_fixed_beforehand_is_none_that_may_be_cut(self) -> None:
        one, other = sampled("ddim", [1.0, 1.2, 1.1, 1.3, 1.1, 1.2]), sampled("heun", [1.5, 1.6, 1.4, 1.5, 1.6])
        for pair in ([one, other], [precise(one), other], [one, precise(other)]):
            with pytest.raises(BadInput, match="make no pairs: measure both equally often"):
                rank_records(pair, "w1")
        assert marks(rank_records([precise(one), precise(other)], "w1")) == ["best", "worse"]

    @pytest.mark.parametrize(
        "changes", [{"repeats": 9}, {"spec": "ddim:eta=1"}, {"role": "teacher"}, {"grid": "karras"}]
    )
    def test_what_samplers_may_differ_in_is_no_reason(self, changes: dict[str, Any]) -> None:
        assert len(rank_records([*FAMILY, made("ddim", 5, **changes)], "w1")) == 4

    def test_no_records_are_no_family(self) -> None:
        with pytest.raises(BadInput, match="a family without entries"):
            rank_records([], "w1")


BEST = sampled("shark", [1.0, 1.02, 0.98, 1.01, 0.99])
NEAR = sampled("heun", [1.01, 1.03, 0.99, 1.0, 1.02])
NOISY = sampled("sea", [0.4, 2.1, 0.6, 1.9, 0.8])
FAR = sampled("ddim", [3.0, 3.1, 2.9, 3.05, 2.95])


class TestSentence:
    """Who is best at a number of calls, and who cannot be told from it."""

    @pytest.mark.parametrize(
        ("records", "sentence"),
        [
            ([BEST], "w1 at 10 calls: shark alone."),
            ([NEAR, BEST], "w1 at 10 calls: shark is best; equivalent to it: heun."),
            ([BEST, FAR, NEAR], "w1 at 10 calls: shark is best; equivalent to it: heun."),
            ([BEST, FAR, sampled("ddpm", [4.0, 4.1])], "w1 at 10 calls: not compared, since 5 and 2 repeats make no"),
            ([made("ddim", 1)], "w1 at 1 call: ddim alone."),
            (
                [sampled("sigdeg", [0.0101, 0.0099, 0.0100, 0.0102, 0.0098])],
                "w1 at 10 calls: sigdeg alone (at the floor).",
            ),
            (
                [FAR, sampled("sigdeg", [0.0031, 0.0029, 0.0030, 0.0032, 0.0028])],
                "w1 at 10 calls: sigdeg is best (below the floor: look for copies), and the other is worse.",
            ),
            (
                [sampled("sigdeg", [0.0031, 0.0029, 0.0030, 0.0032, 0.0028])],
                "w1 at 10 calls: sigdeg alone (below the floor: look for copies).",
            ),
            (
                [FAR, sampled("sigdeg", [0.0101, 0.0099, 0.0100, 0.0102, 0.0098])],
                "w1 at 10 calls: sigdeg is best (at the floor), and the other is worse.",
            ),
        ],
    )
    def test_it_reads(self, records: list[Record], sentence: str) -> None:
        found = budget_sentence(records, "w1")
        assert found.startswith(sentence)
        assert found.endswith(".")
        assert not found.endswith("..")
        assert "\n" not in found

    def test_of_many(self) -> None:
        also = sampled("sra1", [1.0, 1.03, 0.98, 1.02, 0.99])
        assert budget_sentence([FAR, BEST, also, NEAR, sampled("ddpm", [5.0, 5.1, 4.9, 5.0, 5.0])], "w1") == (
            "w1 at 10 calls: shark is best; equivalent to it: sra1, heun."
        )
        worst = [sampled(f"s{k}", [k, k + 0.1, k - 0.1, k, k]) for k in (5, 7, 9)]
        assert budget_sentence([BEST, *worst], "w1") == "w1 at 10 calls: shark is best, and all others are worse."

    def test_of_two_there_are_no_others(self) -> None:
        for records in ([FAR, BEST], [BEST, FAR]):
            assert budget_sentence(records, "w1") == "w1 at 10 calls: shark is best, and the other is worse."

    def test_what_is_not_resolved_says_how_many_repeats_would_decide(self) -> None:
        found = budget_sentence([BEST, NOISY, FAR], "w1")
        head, tail = found.split("; not told from it: ")
        assert head == "w1 at 10 calls: shark is best"
        name, _, rest = tail.partition(" ")
        assert name == "sea"
        repeats = int(rest.removeprefix("(about ").removesuffix(" repeats would decide).").replace(",", ""))
        differences = np.subtract(NOISY["metrics"]["w1"]["values"], BEST["metrics"]["w1"]["values"])
        away, spread = max(differences.mean(), 0.2475 - differences.mean()), differences.std(ddof=1)
        assert repeats == pytest.approx((2.8 * spread / away) ** 2 + 1, abs=1)

    @staticmethod
    def advised(sentence: str) -> int:
        """The number of repeats that would decide."""
        return int(sentence.split("(about ")[1].split(" repeats")[0].replace(",", ""))

    def test_so_it_does_where_a_record_has_repeats_that_its_rivals_have_not(self) -> None:
        """As many as of the repeats that were compared."""
        values = NOISY["metrics"]["w1"]["values"]
        found = self.advised(budget_sentence([precise(BEST), precise(NOISY)], "w1"))
        longer = precise(sampled("sea", values * 20))
        assert self.advised(budget_sentence([precise(BEST), longer], "w1")) == found

    def test_more_repeats_than_anybody_makes_are_no_advice(self) -> None:
        """A thousandth of the spread apart."""
        noise = [-1.0, 0.5, 1.0, -0.5, 0.0]
        one, other = ([100 + sign * x for x in noise] for sign in (1, -1))
        records = [sampled(name, values) for name, values in (("ddim", one), ("heun", [x + 1e-3 for x in other]))]
        for record in records:
            record["metrics"]["w1"]["margin"] = 1e-5
        assert budget_sentence(records, "w1") == "w1 at 10 calls: ddim is best; not told from it: heun."

    def test_of_one_repeat_it_says_why_nothing_is_said(self) -> None:
        alone, others = sampled("ddim", [1.0]), [sampled("heun", [2.0]), sampled("sea", [3.0])]
        assert budget_sentence([alone], "w1") == "w1 at 10 calls: ddim alone."
        assert budget_sentence([alone, *others], "w1") == (
            "w1 at 10 calls: not compared, since one repeat has no spread, and nothing can be compared: measure at "
            "least two."
        )

    def test_names_are_those_of_tables(self) -> None:
        teacher = sampled("teacher (euler-maruyama)", [1.0, 1.02, 0.98, 1.01, 0.99])
        eta = sampled("ddim:eta=0.5", [1.01, 1.03, 0.99, 1.0, 1.02])
        assert budget_sentence([teacher, eta], "w1") == (
            "w1 at 10 calls: teacher (euler-maruyama) is best; equivalent to it: ddim:eta=0.5."
        )


class TestSimulatedChoice:
    """The threshold that knows of the choice, beside what is known of it otherwise."""

    @pytest.mark.parametrize("repeats", [3, 10])
    def test_of_two_p_values_are_uniform(self, repeats: int) -> None:
        """10,000 draws: the largest gap exceeds 0.02 once in 1,500 sets of seeds."""
        from sigbench.records.family import _smallest_p_values

        found = _smallest_p_values(2, repeats)
        assert stats.kstest(found, "uniform").statistic < 0.02
        assert np.all(np.diff(found) >= 0)

    def test_more_entries_make_the_smallest_smaller(self) -> None:
        from sigbench.records.family import _smallest_p_values

        points = [np.quantile(_smallest_p_values(entries, 5), 0.05) for entries in (2, 3, 5, 10)]
        assert points == sorted(points, reverse=True)
        assert points[-1] > 0.05 / 45  # never as strict as Bonferroni's over all pairs
