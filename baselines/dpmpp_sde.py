"""DPM-Solver++ on the reverse-time SDE, with D the prediction of x0 (Lu et al. 2022, arXiv 2211.01095).

x′ = (σ′/σ)e^{−ηh}·x + α′·c∫ e^{−c(λ′−u)}·D(u) du + σ′·√(1 − e^{−2ηh})·ζ with c = 1 + η and h = λ′ − λ: η = 1 is the SDE
of the diffusion, η = 0 its probability flow. ζ is a functional of the Brownian path over the step.
"""

import math
from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

from torch import Tensor

from sigbench.errors import BadInput
from sigbench.sampler import Family
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import SDEProblem
from sigbench_baselines.dpmpp import SolverType, differences
from sigbench_baselines.half_log_snr import decay, final_step, levels_of, order_at, reverse_diffusion, step_noise
from sigbench_baselines.multistep import Multistep, is_known, state_at


class _DPMppSDE(Multistep):
    """What the two orders share: η, from the flow at 0 to the SDE of the diffusion at 1."""

    family: ClassVar[Family] = "sde"
    needs = "denoiser"
    strong_order: float | None = 1.0
    weak_order: float | None = 1.0

    def __init__(self, eta: float, lower_order_final: bool) -> None:
        if not (math.isfinite(eta) and 0.0 <= eta <= 1.0):
            raise BadInput(f"{self.name}'s eta lies between 0 and 1, got {eta:g}.")
        self.eta, self.lower_order_final = eta, lower_order_final
        self.signature_order = 1 if eta > 0 else 0
        self.strong_order = 1.0 if eta == 1.0 else None  # at another η it follows the law, not the path
        self.final_step = final_step(lower_order_final)


class DPMpp2MSDE(_DPMppSDE):
    """DPM-Solver++(2M) SDE: the line through the last two predictions under the SDE's weights, one call a step.

    `solver_type` "heun" integrates the line exactly, "midpoint" takes it at the middle. The first step is of order 1,
    and with `lower_order_final` the last one too on grids of fewer than 15 steps.
    """

    name = "dpmpp-2m-sde"
    citation = "Lu et al. 2022, DPM-Solver++, arXiv 2211.01095, SDE-DPM-Solver++(2M)"
    when = "Stochastic samples at 10 to 25 calls."

    def __init__(self, eta: float = 1.0, lower_order_final: bool = True, solver_type: SolverType = "midpoint") -> None:
        super().__init__(eta, lower_order_final)
        self.solver_type = solver_type

    def resume(
        self, problem: SDEProblem, states: Sequence[Tensor], grid: Grid, brownian: BrownianDriver
    ) -> Iterator[Tensor]:
        problem, x = reverse_diffusion(problem), states[-1]
        c = 1.0 + self.eta
        h_before, d_before = math.inf, x
        for step, here, there in levels_of(problem, grid):
            h = there.log_snr - here.log_snr
            d = problem.denoiser.x0(step.t, state_at(states, step, x))
            if is_known(states, step):
                h_before, d_before = h, d
                continue
            x = (there.sigma / here.sigma * decay(self.eta, h)) * x - (there.alpha * math.expm1(-c * h)) * d
            if order_at(2, step.index, grid.steps, self.lower_order_final) == 2 and math.isfinite(h):
                middle = -0.5 * h * math.expm1(-c * h)
                line = middle if self.solver_type == "midpoint" else h + math.expm1(-c * h) / c
                x = x + (there.alpha * line / h_before) * (d - d_before)
            if self.eta > 0 and there.sigma > 0:
                x = x + step_noise(problem, brownian, step, there, self.eta)
            h_before, d_before = h, d
            yield x


class DPMpp3MSDE(_DPMppSDE):
    """DPM-Solver++(3M) SDE: the parabola through the last three predictions under the SDE's weights, one call a step.

    x′ gains α′(φ₂·hD′ − φ₃·h²D″) with φ₂ = (e^{−ch} − 1)/(ch) + 1 and φ₃ = φ₂/(ch) − 1/2. As in `dpmpp-3m` the
    published code takes D″/2 for D″, and `curvature` "exact" takes D″.
    """

    name = "dpmpp-3m-sde"
    citation = "Crowson 2022, github.com/crowsonkb/k-diffusion, after Lu et al. 2022, arXiv 2211.01095"
    when = "Stochastic samples at 20 calls and more, unguided."

    def __init__(
        self,
        eta: float = 1.0,
        lower_order_final: bool = True,
        curvature: Literal["published", "exact"] = "published",
    ) -> None:
        super().__init__(eta, lower_order_final)
        self.curvature = curvature

    def resume(
        self, problem: SDEProblem, states: Sequence[Tensor], grid: Grid, brownian: BrownianDriver
    ) -> Iterator[Tensor]:
        problem, x = reverse_diffusion(problem), states[-1]
        c, factor = 1.0 + self.eta, 1.0 if self.curvature == "published" else 2.0
        hs: list[float] = []
        ds: list[Tensor] = []
        for step, here, there in levels_of(problem, grid):
            h = there.log_snr - here.log_snr
            hs, ds = [h, *hs[:2]], [problem.denoiser.x0(step.t, state_at(states, step, x)), *ds[:2]]
            if is_known(states, step):
                continue
            order = order_at(3, step.index, grid.steps, self.lower_order_final) if math.isfinite(h) else 1
            x = (there.sigma / here.sigma * decay(self.eta, h)) * x - (there.alpha * math.expm1(-c * h)) * ds[0]
            if order > 1:
                phi2 = math.expm1(-c * h) / (c * h) + 1.0
                slope = (ds[0] - ds[1]) / hs[1]
                if order == 3:
                    slope, second = differences(hs, ds)
                    x = x - (there.alpha * factor * (phi2 / (c * h) - 0.5) * h * h) * second
                x = x + (there.alpha * phi2 * h) * slope
            if self.eta > 0 and there.sigma > 0:
                x = x + step_noise(problem, brownian, step, there, self.eta)
            yield x
