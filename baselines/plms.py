"""PLMS, the pseudo linear multistep method of PNDM as Stable Diffusion uses it."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from torch import Tensor

from sigbench.sampler import Family
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import SDEProblem
from sigbench_baselines.half_log_snr import levels_of, need_signal, reverse_diffusion
from sigbench_baselines.ipndm import ADAMS_BASHFORTH
from sigbench_baselines.multistep import Multistep, is_known, state_at


class PLMS(Multistep):
    """PLMS: a DDIM step with ε ← Σ b_j·ε_j, the Adams–Bashforth weights of equal steps up to order 4.

    The first step is a Heun step: a DDIM step, ε at its end, and the step again with the mean of both, so that a walk
    makes one call more than it has steps. As in `ipndm` weights of equal steps leave order 2 on others.
    """

    name = "plms"
    citation = "Liu et al. 2022, PNDM, arXiv 2202.09778, eq. 9; CompVis/latent-diffusion, plms.py"
    when = "To compare with what Stable Diffusion began with."
    family: ClassVar[Family] = "ode"
    needs = "denoiser"
    strong_order, weak_order = 2.0, 2.0
    signature_order = 0

    def calls(self, problem: SDEProblem, grid: Grid) -> int:
        """Returns the steps and one: the first step takes two."""
        return grid.steps + 1

    def resume(
        self, problem: SDEProblem, states: Sequence[Tensor], grid: Grid, brownian: BrownianDriver
    ) -> Iterator[Tensor]:
        problem, x = reverse_diffusion(problem), states[-1]
        epsilons: list[Tensor] = []
        for step, here, there in levels_of(problem, grid):
            need_signal(self.name, here)
            scale, move = there.alpha / here.alpha, there.alpha * (there.ratio - here.ratio)
            epsilons = [problem.denoiser.eps(step.t, state_at(states, step, x)), *epsilons[:3]]
            if is_known(states, step):
                continue
            if step.index == 0:
                guess = scale * x + move * epsilons[0]
                mean = 0.5 * (epsilons[0] + problem.denoiser.eps(step.t_next, guess))
            else:
                weights = ADAMS_BASHFORTH[len(epsilons) - 1]
                mean = sum(
                    (b * eps for b, eps in zip(weights[1:], epsilons[1:], strict=True)), weights[0] * epsilons[0]
                )
            x = scale * x + move * mean
            yield x
