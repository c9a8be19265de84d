"""Heun's method on the probability flow, as EDM uses it."""

from collections.abc import Iterator

import numpy as np
from torch import Tensor

from sigbench.sampler import Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import ReverseDiffusion, SDEProblem


class Heun(Sampler):
    """EDM's deterministic sampler: Heun's rule in z = x/α over ϑ = σ/α, where dz/dϑ = ε̂; order 2, two calls a step."""

    name = "heun"
    citation = "Karras et al. 2022, algorithm 1"
    family = "ode"
    needs = "denoiser"
    strong_order = 2.0
    weak_order = 2.0
    signature_order = 0
    nfe_per_step = 2

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        assert isinstance(problem, ReverseDiffusion)
        schedule = problem.schedule
        for step in grid:
            a, a_next = float(schedule.alpha(step.t)), float(schedule.alpha(step.t_next))
            d_theta = float(np.exp(-schedule.log_snr(step.t_next)) - np.exp(-schedule.log_snr(step.t)))
            z = x / a
            slope = problem.denoiser.eps(step.t, x)
            guess = z + d_theta * slope
            slope_next = problem.denoiser.eps(step.t_next, a_next * guess)
            x = a_next * (z + 0.5 * d_theta * (slope + slope_next))
            yield x
