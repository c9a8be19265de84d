"""The gate's statistics, case by case; their error rates are simulated in tests/gate/test_gate_rates.py."""

import numpy as np
import pytest
from made_records import metric_of
from scipy import stats

from sigbench.gate.decision import Decision, compare_times, decide, decide_times, holm, overall
from sigbench.records.comparison import Comparison, compare

ALPHA = 0.05
BEFORE = [0.10, 0.12, 0.09, 0.11, 0.10]


def compared(changes: list[float]) -> Comparison:
    """A metric whose repeats have changed by these, beside itself: a margin of 10 % of its excess of 0.094."""
    now = [value + change for value, change in zip(BEFORE, changes, strict=True)]
    old, new = (metric_of(values, 0.01, margin=0.1) for values in (BEFORE, now))
    return compare(new, old, shared=True, level=ALPHA, near=0.01)


def verdict(changes: list[float]) -> Decision:
    return decide([compared(changes)], ALPHA)[0][0]


def test_the_same_bits_are_equivalent() -> None:
    assert verdict([0.0] * 5) == "equivalent"


def test_rounding_is_equivalent_though_significant() -> None:
    rounding = [1e-9, 1.1e-9, 0.9e-9, 1e-9, 1e-9]
    assert compared(rounding).p_value < 1e-3
    assert verdict(rounding) == "equivalent"


def test_a_constant_change_is_decided_by_the_margin_alone() -> None:
    assert verdict([0.004] * 5) == "equivalent"
    assert verdict([0.02] * 5) == "regressed"
    assert verdict([-0.02] * 5) == "improved"


def test_noise_without_power_is_inconclusive() -> None:
    assert verdict([0.05, -0.04, 0.03, -0.06, 0.02]) == "inconclusive"


def test_one_bad_repeat_of_many_does_not_pass() -> None:
    """A sampler that blows up now and then: too rare for significance, and far from the same."""
    assert verdict([0.0] * 4 + [3.0]) == "inconclusive"


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_makes_one_of_many_harder() -> None:
    lone = compared([0.03, 0.02, 0.04, 0.01, 0.035])
    quiet = compared([0.03, -0.03, 0.02, -0.02, 0.001])
    assert decide([lone], ALPHA) == [("regressed", lone.p_value)]
    assert decide([lone] + [quiet] * 40, ALPHA)[0] == ("inconclusive", pytest.approx(41 * lone.p_value))


def test_times_are_welchs_test_of_logarithms() -> None:
    rng = np.random.default_rng(1)
    before, now = np.exp(rng.normal(0.0, 0.1, 7)), np.exp(rng.normal(0.3, 0.2, 11))
    found = compare_times(before.tolist(), now.tolist(), 0.5)
    shifted = np.log(now) - np.log(1.5)
    expected = stats.ttest_ind(shifted, np.log(before), equal_var=False, alternative="greater").pvalue
    assert found.p_slower == pytest.approx(expected)
    assert found.low < found.change < found.high
    assert np.log1p(found.change) == pytest.approx(np.log(now).mean() - np.log(before).mean())


def test_times_beyond_the_margin_only() -> None:
    rng = np.random.default_rng(3)

    def times(ratio: float, spread: float = 0.05) -> list[float]:
        return [float(each) for each in ratio * np.exp(rng.normal(0.0, spread, 10))]

    changes = [compare_times(times(1.0), times(ratio), 0.5) for ratio in (1.0, 1.2, 2.0, 0.2)]
    assert decide_times(changes, ALPHA) == ["equivalent", "equivalent", "regressed", "inconclusive"]
    assert decide_times([compare_times(times(1.0, 1.0), times(1.6, 1.0), 0.5)], ALPHA) == ["inconclusive"]


def test_the_whole_is_its_worst_part() -> None:
    assert overall(["equivalent", "improved", "inconclusive", "regressed"]) == "regressed"
    assert overall(["equivalent", "improved", "inconclusive"]) == "inconclusive"
    assert overall(["equivalent", "improved"]) == "improved"
    assert overall(["equivalent"]) == "equivalent"
    assert overall([]) == "inconclusive"
