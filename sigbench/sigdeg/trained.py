"""What every student is to the bench: an artifact of its task that is found, checked and loaded once."""

from abc import abstractmethod
from collections.abc import Callable, Hashable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch
from torch import nn

from sigbench.abilities import HasHashes, HasStudents, conditions_of, teacher_hash
from sigbench.errors import BadInput
from sigbench.guard import told
from sigbench.networks.artifacts import Manifest, check_fit, load_artifact, read_manifest, stamp_of
from sigbench.report.text import counts_in_words
from sigbench.sampler import Sampler
from sigbench.sde.grid import Grid
from sigbench.sde.problem import ReverseDiffusion, SDEProblem
from sigbench.sde.schedule import Schedule
from sigbench.task import Task

Builder = Callable[[Schedule], nn.Module]


class TrainedStudent(Sampler):
    """A sampler that was trained for its task; `artifact` names another folder of weights than the task's own.

    `kind` is that of its artifacts, `title` what sentences call it, and `follows_path` whether it goes where its
    teacher goes on the same Brownian path.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    follows_path: ClassVar[bool] = False
    family = "student"
    needs = "denoiser"

    def __init__(self, artifact: str = "") -> None:
        self._folder = Path(artifact) if artifact else None
        self._manifest: Manifest | None = None

    @classmethod
    @abstractmethod
    def builder_of(cls, config: Mapping[str, Any]) -> "Builder":
        """Returns what makes the untrained network of an artifact's configuration for a schedule.

        Raises BadInput, or what a wrong type raises, for a configuration of no such network.
        """

    @classmethod
    def weights_in(cls, dtype: torch.dtype) -> torch.dtype:
        """Returns the dtype of the weights where networks compute in `dtype`: that one, as here."""
        return dtype

    @abstractmethod
    def take(self, network: nn.Module, task: Task, problem: ReverseDiffusion, dtype: torch.dtype) -> None:
        """Takes the trained network, which is shared with other samplers and stays as it is."""

    def prepare(self, task: Task, problem: SDEProblem, dtype: torch.dtype) -> None:
        """Loads the student of `task`; raises BadInput where it is missing, corrupt or another task's."""
        guidance = conditions_of(task).get("guidance", 0.0)
        folder = self._folder or _student_of(task, self.kind, guidance)
        if folder is None:
            raise BadInput(
                f"the task {task.name!r} comes with no {self.title} student: train one by "
                f"`{self._training(task)}`, and name its folder, {self.name}:artifact=FOLDER."
            )
        manifest = read_manifest(folder)
        found = (manifest.kind, manifest.task, manifest.task_version)
        serves = task.artifacts_since <= manifest.task_version <= task.version
        if found[:2] != (self.kind, task.name) or not serves:
            raise BadInput(
                f"the artifact {folder} is a {found[0]} of {found[1]} version {found[2]}, "
                f"not a {self.kind} of {task.name} version {task.version}."
            )
        given = manifest.data.get("guidance", 0.0)
        if guidance != given:
            raise BadInput(
                f"this {self.title} student was distilled at guidance {given:g}, not {guidance:g}: train one "
                f"by `{self._training(task)} --guidance {guidance:g}` and name its folder, "
                f"{self.name}:artifact=FOLDER."
            )
        # A package's task has a version for it; the network of a user's file changes without.
        taught_by = manifest.data.get("network")
        if isinstance(task, HasHashes) and taught_by not in (None, teacher_hash(task)):
            raise BadInput(
                f"the student in {folder} was distilled from another network than that of the task {task.name!r}, of "
                f"SHA-256 {str(taught_by)[:16]}…: train one by `sigbench train`."
            )
        assert isinstance(problem, ReverseDiffusion)
        if (trained_for := manifest.config.get("schedule")) != problem.schedule.name:
            raise BadInput(
                f"the student in {folder} was distilled under the schedule {trained_for!r}, and the task "
                f"{task.name!r} has {problem.schedule.name!r}."
            )
        trained = _loaded(type(self), folder, stamp_of(folder), problem.schedule, problem.device, dtype)
        self._manifest, self._steps, self._seconds = manifest, trained.steps, trained.seconds
        self.own_grid = trained.grid
        self.take(trained.network, task, problem, dtype)

    def _training(self, task: Task) -> str:
        """The command that trains such a student."""
        which = "" if self.name == "sigdeg" else f" --student {self.name}"
        return f"sigbench train --task {task.name}{which}"

    def check(self, grid: Grid) -> None:
        """Raises BadInput for a grid or a number of steps that the student was not trained for."""
        if grid.name != self.own_grid:
            raise BadInput(
                f"this {self.title} student was trained on the grid {self.own_grid!r}, not on {grid.name!r}."
            )
        if grid.steps not in self._steps:
            served = counts_in_words(self._steps)
            raise BadInput(f"this {self.title} student was trained for {served} steps, not for {grid.steps}.")

    def artifact_hashes(self) -> dict[str, str]:
        return {} if self._manifest is None else {self.name: self._manifest.sha256}

    def training_seconds(self) -> float | None:
        return None if self._manifest is None else self._seconds


class _Trained(NamedTuple):
    """A student as its artifact holds it, frozen: never written to, so that all cells share it."""

    network: nn.Module
    grid: str
    steps: tuple[int, ...]
    seconds: float


@lru_cache(maxsize=8)  # a sweep plans hundreds of cells on the same networks
def _loaded(
    of: type[TrainedStudent],
    folder: Path,
    stamp: Hashable,
    schedule: Schedule,
    device: torch.device,
    dtype: torch.dtype,
) -> _Trained:
    weights, manifest = load_artifact(folder)
    try:
        build = of.builder_of(manifest.config)
        check_fit(manifest.config, lambda: build(schedule), weights)
        network = build(schedule)
        network.load_state_dict(weights)
        grid, steps = str(manifest.data["grid"]), tuple(map(int, manifest.data["steps"]))
        frozen = network.eval().requires_grad_(False).to(device=device, dtype=of.weights_in(dtype))
        return _Trained(frozen, grid, steps, float(manifest.cost["training_s"]))
    except BadInput:
        raise
    except Exception as error:  # a manifest is data, and may hold anything
        raise BadInput(f"the artifact {folder} does not fit its manifest: {told(error)}.") from error


def _student_of(task: Task, kind: str, guidance: float) -> Path | None:
    """The folder of the task's student of this kind that was distilled at this guidance, else of its first one."""
    if not isinstance(task, HasStudents):
        return None
    own = [(folder, found) for folder in task.students() if (found := read_manifest(folder)).kind == kind]
    fitting = [folder for folder, found in own if found.data.get("guidance", 0.0) == guidance]
    return next(iter([*fitting, *(folder for folder, _ in own)]), None)
