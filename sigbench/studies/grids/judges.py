"""What a grid is worth to a sampler, as a number of which smaller is better: by where walks end, or by a metric."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from sigbench.abilities import observe
from sigbench.errors import Diverged
from sigbench.measure.batch import path_of
from sigbench.measure.draw import draw_samples
from sigbench.measure.truth.references import References
from sigbench.records.comparison import score
from sigbench.sde.grid import Grid
from sigbench.sde.problem import SDEProblem
from sigbench.studies.grids.plan import TRAJECTORIES, SearchPlan
from sigbench.studies.grids.trajectories import walk_fine


class Judge(Protocol):
    """Scores grids on some repeats of the plan's noise, and says by what."""

    criterion: str

    def score(self, grid: Grid) -> float:
        """Returns the score of a grid, infinite where walks diverge."""
        ...


def judge_of(plan: SearchPlan, repeats: range) -> Judge:
    """Returns the judge that a plan asks for, on these repeats of its noise."""
    return EndJudge(plan, repeats) if plan.by == TRAJECTORIES else MetricJudge(plan, repeats)


class EndJudge:
    """How far the sampler ends from where it does in many steps, on the same path: the root mean square."""

    def __init__(self, plan: SearchPlan, repeats: Iterable[int]) -> None:
        self._cell = plan.cell
        self._count = min(plan.cell.samples, plan.cell.batch)
        self._ends: dict[int, tuple[SDEProblem, Tensor, Tensor]] = {}
        for repeat in repeats:
            walked = walk_fine(plan, repeat, self._count)
            self._ends[repeat] = walked.problem, walked.states[0], walked.states[-1]
        self.criterion = f"distance of {self._count} walks to the end of as many in many steps"

    def score(self, grid: Grid) -> float:
        """Returns the distance on a grid."""
        squares = []
        for repeat, (problem, start, end) in self._ends.items():
            path = path_of(self._cell, repeat, 0, self._count, grid)
            with torch.no_grad():
                *_, reached = self._cell.sampler.walk(problem, start, grid, path)
            squares.append(float((reached - end).double().square().mean()))
        found = float(np.sqrt(np.mean(squares)))
        return found if np.isfinite(found) else float("inf")


class MetricJudge:
    """What the metric of the plan's cell says: the mean of its scores over the repeats."""

    def __init__(self, plan: SearchPlan, repeats: range) -> None:
        self._cell, self._repeats = plan.cell, repeats
        (self._metric,) = plan.cell.metrics
        self._references = References(plan.cell.task.truth(), task=plan.cell.task.name, seed=plan.cell.settings.seed)
        self.criterion = f"{self._metric.name} of {plan.cell.samples} samples, the mean over {len(repeats)} repeats"

    def score(self, grid: Grid) -> float:
        """Returns the mean score on a grid."""
        cell = replace(self._cell, grid=grid)
        values = []
        for repeat in self._repeats:
            try:
                drawn = draw_samples(cell, repeat)
            except Diverged:
                return float("inf")
            seen = observe(cell.task, drawn.samples, drawn.labels)
            values.append(score(self._references.value(self._metric, seen, repeat), self._metric.better))
        mean = float(np.mean(values))
        return mean if np.isfinite(mean) else float("inf")
