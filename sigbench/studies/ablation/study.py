"""Ablations: students trained under one budget and judged on one noise, a cell of a sweep each.

A worker trains the student of its cell, or goes on from its checkpoint, and then measures it. What is trained stays in
the work folder, and what is measured in its store, so that a repeated command does only what is missing.
"""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from sigbench import __version__
from sigbench.abilities import network_hashes, networks_of, teacher_of
from sigbench.errors import BadInput
from sigbench.measure.cell import Cell, Settings, plan_cells
from sigbench.networks.artifacts import read_manifest
from sigbench.progress import Listener, ignore
from sigbench.records.record import Record, key_of
from sigbench.records.store import Store
from sigbench.registry import make_task
from sigbench.sigdeg.distillation.network_students import teacher_paths
from sigbench.sigdeg.distillation.training import (
    StudentChoices,
    check_student,
    network_plan,
    train_student,
    training_plan,
)
from sigbench.studies.ablation.file import AblationFile, Variant
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
    """A variant as it is handed to a worker process, which trains it where it is missing."""

    variant: Variant
    choices: StudentChoices
    work_folder: str

    def __str__(self) -> str:
        return f"{self.task} · {self.variant}"

    @property
    def folder(self) -> Path:
        """Where the student lies, or its checkpoint."""
        return Path(self.work_folder) / "students" / self.key

    def plan(self) -> Cell:
        """Trains the student where it is missing, and returns its cell; raises BadInput where it cannot be one."""
        if not (self.folder / "manifest.json").is_file():
            paths = _paths_folder(Path(self.work_folder)) if _has_network(make_task(self.task)) else None
            train_student(self.task, self.choices, self.folder, command="sigbench ablate", paths=paths)
        (cell,) = plan_cells(self.settings, [f"sigdeg:artifact={self.folder}"], [self.variant.steps])
        own = {field.name: getattr(cell, field.name) for field in fields(Cell)}
        return StudentCell(**{**own, "sampler_spec": "sigdeg"}, variant_key=self.key)


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

    def results(self) -> list[dict[str, Any]]:
        """Returns what is known of every measured variant, as plain JSON values, in the order of the file."""
        found, store = [], self.store
        for cell in self.cells:
            record = store.read(cell.key)
            if record is not None:
                found.append(_result(self.file, cell, record))
        return found


def plan_ablation(file: AblationFile, work: Path) -> Ablation:
    """Returns the cells of an ablation in `work`; raises BadInput where a variant is no student of the task."""
    task = make_task(file.task)
    if teacher_of(task) is None:
        raise BadInput(f"the task {task.name!r} has no teacher to distil.")
    cells = tuple(_planned(file, task, variant, work.resolve()) for variant in file.variants)
    return Ablation(file, cells, work)


def walk_teacher(ablation: Ablation, report: Listener = ignore) -> None:
    """Walks the paths of a teacher that is a network, once for all students; `report` hears of them."""
    task = make_task(ablation.file.task)
    if not _has_network(task) or not ablation.cells:
        return
    plan = network_plan(task, ablation.cells[0].choices)
    folder = _paths_folder(ablation.work.resolve())
    teacher_paths(task, plan, folder, report)


def _has_network(task: Task) -> bool:
    return "teacher" in networks_of(task)


def _paths_folder(work: Path) -> Path:
    return work / "paths"


def _planned(file: AblationFile, task: Task, variant: Variant, work: Path) -> PlannedStudent:
    choices, settings = file.choices(variant), file.settings(variant)
    try:
        check_student(task, choices)
    except BadInput as error:
        raise BadInput(f"the student of {variant}: {error}") from None
    determinants = {
        "kind": "ablation",
        "sigbench": __version__,
        "task": task.name,
        "task_version": task.version,
        "teacher": network_hashes(task),
        "plan": training_plan(task, choices),
        "choices": asdict(choices),
        "settings": _judged(settings),
    }
    return PlannedStudent(
        settings,
        "sigdeg",
        (variant.steps,),
        name=str(variant),
        steps=variant.steps,
        grid=variant.grid,
        key=key_of(json.loads(json.dumps(determinants))),
        work=float(variant.steps),
        variant=variant,
        choices=choices,
        work_folder=str(work),
    )


def _judged(settings: Settings) -> dict[str, Any]:
    return {name: value for name, value in asdict(settings).items() if name != "metrics"}


def _result(file: AblationFile, cell: PlannedStudent, record: Record) -> dict[str, Any]:
    """What is known of a variant; the teacher's paths, which students share, are no part of its training."""
    timing = record["timing"]
    spent, paths = None if timing is None else timing["training_s"], 0.0
    if (cell.folder / "manifest.json").is_file():
        paths = float(read_manifest(cell.folder).cost.get("paths_s", 0.0))
    return {
        "kind": "ablation",
        "task": file.task,
        "variant": asdict(cell.variant),
        "usual": cell.variant == file.usual,
        "budget": dict(file.budget),
        "training_s": None if spent is None else spent - paths,
        "paths_s": paths,
        "record": record,
    }
