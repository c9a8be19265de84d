"""Training a task's Sig-DEG student, or one of the task's own networks, and writing the artifact."""

import shutil
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import torch

from sigbench.abilities import HasClasses, HasRecipes, Teacher, networks_of, teacher_of
from sigbench.errors import BadInput, unknown_name
from sigbench.metrics.metric import KnownModes, Truth
from sigbench.networks.artifacts import Manifest, save_artifact
from sigbench.networks.recipe import Trained
from sigbench.progress import Listener, ignore
from sigbench.records.provenance import git_commit, package_versions
from sigbench.records.store import make_folder
from sigbench.registry import make_sampler, make_task
from sigbench.sde.grid import check_steps
from sigbench.sde.noise import block_of
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.signature import check_order
from sigbench.sigdeg.distillation.fresh import DistillPlan, Loss, distill
from sigbench.sigdeg.distillation.network_students import NetworkStudentPlan, check_grids, distil_network, plan_for
from sigbench.sigdeg.distillation.stored_paths import MOST_MOMENTS
from sigbench.sigdeg.generators.vectors import GeneratorConfig, check_base_and_memory
from sigbench.sigdeg.sampler import KIND
from sigbench.task import Task

RECIPE = 2  # raised whenever the same choices and plan would train another student
WIDTH, DEPTH = 128, 3


@dataclass(frozen=True, slots=True)
class StudentChoices:
    """What a user may choose of a student; None means the task's or the plan's default.

    `seed` is of weights and minibatches, and of the teacher's paths where those have no `paths_seed` of their own.

    The default order is 4 where the teacher is closed-form, and 2, the paper's, where it is a network: there every
    moment of a fine step costs as many random numbers as pixels.
    """

    order: int | None = None
    grid: str | None = None
    steps: tuple[int, ...] = tuple(range(2, 21))
    loss: str = "local"
    iterations: int | None = None
    width: int | None = None
    depth: int | None = None
    base: str = "exponential"
    memory: int = 0
    seed: int = 0
    paths_seed: int | None = None
    guidance: float = 0.0
    teacher_paths: int | None = None


def train_student(
    task_name: str,
    choices: StudentChoices,
    folder: Path,
    *,
    command: str,
    report: Listener = ignore,
    paths: Path | None = None,
) -> Manifest:
    """Distils a student of the task's teacher into `folder`; returns its manifest.

    An interrupted training leaves a checkpoint there and goes on from it. Where the teacher is a network its paths
    are walked into `paths` and stay there for further students; by default they are removed in the end. Raises
    BadInput for a task without a teacher and for choices that no student can have.
    """
    task = make_task(task_name)
    if choices.guidance != 0.0:
        if not isinstance(task, HasClasses):
            raise BadInput(f"samples of the task {task.name!r} have no classes: no guidance is for it.")
        task = task.conditioned(None, choices.guidance)
    if teacher_of(task) is None:
        raise BadInput(f"the task {task.name!r} has no teacher to distil.")
    order = check_student(task, choices)
    if "teacher" in networks_of(task):
        return _train_network_student(task, order, choices, folder, command, report, paths)
    if paths is not None:
        raise BadInput(f"the teacher of the task {task.name!r} is no network: its paths are not stored, so no --paths.")
    problem = task.problem(torch.device("cpu"), torch.float32)
    if not isinstance(problem, ReverseDiffusion):
        raise BadInput(f"a student needs a reverse diffusion, and the task {task.name!r} is none.")
    plan = _plan(task, choices)
    for steps in plan.steps:
        problem.grid(plan.grid, steps)
    config = _config(task, problem, order, choices)
    commit = git_commit()
    teacher = make_sampler(_teacher(task).scheme)
    teacher.prepare(task, problem, torch.float32)
    make_folder(folder, "the artifact folder")
    checkpoint = folder / "checkpoint.pt"
    result = distill(
        problem,
        teacher,
        config,
        plan,
        checkpoint=checkpoint,
        identity={"task": task.name, "task_version": task.version},
        report=report,
    )
    trained = Trained(KIND, result.weights, config.as_json(), result.data, result.cost)
    saved = _save(task, trained, folder, command, commit)
    checkpoint.unlink(missing_ok=True)
    return saved


