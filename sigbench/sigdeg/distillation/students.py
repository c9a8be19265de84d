"""Which student a task can have, by what a user chooses: the recipe that trains it."""

from dataclasses import replace
from pathlib import Path
from typing import cast, get_args

import torch

from sigbench.abilities import HasClasses, networks_of, teacher_of
from sigbench.errors import BadInput
from sigbench.measure.settings import MAX_SEED, pick_device
from sigbench.models.task import ImageTask
from sigbench.networks.artifacts import read_manifest
from sigbench.sde.grid import check_steps
from sigbench.sde.grids.find import one_name
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sigdeg.distillation.kinds import BROUGHT, KINDS, Kind, StudentChoices
from sigbench.sigdeg.distillation.law.recipe import LawRecipe
from sigbench.sigdeg.distillation.plan import DistillPlan, Loss, LossOfLaw
from sigbench.sigdeg.distillation.recipe import StudentRecipe
from sigbench.sigdeg.generators.student import Added, StudentConfig
from sigbench.task import Task


def student_recipe(task: Task, choices: StudentChoices, keep_paths: Path | None = None) -> StudentRecipe | LawRecipe:
    """Returns how a student of the task's teacher is trained by these choices.

    The paths of a teacher that is a network stay in `keep_paths` for further students. Raises BadInput for a task
    without a teacher and for choices that no student of the task can have.
    """
    return (_on_laws if choices.loss in get_args(LossOfLaw) else _on_paths)(task, choices, keep_paths)


def _on_paths(task: Task, choices: StudentChoices, keep_paths: Path | None) -> StudentRecipe:
    if choices.start is not None:
        raise BadInput("--start is for the losses 'law' and 'score': other students are trained from their teacher.")
    kind, task, config, plan = chosen_student(task, choices)
    if keep_paths is not None and not kind.stores_paths:
        raise BadInput(
            f"the teacher of the task {task.name!r} is no network: its paths are not stored, so no --keep-paths."
        )
    source = kind.source(task, choices)
    source.check(task, plan)
    return StudentRecipe(task, config, plan, source, keep_paths)


def _on_laws(task: Task, choices: StudentChoices, keep_paths: Path | None) -> LawRecipe:
    if keep_paths is not None or choices.teacher_paths is not None:
        raise BadInput(
            f"the loss {choices.loss!r} asks for no paths of a teacher: no --keep-paths and no --teacher-paths."
        )
    if choices.guidance:
        raise BadInput(f"the loss {choices.loss!r} compares with data, whose law has no guidance.")
    kind, task, config, plan = chosen_student(task, choices)
    return LawRecipe(task, config, plan, kind.law, choices.start)


def chosen_student(task: Task, choices: StudentChoices) -> tuple[Kind, Task, StudentConfig, DistillPlan]:
    """Returns the kind of student that the task's teacher has, the guided task, the student's network and its plan.

    Raises BadInput for a task without a teacher and for choices that no student of the task can have.
    """
    task = _guided(task, choices.guidance)
    if teacher_of(task) is None:
        raise BadInput(f"the task {task.name!r} has no teacher to distil.")
    kind = _kind_of(task)
    problem = task.problem(torch.device("cpu"), torch.float32)
    if not isinstance(problem, ReverseDiffusion):
        raise BadInput(f"a student needs a reverse diffusion, and the task {task.name!r} is none.")
    for steps in choices.steps:
        check_steps(steps)
    if not 0 <= choices.seed <= MAX_SEED:
        raise BadInput(f"the seed of a training must be between 0 and {MAX_SEED}, got {choices.seed}.")
    training = kind.law_training if choices.loss in get_args(LossOfLaw) else kind.plan.training
    plan = replace(
        kind.plan,
        steps=choices.steps,
        grid=one_name(choices.grid or task.default_grid),
        loss=cast(Loss, choices.loss),
        seed=choices.seed,
        device=str(pick_device(choices.device)),
        training=training if choices.iterations is None else replace(training, iterations=choices.iterations),
    )
    shared = {
        "order": kind.order if choices.order is None else choices.order,
        "schedule": problem.schedule.name,
        "base": cast(Added, choices.base),
        "memory": choices.memory,
    }
    return kind, task, kind.config(task, choices, shared), plan


def _guided(task: Task, guidance: float) -> Task:
    if guidance == 0.0:
        return task
    if not isinstance(task, HasClasses):
        raise BadInput(f"samples of the task {task.name!r} have no classes: no guidance is for it.")
    return task.conditioned(None, guidance)


def _kind_of(task: Task) -> Kind:
    if isinstance(task, ImageTask):
        return KINDS[BROUGHT]
    folder = networks_of(task).get("teacher")
    kind = None if folder is None else read_manifest(folder).kind
    if kind not in KINDS:
        raise BadInput(f"no student can be made of the teacher of the task {task.name!r}, a {kind}.")
    return KINDS[kind]
