"""Schedules that begin without signal (α = 0) or end without noise (σ = 0): exact where they can be, else refused.

On data of one normal N(1, ¼) all is known: the flow from x at (α, σ) to (α′, σ′) is m′ + (x − m)·s′/s with the means
m = α and the spreads s = √(¼α² + σ²).
"""

import math
import warnings
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from elsewhere import OneNormal
from torch import Tensor
from walking import CPU, start, states

from sigbench.errors import BadInput
from sigbench.sampler import Sampler
from sigbench.sde.denoiser import Denoiser, Prediction, conversion
from sigbench.sde.grid import Grid
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.schedule import Schedule, Times
from sigbench_baselines.ancestral import DPM2Ancestral
from sigbench_baselines.ddim import DDIM, DDPM
from sigbench_baselines.deis import DEIS
from sigbench_baselines.dpm_solver import DPMSolver2S, DPMSolver3S
from sigbench_baselines.dpmpp import DPMpp1, DPMpp2M, DPMpp2S, DPMpp3M
from sigbench_baselines.dpmpp_sde import DPMpp2MSDE, DPMpp3MSDE
from sigbench_baselines.edm import EDMStochastic
from sigbench_baselines.heun import Heun
from sigbench_baselines.ipndm import IPNDM, IPNDMV
from sigbench_baselines.plms import PLMS
from sigbench_baselines.restart import Restart
from sigbench_baselines.sa_solver import SASolver
from sigbench_baselines.unipc import UniPC

N = 4000
VARIANCE = 0.25
OF_X0 = [DDIM(), DDPM(), DPMpp1(), DPMpp2S(), DPMpp2M(), DPMpp3M(), UniPC(), DPMpp2MSDE(), DPMpp3MSDE(), SASolver()]
OF_EPS = [DPMSolver2S(), DPMSolver3S(), DEIS(), IPNDM(), IPNDMV(), PLMS(), Heun(), EDMStochastic()]
OF_EPS += [DPM2Ancestral(), Restart()]
EACH = pytest.mark.parametrize("sampler", [*OF_X0, *OF_EPS], ids=lambda sampler: sampler.name)


class Quarter(Schedule):
    """α = cos(½πt), σ = sin(½πt) from t = 1, where α = 0, to t_end, where σ may be 0."""

    name = "quarter"

    def __init__(self, t_start: float = 1.0, t_end: float = 0.0) -> None:
        self.t_start, self.t_end = t_start, t_end

    def log_alpha(self, t: Times) -> Times:
        return np.log(self.alpha(t))

    def alpha(self, t: Times) -> Times:
        return np.where(np.asarray(t) >= 1.0, 0.0, np.cos(0.5 * np.pi * np.asarray(t)))

    def sigma(self, t: Times) -> Times:
        return np.sin(0.5 * np.pi * np.asarray(t))

    def drift_rate(self, t: Times) -> Times:
        return -0.5 * np.pi * np.tan(0.5 * np.pi * np.asarray(t))

    def diffusion_squared(self, t: Times) -> Times:
        return -2.0 * self.drift_rate(t)


def one_normal(schedule: Schedule, prediction: Prediction = "x0") -> ReverseDiffusion:
    """Returns the problem of N(1, ¼), with a network that predicts exactly."""

    def network(t: float, x: Tensor) -> Tensor:
        alpha, sigma = float(schedule.alpha(t)), float(schedule.sigma(t))
        x0 = 1.0 + alpha * VARIANCE / (alpha**2 * VARIANCE + sigma**2) * (x - alpha)
        if prediction == "x0":
            return x0
        a, b = conversion("x0", prediction, alpha, sigma)
        return a * x + b * x0

    return ReverseDiffusion(schedule, Denoiser(network, prediction, schedule), (1,), CPU)


def grid_of(schedule: Schedule, steps: int) -> Grid:
    times = np.linspace(0.0, schedule.horizon, steps + 1)
    return Grid("even", tuple(times.tolist()), schedule.t_start)


