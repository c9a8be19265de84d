"""What the tests of samplers share: problems, Brownian paths, and walks that keep every state."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from sigbench.sampler import Sampler
from sigbench.sde.brownian import BrownianDriver, FreshBrownian
from sigbench.sde.clock import even_clock
from sigbench.sde.denoiser import CallCounter, Denoiser
from sigbench.sde.grid import Grid
from sigbench.sde.noise import NoiseStream
from sigbench.sde.path import BrownianPath, PathOnGrid
from sigbench.sde.problem import ReverseDiffusion, SDEProblem
from sigbench.sde.schedule import Schedule, VPLinear
from sigbench_tasks.mixture.law import MixtureScore
from sigbench_tasks.mixture.task import GMM

CPU = torch.device("cpu")


class GeometricBrownianMotion(SDEProblem):
    """dX = μX ds + σX dW from X₀ = 1 on [0, 1], whose solution is exp((μ − ½σ²)s + σW_s)."""

    mu, sigma = 0.5, 0.8

    def __init__(self) -> None:
        self.shape, self.device, self.horizon, self.noise_type = (1,), CPU, 1.0, "diagonal"
        self.counter = CallCounter()

    def drift(self, s: float, x: Tensor) -> Tensor:
        return self.mu * x

    def diffusion(self, s: float, x: Tensor) -> Tensor:
        return self.sigma * x

    def initial(self, normals: Tensor) -> Tensor:
        return torch.ones_like(normals)

    def solution(self, w: Tensor) -> Tensor:
        """Returns X₁ on the path with W₁ = `w`."""
        return torch.exp((self.mu - 0.5 * self.sigma**2) + self.sigma * w)


class DyadicVP(VPLinear):
    """The linear schedule stopped at a power of two, so that sums of equal steps are exact in binary."""

    name = "vp-dyadic"
    t_end = 2.0**-10


def mixture(schedule: Schedule, dtype: torch.dtype = torch.float64) -> ReverseDiffusion:
    """Returns the task's mixture on the line under `schedule`, with its analytic score."""
    score = MixtureScore(GMM.law(), schedule, CPU, dtype)
    return ReverseDiffusion(schedule, Denoiser(score, "score", schedule), (1,), CPU)


def path(grid: Grid, count: int, *, order: int = 2, dtype: torch.dtype = torch.float64, seed: int = 1) -> FreshBrownian:
    """Returns a Brownian driver for `grid`."""
    noise = NoiseStream(seed, (1,), dtype=dtype)
    return FreshBrownian(noise, 0, count, order)


def coupled_path(fine: Grid, count: int, *, order: int = 2, seed: int = 2) -> PathOnGrid:
    """Returns one float64 Brownian path on `fine`, to be read on coarser grids."""
    noise = NoiseStream(seed, (1,), dtype=torch.float64)
    return BrownianPath(even_clock(fine.times[-1]), order, noise).on(fine, 0, count)


def start(problem: SDEProblem, count: int, *, dtype: torch.dtype = torch.float64, seed: int = 3) -> Tensor:
    """Returns initial states."""
    return problem.initial(NoiseStream(seed, (1,), dtype=dtype).normal(0, count, 0))


def states(sampler: Sampler, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Tensor:
    """Returns the state after every step, shape (steps, *shape of x)."""
    return torch.stack(list(sampler.walk(problem, x, grid, brownian)))


def slope(errors: Sequence[float]) -> float:
    """Returns the least-squares order of errors at steps that are halved from each to the next."""
    n = len(errors)
    logs = [-math.log2(error) for error in errors]
    mean = sum(logs) / n
    centre = (n - 1) / 2
    return sum((i - centre) * (y - mean) for i, y in enumerate(logs)) / sum((i - centre) ** 2 for i in range(n))
