"""Rough Bergomi again: covariances by quadrature, Black–Scholes by hand, the smile by Romano and Touzi's mixing."""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.special import erfc, roots_jacobi
from scipy.stats import norm

from sigbench.metrics.metric import Reference
from sigbench.metrics.path_sample import PathSample
from sigbench.metrics.paths import AutocorrelationError, CrossCorrelationError, LeverageError, PathW1, SigW1
from sigbench.metrics.roughness import HurstError
from sigbench_tasks.rbergomi.model import RoughBergomi
from sigbench_tasks.rbergomi.simulator import Simulator
from sigbench_tasks.rbergomi.smile import conditional_smile, implied_volatility, out_of_the_money_price, sample_smile
from sigbench_tasks.rbergomi.smile_metric import ForwardError, SmileError, SpreadError, reference_smile
from sigbench_tasks.rbergomi.task import ARTIFACTS
from sigbench_tasks.rbergomi.truth import RoughBergomiTruth

Array = NDArray[np.float64]

HURST, ETA, RHO, XI = 0.07, 1.9, -0.9, 0.235**2
MATURITIES = (0.25, 0.5, 1.0)
MONEYNESS = np.array([-0.36, -0.24, -0.12, 0.0, 0.07, 0.14, 0.21])
STRIKES = [math.sqrt(t) * MONEYNESS for t in MATURITIES]
SLOW = pytest.mark.slow
TRUTH = RoughBergomiTruth()
REFERENCE = Reference(TRUTH, 7)
SMILE = reference_smile(ARTIFACTS / "smile")


def covariances(hurst: float, times: Array) -> tuple[Array, Array]:
    """Cov(Y_s, Y_t) and Cov(Y_s, W_t) as integrals of (s−r)^{H−½}(t−r)^{H−½} and (s−r)^{H−½} up to min(s, t).

    The distance to the singularity is min(s, t)·e^{−z}, and z goes to 400 in panels of Gauss and Legendre.
    """
    nodes, weights = np.polynomial.legendre.leggauss(12)
    z = np.concatenate([2.5 * (i + 0.5 + 0.5 * nodes) for i in range(160)])
    w = np.tile(1.25 * weights, 160)
    power = hurst - 0.5
    of_y, with_w = (np.zeros((len(times), len(times))) for _ in range(2))
    for i, s in enumerate(times):
        for j, t in enumerate(times):
            if s <= t:
                near = s * np.exp(-z)
                of_y[i, j] = of_y[j, i] = 2 * hurst * float(w @ (near ** (1 + power) * (near + (t - s)) ** power))
                with_w[i, j] = math.sqrt(2 * hurst) * float(w @ near ** (1 + power))
                with_w[j, i] = math.sqrt(2 * hurst) * float(w @ (near * (near + (t - s)) ** power))
    return of_y, with_w


def out_of_the_money(log_strike: float, log_forward: Array, std: Array) -> Array:
    """Black's price of the put below 0 and of the call from 0 on, of a forward in units of today's price."""
    sign = -1.0 if log_strike < 0 else 1.0
    up = (log_forward - log_strike) / std + 0.5 * std
    first = 0.5 * erfc(-sign * up / math.sqrt(2))
    second = 0.5 * erfc(-sign * (up - std) / math.sqrt(2))
    return sign * (np.exp(log_forward) * first - math.exp(log_strike) * second)


def volatility_of(price: float, log_strike: float, maturity: float) -> float:
    """The volatility of an out-of-the-money price, by halving [0, 8] sixty times."""
    low, high = 0.0, 8.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        found = float(out_of_the_money(log_strike, np.zeros(1), np.array([middle]))[0])
        low, high = (middle, high) if found < price else (low, middle)
    return low / math.sqrt(maturity)


def vega(log_strike: float, volatility: float, maturity: float) -> float:
    """The derivative of the price in the volatility."""
    std = volatility * math.sqrt(maturity)
    return math.sqrt(maturity / (2 * math.pi)) * math.exp(-0.5 * (0.5 * std - log_strike / std) ** 2)


def test_covariances_by_quadrature() -> None:
    """Of Y and W at all pairs of 64 times; log V is ηY and a mean, so that its covariance is η² times that of Y."""
    times = np.arange(1.0, 65.0) / 64
    joint = RoughBergomi().covariance(times)
    of_y, with_w = covariances(HURST, times)
    np.testing.assert_allclose(joint[:64, :64], of_y, rtol=1e-9)
    np.testing.assert_allclose(joint[:64, 64:], with_w, rtol=1e-9)


