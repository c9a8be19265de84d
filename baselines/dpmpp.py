"""DPM-Solver++ on the probability flow: orders 1, 2 and 3, with D the prediction of x0.

In λ = log(α/σ) the flow is x′ = (σ′/σ)·x + σ′·∫ e^λ·D dλ (Lu et al. 2022, arXiv 2211.01095, proposition 4.1); the
methods differ in what they take for D between the two ends. With h = λ′ − λ, σ′·∫ e^λ dλ = α′·(1 − e^{−h}).
"""

import math
from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

from torch import Tensor

from sigbench.sampler import Family, Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import SDEProblem
from sigbench_baselines.half_log_snr import (
    calls_of_stages,
    final_step,
    level_between,
    levels_of,
    order_at,
    reverse_diffusion,
)
from sigbench_baselines.multistep import Multistep, is_known, state_at

SolverType = Literal["midpoint", "heun"]


class DPMpp1(Sampler):
    """DPM-Solver++ of order 1: x′ = (σ′/σ)x + α′(1 − e^{−h})D, with D constant over the step; it is DDIM."""

    name = "dpmpp-1"
    citation = "Lu et al. 2022, DPM-Solver++, arXiv 2211.01095, order 1"
    when = "To see what the higher orders of the family bring; its samples are those of ddim."
    family: ClassVar[Family] = "ode"
    needs = "denoiser"
    strong_order, weak_order = 1.0, 1.0
    signature_order = 0

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        problem = reverse_diffusion(problem)
        for step, here, there in levels_of(problem, grid):
            h = there.log_snr - here.log_snr
            d = problem.denoiser.x0(step.t, x)
            x = (there.sigma / here.sigma) * x - (there.alpha * math.expm1(-h)) * d
            yield x


class DPMpp2S(Sampler):
    """DPM-Solver++(2S): a first-order step to the middle in λ, whose prediction then serves the whole step."""

    name = "dpmpp-2s"
    citation = "Lu et al. 2022, DPM-Solver++, arXiv 2211.01095, algorithm 1 with r = 1/2"
    when = "Strong guidance, where a memory of earlier steps is not trusted."
    family: ClassVar[Family] = "ode"
    needs = "denoiser"
    strong_order, weak_order = 2.0, 2.0
    signature_order, nfe_per_step = 0, 2

    def calls(self, problem: SDEProblem, grid: Grid) -> int:
        """Returns two calls a step, one where the step starts at α = 0 or ends at σ = 0."""
        return calls_of_stages(problem, grid, 2)

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        problem = reverse_diffusion(problem)
        for step, here, there in levels_of(problem, grid):
            h = there.log_snr - here.log_snr
            d = problem.denoiser.x0(step.t, x)
            if math.isfinite(h):
                middle = level_between(problem.schedule, here.log_snr + 0.5 * h)
                u = (middle.sigma / here.sigma) * x - (middle.alpha * math.expm1(-0.5 * h)) * d
                d = problem.denoiser.x0(middle.t, u)
            x = (there.sigma / here.sigma) * x - (there.alpha * math.expm1(-h)) * d
            yield x


class DPMpp2M(Multistep):
    """DPM-Solver++(2M): D ← D + (h/2h₋₁)(D − D₋₁), a line through the last two predictions; one call a step.

    `solver_type` "heun" integrates that line exactly, "midpoint" takes it at the middle, as it is published. The
    first step is of order 1, and with `lower_order_final` the last one too on grids of fewer than 15 steps.
    """

    name = "dpmpp-2m"
    citation = "Lu et al. 2022, DPM-Solver++, arXiv 2211.01095, algorithm 2"
    when = "The usual first choice at 10 to 20 calls, guided or not."
    family: ClassVar[Family] = "ode"
    needs = "denoiser"
    strong_order, weak_order = 2.0, 2.0
    signature_order = 0

    def __init__(self, lower_order_final: bool = True, solver_type: SolverType = "midpoint") -> None:
        self.lower_order_final, self.solver_type = lower_order_final, solver_type
        self.final_step = final_step(lower_order_final)

    def resume(
        self, problem: SDEProblem, states: Sequence[Tensor], grid: Grid, brownian: BrownianDriver
    ) -> Iterator[Tensor]:
        problem, x = reverse_diffusion(problem), states[-1]
        h_before, d_before = math.inf, x
        for step, here, there in levels_of(problem, grid):
            h = there.log_snr - here.log_snr
            d = problem.denoiser.x0(step.t, state_at(states, step, x))
            if is_known(states, step):
                h_before, d_before = h, d
                continue
            x = (there.sigma / here.sigma) * x - (there.alpha * math.expm1(-h)) * d
            if order_at(2, step.index, grid.steps, self.lower_order_final) == 2 and math.isfinite(h):
                x = x + (there.alpha * line_weight(h, self.solver_type) / h_before) * (d - d_before)
            h_before, d_before = h, d
            yield x


