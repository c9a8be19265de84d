"""Orders on the flow of one normal, whose solution is known, with the history that a multistep method needs.

A grid of equal steps in λ begins with its first step halved again and again, so that predictions of all orders exist
when the step has its full length: a first step of order 1 would leave order 2 of any method.
"""

import math

import numpy as np
import pytest
import torch
from elsewhere import OneNormal
from walking import slope, start, states

from sigbench.sampler import Sampler
from sigbench.sde.denoiser import Denoiser
from sigbench.sde.grid import Grid
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.schedule import VPLinear
from sigbench_baselines.ddim import DDIM
from sigbench_baselines.deis import DEIS
from sigbench_baselines.dpm_solver import DPMSolver2S, DPMSolver3S
from sigbench_baselines.dpmpp import DPMpp1, DPMpp2M, DPMpp2S, DPMpp3M
from sigbench_baselines.dpmpp_sde import DPMpp2MSDE, DPMpp3MSDE
from sigbench_baselines.heun import Heun
from sigbench_baselines.ipndm import IPNDM, IPNDMV
from sigbench_baselines.sa_solver import SASolver
from sigbench_baselines.unipc import UniPC

MEAN, VARIANCE = 1.0, 0.25
HALVINGS = 14
SCHEDULE = VPLinear()


def spread(t: float) -> float:
    return math.hypot(float(SCHEDULE.sigma(t)), math.sqrt(VARIANCE) * float(SCHEDULE.alpha(t)))


def problem() -> ReverseDiffusion:
    def x0(t: float, x: torch.Tensor) -> torch.Tensor:
        alpha = float(SCHEDULE.alpha(t))
        return MEAN + alpha * VARIANCE / spread(t) ** 2 * (x - alpha * MEAN)

    return ReverseDiffusion(SCHEDULE, Denoiser(x0, "x0", SCHEDULE), (1,), torch.device("cpu"))


def grid_with_history(steps: int) -> Grid:
    low, high = (float(SCHEDULE.log_snr(t)) for t in (0.5, SCHEDULE.t_end))  # ρ, and its steps, are moderate from 0.5
    first = (high - low) / steps
    fine = low + first * 2.0 ** -np.arange(HALVINGS, 0, -1)
    log_snr = np.concatenate([[low], fine, low + first * np.arange(1, steps + 1)])
    times = SCHEDULE.t_start - SCHEDULE.time_of_log_snr(log_snr)
    return Grid("history", tuple(times.tolist()), SCHEDULE.t_start)


def errors(sampler: Sampler) -> list[float]:
    found = []
    for steps in (60, 120, 240):
        own, grid = problem(), grid_with_history(steps)
        x = start(own, 64)
        end = states(sampler, own, x, grid, OneNormal(grid, x))[-1]
        t, u = own.time(grid.times[0]), own.time(grid.times[-1])
        exact = float(SCHEDULE.alpha(u)) * MEAN + (x - float(SCHEDULE.alpha(t)) * MEAN) * spread(u) / spread(t)
        found.append(float((end - exact).abs().mean()))
    return found


@pytest.mark.parametrize(
    ("sampler", "order"),
    [
        (DDIM(), 1),
        (DPMpp1(), 1),
        (DPMpp2S(), 2),
        (DPMpp2M(), 2),
        (DPMpp2M(solver_type="heun"), 2),
        (DPMpp3M(), 2),
        (DPMpp3M(curvature="exact"), 3),
        (DPMpp2MSDE(eta=0.0), 2),
        (DPMpp3MSDE(eta=0.0, curvature="exact"), 3),
        (DPMSolver2S(), 2),
        (DPMSolver3S(), 3),
        (Heun(), 2),
        (DEIS(1), 1),
        (DEIS(2), 2),
        (DEIS(3), 3),
        (DEIS(2, "rho"), 2),
        (DEIS(3, "rho"), 3),
        (DEIS(3, "log-rho"), 3),
        (IPNDM(), 2),
        (IPNDMV(3), 3),
        (IPNDMV(4), 4),
        (UniPC(1), 2),
        (UniPC(2), 3),
        (UniPC(3), 4),
        (UniPC(3, "bh1"), 4),
        (SASolver(tau=0.0, corrector=0), 3),
        (SASolver(tau=0.0), 3),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_the_steps_have_their_order(sampler: Sampler, order: int) -> None:
    """UniPC's corrector adds one to its predictor's order. Methods of order 3 come to it from above."""
    found = errors(sampler)
    assert found == sorted(found, reverse=True)
    assert order - 0.35 < slope(found) < order + 0.8
