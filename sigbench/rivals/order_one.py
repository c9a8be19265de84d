"""Sig-DEG without its signature: the same student, of the same teacher, that reads the increment ΔW alone."""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from sigbench.rivals.choices import check_choices
from sigbench.sigdeg.distillation.kinds import StudentChoices
from sigbench.sigdeg.distillation.law.recipe import LawRecipe
from sigbench.sigdeg.distillation.recipe import StudentRecipe
from sigbench.sigdeg.distillation.students import student_recipe
from sigbench.sigdeg.sampler import SigDEG
from sigbench.task import Task


class SigDEGOrder1(SigDEG):
    """Sig-DEG of signature order 1: what it lacks beside Sig-DEG is the signature's share."""

    name = "sigdeg-order1"
    citation = "arXiv 2508.16939, with the increment alone"
    when = "To see what the signature brings to Sig-DEG; not to sample by."
    signature_order = 1
    kind: ClassVar[str] = "sigdeg-order1-student"
    title: ClassVar[str] = "sigdeg-order1"


def order_one_recipe(task: Task, choices: StudentChoices, keep_paths: Path | None) -> StudentRecipe | LawRecipe:
    """Returns how Sig-DEG of order 1 is trained: as Sig-DEG, with nothing else changed.

    Raises BadInput for a task without a teacher, and for choices that it has not.
    """
    check_choices(SigDEGOrder1.name, choices, None, "width", "depth", "teacher_paths", "paths_seed", "loss", "start")
    recipe = student_recipe(task, replace(choices, order=1), keep_paths)
    return replace(recipe, kind=SigDEGOrder1.kind)
