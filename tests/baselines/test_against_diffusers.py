"""ddim, ddpm and heun against diffusers, trajectory by trajectory, on the same alphas and timesteps.

diffusers is imported where it is used: it loads all of torch's compiler, for which collecting the tests would wait.
"""

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor
from walking import mixture, path, start, states

from sigbench.sampler import Sampler
from sigbench.sde.brownian import FreshBrownian
from sigbench.sde.grid import Grid
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.schedule import Schedule, Times
from sigbench_baselines.ddim import DDIM, DDPM
from sigbench_baselines.heun import Heun

if TYPE_CHECKING:
    from diffusers import DDIMScheduler

PATHS = 2000


class Levels(Schedule):
    """Noise levels visited one after another, from noisy (t = 1) to clean (t = 0); nothing between them."""

    name, t_start, t_end = "levels", 1.0, 0.0

    def __init__(self, alphas_squared: Tensor) -> None:
        self.alphas_squared = alphas_squared.double().numpy()
        self.steps = len(alphas_squared) - 1

    def level(self, t: Times) -> Times:
        """Returns the index of the level at `t`, which must be one of the levels' times."""
        exact = (1.0 - np.asarray(t)) * self.steps
        index = np.rint(exact).astype(int)
        assert np.abs(exact - index).max() < 1e-9
        return index

    def log_alpha(self, t: Times) -> Times:
        return 0.5 * np.log(self.alphas_squared[self.level(t)])

    def sigma(self, t: Times) -> Times:
        return np.sqrt(1.0 - self.alphas_squared[self.level(t)])

    def drift_rate(self, t: Times) -> Times:
        raise NotImplementedError

    def diffusion_squared(self, t: Times) -> Times:
        raise NotImplementedError

    def grid(self) -> Grid:
        """Returns the grid that visits every level."""
        return Grid("levels", tuple(np.linspace(0.0, 1.0, self.steps + 1).tolist()), self.t_start)


def test_levels_are_a_schedule() -> None:
    """The helper itself: α² + σ² = 1 at every level, and a time between two levels is refused."""
    levels = Levels(torch.tensor([0.1, 0.4, 0.9]))
    assert levels.alpha(0.5) ** 2 == pytest.approx(0.4)
    assert levels.alpha(0.0) ** 2 + levels.sigma(0.0) ** 2 == pytest.approx(1.0)
    with pytest.raises(AssertionError):
        levels.alpha(0.3)


def ddim_scheduler(steps: int, *, to_clean: bool) -> "DDIMScheduler":
    """Returns a scheduler of `steps` steps; "linspace" is avoided, for its step() takes other timesteps."""
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler(clip_sample=False, set_alpha_to_one=to_clean, timestep_spacing="trailing")
    scheduler.set_timesteps(steps)
    return scheduler


def ddim_levels(scheduler: "DDIMScheduler", *, to_clean: bool) -> Levels:
    visited = scheduler.alphas_cumprod[scheduler.timesteps]
    return Levels(torch.cat([visited, torch.ones(1)]) if to_clean else visited)


def diffusers_ddim(
    scheduler: "DDIMScheduler", problem: ReverseDiffusion, grid: Grid, x: Tensor, brownian: FreshBrownian, eta: float
) -> Tensor:
    """Walks `grid` with the scheduler's own steps, its variance noise taken from our path."""
    out = []
    for step, timestep in zip(grid, scheduler.timesteps.tolist(), strict=False):
        zeta = brownian.signature(step).increment / step.h**0.5
        noise = {"variance_noise": zeta} if eta > 0 else {}
        eps = problem.denoiser.eps(problem.time(step.start), x)
        x = scheduler.step(eps, timestep, x, eta=eta, **noise).prev_sample
        out.append(x)
    return torch.stack(out)


