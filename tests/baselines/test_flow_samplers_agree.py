"""The field's deterministic samplers against diffusers, k-diffusion and azula, state by state, in float64.

Our problem, our grids, our levels on both sides. diffusers' multistep DPM-Solver casts to float32: 1e-4 there.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from elsewhere import OneNormal, by_azula, by_diffusers, by_k_diffusion, k_diffusion, levels
from torch import Tensor
from walking import mixture, path, start, states

from sigbench.sampler import Sampler
from sigbench.sde.grid import Grid
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.schedule import VPCosine, VPLinear
from sigbench_baselines.ddim import DDIM
from sigbench_baselines.deis import DEIS
from sigbench_baselines.dpm_solver import DPMSolver2S, DPMSolver3S
from sigbench_baselines.dpmpp import DPMpp1, DPMpp2M, DPMpp2S, DPMpp3M
from sigbench_baselines.heun import Heun
from sigbench_baselines.ipndm import IPNDM, IPNDMV
from sigbench_baselines.plms import PLMS
from sigbench_baselines.unipc import UniPC

PATHS = 200
pytestmark = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")  # diffusers under NumPy 2
Walk = Callable[[ReverseDiffusion, Tensor, Grid], Tensor]


def azula(name: str, **options: Any) -> Walk:
    return lambda problem, x, grid: by_azula(name, problem, x, grid, **options)


def k(name: str, **options: Any) -> Walk:
    return lambda problem, x, grid: by_k_diffusion(name, problem, x, grid, **options)


def k_without_noise(name: str) -> Walk:
    """Returns a sampler of k-diffusion's SDE at η = 0, for which it still asks for a source of noise."""
    return lambda problem, x, grid: by_k_diffusion(name, problem, x, grid, OneNormal(grid, x), eta=0.0)


def diffusers(name: str, **options: Any) -> Walk:
    def walk(problem: ReverseDiffusion, x: Tensor, grid: Grid) -> Tensor:
        import diffusers

        if name != "DEISMultistepScheduler":
            options["final_sigmas_type"] = "sigma_min"  # "zero" forces a first-order jump to σ = 0
        return by_diffusers(getattr(diffusers, name)(**options), problem, x, grid)

    return walk


def k_diffusion_singlestep(problem: ReverseDiffusion, x: Tensor, grid: Grid) -> Tensor:
    """Walks with k-diffusion's DPM-Solver-3 step, which its "fast" and adaptive samplers take."""
    _, alpha, sigma = levels(problem, grid)

    def model(z: Tensor, ratio: Tensor) -> Tensor:
        t = float(problem.schedule.time_of_log_snr(-float(ratio[0].log())))
        return problem.denoiser.x0(t, z * float(problem.schedule.alpha(t)))

    solver = k_diffusion().DPMSolver(model)
    z, log_snr, out = x / alpha[0], (alpha / sigma).log(), []
    for here, there in pairwise(log_snr):
        z, _ = solver.dpm_solver_3_step(z, here, there)
        out.append(z)
    return torch.stack(out) * alpha[1:, None, None]


def diffusers_ipndm(problem: ReverseDiffusion, x: Tensor, grid: Grid) -> Tensor:
    """Walks with diffusers' IPNDMScheduler, which takes v, on our α and σ (its `alphas` and `betas`)."""
    from diffusers import IPNDMScheduler

    t, alpha, sigma = levels(problem, grid)
    scheduler, out = IPNDMScheduler(), []
    scheduler.set_timesteps(grid.steps)
    scheduler.alphas, scheduler.betas, scheduler.timesteps = alpha, sigma, t[:-1]
    for step, time in zip(grid, scheduler.timesteps, strict=True):
        x = scheduler.step(problem.denoiser.v(step.t, x), time, x).prev_sample
        out.append(x)
    return torch.stack(out)


def diffusers_plms(problem: ReverseDiffusion, x: Tensor, grid: Grid) -> Tensor:
    """Walks with diffusers' PNDMScheduler on a table of the grid's own levels, from clean to noisy."""
    from diffusers import PNDMScheduler

    t, alpha, _ = levels(problem, grid)
    scheduler, out = PNDMScheduler(num_train_timesteps=grid.steps, skip_prk_steps=True), []
    scheduler.set_timesteps(grid.steps)
    table = alpha.flip(0) ** 2
    scheduler.final_alpha_cumprod, scheduler.alphas_cumprod = table[0], table[1:]
    times = t.flip(0)[1:]
    for call, level in enumerate(scheduler.timesteps.tolist()):
        x = scheduler.step(problem.denoiser.eps(float(times[level]), x), level, x).prev_sample
        if call != 0:  # the second call repeats the first step
            out.append(x)
    return torch.stack(out)


