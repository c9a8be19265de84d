"""What samplers are compared with: a problem's exact path, and its exact flow or a rule of high order for it."""

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sigbench.sampler import Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import ReverseDiffusion, SDEProblem
from sigbench.sde.schedule import Schedule

Array = NDArray[np.float64]


@runtime_checkable
class LineLaw(Protocol):
    """A law on the line whose noised marginals are known, with their distribution functions and quantiles."""

    def noised(self, schedule: Schedule, t: float) -> Any:
        """Returns the law of x_t, a LineLaw too."""
        ...

    def cdf(self, x: Array) -> Array:
        """Returns P(X ≤ x)."""
        ...

    def quantile(self, p: Array) -> Array:
        """Returns the inverse of `cdf`."""
        ...


class ExactPath(Sampler):
    """The problem's exact solution, as a sampler: it reads as many moments as its step needs to be exact."""

    name = "exact"
    citation = "the problem's own closed form"
    family = "sde"

    def __init__(self, problem: SDEProblem, grid: Grid) -> None:
        self.signature_order = max(problem.exact_order(step.h) or 1 for step in grid)

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        for step in grid:
            x = problem.exact_step(step, x, brownian.signature(step, self.signature_order))
            yield x


class ExactFlow(Sampler):
    """The probability flow on the line: it keeps the order of points, so x_t stays at one quantile of its marginal."""

    name = "exact-flow"
    citation = "the monotone map between the marginals' distribution functions"
    family = "ode"
    needs = "denoiser"
    signature_order = 0

    def __init__(self, law: LineLaw) -> None:
        self._law = law

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        assert isinstance(problem, ReverseDiffusion)
        start = self._law.noised(problem.schedule, problem.time(grid.times[0]))
        level = start.cdf(x.double().cpu().numpy())
        for step in grid:
            state = self._law.noised(problem.schedule, step.t_next).quantile(level)
            yield torch.from_numpy(state).to(x)


class FlowRK4(Sampler):
    """The classical fourth-order Runge–Kutta rule on the probability flow: the deterministic samplers' reference."""

    name = "rk4-flow"
    citation = "Kutta 1901"
    family = "ode"
    needs = "denoiser"
    strong_order = 4.0
    signature_order = 0
    nfe_per_step = 4

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        assert isinstance(problem, ReverseDiffusion)
        for step in grid:
            h, middle = step.h, 0.5 * (step.start + step.end)
            k1 = problem.probability_flow(step.start, x)
            k2 = problem.probability_flow(middle, x + (0.5 * h) * k1)
            k3 = problem.probability_flow(middle, x + (0.5 * h) * k2)
            k4 = problem.probability_flow(step.end, x + h * k3)
            x = x + (h / 6) * (k1 + 2 * (k2 + k3) + k4)
            yield x
