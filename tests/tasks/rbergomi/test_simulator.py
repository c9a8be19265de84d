"""Both simulators of rough Bergomi: their laws against the closed form and each other, and what a seed promises."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from sigbench.errors import BadInput
from sigbench_tasks.rbergomi.model import ForwardVariance, RoughBergomi
from sigbench_tasks.rbergomi.simulator import METHODS, Simulator

MODEL = RoughBergomi()
EACH_METHOD = pytest.mark.parametrize("method", METHODS)
EACH_HURST = pytest.mark.parametrize("hurst", [0.07, 0.3, 0.5])


def joint_of_increments(hurst: float, steps: int, horizon: float) -> np.ndarray:
    """The closed-form covariance of (Y, dW) on the grid."""
    joint = RoughBergomi(hurst).covariance(horizon / steps * np.arange(1, steps + 1))
    joint[:, steps:] = np.diff(joint[:, steps:], axis=1, prepend=0.0)
    joint[steps:] = np.diff(joint[steps:], axis=0, prepend=0.0)
    return joint


@EACH_METHOD
@EACH_HURST
def test_covariances_of_the_drivers(method: str, hurst: float) -> None:
    """Every entry of 40,000 paths against the closed form; right draws fail once in 10,000 times.

    It holds for the hybrid scheme too, whose error, below 0.002 of a variance, is a third of the noise here.
    """
    steps, horizon, n = 24, 0.5, 40_000
    y, dw = Simulator(RoughBergomi(hurst), horizon, steps, method).drivers(n, 1)
    assert y.shape == dw.shape == (n, steps)
    assert y.dtype == dw.dtype == torch.float64
    drivers = torch.cat([y, dw], 1).numpy()
    exact = joint_of_increments(hurst, steps, horizon)
    upper = np.triu_indices(2 * steps)
    error = (drivers.T @ drivers / n - exact)[upper]
    variances = np.diag(exact)
    spread = np.sqrt((np.outer(variances, variances) + exact**2) / n)[upper]  # of a product of two normals
    assert np.abs(error / spread).max() < stats.norm.isf(1e-4 / 2 / len(error))
    mean = np.abs(drivers.mean(0)) / np.sqrt(variances / n)
    assert mean.max() < stats.norm.isf(1e-4 / 2 / len(mean))


@pytest.mark.parametrize("hurst", [0.01, 0.07, 0.3])
@pytest.mark.parametrize("steps", [2, 8, 100])
def test_what_the_hybrid_scheme_leaves_out(hurst: float, steps: int) -> None:
    """Y's covariance with dW is exact, its variance too small by what the kernel varies within the steps it flattens.

    Those lie at distances x ≥ h from the singularity. By Poincaré's inequality the deficit is at most
    2H·(h/π)²∫((½−H)x^{H−3/2})²dx from h to ∞. Right draws fail once in 10,000 times.
    """
    n, horizon = 60_000 if steps < 100 else 20_000, 1.0
    h = horizon / steps
    hybrid = Simulator(RoughBergomi(hurst), horizon, steps, "hybrid")
    y, dw = hybrid.drivers(n, 3)
    exact = joint_of_increments(hurst, steps, horizon)
    on_w = np.linalg.solve(exact[steps:, steps:], exact[steps:, :steps])
    own = y.numpy() - dw.numpy() @ on_w
    scale = h**hurst * (0.5 - hurst) / (0.5 + hurst)
    normals = own / scale
    bound = stats.norm.isf(1e-4 / 2 / steps**2)
    covariance = normals.T @ normals / n
    spread = np.where(np.eye(steps) == 1, math.sqrt(2), 1.0) / math.sqrt(n)
    assert (np.abs(covariance - np.eye(steps)) < bound * spread).all()
    variance = np.einsum("ij,ij->j", on_w, exact[steps:, :steps]) + scale**2
    missing = np.diag(exact)[:steps] - variance
    most = 2 * hurst * (0.5 - hurst) ** 2 * h ** (2 * hurst) / math.pi**2 / (2 - 2 * hurst)
    assert missing[0] == pytest.approx(0.0, abs=1e-12)
    assert (np.diff(missing) > -1e-12).all()
    assert 0 < missing[-1] < most
    assert (missing < 0.002 * np.diag(exact)[:steps]).all()


@EACH_METHOD
def test_the_price_is_a_martingale(method: str) -> None:
    """E[S_T] = 1 within 3 standard errors."""
    s = Simulator(MODEL, 1.0, 64, method).paths(100_000, 5, every=64)[:, 0, 0].exp()
    assert abs(float(s.mean()) - 1) < 3 * float(s.std()) / math.sqrt(len(s))


def test_hybrid_and_exact_have_one_law() -> None:
    """Two-sample Kolmogorov–Smirnov at four times, both coordinates; equal laws fail once in 10,000 times."""
    exact, hybrid = (
        Simulator(MODEL, 1.0, 128, method).paths(20_000, seed, every=32)
        for method, seed in (("exact", 11), ("hybrid", 12))
    )
    assert exact.shape == hybrid.shape == (20_000, 4, 2)
    for time in range(4):
        for coordinate in range(2):
            one, other = (paths[:, time, coordinate].numpy() for paths in (exact, hybrid))
            assert stats.ks_2samp(one, other).pvalue > 1e-4 / 8


def test_hybrid_and_exact_share_their_brownian_motion() -> None:
    """On one seed they differ by the hybrid's error alone, which is small beside the spread of log V and log S."""
    exact, hybrid = (Simulator(MODEL, 1.0, 128, method) for method in METHODS)
    assert torch.equal(exact.drivers(1000, 2)[1], hybrid.drivers(1000, 2)[1])
    one, other = exact.paths(1000, 2), hybrid.paths(1000, 2)
    assert float((one - other)[..., 0].std() / one[..., 0].std()) < 0.2
    assert not torch.equal(one, other)


