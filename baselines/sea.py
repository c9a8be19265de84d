"""SEA, the shifted Euler scheme for additive noise."""

from collections.abc import Iterator

from torch import Tensor

from sigbench.sampler import Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import SDEProblem
from sigbench_baselines.additive import additive_diffusion


class SEA(Sampler):
    """SEA: Euler with the drift taken at the step's mean noise, x + g·(½ΔW + H); strong order 1, one call a step.

    The shift removes the largest random part of Euler's error, so that the order stays and the constant falls.
    """

    name = "sea"
    citation = "Foster, dos Reis & Strange 2023, arXiv 2210.17543, shifted Euler"
    when = "A stochastic walk at one call a step, where the path matters."
    family = "sde"
    additive_only = True
    strong_order = 1.0
    weak_order = 1.0
    signature_order = 2

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        for step in grid:
            signature = brownian.signature(step, 2)
            w, area = signature.increment, signature.space_time_area
            g, g_end = additive_diffusion(problem, step, x)
            drift = problem.drift(step.start, x + g * (0.5 * w + area))
            x = x + step.h * drift + g * w + (g_end - g) * (0.5 * w - area)
            yield x
