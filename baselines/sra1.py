"""SRA1, Rößler's stochastic Runge–Kutta scheme for additive noise."""

from collections.abc import Iterator

from torch import Tensor

from sigbench.sampler import Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import SDEProblem
from sigbench_baselines.additive import additive_diffusion


class SRA1(Sampler):
    """SRA1: strong order 3/2 on additive noise with two calls a step, reading ΔW and ∫(W − W_a) du."""

    name = "sra1"
    citation = "Rößler 2010, SIAM J. Numer. Anal. 48, table 6.3"
    when = "As shark; the scheme that other libraries have."
    family = "sde"
    additive_only = True
    strong_order, weak_order = 1.5, 2.0
    signature_order, nfe_per_step = 2, 2

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        for step in grid:
            s, h = step.start, step.h
            signature = brownian.signature(step, 2)
            w, u = signature.increment, signature.time_integral
            g, g_end = additive_diffusion(problem, step, x)
            k1 = problem.drift(s, x)
            k2 = problem.drift(s + 0.75 * h, x + (0.75 * h) * k1 + (1.5 * g_end / h) * u)
            x = x + h * (k1 / 3 + 2 / 3 * k2) + g * w + (g_end - g) * (w - u / h)
            yield x
