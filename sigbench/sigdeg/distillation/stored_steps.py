"""Coarse steps from stored teacher paths: single steps between any two fine times, or rollouts over several.

Single steps are of random grids of the plan's step counts; rollouts are so many that a minibatch costs as many network
calls, whatever the loss.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sigbench.abilities import Teacher, conditions_of, teacher_hash, teacher_of
from sigbench.errors import BadInput
from sigbench.progress import Listener
from sigbench.records.store import make_folder
from sigbench.registry import make_sampler
from sigbench.sde.grid import Grid, Step
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sigdeg.distillation.coarse_steps import Minibatch, Rollouts, SingleSteps
from sigbench.sigdeg.distillation.plan import DistillPlan, Loss
from sigbench.sigdeg.distillation.stored_paths import PathFacts, StoredPaths, group_of
from sigbench.sigdeg.generators.student import StudentNetwork
from sigbench.task import Task


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """How a costly teacher walks: `paths` of them once, under the seed `paths_seed`, `at_once` together.

    `groups` of paths that share a block of noise take one step each a minibatch. Rollouts take more steps, so fewer
    groups walk them; the loss "both" spends half of a minibatch's network calls on each kind.
    """

    paths: int = 16_000
    paths_seed: int = 0
    at_once: int = 100
    groups: int = 26

    def single(self, loss: Loss) -> int:
        """Returns how many groups take a single step."""
        return {"local": self.groups, "global": 0, "both": self.groups // 2}[loss]

    def walking(self, loss: Loss, steps: int) -> int:
        """Returns how many groups walk `steps` steps."""
        calls = self.groups - self.single(loss)
        return max(1, calls // steps) if calls else 0

    def facts(self) -> dict[str, Any]:
        """Returns the fields as plain JSON values."""
        return asdict(self)

    def check(self, task: Task, plan: DistillPlan) -> None:
        """Raises BadInput where the teacher's own steps are too coarse, or the paths do not fill groups."""
        teacher, together = _teacher(task), group_of(task.shape)
        if self.paths < together or self.paths % together:
            raise BadInput(f"--teacher-paths must be a positive multiple of {together}, got {self.paths}.")
        if most := max((steps for steps in plan.steps if steps > teacher.steps), default=None):
            raise BadInput(f"--steps must be at most {teacher.steps}, the teacher's own, got {most}.")
        problem = task.problem(torch.device("cpu"), torch.float32)
        fine = problem.grid(teacher.grid, teacher.steps)
        for steps in plan.steps:
            fine_ends(fine, problem.grid(plan.grid, steps))

    def walk(self, task: Task, plan: DistillPlan, folder: Path, report: Listener) -> None:
        """Walks the paths that are missing in `folder`.

        Raises BadInput where it cannot be written, or holds paths of another teacher or seed.
        """
        self._walked(task, plan, folder, report)

    def open(
        self, task: Task, plan: DistillPlan, network: StudentNetwork, folder: Path, report: Listener
    ) -> "StoredSteps":
        """Returns the steps of the paths in `folder`, those that are missing walked first."""
        paths = self._walked(task, plan, folder, report)
        problem = task.problem(torch.device("cpu"), torch.float32)
        return StoredSteps(paths, network, plan, self, [problem.grid(plan.grid, steps) for steps in plan.steps])

    def _walked(self, task: Task, plan: DistillPlan, folder: Path, report: Listener) -> StoredPaths:
        teacher = _teacher(task)
        make_folder(folder, "the folder of the teacher's paths")
        problem = task.problem(plan.on, plan.compute)
        assert isinstance(problem, ReverseDiffusion)
        facts = PathFacts(
            task.name,
            task.version,
            teacher.scheme,
            teacher_hash(task) or "",
            teacher.grid,
            teacher.steps,
            self.paths,
            self.paths_seed,
            conditions_of(task).get("guidance", 0.0),
        )
        paths = StoredPaths.open(folder, facts, problem.grid(teacher.grid, teacher.steps), task.shape)
        sampler = make_sampler(teacher.scheme)
        sampler.prepare(task, problem, plan.compute)
        paths.walk(problem, sampler, self.at_once, report)
        return paths


def _teacher(task: Task) -> Teacher:
    teacher = teacher_of(task)
    assert teacher is not None
    return teacher


