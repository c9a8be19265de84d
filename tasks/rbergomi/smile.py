"""Implied volatilities: Black–Scholes both ways, and the smile of samples or of the rough Bergomi model.

Everywhere S₀ = 1 and rates are zero, log-strikes are k = log K, and maturities are in years.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from sigbench.errors import BadInput
from sigbench_tasks.rbergomi.model import RoughBergomi
from sigbench_tasks.rbergomi.simulator import Simulator

Array = NDArray[np.float64]

_ROOT2 = math.sqrt(2)
_SMALLEST = 1e-300  # a deviation that prices as zero does, without a division by zero


def call_price(log_strike: ArrayLike, total_std: ArrayLike) -> Array:
    """Returns the Black–Scholes price of a call, in units of S₀; shapes broadcast.

    `total_std` is σ√T, at least 0 (Black & Scholes 1973, equation (13), without interest).
    """
    return _option_price(log_strike, total_std, 1.0)


def out_of_the_money_price(log_strike: ArrayLike, total_std: ArrayLike) -> Array:
    """Returns the Black–Scholes price of the put where log_strike < 0 and of the call elsewhere; shapes broadcast."""
    return _option_price(log_strike, total_std, _side(log_strike))


def implied_volatility(price: ArrayLike, log_strike: ArrayLike, maturity: ArrayLike) -> Array:
    """Returns the volatility a √year whose call price is `price`; shapes broadcast.

    NaN where none exists: outside max(1 − K, 0) < price < 1, and where an input is NaN. Raises BadInput for a
    maturity that is not positive.
    """
    k = np.asarray(log_strike, dtype=np.float64)
    call = np.asarray(price, dtype=np.float64)
    inside = (np.maximum(1.0 - np.exp(k), 0.0) < call) & (call < 1.0)
    by_parity = np.where(k < 0, call + np.expm1(k), call)
    return out_of_the_money_volatility(np.where(inside, by_parity, np.nan), k, maturity)


def out_of_the_money_volatility(price: ArrayLike, log_strike: ArrayLike, maturity: ArrayLike) -> Array:
    """Returns the volatility a √year whose `out_of_the_money_price` is `price`; shapes broadcast.

    NaN where none exists: outside 0 < price < min(1, K), and where an input is NaN. Raises BadInput for a maturity
    that is not positive.
    """
    prices, strikes, years = np.broadcast_arrays(*(np.asarray(a, float) for a in (price, log_strike, maturity)))
    if (years <= 0).any():
        raise BadInput(f"a maturity must be positive, not {years.min()}.")
    found = [_total_std(float(p), float(k)) for p, k in zip(prices.flat, strikes.flat, strict=True)]
    return np.array(found).reshape(prices.shape) / np.sqrt(years)


def sample_smile(log_s: Array, log_strikes: Array, maturity: float) -> Array:
    """Returns the implied volatilities of the samples log S_T (n,) at `log_strikes`, in the shape of these.

    Out-of-the-money options are averaged as they are: the samples' forward, which need not be 1, is not corrected.
    NaN where the price has no implied volatility, as where no sample ends in the money.
    """
    strikes = np.asarray(log_strikes, dtype=np.float64)
    with np.errstate(over="ignore"):  # a sampler that diverges has an infinite price, hence no volatility
        s = np.exp(np.asarray(log_s, dtype=np.float64))
    payoffs = [np.maximum(_side(k) * (s - math.exp(k)), 0.0).mean() for k in strikes.flat]
    return out_of_the_money_volatility(np.reshape(payoffs, strikes.shape), strikes, maturity)


def conditional_smile(
    model: RoughBergomi,
    maturity: float,
    log_strikes: Array,
    *,
    steps: int,
    paths: int,
    seed: int,
    method: str = "exact",
) -> tuple[Array, Array]:
    """Returns the model's implied volatilities at `log_strikes` and their standard errors, each in the shape of these.

    Conditional Monte Carlo: given W, S_T is log-normal with forward S¹ = exp(ρ∫√V dW − ½ρ²∫V dt) and log-variance
    (1−ρ²)∫V dt, and S¹, of mean 1, is the control variate (McCrickerd & Pakkanen 2018, Turbocharging Monte Carlo
    pricing for the rough Bergomi model). Both integrals are left-point sums over `steps`. NaN where the
    price has no implied volatility. Raises BadInput as the simulator does, and for fewer than 3 paths.
    """
    if paths < 3:
        raise BadInput(f"a control variate takes at least 3 paths, not {paths}.")
    strikes = np.asarray(log_strikes, dtype=np.float64)
    log_forward, total_std = _conditional_laws(Simulator(model, maturity, steps, method), paths, seed)
    estimates = [_controlled_price(k, log_forward, total_std) for k in strikes.flat]
    prices, errors = np.moveaxis(np.reshape(estimates, (*strikes.shape, 2)), -1, 0)
    vols = out_of_the_money_volatility(prices, strikes, maturity)
    d1 = -strikes / (vols * math.sqrt(maturity)) + 0.5 * vols * math.sqrt(maturity)
    vega = np.exp(-0.5 * d1**2) * math.sqrt(maturity / (2 * math.pi))
    return vols, errors / vega


def _conditional_laws(simulator: Simulator, paths: int, seed: int) -> tuple[Array, Array]:
    """log S¹ and the conditional standard deviation of log S_T, each of shape (paths,)."""
    rho, h = simulator.model.rho, simulator.horizon / simulator.steps
    forwards, variances = [], []
    for y, dw in simulator.driver_blocks(paths, seed):
        variance = simulator.left_variance(y)
        total = h * variance.sum(1)
        forwards.append((rho * (variance.sqrt() * dw).sum(1) - 0.5 * rho**2 * total).cpu().numpy())
        variances.append((1 - rho**2) * total.cpu().numpy())
    return np.concatenate(forwards), np.sqrt(np.concatenate(variances))


def _controlled_price(log_strike: float, log_forward: Array, total_std: Array) -> tuple[float, float]:
    """The mean of the conditional out-of-the-money prices, S¹ regressed out, and its standard error."""
    forward = np.exp(log_forward)
    price = forward * _option_price(log_strike - log_forward, total_std, _side(log_strike))
    centred = forward - forward.mean()
    spread = float(centred @ centred)
    slope = float(centred @ price) / spread if spread else 0.0
    residual = price - slope * (forward - 1.0)
    return float(residual.mean()), float(residual.std(ddof=2)) / math.sqrt(len(residual))


def _side(log_strike: ArrayLike) -> Array:
    """1 for the call, −1 for the put, whichever is out of the money."""
    return np.where(np.asarray(log_strike) < 0, -1.0, 1.0)


def _option_price(log_strike: ArrayLike, total_std: ArrayLike, side: ArrayLike) -> Array:
    k, std, sign = (np.asarray(a, dtype=np.float64) for a in (log_strike, total_std, side))
    strike, std = np.exp(k), np.maximum(std, _SMALLEST)
    d1, d2 = -k / std + 0.5 * std, -k / std - 0.5 * std
    return np.maximum(sign * (ndtr(sign * d1) - strike * ndtr(sign * d2)), 0.0)


def _total_std(price: float, log_strike: float) -> float:
    """σ√T of one out-of-the-money price, NaN where there is none; scalars throughout, for brentq calls it often."""
    side, strike = (-1.0 if log_strike < 0 else 1.0), math.exp(log_strike)
    if not (0 < price < 1 and price < strike):
        return math.nan

    def excess(std: float) -> float:
        d1, d2 = -log_strike / std + 0.5 * std, -log_strike / std - 0.5 * std
        return 0.5 * side * (math.erfc(-side * d1 / _ROOT2) - strike * math.erfc(-side * d2 / _ROOT2)) - price

    high = 1.0
    while excess(high) < 0:
        high *= 2
    return float(brentq(excess, _SMALLEST, high, xtol=1e-15, rtol=1e-15))
