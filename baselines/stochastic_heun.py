"""Heun's rule for stochastic equations, drift and diffusion alike."""

from collections.abc import Iterator
from typing import ClassVar

from torch import Tensor

from sigbench.sampler import Calculus, Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import SDEProblem


class StochasticHeun(Sampler):
    """Stochastic Heun: an Euler step as predictor, the trapezoidal rule for f and g; it integrates Stratonovich.

    Strong order 1 for diagonal noise; on additive noise both calculi agree.
    """

    name = "stochastic-heun"
    citation = "Rümelin 1982, SIAM J. Numer. Anal. 19; Kloeden & Platen 1992, section 11.1"
    when = "Equations in Stratonovich's sense, or where weak order 2 counts."
    family = "sde"
    calculus: ClassVar[Calculus] = "stratonovich"
    strong_order = 1.0
    strong_order_general = 1.0
    weak_order = 2.0
    weak_order_general = 1.0
    nfe_per_step = 2

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        for step in grid:
            h, w = step.h, brownian.signature(step).increment
            f, g = problem.stratonovich_drift(step.start, x), problem.diffusion(step.start, x)
            guess = x + h * f + g * w
            f_end, g_end = problem.stratonovich_drift(step.end, guess), problem.diffusion(step.end, guess)
            x = x + (0.5 * h) * (f + f_end) + (0.5 * (g + g_end)) * w
            yield x
