"""What students of each kind of teacher are: their usual order and plans, their network, and where steps come from."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sigbench.abilities import HasTrainingData, networks_of, teacher_of
from sigbench.errors import BadInput
from sigbench.metrics.metric import KnownModes
from sigbench.models.task import ImageTask
from sigbench.networks import edm, gaussian_edm
from sigbench.networks.artifacts import read_manifest
from sigbench.networks.training import TrainingPlan
from sigbench.sigdeg.distillation.coarse_steps import SourcePlan
from sigbench.sigdeg.distillation.fresh_steps import FreshPlan
from sigbench.sigdeg.distillation.law.loss import LawPlan
from sigbench.sigdeg.distillation.plan import DistillPlan
from sigbench.sigdeg.distillation.stored_paths import MOST_MOMENTS, group_of
from sigbench.sigdeg.distillation.stored_steps import StoredPlan
from sigbench.sigdeg.generators.brought import BroughtConfig, digest_of_levels
from sigbench.sigdeg.generators.images import ImageGeneratorConfig
from sigbench.sigdeg.generators.paths import PathGeneratorConfig
from sigbench.sigdeg.generators.student import StudentConfig
from sigbench.sigdeg.generators.vectors import VectorGeneratorConfig
from sigbench.task import Task

WIDTH, DEPTH = 128, 3
BROUGHT = "brought"  # the kind of a network of images that a file names
_ROOM = 4 << 30  # bytes of a brought teacher's paths


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
    start: Path | None = None
    device: str = "cpu"


@dataclass(frozen=True)
class Kind:
    """What students of one kind of teacher are: the usual order and plan, and network and source of given choices."""

    order: int
    plan: DistillPlan
    config: Callable[[Task, StudentChoices, dict[str, Any]], StudentConfig]
    source: Callable[[Task, StudentChoices], SourcePlan]
    stores_paths: bool
    law_training: TrainingPlan
    law: LawPlan


def _vectors(task: Task, choices: StudentChoices, shared: dict[str, Any]) -> StudentConfig:
    """A perceptron of its own around the exact linear step of the data's moments."""
    mean, std, local = _data_moments(task)
    return VectorGeneratorConfig(
        **shared,
        shape=task.shape,
        data_mean=mean,
        data_std=std,
        local_std=local,
        width=WIDTH if choices.width is None else choices.width,
        depth=DEPTH if choices.depth is None else choices.depth,
    )


def _data_moments(task: Task, n: int = 20_000) -> tuple[tuple[float, ...], float, float]:
    """Mean, overall standard deviation and the standard deviation within a cluster of the training data.

    The first two come from exact draws, or from the data that there are to learn from where those are fewer; the last
    from the modes where the truth knows them, else it is the overall one.
    """
    truth = task.truth()
    try:
        data = truth.sample(n, seed=0)
    except BadInput:
        if not isinstance(task, HasTrainingData):
            raise
        data = task.training_data()[0].flatten(1).double().numpy()
    overall = float(data.std(0).mean())
    local = float(np.sqrt(truth.weights @ truth.stds**2)) if isinstance(truth, KnownModes) else overall
    return tuple(data.mean(0).tolist()), overall, local


def _of_network(config: type[StudentConfig]) -> Callable[[Task, StudentChoices, dict[str, Any]], StudentConfig]:
    """The network of the teacher, widened."""

    def made(task: Task, choices: StudentChoices, shared: dict[str, Any]) -> StudentConfig:
        for name, value in (("width", choices.width), ("depth", choices.depth)):
            if value is not None:
                raise BadInput(f"a student of {task.name!r} has the network of its teacher: no {name} can be chosen.")
        if shared["order"] > MOST_MOMENTS:
            raise BadInput(
                f"the stored paths of {task.name!r} give signatures up to order {MOST_MOMENTS}, got {shared['order']}."
            )
        return config.from_json({**shared, "denoiser": read_manifest(networks_of(task)["teacher"]).config})

    return made