AGREEMENTS = [
    (DDIM(), k("euler"), 1e-10, "k-diffusion"),
    (Heun(), k("heun"), 1e-10, "k-diffusion"),
    (Heun(), azula("HeunSampler"), 1e-10, "azula"),
    (DPMpp1(), azula("xEABSampler", order=1), 1e-10, "azula-xeab1"),
    (DPMpp1(), azula("DDIMSampler"), 1e-10, "azula-ddim"),
    (DPMpp2S(), k("dpmpp_2s_ancestral", eta=0.0), 1e-10, "k-diffusion"),
    (DPMpp2M(lower_order_final=False), k("dpmpp_2m"), 1e-10, "k-diffusion"),
    (DPMpp2M(False, "heun"), azula("xEABSampler", order=2), 1e-10, "azula-xeab2"),
    (DPMpp2M(), diffusers("DPMSolverMultistepScheduler", solver_order=2), 1e-4, "diffusers"),
    (DPMpp2M(True, "heun"), diffusers("DPMSolverMultistepScheduler", solver_type="heun"), 1e-4, "diffusers-heun"),
    (DPMpp3M(False, "heun"), k_without_noise("dpmpp_3m_sde"), 1e-10, "k-diffusion-at-eta-0"),
    (DPMpp3M(False, "heun", "exact"), azula("xEABSampler", order=3), 1e-10, "azula-xeab3"),
    (DPMpp3M(), diffusers("DPMSolverMultistepScheduler", solver_order=3), 1e-4, "diffusers"),
    (DPMSolver2S(), k("dpm_2"), 1e-10, "k-diffusion"),
    (DPMSolver3S(), k_diffusion_singlestep, 1e-10, "k-diffusion"),
    (DEIS(3, "rho"), k("lms", order=3), 1e-10, "k-diffusion-lms3"),
    (DEIS(3, "rho"), azula("zABSampler", order=3), 1e-10, "azula-zab3"),
    (DEIS(2, "log-rho"), azula("zEABSampler", order=2), 1e-10, "azula-zeab2"),
    (DEIS(3, "log-rho"), azula("zEABSampler", order=3), 1e-10, "azula-zeab3"),
    (DEIS(2, "log-rho", True), diffusers("DEISMultistepScheduler", solver_order=2), 1e-10, "diffusers-2"),
    (DEIS(3, "log-rho", True), diffusers("DEISMultistepScheduler", solver_order=3), 1e-10, "diffusers-3"),
    (IPNDM(), diffusers_ipndm, 1e-10, "diffusers"),
    (IPNDMV(), k("lms", order=4), 1e-10, "k-diffusion-lms"),
    (IPNDMV(), azula("zABSampler", order=4), 1e-10, "azula-zab4"),
    (PLMS(), diffusers_plms, 1e-10, "diffusers"),
]


@pytest.mark.parametrize(("grid_name", "steps"), [("quadratic", 10), ("log-snr", 7), ("uniform", 20)])
@pytest.mark.parametrize(
    ("sampler", "theirs", "tolerance"),
    [pytest.param(*case[:3], id=f"{case[0].name}-{case[3]}") for case in AGREEMENTS],
)
def test_the_states_agree(sampler: Sampler, theirs: Walk, tolerance: float, grid_name: str, steps: int) -> None:
    problem = mixture(VPLinear())
    grid = problem.grid(grid_name, steps)
    x = start(problem, PATHS)
    ours = states(sampler, problem, x, grid, path(grid, PATHS))
    torch.testing.assert_close(ours, theirs(problem, x, grid), rtol=0, atol=tolerance)


@pytest.mark.parametrize("steps", [10, 20])
@pytest.mark.parametrize("variant", ["bh1", "bh2"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_unipc_is_diffusers_unipc(order: int, variant: Any, steps: int) -> None:
    """diffusers lowers the last orders on grids of any length, we on those below 15 steps."""
    problem, few = mixture(VPCosine()), steps < 15
    grid, x = problem.grid("log-snr", steps), start(problem, PATHS)
    options = {"solver_order": order, "solver_type": variant, "lower_order_final": few}
    theirs = diffusers("UniPCMultistepScheduler", **options)(problem, x, grid)
    ours = states(UniPC(order, variant, few), problem, x, grid, path(grid, PATHS))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


def test_the_agreement_can_see_an_option() -> None:
    """The comparison is not blind: what an option changes is far above the tolerance."""
    problem = mixture(VPLinear())
    grid, x = problem.grid("quadratic", 10), start(problem, PATHS)
    theirs = by_k_diffusion("dpmpp_2m", problem, x, grid)
    for other in (DPMpp2M(), DPMpp2M(False, "heun"), DPMpp1(), DEIS(2, "rho")):
        assert (states(other, problem, x, grid, path(grid, PATHS)) - theirs).abs().max() > 1e-3
