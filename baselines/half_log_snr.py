"""What the field's samplers are written in: α, σ, λ = log(α/σ) and ρ = σ/α at the times of a grid.

A state is x = α·x0 + σ·ε, so that x/α moves with ρ alone: d(x/α) = ε dρ, the probability flow of every schedule.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid, Step
from sigbench.sde.problem import ReverseDiffusion, SDEProblem
from sigbench.sde.schedule import Schedule, Times

FEW_STEPS = 15  # below so many steps the last ones fall to lower orders (Lu et al. 2022, DPM-Solver++)


@dataclass(frozen=True, slots=True)
class Level:
    """The noise at diffusion time `t`: α, σ, λ = log(α/σ) (∞ where σ = 0) and ρ = σ/α (∞ where α = 0)."""

    t: float
    alpha: float
    sigma: float
    log_snr: float
    ratio: float


def level_at(schedule: Schedule, t: float) -> Level:
    """Returns the level of a schedule at diffusion time `t`."""
    alpha, sigma = float(schedule.alpha(t)), float(schedule.sigma(t))
    ratio = sigma / alpha if alpha > 0.0 else math.inf
    return Level(t, alpha, sigma, float(schedule.log_snr(t)), ratio)


def level_between(schedule: Schedule, log_snr: float) -> Level:
    """Returns the level whose λ is `log_snr`; raises BadInput where the schedule has none between its ends."""
    return level_at(schedule, float(schedule.time_of_log_snr(log_snr)))


def reverse_diffusion(problem: SDEProblem) -> ReverseDiffusion:
    """Returns the problem as what a sampler that needs a denoiser walks."""
    assert isinstance(problem, ReverseDiffusion)  # `needs` was checked when the cell was planned
    return problem


def levels_of(problem: ReverseDiffusion, grid: Grid) -> Iterator[tuple[Step, Level, Level]]:
    """Yields each step of the grid with the levels at its start and at its end."""
    schedule = problem.schedule
    here = level_at(schedule, problem.time(grid.times[0]))
    for step in grid:
        there = level_at(schedule, step.t_next)
        yield step, here, there
        here = there


def calls_of_stages(problem: SDEProblem, grid: Grid, stages: int) -> int:
    """Returns the calls of a method of so many a step; a step from α = 0 or to σ = 0, infinite in λ, takes one."""
    schedule = reverse_diffusion(problem).schedule
    ends = [float(schedule.log_snr(schedule.t_start - s)) for s in grid.times]
    infinite = sum(math.isinf(here) or math.isinf(there) for here, there in pairwise(ends))
    return stages * (grid.steps - infinite) + infinite


def decay(rate: float, h: float) -> float:
    """Returns e^{−rate·h}, which is 1 at rate 0 for an infinite h too."""
    return math.exp(-rate * h) if rate > 0.0 else 1.0


def need_signal(sampler: str, level: Level) -> None:
    """Raises BadInput at α = 0, where ρ is infinite: for samplers that follow ε, or x/α, there."""
    if level.alpha == 0.0:
        raise BadInput(
            f"{sampler} steps x/α, which does not exist at t={level.t:g}, where α = 0: take a sampler of x0 for this "
            "schedule (ddim, dpmpp-2m, unipc)."
        )


def order_at(order: int, index: int, steps: int, lower_order_final: bool, ahead: int = 0) -> int:
    """Returns how many predictions step `index` of a multistep method of `order` reads: index + 1 at most.

    With `lower_order_final` a grid of fewer than FEW_STEPS steps ends in steps of order …, 2, 1. A corrector reads
    `ahead` = 1 prediction more, that at the step's end.
    """
    left = steps - index + ahead if lower_order_final and steps < FEW_STEPS else order
    return min(order, index + 1 + ahead, left)


def final_step(lower_order_final: bool) -> str:
    """Returns what records say of the end of a walk."""
    if lower_order_final:
        return f"the last steps are of order …, 2, 1 on grids of fewer than {FEW_STEPS} steps"
    return "none: samples are taken at the last time of the grid"


def step_noise(
    problem: ReverseDiffusion, brownian: BrownianDriver, step: Step, there: Level, share: float = 1.0
) -> Tensor:
    """Returns ∫ σ′·e^{−τ²(λ′−λ)}·τ·(g/σ) dW over a step, shape (n, *shape), with τ² = `share`.

    Since g² = 2σ²·dλ/ds its variance is σ′²·(1 − e^{−2τ²h}): the noise of the SDE that has the score's drift 1 + τ²
    times (Lu et al. 2022, DPM-Solver++, for τ = 1; Xue et al. 2023, SA-Solver).
    """
    schedule = problem.schedule

    def kernel(s: Times) -> Times:
        t = schedule.t_start - s
        decay = np.exp(-share * (there.log_snr - schedule.log_snr(t)))
        return there.sigma * math.sqrt(share) * decay * schedule.diffusion(t) / schedule.sigma(t)

    return brownian.functional(step, kernel)
