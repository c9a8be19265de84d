"""DEIS: ε between two times is the polynomial through its last values, integrated exactly.

x′ = (α′/α)·x + α′·∫ ε dρ with ρ = σ/α (Zhang & Chen 2023, arXiv 2204.13902).
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal, get_args

import numpy as np
from torch import Tensor

from sigbench.errors import BadInput, unknown_name
from sigbench.sampler import Family
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import SDEProblem
from sigbench.sde.schedule import Schedule
from sigbench_baselines.half_log_snr import Level, final_step, levels_of, need_signal, order_at, reverse_diffusion
from sigbench_baselines.lagrange import Array, lagrange_integrals
from sigbench_baselines.multistep import Multistep, is_known, state_at

Variable = Literal["t", "rho", "log-rho"]


class DEIS(Multistep):
    """DEIS with Adams–Bashforth steps; the polynomial is in t (tAB), in ρ (ρAB) or in log ρ, one call a step.

    `order` counts the values of ε that it reads, 1 to 3 (the paper's tAB0 to tAB2). The first steps are of lower
    orders, which leaves order 2 in the limit, and with `lower_order_final` the last ones too on grids of fewer than 15
    steps.
    """

    name = "deis"
    citation = "Zhang & Chen 2023, DEIS, arXiv 2204.13902, tAB-DEIS and ρAB-DEIS"
    when = "5 to 10 calls on grids in t, such as quadratic."
    family: ClassVar[Family] = "ode"
    needs = "denoiser"
    strong_order: float | None = 2.0
    weak_order: float | None = 2.0
    signature_order = 0

    def __init__(self, order: int = 3, variable: Variable = "t", lower_order_final: bool = False) -> None:
        if not 1 <= order <= 3:
            raise BadInput(f"deis has orders 1 to 3, got {order}.")
        if variable not in get_args(Variable):
            raise unknown_name("variable of deis", variable, get_args(Variable))
        self.order, self.variable, self.lower_order_final = order, variable, lower_order_final
        self.strong_order = self.weak_order = float(min(order, 2))
        self.final_step = final_step(lower_order_final)

    def resume(
        self, problem: SDEProblem, states: Sequence[Tensor], grid: Grid, brownian: BrownianDriver
    ) -> Iterator[Tensor]:
        problem, x = reverse_diffusion(problem), states[-1]
        seen: list[Level] = []
        epsilons: list[Tensor] = []
        for step, here, there in levels_of(problem, grid):
            need_signal(self.name, here)
            seen, epsilons = [here, *seen[:2]], [problem.denoiser.eps(step.t, state_at(states, step, x)), *epsilons[:2]]
            if is_known(states, step):
                continue
            order = order_at(self.order, step.index, grid.steps, self.lower_order_final)
            x = (there.alpha / here.alpha) * x
            for c, eps in zip(_weights(problem.schedule, self.variable, seen[:order], there), epsilons, strict=False):
                x = x + (there.alpha * c) * eps
            yield x


def _weights(schedule: Schedule, variable: Variable, seen: Sequence[Level], there: Level) -> list[float]:
    """∫ ℓ_j dρ from seen[0] to `there`, with ℓ_j the Lagrange polynomials of the levels seen, in `variable`."""
    if variable == "rho":
        return lagrange_integrals([level.ratio for level in seen], seen[0].ratio, there.ratio)
    if variable == "log-rho" and len(seen) > 1:
        return lagrange_integrals([-level.log_snr for level in seen], -seen[0].log_snr, -there.log_snr, np.exp)

    def slope(q: Array) -> Array:
        # dρ/dt = g²/(2ασ) rises like t^{−½} towards clean data; in q = √t it is smooth.
        t = q * q
        found: Array = q * schedule.diffusion_squared(t) / (schedule.alpha(t) * schedule.sigma(t))
        return found

    if len(seen) == 1:
        return [there.ratio - seen[0].ratio]
    return lagrange_integrals([level.t for level in seen], np.sqrt(seen[0].t), np.sqrt(there.t), slope, np.square)
