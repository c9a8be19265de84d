"""Payoffs and the simulator's means of them, against closed forms and against computations of their own."""

import math
from functools import cache
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad

from sigbench.errors import BadInput
from sigbench.metrics.metric import Reference
from sigbench.progress import Progress, ignore
from sigbench_tasks.rbergomi.model import ForwardVariance, RoughBergomi
from sigbench_tasks.rbergomi.payoffs import prices as prices_module
from sigbench_tasks.rbergomi.payoffs.kinds import Asian, Barrier, European, Payoff, Vix
from sigbench_tasks.rbergomi.payoffs.metrics import VolatilityError, metric_of, volatility_of
from sigbench_tasks.rbergomi.payoffs.prices import Price, Prices
from sigbench_tasks.rbergomi.specification import Specification
from sigbench_tasks.rbergomi.truth import RoughBergomiTruth

Array = NDArray[np.float64]
FLAT = Specification.equal(RoughBergomi(eta=0.0, xi=0.04), horizon=1.0, points=8, fine=2)
MODEL = RoughBergomi(0.12, 1.6, -0.7, ForwardVariance((0.25, 0.5), (0.04, 0.06)))
ROUGH = Specification(MODEL, 0.5, 8, (2, 4, 6, 7))  # the window of an index at 0.4375 ends at the horizon


@pytest.fixture(autouse=True)
def cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGBENCH_CACHE", str(tmp_path / "cache"))


def priced(specification: Specification, *payoffs: Payoff, samples: int = 2_000) -> list[Price]:
    found = Prices(specification, payoffs, samples).find()
    return [found[payoff] for payoff in payoffs]


def black_scholes(strike: float, deviation: float, option: str) -> float:
    """The price of an option on a log-normal S of mean 1."""
    sign, normal = (1 if option == "call" else -1), NormalDist()
    d1 = (-math.log(strike) + 0.5 * deviation**2) / deviation
    return sign * (normal.cdf(sign * d1) - strike * normal.cdf(sign * (d1 - deviation)))


def test_without_volatility_of_volatility_europeans_are_black_scholes() -> None:
    """Within four of the stated standard errors; there are eight payoffs, so that one run in 2,000 would fail."""
    payoffs = [
        European(place, (place + 1) / 8, option, strike)
        for place in (3, 7)
        for option, strike in (("call", 1.1), ("put", 0.9), ("call", 0.8), ("put", 1.0))
    ]
    for payoff, price in zip(payoffs, priced(FLAT, *payoffs), strict=True):
        exact = black_scholes(payoff.strike, 0.2 * math.sqrt(payoff.time), payoff.option)
        assert abs(price.mean - exact) < 4 * price.error, payoff.name
        assert price.error < 0.02 * exact


def test_without_volatility_of_volatility_the_index_is_the_root_of_the_curve_s_mean() -> None:
    curve = ForwardVariance((0.6, 1.0), (0.04, 0.09))
    own = Specification.equal(RoughBergomi(eta=0.0, xi=curve), horizon=1.0, points=8, fine=2)
    early, across, bought = Vix(1, 0.25, own, 0.1), Vix(3, 0.5, own, 0.2), Vix(3, 0.5, own, 0.2, 0.2)
    found = priced(own, early, across, bought)
    assert found[0].mean == pytest.approx(0.2, abs=1e-12)
    assert found[1].mean == pytest.approx(math.sqrt(0.065), abs=1e-12)  # half of the window lies in each piece
    assert found[2].mean == pytest.approx(math.sqrt(0.065) - 0.2, abs=1e-12)


def test_discretely_watched_barriers_and_asians_of_black_scholes() -> None:
    """Against 400,000 geometric random walks drawn here: within four standard errors of the difference."""
    down = Barrier(7, 1.0, "call", 1.0, 0.9, "down-and-out")
    up = Barrier(5, 0.75, "put", 1.05, 1.1, "up-and-out")
    asian = Asian(7, 1.0, "put", 1.0)
    steps = np.random.default_rng(5).standard_normal((400_000, 8)) * 0.2 / math.sqrt(8) - 0.5 * 0.04 / 8
    s = np.exp(np.cumsum(steps, axis=1))
    own = (
        np.where((s > 0.9).all(1), np.maximum(s[:, 7] - 1.0, 0), 0),
        np.where((s[:, :6] < 1.1).all(1), np.maximum(1.05 - s[:, 5], 0), 0),
        np.maximum(1.0 - s.mean(1), 0),
    )
    for paid, price in zip(own, priced(FLAT, down, up, asian), strict=True):
        error = math.hypot(paid.std() / math.sqrt(len(paid)), price.error)
        assert abs(price.mean - paid.mean()) < 4 * error
        assert price.deviation == pytest.approx(paid.std(), rel=0.03)


