"""DDIM and the ancestral DDPM step, its η = 1 member."""

import math
from collections.abc import Iterator
from typing import ClassVar

from torch import Tensor

from sigbench.errors import BadInput
from sigbench.sampler import Family, Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import SDEProblem
from sigbench_baselines.half_log_snr import levels_of, reverse_diffusion


class DDIM(Sampler):
    """DDIM: x′ = α′·x̂0 + √(σ′² − σ_η²)·ε̂ + σ_η·ζ, deterministic at η = 0.

    Exact where the denoiser does not change over the step; order 1 on the probability flow at η = 0. The
    noise is ζ = ΔW/√h and σ_η² = η²·σ′²·(1 − (ασ′)²/(α′σ)²).
    """

    name = "ddim"
    citation = "Song, Meng & Ermon 2021, eq. 12 and 16"
    when = "The deterministic baseline, and the safe choice on any schedule."
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
        problem = reverse_diffusion(problem)
        for step, here, there in levels_of(problem, grid):
            share = here.alpha * there.sigma / (there.alpha * here.sigma)
            s_eta = self.eta * there.sigma * math.sqrt(max(0.0, 1.0 - share**2))
            x0 = problem.denoiser.x0(step.t, x)  # first, for ε knows nothing of x0 where α = 0
            eps = (x - here.alpha * x0) / here.sigma
            x = there.alpha * x0 + math.sqrt(there.sigma**2 - s_eta**2) * eps
            if s_eta > 0.0:
                x = x + (s_eta / math.sqrt(step.h)) * brownian.signature(step).increment
            yield x


class DDPM(DDIM):
    """The ancestral sampler of DDPM with the posterior variance: DDIM at η = 1."""

    name = "ddpm"
    citation = "Ho, Jain & Abbeel 2020, algorithm 2 with the posterior variance of eq. 7"
    when = "The ancestral baseline; needs many steps."
    family = "sde"
    strong_order = None
    weak_order = None

    def __init__(self) -> None:
        super().__init__(eta=1.0)
