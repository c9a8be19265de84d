"""DPM-Solver, the singlestep methods in ε: x′ = (α′/α)·x − σ′·∫ e^{λ′−λ}·ε dλ (Lu et al. 2022, arXiv 2206.00927)."""

import math
from collections.abc import Iterator
from typing import ClassVar

from torch import Tensor

from sigbench.sampler import Family, Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import SDEProblem
from sigbench_baselines.half_log_snr import calls_of_stages, level_between, levels_of, need_signal, reverse_diffusion


class DPMSolver2S(Sampler):
    """DPM-Solver-2: ε from the step's middle in λ, reached by a first-order step; k-diffusion's DPM2."""

    name = "dpm-solver-2s"
    citation = "Lu et al. 2022, DPM-Solver, arXiv 2206.00927, algorithm 1"
    when = "20 calls and more, unguided; k-diffusion knows it as DPM2."
    family: ClassVar[Family] = "ode"
    needs = "denoiser"
    strong_order, weak_order = 2.0, 2.0
    signature_order, nfe_per_step = 0, 2

    def calls(self, problem: SDEProblem, grid: Grid) -> int:
        """Returns two calls a step, one where the step ends at σ = 0."""
        return calls_of_stages(problem, grid, 2)

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        problem = reverse_diffusion(problem)
        for step, here, there in levels_of(problem, grid):
            need_signal(self.name, here)
            h = there.log_snr - here.log_snr
            eps = problem.denoiser.eps(step.t, x)
            if math.isfinite(h):
                middle = level_between(problem.schedule, here.log_snr + 0.5 * h)
                u = (middle.alpha / here.alpha) * x - (middle.sigma * math.expm1(0.5 * h)) * eps
                eps = problem.denoiser.eps(middle.t, u)
            # σ′(e^h − 1) as α′(ρ − ρ′), which is finite where σ′ = 0
            x = (there.alpha / here.alpha) * x - (there.alpha * (here.ratio - there.ratio)) * eps
            yield x


class DPMSolver3S(Sampler):
    """DPM-Solver-3: stages at one and two thirds of the step in λ; three calls a step."""

    name = "dpm-solver-3s"
    citation = "Lu et al. 2022, DPM-Solver, arXiv 2206.00927, algorithm 2"
    when = "30 calls and more, where high accuracy on the flow counts."
    family: ClassVar[Family] = "ode"
    needs = "denoiser"
    strong_order, weak_order = 3.0, 3.0
    signature_order, nfe_per_step = 0, 3

    def calls(self, problem: SDEProblem, grid: Grid) -> int:
        """Returns three calls a step, one where the step ends at σ = 0."""
        return calls_of_stages(problem, grid, 3)

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        problem = reverse_diffusion(problem)
        r1, r2 = 1 / 3, 2 / 3
        for step, here, there in levels_of(problem, grid):
            need_signal(self.name, here)
            h = there.log_snr - here.log_snr
            eps = problem.denoiser.eps(step.t, x)
            drift = (there.alpha / here.alpha) * x - (there.alpha * (here.ratio - there.ratio)) * eps
            if not math.isfinite(h):
                x = drift
                yield x
                continue
            one, two = (level_between(problem.schedule, here.log_snr + r * h) for r in (r1, r2))
            u1 = (one.alpha / here.alpha) * x - (one.sigma * math.expm1(r1 * h)) * eps
            change1 = problem.denoiser.eps(one.t, u1) - eps
            bend = (r2 / r1) * (math.expm1(r2 * h) / (r2 * h) - 1.0)
            u2 = (two.alpha / here.alpha) * x - (two.sigma * math.expm1(r2 * h)) * eps - (two.sigma * bend) * change1
            change2 = problem.denoiser.eps(two.t, u2) - eps
            x = drift - (there.sigma / r2 * (math.expm1(h) / h - 1.0)) * change2
            yield x