@cache
def kernel(u: float, v: float, hurst: float) -> float:
    """E[Y_u Y_v] = 2H·∫₀ᵘ (u−s)^{H−½}(v−s)^{H−½} ds for u ≤ v by quadrature, in x = (u−s)^{H+½}, which has no pole."""
    power = 1 / (hurst + 0.5)
    inner, _ = quad(lambda x: (v - u + x**power) ** (hurst - 0.5), 0, u ** (hurst + 0.5), epsabs=1e-11, limit=200)
    return 2 * hurst * inner * power


def test_a_rough_model_against_a_plain_simulation() -> None:
    """Nothing is shared: covariances by quadrature, a Cholesky factor, 400,000 plain paths and payoffs written out.

    Within four standard errors of the difference, for seven payoffs.
    """
    hurst, eta, rho, h, n = 0.12, 1.6, -0.7, 0.5 / 8, 400_000
    grid = h * np.arange(1, 9)
    y = np.array([[kernel(min(u, v), max(u, v), hurst) for v in grid] for u in grid])
    a = hurst + 0.5
    with_w = np.array([[math.sqrt(2 * hurst) / a * (u**a - (u - min(u, v)) ** a) for v in grid] for u in grid])
    joint = np.block([[y, with_w], [with_w.T, np.minimum(grid[:, None], grid)]])
    rng = np.random.default_rng(11)
    drawn = rng.standard_normal((n, 16)) @ np.linalg.cholesky(joint + 1e-12 * np.eye(16)).T
    xi = np.where(grid < 0.25 - 1e-9, 0.04, 0.06)
    v = xi * np.exp(eta * drawn[:, :8] - 0.5 * eta**2 * grid ** (2 * hurst))
    left = np.concatenate([np.full((n, 1), 0.04), v[:, :-1]], axis=1)
    dw = np.diff(drawn[:, 8:], axis=1, prepend=0.0)
    beside = rng.standard_normal((n, 8)) * math.sqrt(h)
    log_s = np.cumsum(np.sqrt(left) * (rho * dw + math.sqrt(1 - rho**2) * beside) - 0.5 * h * left, axis=1)
    seen = [1, 3, 5, 6]  # places 2, 4, 6 and 7
    s, log_v = np.exp(log_s[:, seen]), np.log(v[:, seen])

    known, window = grid[seen], h
    middles = known[-1] + window * (np.arange(32) + 0.5) / 32
    inner = np.array([[kernel(min(u, w), max(u, w), hurst) for w in known] for u in known])
    cross = np.array([[kernel(u, w, hurst) for w in middles] for u in known])
    slopes = np.linalg.inv(inner) @ cross
    rest = middles ** (2 * hurst) - (cross * slopes).sum(0)
    standard = (log_v - np.log(xi[seen]) + 0.5 * eta**2 * known ** (2 * hurst)) / eta
    expected = 0.06 * np.exp(eta * standard @ slopes - 0.5 * eta**2 * (middles ** (2 * hurst) - rest))
    index = np.sqrt(expected.mean(1))
    paid = {
        European(3, 0.4375, "put", 0.95): np.maximum(0.95 - s[:, 3], 0),
        European(1, 0.25, "call", 1.0): np.maximum(s[:, 1] - 1.0, 0),
        Asian(3, 0.4375, "call", 1.0): np.maximum(s.mean(1) - 1.0, 0),
        Barrier(3, 0.4375, "call", 1.0, 0.9, "down-and-out"): np.maximum(s[:, 3] - 1.0, 0) * (s > 0.9).all(1),
        Barrier(2, 0.375, "put", 1.0, 1.1, "up-and-out"): np.maximum(1.0 - s[:, 2], 0) * (s[:, :3] < 1.1).all(1),
        Vix(3, 0.4375, ROUGH, window): index,
        Vix(3, 0.4375, ROUGH, window, 0.25, "put"): np.maximum(0.25 - index, 0),
    }
    for (payoff, own), price in zip(paid.items(), priced(ROUGH, *paid, samples=4_000), strict=True):
        error = math.hypot(own.std() / math.sqrt(n), price.error)
        assert abs(price.mean - own.mean()) < 4 * error, payoff.name
        paths = np.stack([np.log(s[:100]), log_v[:100]], axis=-1)
        np.testing.assert_allclose(payoff(paths), own[:100], rtol=1e-6, atol=1e-9)


