"""The slope, the levels that it takes, and the verdicts."""

import numpy as np
import pytest
from simulated import BLOCKS, Array, fitted

from sigbench.studies.convergence.order_fit import (
    BEND,
    NO_POWER,
    OrderEstimate,
    estimate_order,
    fit_slope,
    level_reasons,
    noise_covariance,
)

H = 0.5 ** np.arange(6)


def half_width(order: OrderEstimate) -> float:
    assert order.low is not None and order.high is not None
    return 0.5 * (order.high - order.low)


def with_reference(own: float) -> OrderEstimate:
    """The order of four exact errors with noise of 0.1 %, against a reference of this error."""
    h = H[:4]
    replicates = np.tile(h, (50, 1)) * (1 + 1e-3 * np.random.default_rng(0).standard_normal((50, 4)))
    return estimate_order([1, 2, 4, 8], h, h, replicates, np.full(4, own), blocks=BLOCKS, paths=1000, expected=1.0)


def test_an_exact_power_law_gives_its_exponent() -> None:
    assert fit_slope(H, np.log(3 * H**1.5), 1e-6 * np.eye(6)).value == pytest.approx(1.5, abs=1e-6)


def test_without_noise_a_bend_in_the_root_of_h_is_taken_out() -> None:
    bent = np.log(H) + 0.3 * np.sqrt(H)
    assert np.polyfit(np.log(H), bent, 1)[0] > 1.05
    assert fit_slope(H, bent, 1e-8 * np.eye(6)).value == pytest.approx(1.0, abs=1e-2)


def test_noise_that_all_levels_share_makes_no_interval_of_no_width() -> None:
    """Errors that differ by a factor alone have a slope without noise, and yet a bend in h that no √h explains."""
    shared = 0.01 * np.ones((6, 6))
    found = fit_slope(H, np.log(H) + 0.01 * H, shared)
    assert abs(found.value - 1.0) < found.deviation < 0.02


def test_with_noise_it_is_the_weighted_slope_and_the_interval_allows_for_a_bend() -> None:
    """The deviation is that of the line, and of the slope that a bend of its usual size gives."""
    noisy = fit_slope(H, np.log(H), np.eye(6))
    line = np.polyfit(np.log(H), np.eye(6), 1)[0]
    np.testing.assert_allclose(noisy.loadings, line, atol=0.01)
    expected = np.hypot(np.linalg.norm(line), BEND * abs(line @ np.sqrt(H)))
    assert noisy.deviation == pytest.approx(expected, rel=0.01)


def test_a_noisy_level_weighs_little() -> None:
    wrong = np.log(H) + np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    trusted = fit_slope(H, wrong, 1e-2 * np.eye(6))
    doubted = fit_slope(H, wrong, np.diag([1e-2] * 5 + [100.0]))
    assert abs(doubted.value - 1.0) < 0.01 < abs(trusted.value - 1.0)


def test_a_finer_level_is_never_trusted_more_than_a_coarser_one() -> None:
    logs = np.random.default_rng(0).standard_normal((500, 3)) * np.array([0.1, 0.3, 0.01])
    deviations = np.sqrt(np.diag(noise_covariance(logs)))
    assert deviations[1] == deviations[2] == pytest.approx(0.3, rel=0.1)


def test_levels_below_noise_or_reference_do_not_count() -> None:
    error = np.array([1.0, 0.1, 0.01, np.inf, 0.0])
    spread, reference = np.array([0.01, 0.05, 0.001, 0.0, 0.0]), np.array([0.0, 0.0, 0.005, 0.0, 0.0])
    assert level_reasons(error, spread, reference) == ["", "noise", "reference", "diverged", "noise"]


def test_only_the_finest_four_levels_that_are_resolved_count() -> None:
    error = H**1.0
    spread = np.array([0.01, 0.01, 0.01, 0.01, 0.01, 0.5]) * error
    assert level_reasons(error, spread, np.zeros(6)) == ["coarse", "", "", "", "", "noise"]
    found = fitted(0.5 ** np.arange(7), np.random.default_rng(0))
    assert [level.steps for level in found.levels if level.used] == [8, 16, 32, 64]


def truth(order: float = 1.0, levels: int = 6, floor: float = 0.0) -> Array:
    return 0.5 ** (order * np.arange(levels)) + floor


def test_verdicts() -> None:
    rng = np.random.default_rng(0)
    assert fitted(truth(), rng).verdict == "agrees"
    assert fitted(truth(), rng, expected=1.5).verdict == "disagrees"
    plateau = fitted(truth(floor=2.0), rng)
    assert plateau.verdict == "disagrees"
    assert plateau.order is not None and abs(plateau.order) < 0.3
    faster = fitted(truth(2.0), rng, expected=1.5)
    assert faster.verdict == "agrees" and "faster than declared" in faster.advice
    silent = fitted(truth(), rng, expected=None)
    assert silent.verdict == "not-resolved" and silent.order is not None


def test_an_interval_that_misses_the_declared_order_says_so() -> None:
    """From an order that is declared rightly, on one and the same noise, to one that is far above or far below."""
    above = [fitted(truth(order), np.random.default_rng(0)) for order in np.arange(1.0, 1.5, 0.02)]
    assert {found.verdict for found in above} == {"agrees"}
    assert list(dict.fromkeys(found.advice for found in above)) == [
        "",
        "the interval lies above the declared order, which is a bound",
        "faster than declared: an order is a bound, and this problem does not reach it",
    ]
    below = [fitted(truth(order), np.random.default_rng(0)) for order in np.arange(1.0, 0.5, -0.02)]
    assert list(dict.fromkeys(found.verdict for found in below)) == ["agrees", "not-resolved", "disagrees"]
    assert all("paths might resolve it" in found.advice for found in below if found.verdict == "not-resolved")


def test_too_noisy_is_not_resolved_and_says_how_many_paths_would_do() -> None:
    rng = np.random.default_rng(1)
    noisy = fitted(truth(), rng, noise=0.5)
    assert noisy.verdict == "not-resolved"
    assert noisy.order is None
    assert "paths are needed" in noisy.advice


def test_too_coarse_a_reference_asks_for_coarser_levels() -> None:
    found = with_reference(0.2)
    assert found.verdict == "not-resolved"
    assert [level.reason for level in found.levels] == ["", "reference", "reference", "reference"]
    assert found.advice == "the reference's own error hides the finer levels: take coarser ones"


def test_a_reference_error_widens_the_interval() -> None:
    assert half_width(with_reference(0.02)) > half_width(with_reference(0.0)) + 0.05


def test_an_error_that_changes_its_sign_has_no_slope() -> None:
    """Two terms that cancel between the levels: neither "agrees" nor "disagrees", whatever line goes through them."""
    steps = (256, 512, 1024, 2048)
    h = 1.0 / np.array(steps)
    replicates = np.random.default_rng(0).normal(1.0, 1e-4, (400, 4))
    for error in (np.abs((h / h[2]) ** 3 - 0.99 * (h / h[2]) ** 2), np.array([4.5e-4, 4.5e-5, 9.4e-7, 1.9e-6])):
        found = estimate_order(steps, h, error, error * replicates, np.zeros(4), blocks=200, paths=1000, expected=2.0)
        assert (found.verdict, found.advice) == ("not-resolved", NO_POWER)
    smooth = estimate_order(steps, h, h**2, h**2 * replicates, np.zeros(4), blocks=200, paths=1000, expected=2.0)
    assert smooth.verdict == "agrees"
