"""Implied volatilities: Black–Scholes both ways, samples of a known smile, and the published smile of rough Bergomi."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from sigbench.errors import BadInput
from sigbench_tasks.rbergomi.model import RoughBergomi
from sigbench_tasks.rbergomi.simulator import METHODS, Simulator
from sigbench_tasks.rbergomi.smile import (
    call_price,
    conditional_smile,
    implied_volatility,
    out_of_the_money_price,
    out_of_the_money_volatility,
    sample_smile,
)

PROPERTY = settings(deadline=None, derandomize=True, database=None)
EACH_METHOD = pytest.mark.parametrize("method", METHODS)
STRIKES = np.array([-0.3, -0.2, -0.1, 0.0, 0.1, 0.2])
LOG_STRIKE = st.floats(-1.5, 1.5)
VOL = st.floats(0.02, 3.0)
MATURITY = st.floats(0.01, 4.0)


@PROPERTY
@given(log_strike=LOG_STRIKE, total_std=st.floats(0.05, 3.0))
def test_call_price_is_the_expected_payoff(log_strike: float, total_std: float) -> None:
    def payoff(z: float) -> float:
        return (math.exp(total_std * z - 0.5 * total_std**2) - math.exp(log_strike)) * stats.norm.pdf(z)

    exercised = log_strike / total_std + 0.5 * total_std
    expected = quad(payoff, exercised, max(exercised, total_std) + 12, points=[max(exercised, total_std)])[0]
    assert float(call_price(log_strike, total_std)) == pytest.approx(expected, abs=1e-9)


@PROPERTY
@given(log_strike=LOG_STRIKE, total_std=st.floats(0.0, 5.0))
def test_out_of_the_money_prices_are_in_parity_with_calls(log_strike: float, total_std: float) -> None:
    intrinsic = max(1 - math.exp(log_strike), 0.0)
    found = float(out_of_the_money_price(log_strike, total_std)) + intrinsic
    assert found == pytest.approx(float(call_price(log_strike, total_std)), abs=1e-14)


def test_prices_without_volatility_are_intrinsic() -> None:
    np.testing.assert_allclose(call_price(STRIKES, 0.0), np.maximum(1 - np.exp(STRIKES), 0), atol=1e-16)
    assert (out_of_the_money_price(STRIKES, 0.0) == 0).all()


def vega(log_strike: float, total_std: float) -> float:
    return float(stats.norm.pdf(-log_strike / total_std + 0.5 * total_std))


@PROPERTY
@given(log_strike=LOG_STRIKE, vol=VOL, maturity=MATURITY)
def test_implied_volatility_inverts_the_call_price(log_strike: float, vol: float, maturity: float) -> None:
    """As far as float64 holds the volatility in a price of a call, which has an absolute error of 4e-16."""
    total_std = vol * math.sqrt(maturity)
    price = call_price(log_strike, total_std)
    slope = vega(log_strike, total_std)
    found = float(implied_volatility(price, log_strike, maturity))
    if slope > 1e-8:
        assert found * math.sqrt(maturity) == pytest.approx(total_std, abs=1e-11 + 4e-16 / slope)
    else:
        assert math.isnan(found) or float(call_price(log_strike, found * math.sqrt(maturity))) == pytest.approx(
            float(price), abs=1e-15
        )


@PROPERTY
@given(log_strike=LOG_STRIKE, total_std=st.floats(0.02, 6.0))
def test_out_of_the_money_prices_hold_small_volatilities(log_strike: float, total_std: float) -> None:
    """Far from the money the price is tiny, and its digits are still good to the roundings of its two terms."""
    price = float(out_of_the_money_price(log_strike, total_std))
    found = float(out_of_the_money_volatility(price, log_strike, 1.0))
    slope = vega(log_strike, total_std)
    if price > 1e-100:
        rounding = 1e-14 * float(stats.norm.cdf(-abs(log_strike) / total_std + 0.5 * total_std))
        assert found == pytest.approx(total_std, rel=1e-11, abs=rounding / slope)


def test_shapes_broadcast() -> None:
    maturities = np.array([[0.25], [1.0]])
    prices = call_price(STRIKES, 0.3 * np.sqrt(maturities))
    assert prices.shape == (2, 6)
    np.testing.assert_allclose(implied_volatility(prices, STRIKES, maturities), np.full((2, 6), 0.3), rtol=1e-9)


@pytest.mark.parametrize("log_strike", [-0.2, 0.0, 0.2])
def test_no_implied_volatility_at_or_outside_the_bounds(log_strike: float) -> None:
    intrinsic = max(1 - math.exp(log_strike), 0.0)
    outside = np.array([intrinsic, intrinsic - 1e-6, -1.0, 1.0, 1.1, math.inf, -math.inf, math.nan])
    assert np.isnan(implied_volatility(outside, log_strike, 0.5)).all()
    within = np.array([intrinsic + 1e-6, 1 - 1e-6])
    assert (implied_volatility(within, log_strike, 0.5) > 0).all()
    assert (np.diff(implied_volatility(np.linspace(*within, 50), log_strike, 0.5)) > 0).all()
    most = min(1.0, math.exp(log_strike))
    assert np.isnan(out_of_the_money_volatility([0.0, -0.1, most, 2.0, math.nan], log_strike, 0.5)).all()


def test_no_implied_volatility_of_inputs_that_are_not_numbers() -> None:
    assert np.isnan(implied_volatility(0.1, math.nan, 1.0))
    assert np.isnan(implied_volatility(0.1, 0.0, math.nan))
    for maturity in (0.0, -1.0):
        with pytest.raises(BadInput, match=f"maturity must be positive, not {maturity}"):
            implied_volatility(0.1, 0.0, maturity)


def test_sample_smile_of_a_log_normal_law_is_flat() -> None:
    """Right draws fail once in 10,000 times, by the standard error of each price over its vega."""
    n, vol, maturity = 400_000, 0.25, 0.5
    std = vol * math.sqrt(maturity)
    log_s = std * np.random.default_rng(0).standard_normal(n) - 0.5 * std**2
    found = sample_smile(log_s, STRIKES, maturity)
    for k, value in zip(STRIKES, found, strict=True):
        sign = -1 if k < 0 else 1
        error = np.maximum(sign * (np.exp(log_s) - math.exp(k)), 0).std() / math.sqrt(n)
        bound = stats.norm.isf(1e-4 / 2 / len(STRIKES)) * error / vega(k, std) / math.sqrt(maturity)
        assert value == pytest.approx(vol, abs=bound)
        assert bound < 0.01


def test_sample_smile_does_not_correct_the_forward() -> None:
    """Prices are the sample's own: two points, whose put and call are read off."""
    log_s = np.log([0.8, 1.4])
    strikes = np.log([0.9, 1.0, 1.2])
    expected = out_of_the_money_volatility([0.05, 0.2, 0.1], strikes, 2.0)
    np.testing.assert_allclose(sample_smile(log_s, strikes, 2.0), expected)
    assert sample_smile(log_s, strikes.reshape(3, 1), 2.0).shape == (3, 1)