PUT = European(3, 0.4375, "put", 0.95)
INDEX = Vix(2, 0.375, ROUGH, 0.0625)


def test_errors_are_as_small_as_promised_and_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """The spread of 24 repetitions with other seeds, against the errors that these state: χ² at 1 in 1,000 each."""
    found: dict[Payoff, list[Price]] = {PUT: [], INDEX: []}
    monkeypatch.setattr(prices_module, "ROUND", 500)
    for repetition in range(24):
        monkeypatch.setattr(prices_module, "seed_of", lambda *, own=repetition, **axes: 1000 * own + axes["round"])
        for payoff, price in prices_module._simulated(ROUGH, [PUT, INDEX], 400, ignore):
            found[payoff].append(price)
    for prices in found.values():
        stated = np.sqrt(np.mean([price.error**2 for price in prices]))
        ratio = np.std([price.mean for price in prices], ddof=1) / stated
        assert math.sqrt(7.5 / 23) < ratio < math.sqrt(49.7 / 23)
        assert all(price.error <= 0.1 * price.deviation / math.sqrt(400) for price in prices)


def test_means_are_kept_and_do_not_depend_on_the_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    heard: list[Progress] = []
    alone = Prices(ROUGH, (PUT,), 500).find(heard.append)[PUT]
    assert heard[-1].done == heard[-1].total
    files = list((tmp_path / "cache" / "payoffs").iterdir())
    assert len(files) == 1
    files[0].write_text("{")  # damaged: it is computed again
    assert Prices(ROUGH, (INDEX, PUT), 500).of(PUT) == alone
    monkeypatch.setattr(prices_module, "simulator", None)
    assert Prices(ROUGH, (PUT,), 500).of(PUT) == alone
    with pytest.raises(TypeError):  # of other parameters nothing is kept
        Prices(Specification(RoughBergomi(), 0.5, 8, (2, 4, 6, 7)), (PUT,), 500).of(PUT)


def test_what_never_pays_is_refused() -> None:
    with pytest.raises(BadInput, match=r"the payoff call-50-0\.4375 pays on none of 64,000 paths: leave it out\."):
        Prices(ROUGH, (European(3, 0.4375, "call", 50.0),), 500).find()


def test_metrics_are_the_samples_mean_less_the_simulator_s() -> None:
    """Exact draws differ by their own error; a shift of log S moves a deep put by its delta of −1."""
    truth, put = RoughBergomiTruth(ROUGH), European(3, 0.4375, "put", 3.0)
    prices = Prices(ROUGH, (put, INDEX, European(3, 0.4375, "call", 1.0, True, False)), 1_000)
    reference, exact = Reference(truth, 1), truth.observed(1_000, 3)
    for payoff in prices.payoffs:
        metric = metric_of(payoff, prices)
        assert metric.sample_size(5_000) == 1_000
        scale = 100 / 0.26 if isinstance(metric, VolatilityError) else 1.0  # over the vega at the money
        assert abs(metric(exact, reference)) < 4 * scale * prices.of(payoff).deviation / math.sqrt(1_000)
    shifted = exact.paths + np.array([math.log(1.1), 0.0])
    metric = metric_of(put, prices)
    gained = metric(truth.seen(shifted), reference) - metric(exact, reference)
    assert gained == pytest.approx(-0.1 * float(np.exp(exact.log_s[:, 3]).mean()))


def test_a_price_without_a_volatility_is_at_an_end() -> None:
    call, put = European(3, 1.0, "call", 0.9, True), European(3, 1.0, "put", 1.2, True)
    assert volatility_of(call, black_scholes(0.9, 0.3, "call")) == pytest.approx(0.3)
    assert volatility_of(put, black_scholes(1.2, 0.3, "put")) == pytest.approx(0.3)
    assert volatility_of(call, 0.0999) == volatility_of(put, 0.1999) == 0.0  # no more than what is paid today
    assert volatility_of(call, 1.0) == volatility_of(put, 1.2) == math.inf
    assert math.isnan(volatility_of(call, math.inf))