@pytest.mark.parametrize("to_clean", [False, True], ids=["to-last-level", "to-clean"])
@pytest.mark.parametrize("steps", [5, 20, 50])
@pytest.mark.parametrize(
    ("sampler", "eta"),
    [(DDIM(), 0.0), (DDIM(eta=0.5), 0.5), (DDIM(eta=1.0), 1.0), (DDPM(), 1.0)],
    ids=["ddim", "ddim-half", "ddim-one", "ddpm"],
)
def test_ddim_is_diffusers_ddim(sampler: Sampler, eta: float, steps: int, to_clean: bool) -> None:
    scheduler = ddim_scheduler(steps, to_clean=to_clean)
    schedule = ddim_levels(scheduler, to_clean=to_clean)
    grid, problem = schedule.grid(), mixture(schedule)
    assert grid.steps == (steps if to_clean else steps - 1)
    brownian, x = path(grid, PATHS), start(problem, PATHS)
    ours = states(sampler, problem, x, grid, brownian)
    theirs = diffusers_ddim(scheduler, problem, grid, x, brownian, eta)
    assert ours.shape == theirs.shape == (grid.steps, PATHS, 1)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


def test_ddim_with_exact_levels_agrees_to_rounding() -> None:
    """With the scheduler's levels in float64 nothing but rounding is left between the two."""
    scheduler = ddim_scheduler(20, to_clean=True)
    scheduler.alphas_cumprod = scheduler.alphas_cumprod.double()
    schedule = ddim_levels(scheduler, to_clean=True)
    grid, problem = schedule.grid(), mixture(schedule)
    brownian, x = path(grid, PATHS), start(problem, PATHS)
    for sampler, eta in ((DDIM(), 0.0), (DDPM(), 1.0)):
        theirs = diffusers_ddim(scheduler, problem, grid, x, brownian, eta)
        torch.testing.assert_close(states(sampler, problem, x, grid, brownian), theirs, rtol=0, atol=1e-10)


def test_the_agreement_can_see_another_eta() -> None:
    """The comparison is not blind: η = 0.9 misses diffusers' η = 1 by far more than the tolerance."""
    scheduler = ddim_scheduler(20, to_clean=True)
    schedule = ddim_levels(scheduler, to_clean=True)
    grid, problem = schedule.grid(), mixture(schedule)
    brownian, x = path(grid, PATHS), start(problem, PATHS)
    theirs = diffusers_ddim(scheduler, problem, grid, x, brownian, 1.0)
    assert (states(DDIM(eta=0.9), problem, x, grid, brownian) - theirs).abs().max() > 1e-2


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("spacing", ["trailing", "leading"])
@pytest.mark.parametrize("steps", [5, 20, 50])
def test_heun_is_diffusers_heun(steps: int, spacing: str) -> None:
    """diffusers appends a step to σ = 0, by Euler: the walks are compared on the levels before it."""
    from diffusers import HeunDiscreteScheduler

    scheduler = HeunDiscreteScheduler(beta_start=1e-4, beta_end=0.02, timestep_spacing=spacing)
    scheduler.set_timesteps(steps)
    visited = torch.cat([scheduler.sigmas[:1], scheduler.sigmas[1:-1:2]])
    assert len(visited) == steps
    schedule = Levels(1.0 / (1.0 + visited.double() ** 2))
    grid, problem = schedule.grid(), mixture(schedule)
    brownian, x = path(grid, PATHS), start(problem, PATHS)
    ours = states(Heun(), problem, x, grid, brownian)

    z, theirs = x / float(schedule.alpha(1.0)), []
    for call, timestep in enumerate(scheduler.timesteps[: 2 * (steps - 1)]):
        level = (call + 1) // 2
        eps = problem.denoiser.eps(1.0 - level / grid.steps, scheduler.scale_model_input(z, timestep))
        z = scheduler.step(eps, timestep, z).prev_sample
        if call % 2 == 1:
            theirs.append(z * float(schedule.alpha(1.0 - level / grid.steps)))
    torch.testing.assert_close(ours, torch.stack(theirs), rtol=0, atol=1e-4)