@pytest.fixture(autouse=True)
def no_warning() -> Iterator[None]:
    """No warning of NumPy's may reach a user."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("sampler", OF_X0, ids=lambda sampler: sampler.name)
def test_one_step_from_pure_noise_takes_the_exact_prediction(sampler: Sampler) -> None:
    """At α = 0 the network says 1, whatever x is: one step of size to t = 0.004 gives mean 1.000 and spread 0.0065."""
    schedule = Quarter(t_end=2 / math.pi * math.asin(0.0065))
    problem, grid = one_normal(schedule), grid_of(schedule, 1)
    x = start(problem, N)
    x = (x - x.mean()) / x.std()
    noise = OneNormal(grid, x)
    noise.moments[0, 0] = (noise.moments[0, 0] - noise.moments[0, 0].mean()) / noise.moments[0, 0].std()
    (end,) = states(sampler, problem, x, grid, noise)
    assert float(end.mean()) == pytest.approx(math.sqrt(1 - 0.0065**2), abs=1e-9)
    assert float(end.std()) == pytest.approx(0.0065, rel=2e-2 if sampler.signature_order else 1e-9)


@pytest.mark.parametrize("sampler", OF_X0, ids=lambda sampler: sampler.name)
def test_many_steps_from_pure_noise_to_clean_data(sampler: Sampler) -> None:
    """From α = 0 to σ = 0 in 64 steps the law comes out, to sampling error; ddpm, of order 1, misses 7 % of spread."""
    schedule = Quarter()
    problem, grid = one_normal(schedule), grid_of(schedule, 64)
    x = start(problem, N)
    end = states(sampler, problem, x, grid, OneNormal(grid, x))[-1]
    assert float(end.mean()) == pytest.approx(1.0, abs=0.04)
    assert float(end.std()) == pytest.approx(0.5, rel=0.09)
    assert problem.counter.calls == sampler.calls(problem, grid)


@pytest.mark.parametrize("sampler", OF_EPS, ids=lambda sampler: sampler.name)
def test_samplers_of_eps_refuse_a_start_without_signal(sampler: Sampler) -> None:
    schedule = Quarter()
    problem, grid = one_normal(schedule), grid_of(schedule, 4)
    x = start(problem, 8)
    with pytest.raises(BadInput, match="where α = 0: take a sampler of x0"):
        states(sampler, problem, x, grid, OneNormal(grid, x))


@pytest.mark.parametrize("prediction", ["eps", "score"])
def test_networks_of_eps_and_score_are_refused_without_signal(prediction: Prediction) -> None:
    schedule = Quarter()
    problem, grid = one_normal(schedule, prediction), grid_of(schedule, 4)
    x = start(problem, 8)
    with pytest.raises(BadInput, match="there is no signal"):
        states(DDIM(), problem, x, grid, OneNormal(grid, x))


@pytest.mark.parametrize("prediction", ["x0", "v"])
def test_other_networks_are_not(prediction: Prediction) -> None:
    schedule = Quarter()
    grid = grid_of(schedule, 4)
    x = start(one_normal(schedule), 8)
    ends = [states(DDIM(), one_normal(schedule, kind), x, grid, OneNormal(grid, x)) for kind in ("x0", prediction)]
    torch.testing.assert_close(*ends)


@EACH
def test_the_end_at_clean_data_is_exact_in_the_limit(sampler: Sampler) -> None:
    """To σ = 0 in 64 steps from a start with signal; calls are as declared, the last step's included."""
    schedule = Quarter(t_start=0.99)
    problem, grid = one_normal(schedule), grid_of(schedule, 64)
    x = float(schedule.alpha(0.99)) + math.hypot(float(schedule.sigma(0.99)), 0.5 * float(schedule.alpha(0.99))) * (
        start(problem, N) / problem.schedule.prior_std
    )
    end = states(sampler, problem, x, grid, OneNormal(grid, x))[-1]
    assert float(end.mean()) == pytest.approx(1.0, abs=0.04)
    assert float(end.std()) == pytest.approx(0.5, rel=0.09)
    assert problem.counter.calls == sampler.calls(problem, grid)


def test_heun_takes_one_call_less_to_zero() -> None:
    """EDM's 2N − 1, and 2N where noise is left."""
    for schedule, calls in ((Quarter(0.99), 15), (Quarter(0.99, 0.01), 16)):
        assert Heun().calls(one_normal(schedule), grid_of(schedule, 8)) == calls


@pytest.mark.parametrize("name", ["log-snr", "karras"])
@pytest.mark.parametrize(
    ("schedule", "gone"), [(Quarter(), "α = 0"), (Quarter(t_start=0.99), "σ = 0"), (Quarter(t_end=0.01), "α = 0")]
)
def test_grids_in_log_snr_are_refused_by_reason(name: str, schedule: Schedule, gone: str) -> None:
    with pytest.raises(BadInput, match=f"is infinite at t=.*, where {gone}"):
        one_normal(schedule).grid(name, 5)


def test_a_level_between_infinite_ends_is_found() -> None:
    schedule = Quarter()
    for log_snr in (-6.0, 0.0, 6.0):
        assert float(schedule.log_snr(schedule.time_of_log_snr(log_snr))) == pytest.approx(log_snr, abs=1e-9)