def test_moments_of_log_v_are_those_of_the_model() -> None:
    """4,000 exact paths at seven times; right ones fail once in 10,000 times, over 7 means and 28 covariances."""
    n, at = 4_000, np.array([1, 2, 4, 8, 16, 40, 64]) - 1
    times = (at + 1) / 64
    log_v = TRUTH.paths(n, 41)[:, at, 1].numpy()
    covariance = ETA**2 * covariances(HURST, times)[0]
    centred = log_v - (math.log(XI) - 0.5 * ETA**2 * times ** (2 * HURST))
    variances = np.diag(covariance)
    bound = norm.isf(0.5e-4 / 35)
    assert (np.abs(centred.mean(0)) < bound * np.sqrt(variances / n)).all()
    errors = np.sqrt((np.outer(variances, variances) + covariance**2) / n)
    assert (np.abs(centred.T @ centred / n - covariance) < bound * errors).all()


def exact_spread_of_log_s(steps: int) -> float:
    """The variance of log S after a year of the log-Euler scheme in closed form, from moments of log-normals.

    log S = M − ½I with M = Σ√V_i ΔB_i and I = hΣV_i, hence ξ + ¼Var(I) − Cov(M, I), where a normal Z with a covariance
    c to the exponent has E[Z·e^G] = c·E[e^G].
    """
    h = 1.0 / steps
    times = h * np.arange(1.0, steps)
    y, with_w = (np.zeros((steps, steps)) for _ in range(2))
    y[1:, 1:], with_w[1:, 1:] = covariances(HURST, times)
    increments = np.zeros((steps, steps))
    increments[:, :-1] = np.diff(with_w, axis=1)
    variance = np.diag(y)
    of_integral = (h * XI) ** 2 * float((np.exp(ETA**2 * y) - 1).sum())
    roots = XI**1.5 * np.exp(ETA**2 * (0.5 * y - variance[None, :] / 8))
    between = h * RHO * ETA * float((roots * increments).sum())
    return XI + of_integral / 4 - between


def test_the_spread_of_log_s_is_that_of_its_scheme() -> None:
    """50,000 paths of 32 steps, mean and variance; right ones fail once in 10,000 times."""
    n = 50_000
    log_s = Simulator(RoughBergomi(), 1.0, 32).paths(n, 42, every=32)[:, 0, 0].numpy()
    centred = log_s + 0.5 * XI
    spread, bound = exact_spread_of_log_s(32), norm.isf(0.25e-4)
    assert abs(centred.mean()) < bound * math.sqrt(spread / n)
    assert np.mean(centred**2) == pytest.approx(spread, abs=bound * float(np.std(centred**2)) / math.sqrt(n))


@pytest.mark.parametrize("log_strike", [-0.36, -0.1, 0.0, 0.15])
@pytest.mark.parametrize("volatility", [0.1, 0.235, 0.6])
def test_black_scholes_by_hand(log_strike: float, volatility: float) -> None:
    """The price by the textbook's formula, and the volatility back from the call's price by halving."""
    std = volatility * math.sqrt(0.5)
    price = float(out_of_the_money(log_strike, np.zeros(1), np.array([std]))[0])
    call = price + max(1 - math.exp(log_strike), 0.0)
    assert float(out_of_the_money_price(log_strike, std)) == pytest.approx(price, abs=1e-15)
    assert volatility_of(price, log_strike, 0.5) == pytest.approx(volatility, abs=1e-9)
    assert float(implied_volatility(call, log_strike, 0.5)) == pytest.approx(volatility, abs=1e-9)


@pytest.mark.parametrize("rho", [0.0, -0.9])
def test_without_volatility_of_volatility_the_smile_is_flat(rho: float) -> None:
    """Black and Scholes' at 0.235; right ones fail once in 10,000 times, and without correlation nothing is random."""
    found, errors = conditional_smile(RoughBergomi(eta=0.0, rho=rho), 0.5, STRIKES[1], steps=32, paths=20_000, seed=3)
    assert (errors < (1e-10 if rho == 0 else 1.5e-3)).all()
    assert (np.abs(found - 0.235) < norm.isf(0.5e-4 / 7) * errors + 1e-9).all()


