"""The field's deterministic samplers against azula and parts of k-diffusion, state by state, in float64.

Our problem, our grids, our levels on both sides. Whole schedulers of diffusers and functions of k-diffusion are held to
ours where their adapters are tested, in adapters/.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from elsewhere import OneNormal, by_azula, levels, need
from torch import Tensor
from walking import mixture, path, start, states

from sigbench.registry import make_sampler
from sigbench.sampler import Sampler
from sigbench.sde.grid import Grid
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.schedule import VPLinear
from sigbench_baselines.adapters.kdiffusion_loading import sampling
from sigbench_baselines.deis import DEIS
from sigbench_baselines.dpm_solver import DPMSolver3S
from sigbench_baselines.dpmpp import DPMpp1, DPMpp2M, DPMpp3M
from sigbench_baselines.heun import Heun
from sigbench_baselines.ipndm import IPNDMV

PATHS = 200
pytestmark = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")  # diffusers under NumPy 2
Walk = Callable[[ReverseDiffusion, Tensor, Grid], Tensor]


def azula(name: str, **options: Any) -> Walk:
    return lambda problem, x, grid: by_azula(name, problem, x, grid, **options)


def adapted(spec: str) -> Walk:
    """Returns the walk of a sampler of another library that an adapter makes."""

    def walk(problem: ReverseDiffusion, x: Tensor, grid: Grid) -> Tensor:
        if spec.startswith("kdiffusion:"):
            need("k_diffusion")
        return states(make_sampler(spec), problem, x, grid, OneNormal(grid, x))

    return walk


def k_diffusion_singlestep(problem: ReverseDiffusion, x: Tensor, grid: Grid) -> Tensor:
    """Walks with k-diffusion's DPM-Solver-3 step, which its "fast" and adaptive samplers take."""
    need("k_diffusion", "torchdiffeq")
    _, alpha, sigma = levels(problem, grid)

    def model(z: Tensor, ratio: Tensor) -> Tensor:
        t = float(problem.schedule.time_of_log_snr(-float(ratio[0].log())))
        return problem.denoiser.x0(t, z * float(problem.schedule.alpha(t)))

    solver = sampling().DPMSolver(model)
    z, log_snr, out = x / alpha[0], (alpha / sigma).log(), []
    for here, there in pairwise(log_snr):
        z, _ = solver.dpm_solver_3_step(z, here, there)
        out.append(z)
    return torch.stack(out) * alpha[1:, None, None]


AGREEMENTS = [
    (Heun(), azula("HeunSampler"), 1e-10, "azula"),
    (DPMpp1(), azula("xEABSampler", order=1), 1e-10, "azula-xeab1"),
    (DPMpp1(), azula("DDIMSampler"), 1e-10, "azula-ddim"),
    (DPMpp2M(False, "heun"), azula("xEABSampler", order=2), 1e-10, "azula-xeab2"),
    (DPMpp3M(False, "heun", "exact"), azula("xEABSampler", order=3), 1e-10, "azula-xeab3"),
    (DPMSolver3S(), k_diffusion_singlestep, 1e-10, "k-diffusion"),
    (DEIS(3, "rho"), adapted("kdiffusion:sample_lms:order=3"), 1e-10, "k-diffusion-lms3"),
    (DEIS(3, "rho"), azula("zABSampler", order=3), 1e-10, "azula-zab3"),
    (DEIS(2, "log-rho"), azula("zEABSampler", order=2), 1e-10, "azula-zeab2"),
    (DEIS(3, "log-rho"), azula("zEABSampler", order=3), 1e-10, "azula-zeab3"),
    (IPNDMV(), azula("zABSampler", order=4), 1e-10, "azula-zab4"),
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


def test_the_agreement_can_see_an_option() -> None:
    """The comparison is not blind: what an option changes is far above the tolerance."""
    problem = mixture(VPLinear())
    grid, x = problem.grid("quadratic", 10), start(problem, PATHS)
    theirs = adapted("kdiffusion:sample_dpmpp_2m")(problem, x, grid)
    for other in (DPMpp2M(), DPMpp2M(False, "heun"), DPMpp1(), DEIS(2, "rho")):
        assert (states(other, problem, x, grid, path(grid, PATHS)) - theirs).abs().max() > 1e-3
