"""Sig-DEG as a sampler: one call of the student a step, reading the step's partial signature."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from sigbench.abilities import HasHashes, HasStudents, conditions_of, teacher_hash
from sigbench.errors import BadInput
from sigbench.guard import told
from sigbench.networks.artifacts import Manifest, check_fit, load_artifact, read_manifest, stamp_of
from sigbench.report.text import counts_in_words
from sigbench.sampler import Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import ReverseDiffusion, SDEProblem
from sigbench.sde.schedule import Schedule
from sigbench.sde.signature import PartialSignature
from sigbench.sigdeg.generators.brought import ReadsItsTeacher
from sigbench.sigdeg.generators.build import read_config
from sigbench.sigdeg.generators.student import StudentNetwork
from sigbench.task import Task

KIND = "sigdeg-student"


class SigDEG(Sampler):
    """Sig-DEG: a student of the task's teacher that steps a coarse grid; `artifact` names another folder of weights."""

    name = "sigdeg"
    citation = "arXiv 2508.16939"
    when = "5 to 20 calls on a task with a trained student."
    family = "student"
    needs = "denoiser"
    signature_order = 2

    def __init__(self, artifact: str = "") -> None:
        self._folder = Path(artifact) if artifact else None
        self._manifest: Manifest | None = None

    def prepare(self, task: Task, problem: SDEProblem, dtype: torch.dtype) -> None:
        """Loads the student of `task`; raises BadInput where it is missing, corrupt or another task's."""
        guidance = conditions_of(task).get("guidance", 0.0)
        folder = self._folder or _student_of(task, guidance)
        if folder is None:
            raise BadInput(f"the task {task.name!r} comes with no Sig-DEG student: train one, and name its folder.")
        manifest = read_manifest(folder)
        found = (manifest.kind, manifest.task, manifest.task_version)
        serves = task.artifacts_since <= manifest.task_version <= task.version
        if found[:2] != (KIND, task.name) or not serves:
            raise BadInput(
                f"the artifact {folder} is a {found[0]} of {found[1]} version {found[2]}, "
                f"not a {KIND} of {task.name} version {task.version}."
            )
        given = manifest.data.get("guidance", 0.0)
        if guidance != given:
            raise BadInput(
                f"this Sig-DEG student was distilled at guidance {given:g}, not {guidance:g}: train one "
                f"by `sigbench train --task {task.name} --guidance {guidance:g}` and name its folder, "
                "sigdeg:artifact=FOLDER."
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
        trained = _loaded(folder, stamp_of(folder), problem.schedule, problem.device, dtype)
        self._manifest, self._network = manifest, with_teacher(trained.network, task, problem.device, dtype)
        self.signature_order = self._network.order
        self._steps, self._seconds, self.own_grid = trained.steps, trained.seconds, trained.grid
        self._call = problem.counted(_step_of(self._network, dtype))

    def check(self, grid: Grid) -> None:
        """Raises BadInput for a grid or a number of steps that the student was not trained for."""
        if grid.name != self.own_grid:
            raise BadInput(f"this Sig-DEG student was trained on the grid {self.own_grid!r}, not on {grid.name!r}.")
        if grid.steps not in self._steps:
            served = counts_in_words(self._steps)
            raise BadInput(f"this Sig-DEG student was trained for {served} steps, not for {grid.steps}.")

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        return self._behind([x], problem, grid, brownian)

    def resume(
        self, problem: SDEProblem, states: Sequence[Tensor], grid: Grid, brownian: BrownianDriver
    ) -> Iterator[Tensor]:
        if self._network.memory == 0:
            return super().resume(problem, states, grid, brownian)
        return self._behind(states, problem, grid, brownian)

    def _behind(
        self, states: Sequence[Tensor], problem: SDEProblem, grid: Grid, brownian: BrownianDriver
    ) -> Iterator[Tensor]:
        """The states that follow `states`, those at the grid's first times."""
        x, memory = states[-1], self._network.memory
        rows = self._network.coefficients(grid, x.dtype).to(x.device)
        earlier = [*reversed(states[:-1]), *([states[0]] * memory)][:memory]
        for step, row in list(zip(grid, rows.split(1), strict=True))[len(states) - 1 :]:
            signature = brownian.signature(step, self.signature_order)
            following = self._call(x, signature, row, problem.labels, *earlier)
            earlier, x = [x, *earlier][:memory], following
            yield x

    def artifact_hashes(self) -> dict[str, str]:
        return {} if self._manifest is None else {self.name: self._manifest.sha256}

    def training_seconds(self) -> float | None:
        return None if self._manifest is None else self._seconds


class _Trained(NamedTuple):
    """A student as its artifact holds it, frozen: never written to, so that all cells share it."""

    network: StudentNetwork
    grid: str
    steps: tuple[int, ...]
    seconds: float


@lru_cache(maxsize=4)  # a sweep plans hundreds of cells on the same network
def _loaded(folder: Path, stamp: Hashable, schedule: Schedule, device: torch.device, dtype: torch.dtype) -> _Trained:
    weights, manifest = load_artifact(folder)
    try:
        config = read_config(manifest.config)
        check_fit(manifest.config, lambda: config.network(schedule), weights)
        network = config.network(schedule)
        network.load_state_dict(weights)
        grid, steps = str(manifest.data["grid"]), tuple(map(int, manifest.data["steps"]))
        return _Trained(network.frozen(device, dtype), grid, steps, float(manifest.cost["training_s"]))
    except BadInput:
        raise
    except Exception as error:  # a manifest is data, and may hold anything
        raise BadInput(f"the artifact {folder} does not fit its manifest: {told(error)}.") from error


def with_teacher(network: StudentNetwork, task: Task, device: torch.device, dtype: torch.dtype) -> StudentNetwork:
    """Returns a student's network with the task's own beside it, where it reads that; those calls are part of its."""
    if not isinstance(network, ReadsItsTeacher):
        return network
    problem = task.problem(device, dtype)  # with a counter of its own, which nobody looks at
    assert isinstance(problem, ReverseDiffusion)
    return network.beside(problem.denoiser)


def _step_of(network: StudentNetwork, compute: torch.dtype) -> Callable[..., Tensor]:
    """One call a step: (x, signature, row, labels, *earlier states) to the next states."""

    def step(x: Tensor, signature: PartialSignature, row: Tensor, labels: Tensor | None, *earlier: Tensor) -> Tensor:
        return network(x, torch.stack(signature.whitened(), dim=1), row, labels, compute, earlier)

    return step


def _student_of(task: Task, guidance: float) -> Path | None:
    """The folder of the task's student that was distilled at this guidance, else of its first one, None without any."""
    if not isinstance(task, HasStudents):
        return None
    own = [(folder, found) for folder in task.students() if (found := read_manifest(folder)).kind == KIND]
    fitting = [folder for folder, found in own if found.data.get("guidance", 0.0) == guidance]
    return next(iter([*fitting, *(folder for folder, _ in own)]), None)
