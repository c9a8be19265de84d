"""The levels of a grid as other libraries hold them: float64 tensors, and states in units of their own."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.sde.grid import Grid
from sigbench.sde.problem import ReverseDiffusion
from sigbench_baselines.half_log_snr import level_at

Units = Literal["vp", "ve", "flow"]


@dataclass(frozen=True, slots=True)
class Levels:
    """t, α, σ and ρ = σ/α at a grid's K + 1 times, float64 tensors of shape (K + 1,) on the CPU."""

    t: Tensor
    alpha: Tensor
    sigma: Tensor

    @property
    def ratio(self) -> Tensor:
        """ρ = σ/α: what diffusers and k-diffusion call sigma."""
        return self.sigma / self.alpha

    def alpha_in(self, units: Units) -> Tensor:
        """Returns the factor of x0 in a state of these units: 1/√(1 + ρ²) for "vp", 1 for "ve", 1/(1 + ρ) for "flow".

        x/α moves with ρ alone, so that every schedule's state is another's times a number.
        """
        if units == "vp":
            return (1.0 + self.ratio**2).rsqrt()
        return torch.ones_like(self.alpha) if units == "ve" else 1.0 / (1.0 + self.ratio)

    def sigma_in(self, units: Units) -> Tensor:
        """Returns the factor of ε in a state of these units."""
        return self.ratio * self.alpha_in(units)


def levels_on(problem: ReverseDiffusion, grid: Grid, sampler: str) -> Levels:
    """Returns the levels of a grid; raises BadInput where α or σ is 0, for there the others' λ is infinite."""
    found = [level_at(problem.schedule, problem.time(s)) for s in grid.times]
    for level in found:
        if level.alpha == 0.0 or level.sigma == 0.0:
            raise BadInput(
                f"{sampler} is held to grids on which log(α/σ) is finite, and at t={level.t:g} "
                f"{'α' if level.alpha == 0.0 else 'σ'} = 0: take a sampler of this suite (ddim, dpmpp-2m, unipc)."
            )
    table = torch.tensor([[level.t, level.alpha, level.sigma] for level in found], dtype=torch.float64)
    return Levels(*table.unbind(1))