def _of_brought(task: Task, choices: StudentChoices, shared: dict[str, Any]) -> StudentConfig:
    """The network that a user brought, widened where it is a UNet of diffusers, else with one of ours beside it."""
    assert isinstance(task, ImageTask)
    unet, model = task.model.unet, task.model
    own: dict[str, Any] = {"unet": None if unet is None else dict(unet.configuration)}
    for name, value in (("width", choices.width), ("depth", choices.depth)):
        if value is not None and unet is not None:
            raise BadInput(f"a student of {task.name!r} has the network of its teacher: no {name} can be chosen.")
        if value is not None:
            own[name] = value
    if shared["base"] == "identity":
        raise BadInput(f"a student of {task.name!r} adds to the exponential step, not to 'identity'.")
    return BroughtConfig(
        **shared,
        **own,
        shape=task.shape,
        prediction=model.prediction,
        classes=model.classes,
        levels=digest_of_levels(model.schedule),
    )


def _stored_within(room: int) -> Callable[[Task, StudentChoices], StoredPlan]:
    """Stored paths, as many as `room` bytes hold."""

    def made(task: Task, choices: StudentChoices) -> StoredPlan:
        teacher, together = teacher_of(task), group_of(task.shape)
        assert teacher is not None
        fitting = room // (2 * (teacher.steps + 1) * prod(task.shape)) // together * together
        usual = StoredPlan(paths=max(together, min(StoredPlan().paths, fitting)))
        return _stored(usual)(task, choices)

    return made


def _fresh(task: Task, choices: StudentChoices) -> FreshPlan:
    if choices.teacher_paths is not None:
        raise BadInput(
            f"the teacher of the task {task.name!r} is no network: its paths are not stored, and have no number to "
            "choose."
        )
    return FreshPlan()


def _stored(usual: StoredPlan) -> Callable[[Task, StudentChoices], StoredPlan]:
    def made(task: Task, choices: StudentChoices) -> StoredPlan:
        whole = usual.paths - usual.paths % group_of(task.shape)  # they are drawn in groups
        return replace(
            usual,
            paths=whole if choices.teacher_paths is None else choices.teacher_paths,
            paths_seed=choices.seed if choices.paths_seed is None else choices.paths_seed,
        )

    return made


# By the kind of the teacher's network, None where it is in closed form.
KINDS: dict[str | None, Kind] = {
    BROUGHT: Kind(
        order=2,
        plan=DistillPlan(
            TrainingPlan(
                iterations=6_000,
                learning_rate=2e-4,
                muon_rate=0.0,
                warmup=100,
                averaging=0.998,
                checkpoint_every_s=120.0,
            ),
        ),
        config=_of_brought,
        source=_stored_within(_ROOM),
        stores_paths=True,
        law_training=TrainingPlan(iterations=6_000, learning_rate=2e-4, muon_rate=0.0),
        law=LawPlan(),
    ),
    None: Kind(
        order=4,
        plan=DistillPlan(TrainingPlan(iterations=15_000)),
        config=_vectors,
        source=_fresh,
        stores_paths=False,
        law_training=TrainingPlan(iterations=6_000, learning_rate=5e-4, muon_rate=0.0, averaging=0.998),
        law=LawPlan(batch=4_096),
    ),
    edm.KIND: Kind(
        order=2,
        plan=DistillPlan(
            TrainingPlan(
                iterations=9_000,
                learning_rate=5e-4,
                muon_rate=5e-3,
                warmup=100,
                averaging=0.998,
                checkpoint_every_s=120.0,
            ),
            compute=torch.bfloat16,
        ),
        config=_of_network(ImageGeneratorConfig),
        source=_stored(StoredPlan()),
        stores_paths=True,
        law_training=TrainingPlan(
            iterations=6_000,
            learning_rate=2e-4,
            muon_rate=0.0,
            warmup=50,
            averaging=0.998,
            checkpoint_every_s=120.0,
        ),
        law=LawPlan(),
    ),
    gaussian_edm.KIND: Kind(
        order=2,
        plan=DistillPlan(
            TrainingPlan(iterations=8_000, learning_rate=1e-3, muon_rate=1e-2, warmup=200, averaging=0.999),
            compute=torch.bfloat16,
        ),
        config=_of_network(PathGeneratorConfig),
        source=_stored(StoredPlan(paths=32_768, at_once=1_024, groups=16)),
        stores_paths=True,
        law_training=TrainingPlan(iterations=6_000, learning_rate=2e-4, muon_rate=0.0, averaging=0.998),
        law=LawPlan(batch=2_000),
    ),
}