def test_sample_smile_where_no_sample_is_in_the_money() -> None:
    found = sample_smile(np.array([-0.05, 0.05]), np.array([-0.1, 0.0, 0.1]), 1.0)
    assert np.isnan(found).tolist() == [True, False, True]
    assert np.isnan(sample_smile(np.array([0.0, 1000.0]), np.array([0.0]), 1.0)).all()
    assert np.isnan(sample_smile(np.array([0.0, math.nan]), np.array([-0.1, 0.1]), 1.0)).all()


@EACH_METHOD
def test_without_volatility_of_volatility_the_smile_is_flat(method: str) -> None:
    """Only the control variate is random then, and it explains the price of no correlation altogether."""
    for rho in (0.0, -0.6):
        model = RoughBergomi(eta=0.0, rho=rho)
        vols, errors = conditional_smile(model, 0.5, STRIKES, steps=16, paths=20_000, seed=0, method=method)
        bound = stats.norm.isf(1e-4 / 2 / len(STRIKES))
        assert (np.abs(vols - math.sqrt(model.xi)) <= bound * errors + 1e-9).all()
        assert (errors < (1e-9 if rho == 0 else 2e-3)).all()


def test_conditional_smile_is_that_of_the_paths() -> None:
    """Against plain Monte Carlo on the same grid; right ones fail once in 10,000 times."""
    model, maturity, n = RoughBergomi(), 0.25, 200_000
    strikes = np.array([-0.2, -0.1, 0.0, 0.1])
    vols, errors = conditional_smile(model, maturity, strikes, steps=16, paths=100_000, seed=1)
    log_s = Simulator(model, maturity, 16).paths(n, 2, every=16)[:, 0, 0].numpy()
    plain = sample_smile(log_s, strikes, maturity)
    for k, vol, error, other in zip(strikes, vols, errors, plain, strict=True):
        sign = -1 if k < 0 else 1
        spread = np.maximum(sign * (np.exp(log_s) - math.exp(k)), 0).std() / math.sqrt(n)
        plain_error = spread / vega(k, vol * math.sqrt(maturity)) / math.sqrt(maturity)
        assert abs(vol - other) < stats.norm.isf(1e-4 / 2 / len(strikes)) * math.hypot(error, plain_error)


def test_standard_errors_are_those_of_repeats() -> None:
    """The variance over 40 seeds against the errors claimed; right ones fail once in 10,000 times a strike."""
    strikes = np.array([-0.1, 0.0, 0.1])
    runs = [conditional_smile(RoughBergomi(), 0.25, strikes, steps=8, paths=2000, seed=s) for s in range(40)]
    vols, errors = (np.array(column) for column in zip(*runs, strict=True))
    ratio = vols.var(0, ddof=1) / (errors**2).mean(0) * 39
    assert (ratio > stats.chi2.ppf(0.5e-4, 39)).all()
    assert (ratio < stats.chi2.isf(0.5e-4, 39)).all()


def test_conditional_smile_is_a_function_of_the_seed() -> None:
    def smile(seed: int) -> np.ndarray:
        return np.array(conditional_smile(RoughBergomi(), 1.0, STRIKES, steps=8, paths=1500, seed=seed))

    np.testing.assert_array_equal(smile(1), smile(1))
    assert (smile(1) != smile(2)).all()
    assert smile(1).shape == (2, 6)


def test_too_few_paths_for_a_control_variate() -> None:
    with pytest.raises(BadInput, match="at least 3 paths, not 2"):
        conditional_smile(RoughBergomi(), 1.0, STRIKES, steps=8, paths=2, seed=0)
    with pytest.raises(BadInput, match="unknown method"):
        conditional_smile(RoughBergomi(), 1.0, STRIKES, steps=8, paths=10, seed=0, method="euler")


@pytest.mark.slow
@EACH_METHOD
def test_published_implied_volatilities(method: str) -> None:
    """McCrickerd & Pakkanen's smile at a quarter of a year; 0.0015 is more than three standard errors everywhere."""
    strikes, published = np.array([-0.1787, 0.0, 0.1041]), np.array([0.2961, 0.2061, 0.1576])
    vols, errors = conditional_smile(RoughBergomi(), 0.25, strikes, steps=312, paths=300_000, seed=0, method=method)
    assert (3 * errors < 0.0015).all()
    assert (np.abs(vols - published) < 0.0015).all()
