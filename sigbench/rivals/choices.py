"""What a user may choose of a rival, and what a task must have for it: everything else is refused by reason."""

from dataclasses import fields
from pathlib import Path

from sigbench.abilities import HasTrainingData
from sigbench.errors import BadInput
from sigbench.sigdeg.distillation.kinds import StudentChoices
from sigbench.task import Task

_SHARED = ("grid", "steps", "iterations", "seed")


def check_choices(name: str, choices: StudentChoices, keep_paths: Path | None, *own: str) -> None:
    """Raises BadInput for a choice that a student lacks: all but steps, grid, iterations, seed and its `own`."""
    usual = StudentChoices()
    for each in fields(StudentChoices):
        if each.name not in (*_SHARED, *own) and getattr(choices, each.name) != getattr(usual, each.name):
            raise BadInput(f"the student {name} has no choice of --{each.name.replace('_', '-')}.")
    if keep_paths is not None:
        raise BadInput(f"the student {name} keeps no paths of its teacher: no --keep-paths.")


def check_data(name: str, task: Task) -> None:
    """Raises BadInput where the task has no samples that a student may learn from."""
    if not isinstance(task, HasTrainingData):
        raise BadInput(
            f"the student {name} learns from noised data, and the task {task.name!r} has none to learn from."
        )
