"""Heun's method on the straight path of flow matching."""

from collections.abc import Iterator

from torch import Tensor

from sigbench.sampler import Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import SDEProblem
from sigbench_baselines.half_log_snr import calls_of_stages, levels_of, reverse_diffusion


class FlowHeun(Sampler):
    """Heun's rule in z = x/(α + σ) over τ = σ/(α + σ), where dz/dτ = ε̂ − x̂0; order 2, two calls a step.

    Under a flow's schedule (α = 1 − τ, σ = τ) z is the state itself, and a first-order step in τ is DDIM's under every
    schedule. A last step to σ = 0 is Euler's, with one call.
    """

    name = "flow-heun"
    citation = "Lipman et al. 2023, eq. 20, by Heun's rule; Esser et al. 2024"
    when = "20 calls and more on a network of flow matching, on a uniform grid."
    family = "ode"
    needs = "denoiser"
    strong_order = 2.0
    weak_order = 2.0
    signature_order = 0
    nfe_per_step = 2

    def calls(self, problem: SDEProblem, grid: Grid) -> int:
        """Returns two calls a step, one less where the first begins at α = 0 or the last ends at σ = 0."""
        return calls_of_stages(problem, grid, 2)

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        denoiser = reverse_diffusion(problem).denoiser
        for _, here, there in levels_of(reverse_diffusion(problem), grid):
            size, size_next = here.alpha + here.sigma, there.alpha + there.sigma
            h = there.sigma / size_next - here.sigma / size
            z, slope = x / size, denoiser.flow(here.t, x)
            if here.alpha > 0.0 and there.sigma > 0.0:
                slope = 0.5 * (slope + denoiser.flow(there.t, size_next * (z + h * slope)))
            x = size_next * (z + h * slope)
            yield x
