"""DDIM and the ancestral DDPM step, its η = 1 member."""

import math
from collections.abc import Iterator
from typing import ClassVar

from torch import Tensor

from sigbench.errors import BadInput
from sigbench.sampler import Family, Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import ReverseDiffusion, SDEProblem


class DDIM(Sampler):
    """DDIM: x′ = α′·x̂0 + √(σ′² − σ_η²)·ε̂ + σ_η·ζ, deterministic at η = 0.

    Exact where the denoiser does not change over the step; order 1 on the probability flow at η = 0. The
    noise is ζ = ΔW/√h and σ_η² = η²·σ′²·(1 − (ασ′)²/(α′σ)²).
    """

    name = "ddim"
    citation = "Song, Meng & Ermon 2021, eq. 12 and 16"
    family: ClassVar[Family] = "ode"
    needs = "denoiser"
    strong_order: float | None = 1.0
    weak_order: float | None = 1.0
    signature_order = 0

    def __init__(self, eta: float = 0.0) -> None:
        if not (math.isfinite(eta) and 0.0 <= eta <= 1.0):
            raise BadInput(f"ddim's eta lies between 0 and 1, got {eta:g}.")
        self.eta = eta
        self.signature_order = 1 if eta > 0 else 0

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        assert isinstance(problem, ReverseDiffusion)
        schedule = problem.schedule
        for step in grid:
            a, s = float(schedule.alpha(step.t)), float(schedule.sigma(step.t))
            a_next, s_next = float(schedule.alpha(step.t_next)), float(schedule.sigma(step.t_next))
            s_eta = self.eta * s_next * math.sqrt(max(0.0, 1.0 - (a * s_next / (a_next * s)) ** 2))
            eps = problem.denoiser.eps(step.t, x)
            x0 = (x - s * eps) / a
            x = a_next * x0 + math.sqrt(s_next**2 - s_eta**2) * eps
            if s_eta > 0.0:
                x = x + (s_eta / math.sqrt(step.h)) * brownian.signature(step).increment
            yield x


class DDPM(DDIM):
    """The ancestral sampler of DDPM with the posterior variance: DDIM at η = 1."""

    name = "ddpm"
    citation = "Ho, Jain & Abbeel 2020, algorithm 2 with the posterior variance of eq. 7"
    family = "sde"
    strong_order = None
    weak_order = None

    def __init__(self) -> None:
        super().__init__(eta=1.0)
