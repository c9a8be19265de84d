"""Ablations: students trained under one budget and judged on one noise, a cell of a sweep each.

A worker trains the student of its cell, or goes on from its checkpoint, and then measures it. What is trained stays in
the work folder, and what is measured in its store, so that a repeated command does only what is missing.
"""

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sigbench import __version__
from sigbench.abilities import metrics_of, network_hashes
from sigbench.errors import BadInput
from sigbench.measure.cell import Cell, plan_cells
from sigbench.measure.source.plug_ins import code_of, package_code
from sigbench.measure.truth.judges import added_metrics
from sigbench.metrics.metric import KnownModes
from sigbench.networks.artifacts import MANIFEST, read_manifest
from sigbench.networks.recipe import train_artifact
from sigbench.progress import Listener, ignore
from sigbench.records.key import key_of
from sigbench.records.record import Record
from sigbench.records.store import Store, make_folder
from sigbench.registry import make_task
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sigdeg.distillation.kinds import StudentChoices
from sigbench.sigdeg.distillation.law.recipe import LawRecipe
from sigbench.sigdeg.distillation.recipe import PATHS, StudentRecipe
from sigbench.sigdeg.distillation.students import student_recipe
from sigbench.sigdeg.generators.linear_step import left_out
from sigbench.sigdeg.sampler import SigDEG
from sigbench.studies.ablation.file import AblationFile, Variant
from sigbench.studies.ablation.result import AblationResult
from sigbench.sweep.plan import PlannedCell
from sigbench.task import Task


@dataclass(frozen=True)
class StudentCell(Cell):
    """The cell of a variant: its record is kept under the variant's own key, and names no folder of this machine."""

    variant_key: str

    @property
    def key(self) -> str:
        return self.variant_key


@dataclass(frozen=True)
class PlannedStudent(PlannedCell):
    """A variant as it is handed to a worker process, which trains its student where it is missing.

    `student_key` is of everything that determines the student; variants that differ in how they are judged share one.
    """

    variant: Variant
    choices: StudentChoices
    student_key: str
    work_folder: str

    def __str__(self) -> str:
        return f"{self.task} · {self.variant}"

    @property
    def written_folders(self) -> tuple[str, ...]:
        return (self.work_folder,)

    @property
    def folder(self) -> Path:
        """Where the student lies, or its checkpoint."""
        return Path(self.work_folder) / "students" / self.student_key

    def recipe(self) -> StudentRecipe | LawRecipe:
        """Returns how the student is trained; students of a network share the teacher's paths."""
        recipe = student_recipe(make_task(self.task), self.choices)
        return replace(recipe, kept=Path(self.work_folder) / PATHS) if isinstance(recipe, StudentRecipe) else recipe

    def prepare(self) -> None:
        """Trains the student where it is missing, waiting where another process is at it.

        Raises BadInput where it cannot be trained.
        """
        with _alone(Path(self.work_folder) / "locks", self.student_key):
            if not (self.folder / MANIFEST).is_file():
                train_artifact(make_task(self.task), self.recipe(), self.folder, command="sigbench ablate")

    def cell(self) -> Cell:
        """Returns the cell of the trained student; raises BadInput where it cannot be measured."""
        (cell,) = plan_cells(self.settings, [f"sigdeg:artifact={self.folder}"], [self.variant.steps])
        own = {field.name: getattr(cell, field.name) for field in fields(Cell)}
        return StudentCell(**{**own, "sampler_spec": "sigdeg"}, variant_key=self.key)


