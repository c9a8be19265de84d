"""What a user may choose of a rival, and what a task must have for it: everything else is refused by reason."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import torch

from sigbench.abilities import HasTrainingData, networks_of
from sigbench.errors import BadInput
from sigbench.models.task import FileTask
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sigdeg.distillation.kinds import StudentChoices
from sigbench.task import Task

_SHARED = ("grid", "steps", "iterations", "seed", "device")


def check_choices(name: str, choices: StudentChoices, keep_paths: Path | None, *own: str) -> None:
    """Raises BadInput for a choice that a student lacks: all but the shared ones and its `own`."""
    usual = StudentChoices()
    for each in fields(StudentChoices):
        if each.name not in (*_SHARED, *own) and getattr(choices, each.name) != getattr(usual, each.name):
            raise BadInput(f"the student {name} has no choice of --{each.name.replace('_', '-')}.")
    if keep_paths is not None:
        raise BadInput(f"the student {name} keeps no paths of its teacher: no --keep-paths.")


def teacher_is_network(task: Task) -> bool:
    """Returns whether the task's teacher calls a network, and no closed formula: a walk of it then costs much."""
    return isinstance(task, FileTask) or "teacher" in networks_of(task)


def check_schedule(name: str, task: Task) -> None:
    """Raises BadInput where the task's schedule begins without signal or ends without noise: λ is infinite there."""
    problem = task.problem(torch.device("cpu"), torch.float32)
    if not isinstance(problem, ReverseDiffusion):
        raise BadInput(f"a student needs a reverse diffusion, and the task {task.name!r} is none.")
    schedule = problem.schedule
    if not np.isfinite([schedule.log_snr(schedule.t_start), schedule.log_snr(schedule.t_end)]).all():
        raise BadInput(
            f"the student {name} needs a finite log(α/σ) at both ends, and the schedule {schedule.name!r} of the task "
            f"{task.name!r} begins without signal or ends without noise."
        )


def check_data(name: str, task: Task) -> None:
    """Raises BadInput where the task has no samples that a student may learn from."""
    if not isinstance(task, HasTrainingData):
        raise BadInput(
            f"the student {name} learns from noised data, and the task {task.name!r} has none to learn from."
        )
