"""Training a task's Sig-DEG student and writing its artifact."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from sigbench.errors import BadInput
from sigbench.metrics.metric import KnownModes, Truth
from sigbench.networks.artifacts import Manifest, save_artifact
from sigbench.records.provenance import git_commit, package_versions
from sigbench.records.store import make_folder
from sigbench.registry import make_sampler, make_task
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.signature import check_order
from sigbench.sigdeg.distill import DistillPlan, distill
from sigbench.sigdeg.generator import GeneratorConfig
from sigbench.sigdeg.sampler import KIND
from sigbench.task import Task

Report = Callable[[int, int, float], None]


@dataclass(frozen=True, slots=True)
class StudentChoices:
    """What a user may choose of a student; None means the task's or the plan's default."""

    order: int = 4
    grid: str | None = None
    steps: tuple[int, ...] = tuple(range(2, 21))
    loss: str = "local"
    iterations: int | None = None
    width: int = 128
    depth: int = 3
    seed: int = 0


def train_student(
    task_name: str,
    choices: StudentChoices,
    folder: Path,
    *,
    command: str,
    report: Report = lambda i, n, loss: None,
) -> Manifest:
    """Distils a student of the task's teacher into `folder`; returns its manifest.

    An interrupted training leaves a checkpoint there and goes on from it. Raises BadInput for a task without
    a teacher and for choices that no student can have.
    """
    task = make_task(task_name)
    if task.teacher is None:
        raise BadInput(f"the task {task.name!r} has no teacher to distil.")
    check_order(choices.order)
    for name, value, least in (("--width", choices.width, 1), ("--depth", choices.depth, 0)):
        if value < least:
            raise BadInput(f"{name} must be at least {least}, got {value}.")
    problem = task.problem(torch.device("cpu"), torch.float32)
    if not isinstance(problem, ReverseDiffusion):
        raise BadInput(f"a student needs a reverse diffusion, and the task {task.name!r} is none.")
    plan = _plan(task, choices)
    for steps in plan.steps:
        problem.grid(plan.grid, steps)
    config = _config(task, problem, choices)
    commit = git_commit()  # of the code that runs, which may not be the one at the end of a long training
    teacher = make_sampler(task.teacher.sampler)
    teacher.prepare(task, problem, torch.float32)
    make_folder(folder, "the artifact folder")
    result = distill(
        problem, teacher, config, plan, checkpoint=folder / "checkpoint.pt",
        identity={"task": task.name, "task_version": task.version},
        report=lambda iteration, loss: report(iteration, plan.training.iterations, loss),
    )  # fmt: skip
    manifest = Manifest(
        kind=KIND,
        task=task.name,
        task_version=task.version,
        sha256="",
        config=config.as_json(),
        command=command,
        commit=commit,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        data=result.data,
        cost=result.cost,
        packages=package_versions(),
    )
    return save_artifact(folder, result.weights, manifest)


def _plan(task: Task, choices: StudentChoices) -> DistillPlan:
    assert task.teacher is not None
    training = DistillPlan().training
    if choices.iterations is not None:
        if choices.iterations < 1:
            raise BadInput(f"--iterations must be at least 1, got {choices.iterations}.")
        training = replace(training, iterations=choices.iterations)
    return DistillPlan(
        steps=choices.steps,
        grid=choices.grid or task.default_grid,
        teacher_steps=task.teacher.steps,
        loss=choices.loss,  # type: ignore[arg-type]  # the plan checks it
        seed=choices.seed,
        training=training,
    )


def _config(task: Task, problem: ReverseDiffusion, choices: StudentChoices) -> GeneratorConfig:
    mean, std, local = _data_moments(task.truth())
    return GeneratorConfig(
        order=choices.order, shape=task.shape, data_mean=mean, data_std=std, local_std=local,
        schedule=problem.schedule.name, width=choices.width, depth=choices.depth,
    )  # fmt: skip


def _data_moments(truth: Truth, n: int = 20_000) -> tuple[tuple[float, ...], float, float]:
    """Mean, overall standard deviation and the standard deviation within a cluster of the training data.

    The first two come from exact draws; the last from the modes where the truth knows them, else it is the
    overall one.
    """
    data = truth.sample(n, seed=0)
    overall = float(data.std(0).mean())
    local = float(np.sqrt(truth.weights @ truth.stds**2)) if isinstance(truth, KnownModes) else overall
    return tuple(data.mean(0).tolist()), overall, local
