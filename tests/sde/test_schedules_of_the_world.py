"""Schedules that trained networks come with: discrete ones, EDM's and flows', and that λ alone tells them apart."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.registry import make_sampler
from sigbench.sampler import Sampler
from sigbench.sde.denoiser import Denoiser
from sigbench.sde.discrete import (
    VPDiscrete,
    cosine_betas,
    linear_betas,
    scaled_linear_betas,
    without_terminal_signal,
)
from sigbench.sde.grid import Grid
from sigbench.sde.grids.find import diffusion_grid
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.schedule import EDM, VE, Flow, Schedule, VPCosine, VPLinear

PROPERTY = settings(deadline=None, derandomize=True, database=None, max_examples=30)
CPU = torch.device("cpu")
DISCRETE = {
    "linear": linear_betas(1e-4, 0.02, 1000),
    "scaled": scaled_linear_betas(0.00085, 0.012, 1000),
    "cosine": cosine_betas(1000),
    "zero terminal": without_terminal_signal(scaled_linear_betas(0.00085, 0.012, 1000)),
    "short": linear_betas(0.01, 0.2, 10),
}
EVERY_TABLE = pytest.mark.parametrize("name", sorted(DISCRETE))
MEAN, STD = 1.3, 0.6


@EVERY_TABLE
def test_a_discrete_schedule_is_its_table_at_every_step(name: str) -> None:
    table = DISCRETE[name]
    schedule = VPDiscrete(table)
    last = len(table) - (table[-1] == 0.0)
    t = np.arange(1, last + 1) / len(table)
    np.testing.assert_allclose(schedule.alpha(t), np.sqrt(table[:last]), rtol=1e-12)
    np.testing.assert_allclose(schedule.sigma(t), np.sqrt(1.0 - table[:last]), rtol=1e-12)
    assert (schedule.t_end, schedule.t_start) == (1 / len(table), last / len(table))
    assert schedule.index(schedule.t_end) == pytest.approx(0.0, abs=1e-12)


@EVERY_TABLE
@PROPERTY
@given(share=st.floats(0.01, 0.99))
def test_a_discrete_schedule_obeys_the_equations_between_its_steps(name: str, share: float) -> None:
    """α² + σ² = 1, λ decreases, f is the slope of log α, and g² that of σ² less 2fσ²."""
    schedule = VPDiscrete(DISCRETE[name])
    t = schedule.t_end + share * schedule.horizon
    dt = 1e-7
    assert float(schedule.alpha(t) ** 2 + schedule.sigma(t) ** 2) == pytest.approx(1.0, abs=1e-12)
    assert schedule.log_snr(t + dt) < schedule.log_snr(t - dt)
    slope = (schedule.log_alpha(t + dt) - schedule.log_alpha(t - dt)) / (2 * dt)
    assert schedule.drift_rate(t) == pytest.approx(slope, rel=1e-4)
    variance = (schedule.sigma(t + dt) ** 2 - schedule.sigma(t - dt) ** 2) / (2 * dt)
    squared = variance - 2 * schedule.drift_rate(t) * schedule.sigma(t) ** 2
    assert schedule.diffusion_squared(t) == pytest.approx(squared, rel=1e-4)


def test_the_linear_table_of_a_thousand_steps_is_nearly_the_linear_schedule() -> None:
    """β from 0.1 to 20 over a time of 1 is the limit of betas from 0.0001 to 0.02 (Song et al. 2021, section 3.4)."""
    t = np.linspace(0.05, 1.0, 20)
    found, limit = VPDiscrete(DISCRETE["linear"]), VPLinear()
    np.testing.assert_allclose(found.log_snr(t), limit.log_snr(t), atol=0.05)
    np.testing.assert_allclose(found.drift_rate(t), limit.drift_rate(t), rtol=0.02)


def test_a_table_that_ends_without_signal_starts_a_step_earlier() -> None:
    schedule = VPDiscrete(DISCRETE["zero terminal"])
    assert DISCRETE["zero terminal"][-1] == 0.0
    assert schedule.t_start == 0.999
    assert math.isfinite(float(schedule.log_snr(schedule.t_start)))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ([0.9], "at least 2 steps"),
        ([[0.9, 0.5]], "at least 2 steps"),
        ([0.5, 0.9], "decrease from step to step"),
        ([0.9, 0.9], "decrease"),
        ([1.0, 0.5], "below 1"),
        ([0.9, -0.1], "not below 0"),
        ([0.9, float("nan")], "decrease"),
        ([0.9, 0.0], "a signal at 2 steps"),
    ],
)
def test_tables_that_are_none(table: Sequence[float], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        VPDiscrete(table)


def test_tables_are_equal_by_their_numbers() -> None:
    one, same, other = (VPDiscrete(DISCRETE[name]) for name in ("linear", "linear", "cosine"))
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != VPLinear()


@pytest.mark.parametrize("shift", [0.5, 1.0, 3.0])
def test_a_flow_is_straight_and_its_shift_bends_time_alone(shift: float) -> None:
    flow = Flow(shift=shift)
    t = np.linspace(flow.t_end, flow.t_start, 50)
    np.testing.assert_allclose(flow.alpha(t) + flow.sigma(t), 1.0, rtol=1e-14)
    level = shift * t / (1 + (shift - 1) * t)
    np.testing.assert_allclose(flow.sigma(t), level, rtol=1e-14)
    if shift == 1.0:
        np.testing.assert_allclose(flow.diffusion_squared(t), 2 * t / (1 - t), rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"t_start": 1.0}, "from t_start below 1"),
        ({"t_end": 0.0}, "t_end above 0"),
        ({"shift": 0.0}, "a number above 0"),
        ({"shift": float("inf")}, "a number above 0"),
    ],
)
def test_flows_that_are_none(options: dict[str, float], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Flow(**options)


def test_noise_levels_that_are_none() -> None:
    with pytest.raises(BadInput, match="from sigma_max down to sigma_min"):
        EDM(sigma_min=1.0, sigma_max=0.5)


WORLD: tuple[Schedule, ...] = (
    VPLinear(),
    VPCosine(),
    VE(),
    EDM(),
    Flow(),
    Flow(shift=3.0),
    VPDiscrete(DISCRETE["linear"]),
    VPDiscrete(DISCRETE["zero terminal"]),
)
LEVELS = np.array([-3.0, -1.5, -0.2, 1.0, 2.2, 3.2])  # λ, which all of them have


def gaussian(schedule: Schedule, prediction: str = "x0") -> ReverseDiffusion:
    """The reverse diffusion of data N(MEAN, STD²), with a network of a kind of prediction."""

    def network(t: float, x: Tensor) -> Tensor:
        alpha, sigma = float(schedule.alpha(t)), float(schedule.sigma(t))
        x0 = MEAN + alpha * STD**2 / (alpha**2 * STD**2 + sigma**2) * (x - alpha * MEAN)
        eps = (x - alpha * x0) / sigma
        outputs = {"x0": x0, "eps": eps, "v": alpha * eps - sigma * x0, "score": -eps / sigma, "flow": eps - x0}
        return outputs[prediction]

    return ReverseDiffusion(schedule, Denoiser(network, prediction, schedule), (1,), CPU)  # type: ignore[arg-type]


def at_levels(schedule: Schedule) -> Grid:
    """The grid whose times have the λ of LEVELS."""
    t = schedule.time_of_log_snr(LEVELS)
    return Grid("levels", tuple((schedule.t_start - t).tolist()), schedule.t_start)


def walked(schedule: Schedule, sampler: str, prediction: str) -> Tensor:
    """Where a sampler ends in z = x/α, from one z at the first level."""
    problem, grid, solver = gaussian(schedule, prediction), at_levels(schedule), make_sampler(sampler)
    z = torch.linspace(-2.0, 2.0, 9, dtype=torch.float64)[:, None] * math.exp(-LEVELS[0])
    alphas = [float(schedule.alpha(schedule.t_start - s)) for s in (grid.times[0], grid.times[-1])]
    return _end(solver, problem, alphas[0] * z, grid) / alphas[1]


@pytest.mark.parametrize("prediction", ["x0", "eps", "v", "score", "flow"])
@pytest.mark.parametrize("schedule", WORLD, ids=lambda each: f"{each.name}-{getattr(each, 'shift', '')}")
@pytest.mark.parametrize(
    "sampler", ["ddim", "dpmpp-2m", "dpmpp-3m", "unipc", "heun", "flow-heun", "dpm-solver-2s", "deis:variable=rho"]
)
def test_samplers_in_lambda_know_no_schedule(sampler: str, schedule: Schedule, prediction: str) -> None:
    """At equal λ they give the same z = x/α for one Gaussian, whatever the schedule and the network's prediction."""
    expected = walked(VPLinear(), sampler, "x0")
    torch.testing.assert_close(walked(schedule, sampler, prediction), expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("schedule", WORLD, ids=lambda each: f"{each.name}-{getattr(each, 'shift', '')}")
def test_what_is_written_in_t_converges_to_the_exact_flow(schedule: Schedule) -> None:
    """iPNDM ends where the Gaussian's own map does, and much nearer with twice the steps."""
    problem = gaussian(schedule)
    x = problem.initial(torch.linspace(-2.0, 2.0, 9, dtype=torch.float64)[:, None])
    ends = [float(schedule.alpha(t)) for t in (schedule.t_start, schedule.t_end)]
    stds = [
        math.sqrt((alpha * STD) ** 2 + float(schedule.sigma(t)) ** 2)
        for alpha, t in zip(ends, (schedule.t_start, schedule.t_end), strict=True)
    ]
    exact = ends[1] * MEAN + stds[1] / stds[0] * (x - ends[0] * MEAN)
    errors = []
    for steps in (100, 200):
        grid = diffusion_grid("log-snr", steps, schedule)
        end = _end(make_sampler("ipndm"), problem, x, grid)
        errors.append(float((end - exact).abs().max()))
    assert errors[1] < 0.4 * errors[0]
    assert errors[1] < 1e-3 * stds[1]


def _end(sampler: Sampler, problem: ReverseDiffusion, x: Tensor, grid: Grid) -> Tensor:
    """Where a deterministic sampler ends, which asks no path for noise."""
    *_, end = sampler.walk(problem, x, grid, None)  # type: ignore[arg-type]
    return end
