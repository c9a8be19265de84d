"""EDM's stochastic sampler: noise is added before each step ("churn"), then Heun's rule goes down."""

import math
from collections.abc import Iterator
from typing import ClassVar

from torch import Tensor

from sigbench.errors import BadInput
from sigbench.sampler import Family, Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import SDEProblem
from sigbench_baselines.half_log_snr import calls_of_stages, level_between, levels_of, need_signal, reverse_diffusion
from sigbench_baselines.heun import heun_step

_MOST = math.sqrt(2.0) - 1.0  # the largest γ (algorithm 2, line 4)


class EDMStochastic(Sampler):
    """EDM's algorithm 2 in z = x/α: ρ̂ = (1 + γ)ρ, ẑ = z + √(ρ̂² − ρ²)·S·ζ, then Heun's rule from ρ̂ to ρ′.

    γ = min(`churn`/N, √2 − 1) where `low` ≤ ρ ≤ `high`, else 0, and ρ̂ stays within the schedule. S is `noise`. The
    defaults of churn, low and high are the paper's for CIFAR-10 (table 5); two calls a step, one in a step to σ = 0.
    """

    name = "edm-stochastic"
    citation = "Karras et al. 2022, EDM, arXiv 2206.00364, algorithm 2"
    when = "The best quality at hundreds of calls, where the network's errors are to be forgotten."
    family: ClassVar[Family] = "sde"
    needs = "denoiser"
    signature_order, nfe_per_step = 1, 2

    def __init__(self, churn: float = 30.0, low: float = 0.01, high: float = 1.0, noise: float = 1.0) -> None:
        if not (math.isfinite(churn) and churn > 0.0):
            raise BadInput(f"{self.name}'s churn lies above 0, got {churn:g}: without it the sampler is heun.")
        if not 0.0 <= low < high:
            raise BadInput(f"{self.name} adds noise where low ≤ σ/α ≤ high, got low={low:g} and high={high:g}.")
        if not (math.isfinite(noise) and noise > 0.0):
            raise BadInput(f"{self.name}'s noise lies above 0, got {noise:g}.")
        self.churn, self.low, self.high, self.noise = churn, low, high, noise

    def calls(self, problem: SDEProblem, grid: Grid) -> int:
        """Returns two calls a step, one less where the last step ends at σ = 0."""
        return calls_of_stages(problem, grid, 2)

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        problem = reverse_diffusion(problem)
        gamma, widest = min(self.churn / grid.steps, _MOST), math.inf
        for step, here, there in levels_of(problem, grid):
            need_signal(self.name, here)
            widest = here.ratio if step.index == 0 else widest
            z, hat = x / here.alpha, here
            if self.low <= here.ratio <= self.high and here.ratio < widest:
                hat = level_between(problem.schedule, -math.log(min((1.0 + gamma) * here.ratio, widest)))
                zeta = brownian.signature(step).increment / math.sqrt(step.h)
                z = z + (self.noise * math.sqrt(hat.ratio**2 - here.ratio**2)) * zeta
            x = there.alpha * heun_step(problem, z, hat, there)
            yield x
