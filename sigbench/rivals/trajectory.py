"""Trajectory matching on the probability flow (SFD, Zhou et al. 2024, arXiv 2409.19681): Sig-DEG's deterministic twin.

The teacher solves the flow finely from x_T. The student walks the coarse grid from the same x_T by its own states, and
is compared with the teacher after every step, |Z_k − x(t_k)|; the next step starts at Z_k without the gradient
(algorithm 1). So it learns to go on from where it really is, and no backpropagation runs through its calls.

What departs from the paper: one student serves all step counts by reading both ends of a step, its errors are scaled
by a learned function of these, as Sig-DEG's are (loss.py), and the teacher is solved by Heun's method.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from sigbench.abilities import Teacher
from sigbench.progress import Listener
from sigbench.registry import make_sampler
from sigbench.rivals.choices import check_choices, teacher_is_network
from sigbench.rivals.flow import FlowStudent, chosen_flow
from sigbench.sigdeg.distillation.coarse_steps import Rollouts
from sigbench.sigdeg.distillation.fresh_steps import FreshPlan, FreshSteps
from sigbench.sigdeg.distillation.kinds import StudentChoices
from sigbench.sigdeg.distillation.loss import Distillation
from sigbench.sigdeg.distillation.plan import DistillPlan
from sigbench.sigdeg.distillation.recipe import StudentRecipe
from sigbench.sigdeg.generators.student import StudentNetwork
from sigbench.task import Task


class SFD(FlowStudent):
    """A student of the flow that was trained along its own walk, against the teacher's states at the same times."""

    name = "sfd"
    citation = "Zhou et al. 2024, arXiv 2409.19681"
    when = (
        "Few calls on a task with such a student, where no noise is wanted; beside sigdeg, to see what noise is worth."
    )
    kind: ClassVar[str] = "sfd-student"
    title: ClassVar[str] = "sfd"


class AlongItsOwnWalk(Distillation):
    """The absolute error of each state that the student's own walk reaches, the state before it taken as given."""

    def _along(self, walked: Rollouts, compute: torch.dtype) -> list[Tensor]:
        x, losses = walked.states[:, 0], []
        for k, row in enumerate(walked.rows.split(1)):
            reached = self.network(x, walked.whitened[:, k], row, walked.labels, compute)
            losses.append(self._scaled("walked", reached, walked.states[:, k + 1], row))
            x = reached.detach()
        return losses

    def size_of(self, error: Tensor) -> Tensor:
        """Returns the mean absolute value of errors (n, d), shape (n,)."""
        return error.abs().mean(1)


@dataclass(frozen=True, slots=True)
class FlowPlan(FreshPlan):
    """How the teacher solves the flow, by `scheme` in so many steps: pools of paths, renewed in turn."""

    scheme: str = "heun"
    teacher_steps: int = 150

    def check(self, task: Task, plan: DistillPlan) -> None:
        """Raises BadInput where the task's problem has no such grids."""
        problem = task.problem(torch.device("cpu"), torch.float32)
        for steps in plan.steps:
            problem.grid(plan.grid, steps)

    def open(
        self, task: Task, plan: DistillPlan, network: StudentNetwork, folder: Path, report: Listener
    ) -> FreshSteps:
        """Returns the steps of the task's flow; nothing is written."""
        problem = task.problem(plan.on, plan.compute)
        teacher = Teacher(self.teacher_steps, plan.grid, self.scheme)
        return FreshSteps(problem, teacher, make_sampler(self.scheme), network, plan, self)


def sfd_recipe(task: Task, choices: StudentChoices, keep_paths: Path | None) -> StudentRecipe:
    """Returns how the student is trained; raises BadInput for a task without a teacher and choices that it has not."""
    check_choices(SFD.name, choices, keep_paths, "width", "depth")
    config, plan = chosen_flow(SFD.name, task, choices)
    costly = teacher_is_network(task)
    source = FlowPlan(batch=320, pool=512, refresh=50, teacher_steps=40) if costly else FlowPlan()
    plan = replace(plan, loss="global")
    source.check(task, plan)
    return StudentRecipe(task, config, plan, source, None, SFD.kind, AlongItsOwnWalk)
