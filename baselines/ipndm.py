"""iPNDM: Adams–Bashforth in x/α over ρ = σ/α, where d(x/α) = ε dρ, at one call a step from the first step on."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from torch import Tensor

from sigbench.errors import BadInput
from sigbench.sampler import Family
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import SDEProblem
from sigbench_baselines.half_log_snr import levels_of, need_signal, reverse_diffusion
from sigbench_baselines.lagrange import lagrange_integrals
from sigbench_baselines.multistep import Multistep, is_known, state_at

# Adams–Bashforth of orders 1 to 4 on equal steps, newest first (Hairer, Nørsett & Wanner 1993, section III.1).
ADAMS_BASHFORTH = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)


class IPNDM(Multistep):
    """iPNDM: x′/α′ = x/α + (ρ′ − ρ)·Σ b_j·ε_j with the weights b of equal steps, whatever the steps are.

    The first steps are of orders 1, 2, …; `order` is the last one, 1 to 4. The weights fit no steps but equal ones, and
    leave order 2 in the limit of a grid whose neighbouring steps become equal.
    """

    name = "ipndm"
    citation = "Zhang & Chen 2023, DEIS, arXiv 2204.13902; Liu et al. 2022, PNDM, arXiv 2202.09778"
    when = "5 to 10 calls on evenly graded grids."
    family: ClassVar[Family] = "ode"
    needs = "denoiser"
    strong_order: float | None = 2.0
    weak_order: float | None = 2.0
    signature_order = 0

    def __init__(self, order: int = 4) -> None:
        if not 1 <= order <= 4:
            raise BadInput(f"{self.name} has orders 1 to 4, got {order}.")
        self.order = order
        self.strong_order = self.weak_order = float(min(order, 2))

    def weights(self, ratios: Sequence[float], end: float) -> Sequence[float]:
        """Returns ∫ ε dρ's weights for the values of ε at `ratios`, newest first, over a step from ratios[0] to `end`.

        Here those of equal steps, (end − ratios[0])·b.
        """
        return [(end - ratios[0]) * b for b in ADAMS_BASHFORTH[len(ratios) - 1]]

    def resume(
        self, problem: SDEProblem, states: Sequence[Tensor], grid: Grid, brownian: BrownianDriver
    ) -> Iterator[Tensor]:
        problem, x = reverse_diffusion(problem), states[-1]
        ratios: list[float] = []
        epsilons: list[Tensor] = []
        for step, here, there in levels_of(problem, grid):
            need_signal(self.name, here)
            ratios = [here.ratio, *ratios][: self.order]
            epsilons = [problem.denoiser.eps(step.t, state_at(states, step, x)), *epsilons][: self.order]
            if is_known(states, step):
                continue
            x = (there.alpha / here.alpha) * x
            for c, eps in zip(self.weights(ratios, there.ratio), epsilons, strict=True):
                x = x + (there.alpha * c) * eps
            yield x


class IPNDMV(IPNDM):
    """iPNDM with the weights of the steps that are taken: variable-step Adams–Bashforth in ρ, k-diffusion's LMS.

    Its steps are of orders up to 4; the first, of order 1, leaves order 2 in the limit.
    """

    name = "ipndm-v"
    citation = "Zhou et al. 2024, AMED, arXiv 2312.00094; Hairer, Nørsett & Wanner 1993, section III.5"
    when = "20 calls and more on uneven grids, where the steps' own weights count."

    def weights(self, ratios: Sequence[float], end: float) -> Sequence[float]:
        """Returns the integrals of the Lagrange polynomials of `ratios` from ratios[0] to `end`."""
        return lagrange_integrals(ratios, ratios[0], end)