def check_student(task: Task, choices: StudentChoices) -> int:
    """Returns the signature order of a student of these choices; raises BadInput where none of the task can be so.

    The task must have a teacher.
    """
    network = "teacher" in networks_of(task)
    order = choices.order if choices.order is not None else 2 if network else 4
    check_order(order)
    if choices.iterations is not None:
        _at_least_one(choices.iterations)
    for steps in choices.steps:
        check_steps(steps)
    if choices.loss not in get_args(Loss):
        raise unknown_name("loss", choices.loss, get_args(Loss))
    check_base_and_memory(choices.base, choices.memory)
    (_check_of_network if network else _check_of_formula)(task, order, choices)
    return order


def _check_of_formula(task: Task, order: int, choices: StudentChoices) -> None:
    if choices.teacher_paths is not None:
        raise BadInput(
            f"the teacher of the task {task.name!r} is no network: its paths are not stored, and have no number to "
            "choose."
        )
    for name, value, least in (("width", choices.width, 1), ("depth", choices.depth, 0)):
        if value is not None and value < least:
            raise BadInput(f"a student's {name} must be at least {least}, got {value}.")


def _check_of_network(task: Task, order: int, choices: StudentChoices) -> None:
    for name, value in (("width", choices.width), ("depth", choices.depth)):
        if value is not None:
            raise BadInput(f"a student of {task.name!r} has the network of its teacher: no {name} can be chosen.")
    if order > MOST_MOMENTS:
        raise BadInput(f"the stored paths of {task.name!r} give signatures up to order {MOST_MOMENTS}, got {order}.")
    if most := max((steps for steps in choices.steps if steps > _teacher(task).steps), default=None):
        raise BadInput(f"--steps must be at most {_teacher(task).steps}, the teacher's own, got {most}.")
    together = block_of(task.shape)
    if choices.teacher_paths is not None and (choices.teacher_paths < together or choices.teacher_paths % together):
        raise BadInput(f"--teacher-paths must be a positive multiple of {together}, got {choices.teacher_paths}.")
    check_grids(task, choices.grid or task.default_grid, choices.steps)


def training_plan(task: Task, choices: StudentChoices) -> dict[str, Any]:
    """Returns everything that determines how a student of these choices is trained, as plain JSON values."""
    plan = asdict(network_plan(task, choices) if "teacher" in networks_of(task) else _plan(task, choices))
    return {"recipe": RECIPE, **{name: str(v) if isinstance(v, torch.dtype) else v for name, v in plan.items()}}


def network_plan(task: Task, choices: StudentChoices) -> NetworkStudentPlan:
    """Returns how a student of these choices is distilled from a teacher that is a network."""
    plan = plan_for(task)
    steps = replace(
        plan.steps,
        steps=choices.steps,
        grid=choices.grid or task.default_grid,
        loss=cast(Loss, choices.loss),
        seed=choices.seed,
    )
    training = plan.training if choices.iterations is None else replace(plan.training, iterations=choices.iterations)
    paths = plan.paths if choices.teacher_paths is None else choices.teacher_paths
    paths_seed = choices.seed if choices.paths_seed is None else choices.paths_seed
    return replace(plan, paths=paths, seed=choices.seed, paths_seed=paths_seed, steps=steps, training=training)


def _train_network_student(
    task: Task, order: int, choices: StudentChoices, folder: Path, command: str, report: Listener, paths: Path | None
) -> Manifest:
    """Distils a student of a teacher that is a network; its paths lie in `folder`/paths until the student is saved."""
    plan = network_plan(task, choices)
    parts = {"order": order, "base": choices.base, "memory": choices.memory}
    commit = git_commit()
    make_folder(folder, "the artifact folder")
    make_folder(paths or folder / "paths", "the folder of the teacher's paths")
    checkpoint = folder / "checkpoint.pt"
    config, result = distil_network(
        task,
        parts,
        plan,
        checkpoint,
        paths or folder / "paths",
        report,
    )
    trained = Trained(KIND, result.weights, config.as_json(), result.data, result.cost)
    saved = _save(task, trained, folder, command, commit)
    checkpoint.unlink(missing_ok=True)
    if paths is None:
        shutil.rmtree(folder / "paths")
    return saved


