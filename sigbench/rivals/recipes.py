"""How a thing is trained, by its name: a student that an entry point registers, or a network of the task's own."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from sigbench.abilities import HasRecipes, teacher_of
from sigbench.errors import BadInput, unknown_name
from sigbench.networks.recipe import Recipe
from sigbench.plug_ins import entry_points, load
from sigbench.registry import STUDENTS, check_name
from sigbench.sigdeg.distillation.kinds import StudentChoices
from sigbench.task import Task

STUDENT, SIGDEG = "student", "sigdeg"
Maker = Callable[[Task, StudentChoices, Path | None], Recipe]


def student_recipe_of(name: str, task: Task, choices: StudentChoices, keep_paths: Path | None = None) -> Recipe:
    """Returns how a student of the task's teacher is trained, by the student's name and a user's choices.

    Raises BadInput for an unknown name, for a task that cannot have this student, and for choices that it has not.
    """
    check_name(STUDENTS, name)
    maker: Maker = load(entry_points(STUDENTS)[name])
    return maker(task, choices, keep_paths)


def recipe_for(
    task: Task, what: str, choices: StudentChoices, keep_paths: Path | None = None, student: str = SIGDEG
) -> Recipe:
    """Returns how `what` is trained: a student, by its name, or one of the task's own networks by the task's recipe.

    Of the choices only the iterations are for the task's own. Raises BadInput for a name that there is no recipe for,
    and for choices that it has not.
    """
    if what == STUDENT:
        return student_recipe_of(student, task, choices, keep_paths)
    own = task.recipes() if isinstance(task, HasRecipes) else {}
    if what not in own:
        raise unknown_name(f"thing to train of the task {task.name}", what, trainable(task))
    usual = StudentChoices()
    for each in fields(StudentChoices):
        if each.name != "iterations" and getattr(choices, each.name) != getattr(usual, each.name):
            raise BadInput(f"the {what} is trained by the task's own recipe: no --{each.name.replace('_', '-')}.")
    if keep_paths is not None:
        raise BadInput(f"the {what} is trained by the task's own recipe: no --keep-paths.")
    if choices.iterations is None:
        return own[what]
    if choices.iterations < 1:
        raise BadInput(f"--iterations must be at least 1, got {choices.iterations}.")
    return own[what].shortened(choices.iterations)


def trainable(task: Task) -> list[str]:
    """Returns what can be trained of a task: its own networks, and a student where there is a teacher."""
    own = task.recipes() if isinstance(task, HasRecipes) else {}
    return [*own, *([STUDENT] if teacher_of(task) is not None else [])]