class DPMpp3M(Multistep):
    """DPM-Solver++(3M): a parabola through the last three predictions; one call a step.

    With divided differences D′ and D″/2 at the step's start, x′ gains α′(φ₂·hD′ − φ₃·h²D″), φ₂ = (e^{−h} − 1)/h + 1
    and φ₃ = φ₂/h − 1/2. The published code takes D″/2 for D″, which leaves its steps at order 2; with `curvature`
    "exact" they are of order 3, and a first step of order 1 still leaves order 2 in the limit. Warm-up and last steps
    are those of 2M.
    """

    name = "dpmpp-3m"
    citation = "Lu et al. 2022, DPM-Solver++, arXiv 2211.01095; the authors' code, github.com/LuChengTHU/dpm-solver"
    when = "10 to 20 calls without guidance; try 2m beside it."
    family: ClassVar[Family] = "ode"
    needs = "denoiser"
    strong_order, weak_order = 2.0, 2.0
    signature_order = 0

    def __init__(
        self,
        lower_order_final: bool = True,
        solver_type: SolverType = "midpoint",
        curvature: Literal["published", "exact"] = "published",
    ) -> None:
        self.lower_order_final, self.solver_type, self.curvature = lower_order_final, solver_type, curvature
        self.final_step = final_step(lower_order_final)

    def resume(
        self, problem: SDEProblem, states: Sequence[Tensor], grid: Grid, brownian: BrownianDriver
    ) -> Iterator[Tensor]:
        problem, x = reverse_diffusion(problem), states[-1]
        factor = 1.0 if self.curvature == "published" else 2.0
        hs: list[float] = []
        ds: list[Tensor] = []
        for step, here, there in levels_of(problem, grid):
            h = there.log_snr - here.log_snr
            hs, ds = [h, *hs[:2]], [problem.denoiser.x0(step.t, state_at(states, step, x)), *ds[:2]]
            if is_known(states, step):
                continue
            order = order_at(3, step.index, grid.steps, self.lower_order_final) if math.isfinite(h) else 1
            x = (there.sigma / here.sigma) * x - (there.alpha * math.expm1(-h)) * ds[0]
            if order == 2:
                x = x + (there.alpha * line_weight(h, self.solver_type) / hs[1]) * (ds[0] - ds[1])
            elif order == 3:
                slope, second = differences(hs, ds)
                phi2 = math.expm1(-h) / h + 1.0
                phi3 = phi2 / h - 0.5
                x = x + (there.alpha * phi2 * h) * slope - (there.alpha * factor * phi3 * h * h) * second
            yield x


def line_weight(h: float, solver_type: SolverType) -> float:
    """Returns ∫ e^{λ−λ′}(λ − λ₀) dλ over a step, exactly ("heun") or with λ − λ₀ at its middle ("midpoint")."""
    return -0.5 * h * math.expm1(-h) if solver_type == "midpoint" else math.expm1(-h) + h


def differences(hs: list[float], ds: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Returns the slope at the last of three predictions and the second divided difference, D′ and D″/2.

    `hs` are this step's length and the two before it, `ds` the predictions at the starts of these three.
    """
    first, before = (ds[0] - ds[1]) / hs[1], (ds[1] - ds[2]) / hs[2]
    second = (first - before) / (hs[1] + hs[2])
    return first + hs[1] * second, second