def test_paths_without_volatility_of_volatility_are_black_and_scholes() -> None:
    """Prices of 100,000 simulated log S against the closed form; right ones fail once in 10,000 times."""
    n = 100_000
    paths = Simulator(RoughBergomi(eta=0.0), 0.5, 8).paths(n, 4, every=8)
    np.testing.assert_allclose(paths[:, 0, 1], math.log(XI), rtol=1e-12)
    s = np.exp(paths[:, 0, 0].numpy())
    for k in STRIKES[1]:
        payoffs = np.maximum((s - math.exp(k)) * (-1 if k < 0 else 1), 0.0)
        price = float(out_of_the_money(k, np.zeros(1), np.array([0.235 * math.sqrt(0.5)]))[0])
        bound = norm.isf(0.5e-4 / 7) * payoffs.std() / math.sqrt(n)
        assert payoffs.mean() == pytest.approx(price, abs=bound)
        assert float(sample_smile(paths[:, 0, 0].numpy(), np.array([k]), 0.5)[0]) == pytest.approx(
            volatility_of(float(payoffs.mean()), k, 0.5), abs=1e-9
        )


def test_without_correlation_the_smile_is_symmetric() -> None:
    """Given the volatility the forward is 1, so that puts at −k and calls at k mirror each other path by path."""
    strikes = np.array([-0.3, -0.15, 0.15, 0.3])
    found, _ = conditional_smile(RoughBergomi(rho=0.0), 0.5, strikes, steps=32, paths=5_000, seed=5)
    np.testing.assert_allclose(found, found[::-1], rtol=1e-9)
    assert found[0] > found[1] + 0.005


def unit_covariances(steps: int) -> tuple[Array, Array]:
    """Cov(Y_s, Y_t) and Cov(Y_s, ΔW_t) at the times 1 … steps, as sums of integrals over unit cells.

    The cell next to the singularity is Gauss and Jacobi's with the weight y^{H−½}; the other ones are Gauss and
    Legendre's.
    """
    power = HURST - 0.5
    nodes, weights = np.polynomial.legendre.leggauss(16)
    edge, mass = roots_jacobi(16, 0.0, power)
    y = np.arange(1, steps)[:, None] + 0.5 + 0.5 * nodes
    own = 0.5 * weights * y**power
    cells = np.zeros((steps, steps))
    for lag in range(1, steps):
        cells[lag, 0] = float(mass @ (0.5 + 0.5 * edge + lag) ** power) / 2 ** (1 + power)
        cells[lag, 1:] = (own * (y + lag) ** power).sum(1)
    sums = np.cumsum(cells, axis=1)
    of_y, with_dw = (np.zeros((steps, steps)) for _ in range(2))
    for i in range(steps):
        of_y[i, i:] = of_y[i:, i] = 2 * HURST * sums[: steps - i, i]
        of_y[i, i] = (i + 1.0) ** (2 * HURST)
        distances = np.arange(i + 1.0, -1.0, -1.0) ** (1 + power)
        with_dw[i, : i + 1] = math.sqrt(2 * HURST) / (1 + power) * (distances[:-1] - distances[1:])
    return of_y, with_dw


def factor(steps: int, h: float) -> Array:
    """The Cholesky factor of (ΔW_1, …, ΔW_n, Y_1, …, Y_n) at steps of h."""
    of_y, with_dw = unit_covariances(steps)
    cross = h ** (HURST + 0.5) * with_dw
    joint = np.block([[h * np.eye(steps), cross.T], [cross, h ** (2 * HURST) * of_y]])
    return np.linalg.cholesky(joint)


