"""Heun's method on the straight path of flow matching."""

from collections.abc import Iterator

from torch import Tensor

from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import SDEProblem
from sigbench_baselines.half_log_snr import levels_of, reverse_diffusion
from sigbench_baselines.heun import Heun


class FlowHeun(Heun):
    """Heun's rule in z = x/(α + σ) over τ = σ/(α + σ), where dz/dτ = ε̂ − x̂0; its facts are those of `heun`.

    Under a flow's schedule (α = 1 − τ, σ = τ) z is the state itself, and a first-order step in τ is DDIM's under every
    schedule. A step from α = 0, or to σ = 0, is Euler's, with one call.
    """

    name = "flow-heun"
    citation = "Lipman et al. 2023, eq. 20, by Heun's rule; Esser et al. 2024"
    when = "20 calls and more on a network of flow matching, on a uniform grid."

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        problem = reverse_diffusion(problem)
        for _, here, there in levels_of(problem, grid):
            size, size_next = here.alpha + here.sigma, there.alpha + there.sigma
            h = there.sigma / size_next - here.sigma / size
            z, slope = x / size, problem.denoiser.flow(here.t, x)
            if here.alpha > 0.0 and there.sigma > 0.0:
                slope = 0.5 * (slope + problem.denoiser.flow(there.t, size_next * (z + h * slope)))
            x = size_next * (z + h * slope)
            yield x