def _save(task: Task, trained: Trained, folder: Path, command: str, commit: str | None) -> Manifest:
    """Writes the artifact; `commit` is that of the code that ran, which may not be the one at a long training's end."""
    manifest = Manifest(
        kind=trained.kind,
        task=task.name,
        task_version=task.version,
        sha256="",
        config=trained.config,
        command=command,
        commit=commit,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        data=trained.data,
        cost=trained.cost,
        packages=package_versions(),
    )
    return save_artifact(folder, trained.weights, manifest)


def train_network(
    task_name: str,
    what: str,
    folder: Path,
    *,
    command: str,
    iterations: int | None = None,
    report: Listener = ignore,
) -> Manifest:
    """Trains the network `what` of a task by the task's own recipe into `folder`; returns its manifest.

    An interrupted training leaves a checkpoint there and goes on from it. Raises BadInput for a name that the task
    has no recipe for.
    """
    task = make_task(task_name)
    recipes = task.recipes() if isinstance(task, HasRecipes) else {}
    if what not in recipes:
        raise unknown_name(f"thing to train of the task {task.name}", what, trainable(task))
    recipe = recipes[what] if iterations is None else recipes[what].shortened(_at_least_one(iterations))
    commit = git_commit()
    make_folder(folder, "the artifact folder")
    checkpoint = folder / "checkpoint.pt"
    trained = recipe.train(checkpoint, report)
    saved = _save(task, trained, folder, command, commit)
    recipe.finish(folder)
    checkpoint.unlink(missing_ok=True)
    return saved


def trainable(task: Task) -> list[str]:
    """Returns what can be trained of a task: its own networks, and a student where there is a teacher."""
    own = task.recipes() if isinstance(task, HasRecipes) else {}
    return [*own, *(["student"] if teacher_of(task) is not None else [])]


def _plan(task: Task, choices: StudentChoices) -> DistillPlan:
    training = DistillPlan().training
    if choices.iterations is not None:
        training = replace(training, iterations=_at_least_one(choices.iterations))
    return DistillPlan(
        steps=choices.steps,
        grid=choices.grid or task.default_grid,
        teacher_steps=_teacher(task).steps,
        loss=choices.loss,  # type: ignore[arg-type]  # the plan checks it
        seed=choices.seed,
        training=training,
    )


def _teacher(task: Task) -> Teacher:
    teacher = teacher_of(task)
    assert teacher is not None
    return teacher


def _at_least_one(iterations: int) -> int:
    if iterations < 1:
        raise BadInput(f"--iterations must be at least 1, got {iterations}.")
    return iterations


def _config(task: Task, problem: ReverseDiffusion, order: int, choices: StudentChoices) -> GeneratorConfig:
    mean, std, local = _data_moments(task.truth())
    return GeneratorConfig(
        order=order,
        shape=task.shape,
        data_mean=mean,
        data_std=std,
        local_std=local,
        schedule=problem.schedule.name,
        width=WIDTH if choices.width is None else choices.width,
        depth=DEPTH if choices.depth is None else choices.depth,
        base=choices.base,  # type: ignore[arg-type]  # the configuration checks it
        memory=choices.memory,
    )


def _data_moments(truth: Truth, n: int = 20_000) -> tuple[tuple[float, ...], float, float]:
    """Mean, overall standard deviation and the standard deviation within a cluster of the training data.

    The first two come from exact draws; the last from the modes where the truth knows them, else it is the
    overall one.
    """
    data = truth.sample(n, seed=0)
    overall = float(data.std(0).mean())
    local = float(np.sqrt(truth.weights @ truth.stds**2)) if isinstance(truth, KnownModes) else overall
    return tuple(data.mean(0).tolist()), overall, local