@EACH_METHOD
def test_paths_are_log_euler_of_their_drivers(method: str) -> None:
    """log V is the model's function of Y; log S, its noise being unseen, has the moments that V and dW imply."""
    n, steps, horizon = 3000, 16, 0.25
    simulator = Simulator(MODEL, horizon, steps, method)
    y, dw = simulator.drivers(n, 4)
    paths = simulator.paths(n, 4)
    t = simulator.times
    torch.testing.assert_close(t, torch.linspace(horizon / steps, horizon, steps, dtype=torch.float64))
    log_v = math.log(MODEL.xi) + MODEL.eta * y - 0.5 * MODEL.eta**2 * t ** (2 * MODEL.hurst)
    torch.testing.assert_close(paths[..., 1], log_v)
    left = torch.cat([torch.full((n, 1), MODEL.xi, dtype=torch.float64), log_v[:, :-1].exp()], 1)
    h = horizon / steps
    increments = torch.diff(paths[..., 0], dim=1, prepend=torch.zeros(n, 1, dtype=torch.float64))
    unseen = (increments + 0.5 * left * h) / left.sqrt() - MODEL.rho * dw
    normal = (unseen / math.sqrt((1 - MODEL.rho**2) * h)).numpy().ravel()
    assert stats.kstest(normal, "norm").pvalue > 1e-4
    correlation = np.corrcoef(normal, dw.numpy().ravel())[0, 1]
    assert abs(correlation) * math.sqrt(len(normal)) < stats.norm.isf(1e-4 / 2)


@EACH_METHOD
def test_at_one_half_the_variance_is_log_normal(method: str) -> None:
    """H = ½ is the classic Bergomi model of one factor: Y is W itself."""
    y, dw = Simulator(RoughBergomi(0.5), 2.0, 50, method).drivers(200, 0)
    torch.testing.assert_close(y, dw.cumsum(1), rtol=0, atol=1e-12)


@EACH_METHOD
def test_without_volatility_of_volatility_the_price_is_log_normal(method: str) -> None:
    model = RoughBergomi(eta=0.0, rho=1.0)
    simulator = Simulator(model, 1.0, 10, method)
    _, dw = simulator.drivers(100, 8)
    paths = simulator.paths(100, 8)
    torch.testing.assert_close(paths[..., 1], torch.full_like(dw, math.log(model.xi)))
    torch.testing.assert_close(paths[..., 0], math.sqrt(model.xi) * dw.cumsum(1) - 0.5 * model.xi * simulator.times)


@EACH_METHOD
def test_every_keeps_the_grid_times_asked_for(method: str) -> None:
    simulator = Simulator(MODEL, 1.0, 12, method)
    whole = simulator.paths(1500, 3)
    for every in (1, 2, 3, 4, 6, 12):
        assert torch.equal(simulator.paths(1500, 3, every), whole[:, every - 1 :: every])


@EACH_METHOD
def test_the_first_paths_are_the_same_however_many_are_drawn(method: str) -> None:
    simulator = Simulator(MODEL, 1.0, 20, method)
    y, dw = simulator.drivers(2500, 6)
    paths = simulator.paths(2500, 6)
    for k in (1, 17, 1000, 1001, 2499):
        assert torch.equal(simulator.paths(k, 6), paths[:k])
        assert all(torch.equal(few, many[:k]) for few, many in zip(simulator.drivers(k, 6), (y, dw), strict=True))


