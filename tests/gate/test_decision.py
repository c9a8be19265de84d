"""The gate's statistics, case by case; their error rates are simulated in tests/gate/test_gate_rates.py."""

import math

import numpy as np
import pytest
from scipy import stats

from sigbench.gate.decision import (
    Decision,
    Margin,
    decide,
    decide_beyond,
    differences,
    holm,
    overall,
    paired,
    unpaired,
)

ALPHA, REACH = 0.05, math.log(1.1)


def verdict(values: list[float]) -> Decision:
    return decide([paired(np.array(values), REACH, ALPHA)], ALPHA)[0]


def test_the_same_bits_are_equivalent() -> None:
    test = paired(np.zeros(8), REACH, ALPHA)
    assert (test.p_same, test.p_worse, test.p_better) == (0.0, 1.0, 1.0)
    assert (test.low, test.mean, test.high) == (0.0, 0.0, 0.0)
    assert decide([test], ALPHA) == ["equivalent"]


def test_rounding_is_equivalent_though_significant() -> None:
    rounding = [1e-7, 1.1e-7, 0.9e-7, 1e-7]
    assert paired(np.array(rounding), REACH, ALPHA).p_worse < 1e-3
    assert verdict(rounding) == "equivalent"


def test_a_constant_change_is_decided_by_the_margin_alone() -> None:
    assert verdict([0.05] * 5) == "equivalent"
    assert verdict([0.2] * 5) == "regressed"
    assert verdict([-0.2] * 5) == "improved"


def test_noise_without_power_is_inconclusive() -> None:
    assert verdict([0.5, -0.4, 0.3, -0.6, 0.2]) == "inconclusive"


def test_one_bad_repeat_of_many_does_not_pass() -> None:
    """A sampler that blows up now and then: too rare for significance, and far from the same."""
    assert verdict([0.0] * 7 + [3.0]) == "inconclusive"


def test_p_values_are_those_of_scipy() -> None:
    values = np.random.default_rng(0).normal(0.05, 0.1, 12)
    test = paired(values, REACH, ALPHA)
    assert test.p_worse == pytest.approx(stats.ttest_1samp(values, 0.0, alternative="greater").pvalue)
    assert test.p_better == pytest.approx(stats.ttest_1samp(values, 0.0, alternative="less").pvalue)
    assert test.p_beyond == pytest.approx(stats.ttest_1samp(values, REACH, alternative="greater").pvalue)
    sides = [
        stats.ttest_1samp(values, -REACH, alternative="greater").pvalue,
        stats.ttest_1samp(values, REACH, alternative="less").pvalue,
    ]
    assert test.p_same == pytest.approx(max(sides))
    interval = stats.ttest_1samp(values, 0.0).confidence_interval(0.9)
    assert (test.low, test.high) == pytest.approx((interval.low, interval.high))


def test_unpaired_is_welchs_test() -> None:
    rng = np.random.default_rng(1)
    before, after = rng.normal(0.0, 1.0, 7), rng.normal(1.0, 3.0, 11)
    expected = stats.ttest_ind(after, before, equal_var=False, alternative="greater").pvalue
    assert unpaired(before, after, 0.5, ALPHA).p_worse == pytest.approx(expected)
    same = unpaired(np.zeros(3), np.zeros(3), 0.5, ALPHA)
    assert (same.p_same, same.p_worse) == (0.0, 1.0)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_makes_one_of_many_harder() -> None:
    lone = paired(np.array([0.3, 0.2, 0.4, 0.1, 0.35]), REACH, ALPHA)
    quiet = paired(np.array([0.3, -0.3, 0.2, -0.2, 0.01]), REACH, ALPHA)
    assert decide([lone], ALPHA) == ["regressed"]
    assert decide([lone] + [quiet] * 40, ALPHA)[0] == "inconclusive"


def test_equivalence_is_the_interval_within_the_margin() -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        test = paired(rng.normal(0.03, 0.1, 8), REACH, ALPHA)
        assert (test.p_same <= ALPHA) == (max(-test.low, test.high) <= REACH)


def test_differences_are_positive_for_the_worse() -> None:
    assert differences([1.0, 2.0], [2.0, 2.0], "lower", "relative") == pytest.approx([math.log(2), 0.0])
    assert differences([1.0, 2.0], [2.0, 2.0], "higher", "relative") == pytest.approx([-math.log(2), 0.0])
    assert differences([-0.3, 0.1], [0.2, -0.4], "zero", "absolute") == pytest.approx([-0.1, 0.3])
    assert differences([0.0], [0.5], "lower", "absolute") == pytest.approx([0.5])


def test_differences_refuse_what_is_no_pair_or_has_no_ratio() -> None:
    with pytest.raises(ValueError, match="1 repeats before and 2 after"):
        differences([1.0], [1.0, 2.0], "lower", "relative")
    with pytest.raises(ValueError, match="not positive"):
        differences([1.0], [0.0], "lower", "relative")
    with pytest.raises(ValueError, match="two repeats"):
        paired(np.zeros(1), REACH, ALPHA)


def test_a_relative_margin_is_a_share() -> None:
    assert Margin("relative", 0.1).reach == pytest.approx(math.log(1.1))
    assert Margin("absolute", 0.1).reach == 0.1


def test_beyond_the_margin_only() -> None:
    rng = np.random.default_rng(3)
    margin = math.log(1.5)
    quiet = rng.normal(0.0, 0.05, 10)
    tests = [unpaired(quiet, rng.normal(math.log(ratio), 0.05, 10), margin, ALPHA) for ratio in (1.0, 1.2, 2.0)]
    assert decide_beyond(tests, ALPHA) == ["equivalent", "equivalent", "regressed"]
    noisy = unpaired(rng.normal(0.0, 1.0, 5), rng.normal(0.5, 1.0, 5), margin, ALPHA)
    assert decide_beyond([noisy], ALPHA) == ["inconclusive"]


def test_the_whole_is_its_worst_part() -> None:
    assert overall(["equivalent", "improved", "inconclusive", "regressed"]) == "regressed"
    assert overall(["equivalent", "improved", "inconclusive"]) == "inconclusive"
    assert overall(["equivalent", "improved"]) == "improved"
    assert overall(["equivalent"]) == "equivalent"
    assert overall([]) == "inconclusive"
