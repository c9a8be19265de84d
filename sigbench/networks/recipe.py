"""How a network is trained into an artifact, be it a task's own or a student, and what a training gives."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from sigbench.networks.artifacts import Manifest, save_artifact
from sigbench.progress import Listener, ignore
from sigbench.records.provenance import git_commit, package_versions
from sigbench.records.store import make_folder

if TYPE_CHECKING:
    from sigbench.task import Task

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training gives: weights, what rebuilds the module, what it was trained on, and what that cost."""

    kind: str
    weights: dict[str, Tensor]
    config: dict[str, Any]
    data: dict[str, Any]
    cost: dict[str, Any]


def cost_of(seconds: float, iterations: int, dtype: str, device: str = "cpu", **parts: float) -> dict[str, Any]:
    """Returns what a training took as a manifest has it: seconds in all and in `parts`, and on what."""
    return {
        "training_s": seconds,
        **parts,
        "iterations": iterations,
        "device": device,
        "threads": torch.get_num_threads(),
        "network_dtype": dtype,
    }


class Recipe(Protocol):
    """How one network is trained: a task's own, or a student."""

    @property
    def iterations(self) -> int:
        """The number of minibatches."""
        ...

    def train(self, checkpoint: Path, report: Listener) -> Trained:
        """Trains from nothing, or goes on from `checkpoint`; `report` hears of every iteration."""
        ...

    def shortened(self, iterations: int) -> "Recipe":
        """Returns the recipe with another number of minibatches."""
        ...

    def finish(self, folder: Path) -> None:
        """Does what is left once weights and manifest lie in the artifact's folder: adds to it, clears away."""
        ...


def train_artifact(task: "Task", recipe: Recipe, folder: Path, *, command: str, report: Listener = ignore) -> Manifest:
    """Trains a network of the task into `folder` by its recipe; returns its manifest, which names the `command`.

    An interrupted training leaves a checkpoint there and goes on from it. Raises BadInput where the folder cannot be
    written, or holds the checkpoint of another training.
    """
    commit = git_commit()  # that of the code that runs, which may not be the one at a long training's end
    make_folder(folder, "the artifact folder")
    checkpoint = folder / CHECKPOINT
    trained = recipe.train(checkpoint, report)
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
    saved = save_artifact(folder, trained.weights, manifest)
    recipe.finish(folder)
    checkpoint.unlink(missing_ok=True)
    return saved
