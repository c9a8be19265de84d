"""Euler–Maruyama and Milstein."""

from collections.abc import Iterator

from torch import Tensor

from sigbench.sampler import Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import SDEProblem


class EulerMaruyama(Sampler):
    """Euler–Maruyama: the simplest scheme, strong order ½, and 1 where the noise is additive."""

    name = "euler-maruyama"
    citation = "Maruyama 1955; Kloeden & Platen 1992, eq. 10.2.4"
    when = "The baseline of every stochastic comparison, and the teacher's own scheme."
    family = "sde"
    strong_order = 1.0
    strong_order_general = 0.5
    weak_order = 1.0
    weak_order_general = 1.0

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        for step in grid:
            w = brownian.signature(step).increment
            g = problem.diffusion(step.start, x)
            x = (w * g).add_(x).add_(problem.drift(step.start, x), alpha=step.h)
            yield x


class Milstein(Sampler):
    """Milstein for diagonal noise: adds ½·g·∂g·(ΔW² − h); on additive noise it is Euler–Maruyama."""

    name = "milstein"
    citation = "Milstein 1974; Kloeden & Platen 1992, eq. 10.3.12"
    when = "Where the noise depends on the state; on additive noise it is euler-maruyama."
    family = "sde"
    strong_order = 1.0
    strong_order_general = 1.0
    weak_order = 1.0
    weak_order_general = 1.0

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        for step in grid:
            h, w = step.h, brownian.signature(step).increment
            g = problem.diffusion(step.start, x)
            correction = problem.milstein_correction(step.start, x)
            x = x + h * problem.drift(step.start, x) + g * w + 0.5 * correction * (w * w - h)
            yield x
