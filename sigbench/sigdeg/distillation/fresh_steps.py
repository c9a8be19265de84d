"""Coarse steps of a teacher that walks anew: pools of paths that are renewed while the student learns."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sigbench.abilities import Teacher, teacher_of
from sigbench.errors import BadInput
from sigbench.progress import Listener
from sigbench.registry import make_sampler
from sigbench.sampler import Sampler
from sigbench.sde.noise import seed_of
from sigbench.sde.problem import SDEProblem
from sigbench.sigdeg.distillation.coarse_steps import Minibatch, Rollouts, SingleSteps
from sigbench.sigdeg.distillation.plan import DistillPlan
from sigbench.sigdeg.distillation.trajectories import Trajectories, draw_trajectories
from sigbench.sigdeg.generators.student import StudentNetwork
from sigbench.task import Task

_FEWEST = 64  # paths in a minibatch


@dataclass(frozen=True, slots=True)
class FreshPlan:
    """How a cheap teacher walks: every step count has a pool of `pool` paths, and minibatches about `batch` steps.

    Pools are drawn in turn, one every `refresh` iterations, so that all of training sees fresh paths. The loss "both"
    takes half as many paths, so that an iteration costs the same whatever the loss.
    """

    batch: int = 4_096
    pool: int = 20_000
    refresh: int = 400

    def facts(self) -> dict[str, Any]:
        """Returns the fields as plain JSON values."""
        return asdict(self)

    def check(self, task: Task, plan: DistillPlan) -> None:
        """Raises BadInput where the task's problem has no such grids, or its samples have classes."""
        problem = task.problem(torch.device("cpu"), torch.float32)
        if problem.labels_from(torch.zeros(1)) is not None:
            raise BadInput(f"paths of the task {task.name!r} belong to classes: its students learn from kept paths.")
        for steps in plan.steps:
            problem.grid(plan.grid, steps)

    def walk(self, task: Task, plan: DistillPlan, folder: Path, report: Listener) -> None:
        """Walks nothing: paths are walked as they are needed."""

    def open(
        self, task: Task, plan: DistillPlan, network: StudentNetwork, folder: Path, report: Listener
    ) -> "FreshSteps":
        """Returns the steps of the task's teacher; nothing is written."""
        teacher = teacher_of(task)
        assert teacher is not None
        problem = task.problem(plan.on, plan.compute)
        sampler = make_sampler(teacher.scheme)
        sampler.prepare(task, problem, plan.compute)
        return FreshSteps(problem, teacher, sampler, network, plan, self)


class FreshSteps:
    """Coarse steps of a teacher that walks on a problem."""

    seconds = 0.0  # before the training

    def __init__(
        self,
        problem: SDEProblem,
        teacher: Teacher,
        sampler: Sampler,
        network: StudentNetwork,
        plan: DistillPlan,
        source: FreshPlan,
    ) -> None:
        self.problem, self.teacher, self.sampler = problem, teacher, sampler
        self.network, self.plan, self.source = network, plan, source
        self._generations: dict[int, int] = {}
        self._pools: dict[int, Trajectories] = {}
        self._rows: dict[int, Tensor] = {}

    def facts(self) -> dict[str, Any]:
        """Returns what determines the teacher's paths, and how many there are at most."""
        pools = len(self.plan.steps) + (self.plan.training.iterations - 1) // self.source.refresh
        return {
            "teacher": self.teacher.scheme,
            "teacher_steps": self.teacher.steps,
            **asdict(self.source),
            "teacher_paths_at_most": pools * self.source.pool,
        }

    def minibatch(self, iteration: int) -> Minibatch:
        """Returns steps and rollouts of one number of steps."""
        plan, source = self.plan, self.source
        rng = np.random.default_rng([plan.seed, iteration])
        steps = plan.steps[int(rng.integers(len(plan.steps)))]
        pool, losses = self._pool(steps, iteration), 2 if plan.loss == "both" else 1
        pick = torch.from_numpy(rng.integers(source.pool, size=max(_FEWEST, source.batch // (losses * steps))))
        walked = Rollouts(
            pool.states[pick],
            pool.whitened[pick],
            self._rows[steps],
            None if pool.labels is None else pool.labels[pick],
        )
        return Minibatch(
            None if plan.loss == "global" else single_steps(walked, self.network.memory),
            None if plan.loss == "local" else walked,
        )

    def _pool(self, steps: int, iteration: int) -> Trajectories:
        generation = self._generation(steps, iteration)
        if self._generations.get(steps) != generation:
            grid = self.problem.grid(self.plan.grid, steps)
            self._rows[steps] = self.network.coefficients(grid)
            self._pools[steps] = draw_trajectories(
                self.problem,
                self.sampler,
                grid,
                teacher_steps=self.teacher.steps,
                order=self.network.order,
                count=self.source.pool,
                seed=seed_of(seed=self.plan.seed, steps=steps, generation=generation),
            )
            self._generations[steps] = generation
        return self._pools[steps]

    def _generation(self, steps: int, iteration: int) -> int:
        """How often the pool of `steps` was due for renewal by `iteration`; a turn renews one pool."""
        turn, place, count = iteration // self.source.refresh, self.plan.steps.index(steps), len(self.plan.steps)
        return (turn + count - 1 - place) // count


def single_steps(walked: Rollouts, memory: int) -> SingleSteps:
    """Returns every step of coarse paths by itself, with the `memory` states before it."""
    n, k = walked.whitened.shape[:2]
    steps = torch.arange(k)
    return SingleSteps(
        walked.states[:, :-1].flatten(0, 1),
        [walked.states[:, (steps - back).clamp(min=0)].flatten(0, 1) for back in range(1, memory + 1)],
        walked.states[:, 1:].flatten(0, 1),
        walked.whitened.flatten(0, 1),
        walked.rows.repeat(n, 1),
        None if walked.labels is None else walked.labels.repeat_interleave(k),
    )