def mixed_smile(steps_a_year: int, maturity: float, strikes: Array, paths: int, seed: int) -> tuple[Array, Array]:
    """Implied volatilities and standard errors: Black's prices mixed over the path of the volatility.

    Given W, log S is normal: its forward is exp(ρ∫√V dW − ½ρ²∫V dt) and its variance (1−ρ²)∫V dt. The forward, of mean
    1, is the control variate. Normals come in pairs of opposite signs.
    """
    h, n, rng = 1.0 / steps_a_year, round(steps_a_year * maturity), np.random.default_rng(seed)
    lower = factor(n, h)
    drift = math.log(XI) - 0.5 * ETA**2 * (h * np.arange(n)) ** (2 * HURST)
    forwards, totals = [], []
    for _ in range(paths // 1000):
        half = rng.standard_normal((500, 2 * n)) @ lower.T
        drivers = np.concatenate([half, -half])
        y = np.concatenate([np.zeros((1000, 1)), drivers[:, n:-1]], axis=1)
        v = np.exp(ETA * y + drift)
        totals.append(h * v.sum(1))
        forwards.append(RHO * (np.sqrt(v) * drivers[:, :n]).sum(1) - 0.5 * RHO**2 * totals[-1])
    log_forward, std = np.concatenate(forwards), np.sqrt((1 - RHO**2) * np.concatenate(totals))
    control = np.exp(log_forward) - 1
    vols, errors = [], []
    for k in strikes:
        prices = out_of_the_money(float(k), log_forward, std)
        slope = np.cov(control, prices)[0, 1] / control.var(ddof=1)
        pairs = (prices - slope * control).reshape(-1, 2, 500).mean(1).ravel()
        vols.append(volatility_of(float(pairs.mean()), float(k), maturity))
        errors.append(float(pairs.std(ddof=1)) / math.sqrt(len(pairs)) / vega(float(k), vols[-1], maturity))
    return np.array(vols), np.array(errors)


def test_covariances_of_cells_are_those_of_the_model() -> None:
    """What the mixed smile is drawn from, at 64 steps, against the package's covariance of Y and W."""
    of_y, with_dw = unit_covariances(64)
    joint = RoughBergomi().covariance(np.arange(1.0, 65.0))
    np.testing.assert_allclose(of_y, joint[:64, :64], rtol=1e-10)
    np.testing.assert_allclose(np.cumsum(with_dw, axis=1), joint[:64, 64:], rtol=1e-10)


@pytest.mark.parametrize("row", [0, 1, 2])
def test_the_smile_on_64_points_by_mixing(row: int) -> None:
    """The package's conditional smile on the same grid of 64 times a year; right ones fail once in 10,000 times."""
    maturity, strikes = MATURITIES[row], STRIKES[row]
    found, errors = conditional_smile(
        RoughBergomi(), maturity, strikes, steps=round(64 * maturity), paths=100_000, seed=6
    )
    own, own_errors = mixed_smile(64, maturity, strikes, 100_000, 51)
    both = np.hypot(errors, own_errors)
    assert both.max() < 0.0015
    assert (np.abs(found - own) < norm.isf(0.5e-4 / 7) * both).all()


@pytest.mark.parametrize(
    ("row", "paths"), [(0, 100_000), pytest.param(1, 200_000, marks=SLOW), pytest.param(2, 100_000, marks=SLOW)]
)
def test_the_shipped_smile_by_mixing(row: int, paths: int) -> None:
    """On the shipped smile's own grid, 1,024 times a year; right ones fail once in 10,000 times a maturity."""
    shipped_errors = load_file(ARTIFACTS / "smile" / "weights.safetensors")["standard_errors"][row]
    own, own_errors = mixed_smile(1024, MATURITIES[row], STRIKES[row], paths, 52)
    both = np.hypot(shipped_errors, own_errors)
    assert both.max() < 0.001
    assert (np.abs(SMILE[row] - own) < norm.isf(0.5e-4 / 7) * both).all()


def drawn(n: int) -> PathSample:
    return TRUTH.observed(n, 8)


@cache
def spoilt(n: int) -> PathSample:
    """Exact paths with a tenth too little in log V, a tilt of log S and too much of it."""
    paths = TRUTH.observed(n, 9).paths.copy()
    paths[..., 1] = math.log(XI) + 0.9 * (paths[..., 1] - math.log(XI))
    paths[..., 0] = 1.1 * paths[..., 0] + 0.02 * np.arange(1, 65) / 64
    return TRUTH.seen(paths)


KINDS = pytest.mark.parametrize("kind", [drawn, spoilt])
Kind = Callable[[int], PathSample]


@KINDS
def test_the_error_of_the_smile_by_hand(kind: Kind) -> None:
    """Plain mean payoffs at the times 16, 32 and 64 of 64, inverted by halving; and the forward and the spread."""
    samples, exact = kind(1000), TRUTH.observed(1000, REFERENCE.seed)
    squares = []
    for row, maturity in enumerate(MATURITIES):
        s = np.exp(samples.paths[:, round(64 * maturity) - 1, 0])
        for column, k in enumerate(STRIKES[row]):
            payoffs = np.maximum(math.exp(k) - s, 0.0) if k < 0 else np.maximum(s - math.exp(k), 0.0)
            squares.append((volatility_of(float(payoffs.mean()), float(k), maturity) - SMILE[row, column]) ** 2)
    assert SmileError(SMILE)(samples, REFERENCE) == pytest.approx(100 * math.sqrt(math.fsum(squares) / 21), rel=1e-8)
    last = [sorted(float(x) for x in part.paths[:, 63, 0]) for part in (samples, exact)]
    forward = math.fsum(math.exp(x) for x in last[0]) / 1000 - 1
    spreads = [math.fsum((x - math.fsum(part) / 1000) ** 2 for x in part) for part in last]
    assert ForwardError()(samples, REFERENCE) == pytest.approx(forward, abs=1e-12)
    assert SpreadError()(samples, REFERENCE) == pytest.approx(1 - spreads[0] / spreads[1], abs=1e-10)


@KINDS
def test_w1_of_paths_by_loops(kind: Kind) -> None:
    """Equal ranks paired at every time, over the exact draw's deviation."""
    samples, exact = kind(500), TRUTH.observed(500, REFERENCE.seed)
    parts = []
    for time in range(64):
        for coordinate in (0, 1):
            own, real = (sorted(float(x) for x in part.paths[:, time, coordinate]) for part in (samples, exact))
            mean = math.fsum(real) / 500
            deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in real) / 500)
            parts.append(math.fsum(abs(a - b) for a, b in zip(own, real, strict=True)) / 500 / deviation)
    assert PathW1()(samples, REFERENCE) == pytest.approx(math.fsum(parts) / 128, rel=1e-11)


