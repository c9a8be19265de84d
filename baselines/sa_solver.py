"""SA-Solver: stochastic Adams steps in x0, a predictor and a corrector that reuses the next step's call."""

import math
from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.sampler import Family
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import SDEProblem
from sigbench_baselines.half_log_snr import (
    Level,
    decay,
    final_step,
    levels_of,
    order_at,
    reverse_diffusion,
    step_noise,
)
from sigbench_baselines.lagrange import Array, lagrange_integrals
from sigbench_baselines.multistep import Multistep, is_known, state_at


class SASolver(Multistep):
    """SA-Solver: x′ = (σ′/σ)e^{−τ²h}x + α′·Σ b_j·D_j + σ′√(1 − e^{−2τ²h})·ζ with Adams weights b on the grid's own λ.

    b_j = c∫ e^{−c(λ′−u)}·ℓ_j(u) du over the step, c = 1 + τ² and ℓ_j the Lagrange polynomials of the λ of D_j.
    The predictor reads the last `predictor` predictions of x0; the corrector takes the step again, with the same ζ, on
    `corrector` of them, the one at its end included (0: none). τ is `tau` where `low` ≤ t ≤ `high` and 0 elsewhere;
    with τ = 1 throughout it follows the path of the reverse-time SDE, strong order 1. The first steps are of lower
    orders, and with `lower_order_final` the last ones too on grids of fewer than 15 steps. One call a step.
    """

    name = "sa-solver"
    citation = "Xue et al. 2023, SA-Solver, arXiv 2309.05019"
    when = "Stochastic samples at 10 to 30 calls, with the amount of noise to choose."
    family: ClassVar[Family] = "sde"
    needs = "denoiser"
    strong_order: float | None = None
    weak_order: float | None = 1.0
    signature_order = 1

    def __init__(
        self,
        predictor: int = 3,
        corrector: int = 3,
        tau: float = 1.0,
        low: float = 0.2,
        high: float = 0.8,
        lower_order_final: bool = True,
    ) -> None:
        if not 1 <= predictor <= 3:
            raise BadInput(f"sa-solver's predictor has orders 1 to 3, got {predictor}.")
        if not 0 <= corrector <= 3:
            raise BadInput(f"sa-solver's corrector reads 0 to 3 predictions, got {corrector}.")
        if not 0.0 <= tau <= 2.0:
            raise BadInput(f"sa-solver's tau lies between 0 (the flow) and 2, got {tau:g}.")
        if not 0.0 <= low <= high:
            raise BadInput(f"sa-solver has noise where low ≤ t ≤ high, got low={low:g} and high={high:g}.")
        self.predictor, self.corrector = predictor, corrector
        self.tau, self.low, self.high = tau, low, high
        self.lower_order_final, self.final_step = lower_order_final, final_step(lower_order_final)
        self.signature_order = 1 if tau > 0 else 0
        self.strong_order = 1.0 if tau == 1.0 and low == 0.0 and high >= 1.0 else None

    def resume(
        self, problem: SDEProblem, states: Sequence[Tensor], grid: Grid, brownian: BrownianDriver
    ) -> Iterator[Tensor]:
        problem, x = reverse_diffusion(problem), states[-1]
        levels: list[Level] = []
        ds: list[Tensor] = []
        corrected, noise, squared, order = x, None, 0.0, 0
        for step, here, there in levels_of(problem, grid):
            levels, ds = [here, *levels[:2]], [problem.denoiser.x0(step.t, state_at(states, step, x)), *ds[:2]]
            if is_known(states, step):
                continue
            if order > 0 and math.isfinite(levels[1].log_snr):
                x = _step(corrected, noise, squared, levels[1], here, levels[:order], ds)
            corrected, noise = x, None
            squared = self.tau**2 if self.low <= step.t <= self.high else 0.0
            if squared > 0.0 and there.sigma > 0.0:
                noise = step_noise(problem, brownian, step, there, squared)
            ends = math.isinf(there.log_snr)
            order = 1 if ends else order_at(self.predictor, step.index, grid.steps, self.lower_order_final)
            x = _step(corrected, noise, squared, here, there, levels[:order], ds)
            order = 0 if ends else order_at(self.corrector, step.index, grid.steps, self.lower_order_final, ahead=1)
            yield x


def _step(
    x: Tensor,
    noise: Tensor | None,
    squared: float,
    here: Level,
    there: Level,
    nodes: Sequence[Level],
    ds: Sequence[Tensor],
) -> Tensor:
    """The step from `here` to `there` with predictions `ds` at the levels `nodes`, newest first; `squared` is τ²."""
    h, c = there.log_snr - here.log_snr, 1.0 + squared
    x = (there.sigma / here.sigma * decay(squared, h)) * x
    nodes = [node for node in nodes if math.isfinite(node.log_snr)] or [here]
    for b, d in zip(_weights([node.log_snr for node in nodes], here.log_snr, h, c), ds, strict=False):
        x = x + (there.alpha * b) * d
    return x if noise is None else x + noise


def _weights(nodes: Sequence[float], start: float, h: float, c: float) -> list[float]:
    """The b_j = c∫ e^{−c(λ′−u)}·ℓ_j(u) du over a step of length h from `start`.

    Of a line the authors integrate the slope without the exponential, h²/2, for few steps.
    """
    constant = -math.expm1(-c * h)
    if len(nodes) == 1:
        return [constant]
    if len(nodes) == 2:
        slope = c * 0.5 * h * h / (nodes[0] - nodes[1])
        return [constant + slope, -slope] if nodes[0] == start else [slope, constant - slope]

    def weight(u: Array) -> Array:
        found: Array = c * np.exp(-c * (start + h - u))
        return found

    return lagrange_integrals(nodes, start, start + h, weight)