def fine_ends(fine: Grid, coarse: Grid) -> tuple[int, ...]:
    """Returns, for every time of `coarse`, the place of the nearest one of `fine`.

    Raises BadInput where two of them have the same: the teacher's steps are too long there.
    """
    places = np.rint(np.interp(coarse.times, fine.times, np.arange(len(fine.times)))).astype(int)
    if (np.diff(places) < 1).any():
        raise BadInput(
            f"the teacher's {fine.steps} steps are too coarse for {coarse.steps} steps on the grid {coarse.name!r}."
        )
    return tuple(places.tolist())


class StoredSteps:
    """Coarse steps of stored paths; `grids` are the plan's coarse grids.

    Raises BadInput for grids that the teacher's paths cannot serve.
    """

    def __init__(
        self,
        paths: StoredPaths,
        network: StudentNetwork,
        plan: DistillPlan,
        source: StoredPlan,
        grids: Sequence[Grid],
    ) -> None:
        self.paths, self.network, self.plan, self.source = paths, network, plan, source
        self._groups = paths.done // paths.group
        self._ends = {grid.steps: fine_ends(paths.grid, grid) for grid in grids}

    @property
    def seconds(self) -> float:
        """What was spent on the teacher's paths."""
        return self.paths.seconds

    def facts(self) -> dict[str, Any]:
        """Returns what determines the teacher's paths, and how many of them a minibatch takes."""
        own = asdict(self.paths.facts)
        renamed = {"grid": "teacher_grid", "steps": "teacher_steps", "seed": "paths_seed"}
        return {renamed.get(name, name): value for name, value in own.items()} | {"groups": self.source.groups}

    def minibatch(self, iteration: int) -> Minibatch:
        """Returns the steps of an iteration, each of its own number of steps, and rollouts of one."""
        rng = np.random.default_rng([self.plan.seed, iteration])
        return Minibatch(self._single_steps(rng), self._rollouts(rng))

    def _single_steps(self, rng: np.random.Generator) -> SingleSteps | None:
        if not (count := self.source.single(self.plan.loss)):
            return None
        whitened, ends, places = [], [], []
        for _ in range(count):
            group, steps = int(rng.integers(self._groups)), int(rng.choice(self.plan.steps))
            index = int(rng.integers(steps))
            at = self._ends[steps]
            whitened.append(self.paths.whitened(group, at[index], at[index + 1], self.network.order))
            ends += [self._step(at[index], at[index + 1])] * self.paths.group
            backwards = [at[max(index - back, 0)] for back in range(1, self.network.memory + 1)]
            places.append((group, [at[index], at[index + 1], *backwards]))
        x, x_next, *earlier = (
            torch.from_numpy(np.concatenate([self._states(group, at[k]) for group, at in places])).float()
            for k in range(2 + self.network.memory)
        )
        labels = np.concatenate([self._labels(group) for group, _ in places])
        rows = self.network.coefficients(ends)
        return SingleSteps(x, earlier, x_next, torch.cat(whitened), rows, torch.from_numpy(labels))

    def _rollouts(self, rng: np.random.Generator) -> Rollouts | None:
        steps = int(rng.choice(self.plan.steps))
        if not (count := self.source.walking(self.plan.loss, steps)):
            return None
        at = self._ends[steps]
        groups = rng.integers(self._groups, size=count).tolist()
        states = [np.stack([self._states(group, place) for place in at], axis=1) for group in groups]
        between = list(pairwise(at))
        whitened = [
            torch.stack([self.paths.whitened(group, *pair, self.network.order) for pair in between], dim=1)
            for group in groups
        ]
        return Rollouts(
            torch.from_numpy(np.concatenate(states)).float(),
            torch.cat(whitened),
            self.network.coefficients([self._step(*pair) for pair in between]),
            torch.from_numpy(np.concatenate([self._labels(group) for group in groups])),
        )

    def _step(self, first: int, last: int) -> Step:
        return Step(0, self.paths.grid.times[first], self.paths.grid.times[last])

    def _members(self, group: int) -> slice:
        return slice(group * self.paths.group, (group + 1) * self.paths.group)

    def _states(self, group: int, place: int) -> NDArray[Any]:
        return self.paths.states[self._members(group), place]

    def _labels(self, group: int) -> NDArray[Any]:
        return self.paths.labels[self._members(group)]