@contextmanager
def _alone(locks: Path, key: str) -> Iterator[None]:
    """Waits until no other process is here under the same key; the system lets go when a process ends."""
    with (make_folder(locks, "the folder of locks") / key).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Ablation:
    """An ablation that is ready to run: its file, its cells, and the folder of students and records."""

    file: AblationFile
    cells: tuple[PlannedStudent, ...]
    work: Path

    @property
    def store(self) -> Store:
        """Where the records are."""
        return Store(self.work / "records")

    @property
    def in_turn(self) -> list[PlannedStudent]:
        """The cells as they are best run: one of each student first, so that workers train different ones."""
        first = {cell.student_key: cell for cell in reversed(self.cells)}
        leading = [cell for cell in self.cells if first[cell.student_key] is cell]
        return [*leading, *(cell for cell in self.cells if first[cell.student_key] is not cell)]

    @property
    def students(self) -> int:
        """How many students are trained."""
        return len({cell.student_key for cell in self.cells})

    def results(self) -> list[AblationResult]:
        """Returns what is known of every measured variant, in the order of the file."""
        store, task = self.store, make_task(self.file.task)
        found = [(cell, store.read(cell.key)) for cell in self.cells]
        return [_result(self.file, task, cell, record) for cell, record in found if record is not None]


def plan_ablation(file: AblationFile, work: Path) -> Ablation:
    """Returns the cells of an ablation in `work`; raises BadInput where a variant is no student of the task."""
    task = make_task(file.task)
    return Ablation(file, tuple(_planned(file, task, variant, work.resolve()) for variant in file.variants), work)


def planned_line(cell: PlannedStudent) -> str:
    """Returns a line of JSON about a variant that would be trained and measured."""
    return json.dumps(
        {"key": cell.key, "student": cell.student_key, "task": cell.task, "variant": asdict(cell.variant)}
    )


def walk_teacher(ablation: Ablation, report: Listener = ignore) -> None:
    """Walks the teacher's paths where students share them, once for all; `report` hears of them."""
    for cell in ablation.cells[:1]:
        cell.recipe().walk(ablation.work.resolve() / PATHS, report)


def _planned(file: AblationFile, task: Task, variant: Variant, work: Path) -> PlannedStudent:
    choices, settings = file.choices(variant), file.settings(variant)
    added = added_metrics(settings, task)
    try:
        student = {"sigbench": __version__, **student_recipe(task, choices).determinants()}
    except BadInput as error:
        raise BadInput(f"the student of {variant}: {error}") from None
    judged = {
        "networks": network_hashes(task),
        "steps": variant.steps,
        "settings": asdict(settings),
        "metrics": {metric.name: metric.method for metric in added},
        "code": [
            code_of("task", type(task)),
            code_of("sampler", SigDEG),
            *(code_of(metric.name, type(metric)) for metric in (*metrics_of(task), *added)),
        ],
        "package": package_code(),
    }
    return PlannedStudent(
        settings,
        "sigdeg",
        (variant.steps,),
        name=str(variant),
        steps=variant.steps,
        grid=variant.grid,
        key=_key_of({"kind": "ablation", "student": student, **judged}),
        work=float(variant.steps),
        variant=variant,
        choices=choices,
        student_key=_key_of(student),
        work_folder=str(work),
    )


def _key_of(determinants: Mapping[str, Any]) -> str:
    return key_of(json.loads(json.dumps(determinants)))


def _result(file: AblationFile, task: Task, cell: PlannedStudent, record: Record) -> AblationResult:
    """What is known of a variant; the teacher's paths, which students share, are no part of its training."""
    timing = record["timing"]
    spent, paths = None if timing is None else timing["training_s"], 0.0
    if (cell.folder / MANIFEST).is_file():
        paths = float(read_manifest(cell.folder).cost["paths_s"])
    return AblationResult(
        task=file.task,
        variant=cell.variant,
        usual=cell.variant == file.usual,
        budget=dict(file.budget),
        training_s=None if spent is None else spent - paths,
        paths_s=paths,
        record=record,
        left_out=_left_out(task, cell.variant),
    )


def _left_out(task: Task, variant: Variant) -> float | None:
    """The share of variance that the variant's signatures leave out of a mode, None where no modes are known."""
    truth, problem = task.truth(), task.problem(torch.device("cpu"), torch.float32)
    if not isinstance(truth, KnownModes) or not isinstance(problem, ReverseDiffusion):
        return None
    std = float(np.sqrt(truth.weights @ truth.stds**2))
    return left_out(problem.schedule, problem.grid(variant.grid, variant.steps), std, variant.order)
