"""A learned solver: a multistep method whose coefficients and times are optimised for the teacher, with no new network.

In λ = log(α/σ), h = λ′ − λ and D the task's own prediction of x0, a step of K is

    x′ = (σ′/σ)·x + α′(1 − e^{−h})·(a·x/√(α² + σ²) + Σ_j w_j·D_j),   j = 0 … WINDOW − 1 the last predictions,

with a and w learned for every step of every K. They start as DPM-Solver++(2M)'s (a = 0, w a line through the last two
predictions). The times are one learned table of noise levels for all K, read as the grid `sigmas` reads one. This is
the solver of S4S (Frankel et al. 2025, arXiv 2502.17423, eq. 5 and section 3), for predictions of x0 and with
coefficients on x besides; the ancestor of the idea is AMED's (Zhou et al. 2024, arXiv 2312.00094).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from sigbench.guard import one_line
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import MAX_STEPS, Grid, Step
from sigbench.sde.problem import ReverseDiffusion, SDEProblem, state_dtype
from sigbench.sde.schedule import Schedule
from sigbench.sigdeg.trained import Builder, TrainedStudent
from sigbench.task import Task

WINDOW = 3
_MOST_COUNTS = 1_000
KNOTS = 10  # intervals of the learned table of levels


class Coefficients(nn.Module):
    """What is learned: a and w for every step of every K in `steps`, and the table's intervals in λ.

    `scales` holds a (K,), `weights` w (K, WINDOW), and `intervals` (KNOTS,) the logarithms of the table's intervals, up
    to a constant.
    """

    def __init__(self, steps: Sequence[int]) -> None:
        super().__init__()
        self.intervals = nn.Parameter(torch.zeros(KNOTS))
        self.scales = nn.ParameterDict({str(k): nn.Parameter(torch.zeros(k)) for k in steps})
        self.weights = nn.ParameterDict({str(k): nn.Parameter(torch.zeros(k, WINDOW)) for k in steps})

    def start_from_line(self, schedule: Schedule, steps: int, grid: Grid) -> None:
        """Sets w to DPM-Solver++(2M)'s on a grid, its first and last steps of order 1."""
        log_snr = [float(schedule.log_snr(schedule.t_start - s)) for s in grid.times]
        with torch.no_grad():
            weights = self.weights[str(steps)].zero_()
            weights[:, 0] = 1.0
            for k in range(1, steps - 1):
                h, before = log_snr[k + 1] - log_snr[k], log_snr[k] - log_snr[k - 1]
                slope = (1.0 + h / math.expm1(-h)) / before  # ∫ e^{λ−λ′}(λ − λ_k) dλ over h₋₁·(e^{−h} − 1)
                weights[k, 0] -= slope
                weights[k, 1] += slope


def take_step(
    schedule: Schedule, step: Step, x: Tensor, predictions: Sequence[Tensor], a: Tensor | float, w: Tensor
) -> Tensor:
    """Returns the state after a step of the learned solver from x (n, *shape); `predictions` are D_0, D_1, … so far.

    `a` and `w` (WINDOW,) are the step's coefficients. A prediction that there is not yet has no weight.
    """
    alpha, sigma, sigma_next = float(schedule.alpha(step.t)), *(float(schedule.sigma(u)) for u in (step.t, step.t_next))
    h = float(schedule.log_snr(step.t_next)) - float(schedule.log_snr(step.t))
    gain = -float(schedule.alpha(step.t_next)) * math.expm1(-h)
    found = (sigma_next / sigma + gain / math.hypot(alpha, sigma) * a) * x
    for weight, prediction in zip(w, predictions, strict=False):
        found = found + gain * weight * prediction
    return found


class LearnedSolver(TrainedStudent):
    """The solver with the coefficients and times of its artifact, on the task's own network."""

    name = "learned-solver"
    citation = "Frankel et al. 2025, arXiv 2502.17423"
    when = "Few calls where minutes of training are to be had, and no new network."
    signature_order = 0
    kind: ClassVar[str] = "learned-solver"
    title: ClassVar[str] = "learned-solver"

    @classmethod
    def builder_of(cls, config: Mapping[str, Any]) -> Builder:
        steps = config["steps"]
        if len(steps) > _MOST_COUNTS or not all(isinstance(k, int) and 1 <= k <= MAX_STEPS for k in steps):
            raise ValueError(f"steps is {one_line(repr(steps))}")
        return lambda schedule: Coefficients(steps)

    @classmethod
    def weights_in(cls, dtype: torch.dtype) -> torch.dtype:
        """Returns the dtype of the states: coefficients are no network."""
        return state_dtype(dtype)

    def take(self, network: nn.Module, task: Task, problem: ReverseDiffusion, dtype: torch.dtype) -> None:
        assert isinstance(network, Coefficients)
        self._coefficients = network

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        return self.resume(problem, [x], grid, brownian)

    def resume(
        self, problem: SDEProblem, states: Sequence[Tensor], grid: Grid, brownian: BrownianDriver
    ) -> Iterator[Tensor]:
        assert isinstance(problem, ReverseDiffusion)
        x, predictions = states[-1], list[Tensor]()
        scales = self._coefficients.scales[str(grid.steps)].tolist()
        weights = self._coefficients.weights[str(grid.steps)].to(x.dtype)
        for step, a, w in zip(grid, scales, weights, strict=True):
            known = step.index < len(states) - 1
            prediction = problem.denoiser.x0(step.t, states[step.index] if known else x)
            predictions = [prediction, *predictions[: WINDOW - 1]]
            if not known:
                x = take_step(problem.schedule, step, x, predictions, a, w)
                yield x
