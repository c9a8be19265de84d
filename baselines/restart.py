"""Restart sampling: a deterministic walk that goes back up in noise, and down again, in one interval."""

import math
from collections.abc import Iterator
from typing import ClassVar

from torch import Tensor

from sigbench.errors import BadInput
from sigbench.sampler import Family, Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import ReverseDiffusion, SDEProblem
from sigbench_baselines.half_log_snr import Level, calls_of_stages, levels_of, need_signal, reverse_diffusion
from sigbench_baselines.heun import heun_step

_MOST_RESTARTS = 4  # as many independent normals as the paths of tasks hold for a step


class Restart(Sampler):
    """Restart in z = x/α: once below `low`, `restarts` times z ← z + √(ρ_max² − ρ_min²)·ζ and Heun's rule down again.

    ρ_max is the grid's first σ/α that is at most `high`, ρ_min its first that is at most `low`; where the grid has no
    two such times there is nothing to restart. Noise contracts the errors made above the interval, Heun's steps add
    little of their own. Two calls a step, those walked again counted each time.
    """

    name = "restart"
    citation = "Xu et al. 2023, arXiv 2306.14878"
    when = "Tens of calls, between a flow's speed and an SDE's forgetting of errors."
    family: ClassVar[Family] = "sde"
    needs = "denoiser"
    signature_order, nfe_per_step = 1, 2

    def __init__(self, restarts: int = 1, low: float = 0.1, high: float = 1.0) -> None:
        if not 1 <= restarts <= _MOST_RESTARTS:
            raise BadInput(f"{self.name} restarts 1 to {_MOST_RESTARTS} times, got {restarts}.")
        if not 0.0 < low < high:
            raise BadInput(f"{self.name} needs 0 < low < high, in units of σ/α; got low={low:g} and high={high:g}.")
        self.restarts, self.low, self.high = restarts, low, high
        self.signature_order = restarts

    def calls(self, problem: SDEProblem, grid: Grid) -> int:
        """Returns the calls of Heun's rule on the grid, and again on the interval for each restart."""
        problem = reverse_diffusion(problem)
        inside = len(self._interval([(here, there) for _, here, there in levels_of(problem, grid)]))
        return calls_of_stages(problem, grid, 2) + 2 * self.restarts * inside

    def _interval(self, pairs: list[tuple[Level, Level]]) -> list[tuple[Level, Level]]:
        """The ends of the steps from ρ_max to ρ_min."""
        ends = [there for _, there in pairs if 0.0 < there.ratio <= self.low]
        return [pair for pair in pairs if ends and pair[0].ratio <= self.high and pair[1].ratio >= ends[0].ratio]

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        problem = reverse_diffusion(problem)
        interval = self._interval([(here, there) for _, here, there in levels_of(problem, grid)])
        for step, here, there in levels_of(problem, grid):
            need_signal(self.name, here)
            z = heun_step(problem, x / here.alpha, here, there)
            if interval and there == interval[-1][1]:
                for zeta in brownian.signature(step, self.restarts).whitened():
                    z = self._again(problem, z, zeta, interval)
            x = there.alpha * z
            yield x

    def _again(self, problem: ReverseDiffusion, z: Tensor, zeta: Tensor, interval: list[tuple[Level, Level]]) -> Tensor:
        """Up from the interval's lower end to its upper one by noise, and down again by Heun's rule."""
        z = z + math.sqrt(interval[0][0].ratio ** 2 - interval[-1][1].ratio ** 2) * zeta
        for here, there in interval:
            z = heun_step(problem, z, here, there)
        return z
