"""ShARK, the shifted additive-noise Runge–Kutta scheme."""

from collections.abc import Iterator

from torch import Tensor

from sigbench.sampler import Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import SDEProblem
from sigbench_baselines.additive import additive_diffusion


class ShARK(Sampler):
    """ShARK: strong order 3/2 on additive noise with two calls a step, reading ΔW and the space-time area H."""

    name = "shark"
    citation = "Foster, dos Reis & Strange 2023, arXiv 2210.17543, eq. 6.1"
    when = "The closest to the path of the equation at two calls a step."
    family = "sde"
    additive_only = True
    strong_order, weak_order = 1.5, 2.0
    signature_order, nfe_per_step = 2, 2

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        for step in grid:
            s, h = step.start, step.h
            signature = brownian.signature(step, 2)
            w, area = signature.increment, signature.space_time_area
            g, g_end = additive_diffusion(problem, step, x)
            k1 = problem.drift(s, x + g * area)
            k2 = problem.drift(s + 5 / 6 * h, x + (5 / 6 * h) * k1 + g * (5 / 6 * w + area))
            x = x + h * (0.4 * k1 + 0.6 * k2) + g * w + (g_end - g) * (0.5 * w - area)
            yield x