@EACH_METHOD
def test_paths_are_a_function_of_the_seed(method: str) -> None:
    one, again = (Simulator(MODEL, 1.0, 16, method).paths(1200, 9) for _ in range(2))
    assert torch.equal(one, again)
    other = Simulator(MODEL, 1.0, 16, method).paths(1200, 10)
    assert not torch.isin(one, other).any()
    assert len(one[:, -1, 0].unique()) == 1200


@EACH_METHOD
def test_blocks_are_the_drivers(method: str) -> None:
    simulator = Simulator(MODEL, 1.0, 8, method)
    blocks = list(simulator.driver_blocks(2100, 0))
    assert [len(y) for y, _ in blocks] == [1000, 1000, 100]
    for whole, parts in zip(simulator.drivers(2100, 0), zip(*blocks, strict=True), strict=True):
        assert torch.equal(whole, torch.cat(parts))


def test_bad_grids() -> None:
    for steps in (1, 0, -3, 2.5):
        with pytest.raises(BadInput, match=f"at least 2 steps, not {steps}: a grid of one point has no path"):
            Simulator(MODEL, 1.0, steps)  # type: ignore[arg-type]
    for horizon in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(BadInput, match=rf"horizon must lie in \(0, ∞\), not {horizon}"):
            Simulator(MODEL, horizon, 10)


def test_unknown_method() -> None:
    with pytest.raises(BadInput, match=r"unknown method 'hybird': did you mean 'hybrid'\? valid are exact, hybrid\."):
        Simulator(MODEL, 1.0, 10, "hybird")


def test_covariance_that_is_not_positive_definite() -> None:
    """Next to ½, Y given dW has less variance than float64 can tell from none."""
    almost = RoughBergomi(0.5 - 1e-9)
    with pytest.raises(BadInput, match=r"300 steps .* not positive definite .* fewer steps, method='hybrid'"):
        Simulator(almost, 1.0, 300)
    y, dw = Simulator(almost, 1.0, 300, "hybrid").drivers(10, 0)
    torch.testing.assert_close(y, dw.cumsum(1), rtol=0, atol=1e-6)


def test_bad_requests() -> None:
    simulator = Simulator(MODEL, 1.0, 10)
    for every in (0, 3, 20, -5):
        with pytest.raises(BadInput, match=f"every {every}-th of 10 steps"):
            simulator.paths(5, 0, every)
    for draw in (simulator.paths, simulator.drivers):
        with pytest.raises(BadInput, match="at least one path must be drawn, not 0"):
            draw(0, 0)


@pytest.mark.cuda
@EACH_METHOD
def test_paths_on_a_gpu_are_those_of_the_host(method: str) -> None:
    host, device = (Simulator(MODEL, 1.0, 64, method, device).paths(1500, 2) for device in ("cpu", "cuda"))
    assert device.is_cuda
    torch.testing.assert_close(device.cpu(), host, rtol=0, atol=1e-9)


@pytest.mark.parametrize("rho", [-1.0, 1.0])
def test_what_paths_are_given_their_driver(rho: float) -> None:
    """Where W drives S alone nothing is left open: paths of the same seed, and those of −W from −W."""
    curve = ForwardVariance((0.25, 0.5), (0.04, 0.09))
    simulator = Simulator(RoughBergomi(0.2, 1.0, rho, curve), 0.5, 20)
    paths = simulator.paths_at(30, 4, (5, 12, 20))
    ((drift, spent, log_v),) = simulator.conditional_laws(30, 4, (5, 12, 20))
    torch.testing.assert_close(torch.stack([drift[0], log_v[0]], -1), paths)
    y, dw = simulator.drivers(30, 4)
    variance = simulator.left_variance(-y)
    torch.testing.assert_close(spent[1], (variance.cumsum(1) * 0.5 / 20)[:, [4, 11, 19]])
    mirrored = (-rho * variance.sqrt() * dw - 0.5 * variance * 0.5 / 20).cumsum(1)
    torch.testing.assert_close(drift[1], mirrored[:, [4, 11, 19]])


def test_a_step_has_the_mean_of_the_forward_variance() -> None:
    """Without volatility of volatility: an end within the third of four steps, and at the end of the first."""
    curve = ForwardVariance((0.25, 0.6, 1.0), (0.04, 0.09, 0.01))
    simulator = Simulator(RoughBergomi(0.2, 0.0, -0.5, curve), 1.0, 4)
    y, _ = simulator.drivers(2, 0)
    expected = [0.04, 0.09, (0.1 * 0.09 + 0.15 * 0.01) / 0.25, 0.01]
    torch.testing.assert_close(simulator.left_variance(y), torch.tensor([expected] * 2, dtype=torch.float64))
    seen = simulator.paths(2, 0)[0, :, 1].exp()
    torch.testing.assert_close(seen, torch.tensor([0.09, 0.09, 0.01, 0.01], dtype=torch.float64))
