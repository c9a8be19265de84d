"""UniPC: a multistep predictor in x0, and a corrector that reuses the next step's call."""

import math
from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

import numpy as np
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.sampler import Family
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import SDEProblem
from sigbench_baselines.half_log_snr import Level, final_step, levels_of, order_at, reverse_diffusion
from sigbench_baselines.multistep import Multistep, is_known, state_at

Variant = Literal["bh1", "bh2"]


class UniPC(Multistep):
    """UniPC of order p: x′ = (σ′/σ)x + α′(1 − e^{−h})D − α′B(h)·Σ a_j(D_j − D)/r_j, r_j = (λ_j − λ)/h; one call a step.

    The predictor reads the p − 1 predictions before D. The next step's prediction, at r = 1, joins them in the
    corrector, which takes the same step again to one order more; the last step has none. B(h) is −h in "bh1" and
    e^{−h} − 1 in "bh2" (`variant`). The first steps are of lower orders, and with `lower_order_final` the last ones too
    on grids of fewer than 15 steps.
    """

    name = "unipc"
    citation = "Zhao et al. 2023, UniPC, arXiv 2302.04867, in terms of x0"
    when = "5 to 10 calls; order 2 where guidance is strong."
    family: ClassVar[Family] = "ode"
    needs = "denoiser"
    strong_order: float | None = 3.0
    weak_order: float | None = 3.0
    signature_order = 0

    def __init__(self, order: int = 3, variant: Variant = "bh2", lower_order_final: bool = True) -> None:
        if not 1 <= order <= 3:
            raise BadInput(f"unipc has orders 1 to 3, got {order}.")
        self.order, self.variant, self.lower_order_final = order, variant, lower_order_final
        self.strong_order = self.weak_order = float(order)
        self.final_step = final_step(lower_order_final)

    def resume(
        self, problem: SDEProblem, states: Sequence[Tensor], grid: Grid, brownian: BrownianDriver
    ) -> Iterator[Tensor]:
        problem, x = reverse_diffusion(problem), states[-1]
        levels: list[Level] = []
        ds: list[Tensor] = []
        order, corrected = 0, x
        for step, here, there in levels_of(problem, grid):
            d = problem.denoiser.x0(step.t, state_at(states, step, x))
            if order > 0:  # the step to here once more, with the prediction here: the corrector
                x = self._step(corrected, levels[:order], here, ds[:order], d)
            levels, ds = [here, *levels[:2]], [d, *ds[:2]]
            if is_known(states, step):
                continue
            order = order_at(self.order, step.index, grid.steps, self.lower_order_final)
            if math.isinf(here.log_snr) or math.isinf(there.log_snr):
                order = 1  # a step of infinite length has no ratios
            elif any(math.isinf(level.log_snr) for level in levels[:order]):
                order -= 1
            corrected = x
            x = self._step(corrected, levels[:order], there, ds[:order])
            yield x

    def _step(
        self, x: Tensor, levels: Sequence[Level], there: Level, ds: Sequence[Tensor], d_there: Tensor | None = None
    ) -> Tensor:
        """The step from levels[0] to `there` with the predictions `ds`, newest first, and with that at its end."""
        here = levels[0]
        h = there.log_snr - here.log_snr
        base = (there.sigma / here.sigma) * x - (there.alpha * math.expm1(-h)) * ds[0]
        ratios = [(level.log_snr - here.log_snr) / h for level in levels[1:]]
        changes = [(d - ds[0]) / r for r, d in zip(ratios, ds[1:], strict=True)]
        if d_there is not None and math.isfinite(h):
            ratios, changes = [*ratios, 1.0], [*changes, d_there - ds[0]]
        if not changes:
            return base
        scale = there.alpha * (-h if self.variant == "bh1" else math.expm1(-h))
        for a, change in zip(_weights(ratios, h, self.variant), changes, strict=True):
            base = base - (scale * a) * change
        return base


def _weights(ratios: Sequence[float], h: float, variant: Variant) -> list[float]:
    """The a_j with Σ_j a_j·r_j^{n−1} = n!·zφ_{n+1}(z)/B(h) for n = 1, 2, …, where z = −h.

    φ₁(z) = (e^z − 1)/z and φ_{n+1}(z) = (φ_n(z) − 1/n!)/z. One ratio takes ½, whatever the condition says, as the
    authors do.
    """
    if len(ratios) == 1:
        return [0.5]
    z = -h
    b_of_h = z if variant == "bh1" else math.expm1(z)
    wanted, phi, factorial = [], math.expm1(z) / z - 1.0, 1.0
    for n in range(1, len(ratios) + 1):
        wanted.append(phi * factorial / b_of_h)
        factorial *= n + 1
        phi = phi / z - 1.0 / factorial
    powers = np.vander(np.asarray(ratios), len(ratios), increasing=True).T
    found: list[float] = np.linalg.solve(powers, np.asarray(wanted)).tolist()
    return found
