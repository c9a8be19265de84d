"""Ancestral sampling with a second-order step: down in noise further than the step's end, and noise up to it."""

import math
from collections.abc import Iterator
from typing import ClassVar

from torch import Tensor

from sigbench.errors import BadInput
from sigbench.sampler import Family, Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import SDEProblem
from sigbench_baselines.half_log_snr import (
    calls_of_stages,
    level_between,
    levels_of,
    need_signal,
    reverse_diffusion,
    step_noise,
)


class DPM2Ancestral(Sampler):
    """DPM2 ancestral: a DPM-Solver-2 step in x/α from ρ down to ρ_↓, then noise ρ_↑·ζ, ρ_↑² + ρ_↓² = ρ′².

    ρ_↑ = η·ρ′√(1 − (ρ′/ρ)²), at η = 1 the spread of the reverse-time SDE over the step. Two calls a step.
    """

    name = "dpm2-ancestral"
    citation = "Crowson 2022, github.com/crowsonkb/k-diffusion, after Lu et al. 2022, arXiv 2206.00927"
    when = "Stochastic samples at 40 calls and more, as k-diffusion makes them."
    family: ClassVar[Family] = "sde"
    needs = "denoiser"
    signature_order, nfe_per_step = 1, 2

    def __init__(self, eta: float = 1.0) -> None:
        if not (math.isfinite(eta) and 0.0 < eta <= 1.0):
            raise BadInput(
                f"{self.name}'s eta lies above 0 and is at most 1, got {eta:g}: without noise it is dpm-solver-2s."
            )
        self.eta = eta

    def calls(self, problem: SDEProblem, grid: Grid) -> int:
        """Returns two calls a step, one less where the last step ends at σ = 0, which it takes by Euler's rule."""
        return calls_of_stages(problem, grid, 2)

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        problem = reverse_diffusion(problem)
        for step, here, there in levels_of(problem, grid):
            need_signal(self.name, here)
            # √(ρ′² − ρ_↑²), without a difference of numbers that are nearly the same after a long step.
            down = there.ratio * math.hypot(math.sqrt(1.0 - self.eta**2), self.eta * there.ratio / here.ratio)
            z = x / here.alpha
            eps = problem.denoiser.eps(step.t, x)
            if down > 0.0:
                middle = level_between(problem.schedule, -0.5 * math.log(here.ratio * down))
                u = z + (middle.ratio - here.ratio) * eps
                eps = problem.denoiser.eps(middle.t, middle.alpha * u)
            x = there.alpha * (z + (down - here.ratio) * eps)
            if down > 0.0:
                x = x + self.eta * step_noise(problem, brownian, step, there)
            yield x
