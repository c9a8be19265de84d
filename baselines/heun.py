"""Heun's method on the probability flow, as EDM uses it."""

from collections.abc import Iterator

from torch import Tensor

from sigbench.sampler import Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import ReverseDiffusion, SDEProblem
from sigbench_baselines.half_log_snr import Level, calls_of_stages, levels_of, need_signal, reverse_diffusion


class Heun(Sampler):
    """EDM's deterministic sampler: Heun's rule in z = x/α over ρ = σ/α, where dz/dρ = ε̂; order 2, two calls a step.

    A last step to σ = 0 is Euler's, with one call.
    """

    name = "heun"
    citation = "Karras et al. 2022, algorithm 1"
    when = "20 calls and more on a grid in σ/α, such as karras."
    family = "ode"
    needs = "denoiser"
    strong_order = 2.0
    weak_order = 2.0
    signature_order = 0
    nfe_per_step = 2

    def calls(self, problem: SDEProblem, grid: Grid) -> int:
        """Returns two calls a step, one less where the last step ends at σ = 0."""
        return calls_of_stages(problem, grid, 2)

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        problem = reverse_diffusion(problem)
        for _, here, there in levels_of(problem, grid):
            need_signal(self.name, here)
            x = there.alpha * heun_step(problem, x / here.alpha, here, there)
            yield x


def heun_step(problem: ReverseDiffusion, z: Tensor, here: Level, there: Level) -> Tensor:
    """Returns z = x/α at `there` by Heun's rule from z at `here`; where σ ends at 0 by Euler's (lines 4 to 8)."""
    slope = problem.denoiser.eps(here.t, here.alpha * z)
    if there.sigma > 0.0:
        guess = z + (there.ratio - here.ratio) * slope
        slope = 0.5 * (slope + problem.denoiser.eps(there.t, there.alpha * guess))
    return z + (there.ratio - here.ratio) * slope