@KINDS
def test_correlations_of_paths_by_numpy(kind: Kind) -> None:
    """np.corrcoef of (log S, log V) and of (returns, log V); the leverage curve is the mean of its diagonals."""
    own, real = (part.paths for part in (kind(500), TRUTH.observed(500, REFERENCE.seed)))
    auto = [np.corrcoef(own[:, :, c].T) - np.corrcoef(real[:, :, c].T) for c in (0, 1)]
    cross = []
    for paths in (own, real):
        returns = np.concatenate([paths[:, :1, 0], paths[:, 1:, 0] - paths[:, :-1, 0]], axis=1)
        cross.append(np.corrcoef(returns.T, paths[:, :, 1].T)[:64, 64:])
    curves = [[sum(c[i, i + lag] for i in range(64 - lag)) / (64 - lag) for lag in range(17)] for c in cross]
    gaps = [(a - b) ** 2 for a, b in zip(*curves, strict=True)]
    samples = kind(500)
    assert AutocorrelationError()(samples, REFERENCE) == pytest.approx(np.sqrt(np.mean(np.square(auto))), rel=1e-9)
    expected = np.sqrt(np.mean(np.square(cross[0] - cross[1])))
    assert CrossCorrelationError()(samples, REFERENCE) == pytest.approx(expected, rel=1e-9)
    assert LeverageError()(samples, REFERENCE) == pytest.approx(math.sqrt(math.fsum(gaps) / 17), rel=1e-9)


def mean_signature(paths: Array) -> Array:
    """The mean signature of depth 4 of (t, log S/0.5, (log V − log ξ)/1.9), by Chen's identity step by step."""
    n = len(paths)
    points = np.zeros((n, 65, 3))
    points[:, :, 0] = np.arange(65) / 64
    points[:, 1:, 1] = paths[:, :, 0] / 0.5
    points[:, 1:, 2] = (paths[:, :, 1] - math.log(XI)) / 1.9
    levels = [np.ones((n, 1))] + [np.zeros((n, 3**depth)) for depth in (1, 2, 3, 4)]
    for step in range(64):
        move = points[:, step + 1] - points[:, step]
        powers = [np.ones((n, 1))]
        for depth in (1, 2, 3, 4):
            powers.append((powers[-1][:, :, None] * move[:, None, :]).reshape(n, -1) / depth)
        levels = [
            np.sum([(levels[a][:, :, None] * powers[d - a][:, None, :]).reshape(n, -1) for a in range(d + 1)], axis=0)
            for d in range(5)
        ]
    return np.concatenate(levels[1:], axis=1).mean(0)


@KINDS
def test_the_distance_of_signatures_by_chens_identity(kind: Kind) -> None:
    """The Euclidean distance of the mean signatures."""
    own, real = (mean_signature(part.paths) for part in (kind(500), TRUTH.observed(500, REFERENCE.seed)))
    expected = math.sqrt(math.fsum((own - real) ** 2))
    assert SigW1((0.5, 1.9))(kind(500), REFERENCE) == pytest.approx(expected, rel=1e-9)


@KINDS
def test_the_hurst_exponent_by_regressions(kind: Kind) -> None:
    """Slopes of log mean |increment|^q on log lag for five q, and the line through 0 that fits them."""
    log_v = kind(500).paths[:, :, 1]
    slopes = []
    for q in (0.5, 1.0, 1.5, 2.0, 3.0):
        moments = [np.mean(np.abs(log_v[:, lag:] - log_v[:, :-lag]) ** q) for lag in range(1, 17)]
        slopes.append((q, float(np.polyfit(np.log(np.arange(1, 17)), np.log(moments), 1)[0])))
    exponent = math.fsum(q * slope for q, slope in slopes) / math.fsum(q * q for q, _ in slopes)
    assert HurstError(HURST)(kind(500), REFERENCE) == pytest.approx(exponent - HURST, abs=1e-10)
