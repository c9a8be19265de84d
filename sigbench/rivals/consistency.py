"""Consistency distillation (Song et al. 2023, arXiv 2303.01469): every state of a flow's path leads to the same end.

F_θ(x, t) gives the state at the grid's last time of the path through x at t, and is the identity there. It learns that
neighbours on a path agree: F(x_t) with x_t noised data is to be what F⁻ says of x_{t′}, one step of Heun's method with
the teacher away, where F⁻ is F with an average over its earlier weights (algorithm 2, eq. 8).

What departs: errors are squared and scaled by a learned function of the time (loss.py), where the paper has LPIPS; what
F gives is added to the flow's exact step for Gaussian data.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from sigbench.abilities import teacher_hash
from sigbench.progress import Listener
from sigbench.rivals.choices import check_choices, check_data
from sigbench.rivals.flow import FlowStudent, chosen_flow, step_of
from sigbench.rivals.noised import Group, NoisedData, NoisedPlan, batch_of, minibatch_of
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid, Step
from sigbench.sde.problem import ReverseDiffusion, SDEProblem
from sigbench.sigdeg.distillation.coarse_steps import Minibatch
from sigbench.sigdeg.distillation.kinds import StudentChoices
from sigbench.sigdeg.distillation.plan import DistillPlan
from sigbench.sigdeg.distillation.recipe import StudentRecipe
from sigbench.sigdeg.generators.student import StudentNetwork
from sigbench.task import Task


class ConsistencyModel(FlowStudent):
    """A call gives a sample; more calls noise it again to the grid's next time and call once more (algorithm 1).

    From a sample x̂ at the last time t_e the state at t is x̂·α/α_e + √(σ² − (σ_e·α/α_e)²)·ζ with ζ = ΔW/√h.
    """

    name = "consistency"
    citation = "Song et al. 2023, arXiv 2303.01469"
    when = "1 to 4 calls on a task with such a student."
    signature_order = 1
    final_step = "every call ends at the last time of the grid; what lies between is noise that is added again"
    kind: ClassVar[str] = "consistency-student"
    title: ClassVar[str] = "consistency"

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        assert isinstance(problem, ReverseDiffusion)
        schedule, last = problem.schedule, grid.times[-1]
        end = schedule.t_start - last
        alpha_end, sigma_end = float(schedule.alpha(end)), float(schedule.sigma(end))
        for step in grid:
            row = self._network.coefficients([replace(step, end=last)], x.dtype).to(x.device)
            x = self._step(x, row, problem.labels)
            if step.end < last:
                again = float(schedule.alpha(step.t_next)) / alpha_end
                noise = float(schedule.sigma(step.t_next)) ** 2 - (again * sigma_end) ** 2
                x = again * x + (noise / step.h) ** 0.5 * brownian.signature(step).increment
            yield x


@dataclass(frozen=True, slots=True)
class NeighboursPlan(NoisedPlan):
    """Minibatches of noised data, at `times` steps of the plan's grid; F⁻ forgets at `forgets` an iteration."""

    times: int = 40
    forgets: float = 0.95

    def facts(self) -> dict[str, Any]:
        """Returns the fields as plain JSON values."""
        return asdict(self)

    def check(self, task: Task, plan: DistillPlan) -> None:
        """Raises BadInput where the task's problem has no such grids."""
        problem = task.problem(torch.device("cpu"), torch.float32)
        for steps in (*plan.steps, self.times):
            problem.grid(plan.grid, steps)

    def walk(self, task: Task, plan: DistillPlan, folder: Path, report: Listener) -> None:
        """Walks nothing: no teacher's paths are asked for."""

    def open(
        self, task: Task, plan: DistillPlan, network: StudentNetwork, folder: Path, report: Listener
    ) -> "Neighbours":
        """Returns the steps that `network` learns from, which it answers itself; nothing is written."""
        problem = task.problem(plan.on, plan.compute)
        assert isinstance(problem, ReverseDiffusion)
        return Neighbours(NoisedData(task, problem), network, plan, self, teacher_hash(task))


class Neighbours:
    """Steps to the last time, from noised data, with what the network says one time later on the same path."""

    seconds = 0.0  # before the training

    def __init__(
        self,
        data: NoisedData,
        network: StudentNetwork,
        plan: DistillPlan,
        source: NeighboursPlan,
        taught_by: str | None,
    ) -> None:
        self.data, self.network, self.plan, self.source = data, network, plan, source
        self._taught_by = taught_by
        self.earlier = copy.deepcopy(network)
        self._answer = step_of(self.earlier, plan.compute)
        self._steps = list(data.problem.grid(plan.grid, source.times))

    def facts(self) -> Mapping[str, Any]:
        """Returns what determines the steps, as plain JSON values."""
        return {"teacher": "heun", **self.source.facts(), "data": len(self.data), "network": self._taught_by}

    def minibatch(self, iteration: int) -> Minibatch:
        """Returns the steps of an iteration, answered by F⁻, which follows the network first."""
        self._follow()
        source, problem = self.source, self.data.problem
        rng = np.random.default_rng([self.plan.seed, iteration])
        last = self._steps[-1].end
        groups = []
        with torch.no_grad():
            for _ in range(source.groups):
                step = self._steps[int(rng.integers(len(self._steps)))]
                x, own = self.data.draw(step.t, source.each, rng)
                y = heun_step(problem.labelled(own), step, x)
                if step.end < last:
                    y = self._answer(y, self.network.coefficients([Step(0, step.end, last, step.t_start)]), own)
                row = self.network.coefficients([Step(0, step.start, last, step.t_start)])
                groups.append(Group(x, y, row, own))
        return minibatch_of(groups)

    def _follow(self) -> None:
        with torch.no_grad():
            for mean, weight in zip(self.earlier.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(weight, 1.0 - self.source.forgets)

    def state_dict(self) -> dict[str, Any]:
        """Returns the weights of F⁻, which a training that goes on needs."""
        return {"earlier": self.earlier.state_dict()}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Takes the weights of F⁻."""
        self.earlier.load_state_dict(state["earlier"])


def heun_step(problem: ReverseDiffusion, step: Step, x: Tensor) -> Tensor:
    """Returns the state after a step of Heun's method along x/α in ρ = σ/α, where the flow is d(x/α) = ε dρ."""
    schedule = problem.schedule
    alpha, alpha_next = float(schedule.alpha(step.t)), float(schedule.alpha(step.t_next))
    change = float(schedule.sigma(step.t_next)) / alpha_next - float(schedule.sigma(step.t)) / alpha
    slope = problem.denoiser.eps(step.t, x)
    there = alpha_next * (x / alpha + change * slope)
    again = problem.denoiser.eps(step.t_next, there)
    return alpha_next * (x / alpha + 0.5 * change * (slope + again))


def consistency_recipe(task: Task, choices: StudentChoices, keep_paths: Path | None) -> StudentRecipe:
    """Returns how the student is trained; raises BadInput for a task without a teacher or without data to learn from.

    So it does for choices that the student has not.
    """
    check_choices(ConsistencyModel.name, choices, keep_paths, "width", "depth")
    check_data(ConsistencyModel.name, task)
    config, plan = chosen_flow(ConsistencyModel.name, task, choices)
    source = NeighboursPlan(batch=batch_of(task))
    source.check(task, plan)
    return StudentRecipe(task, config, plan, source, None, ConsistencyModel.kind)
