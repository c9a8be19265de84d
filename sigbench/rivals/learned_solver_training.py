"""How a learned solver is trained: its samples approach those that the teacher's flow gives from the same x_T.

The loss is the logarithm of the mean absolute error of the samples, so that every K counts by what can be removed of
its error. Gradients of coefficients run through all steps. Times enter the task's network as plain numbers, so that
those of the table are central differences along a random direction an iteration (Spall 1992).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sigbench.abilities import teacher_hash
from sigbench.networks.recipe import Trained, cost_of
from sigbench.networks.training import TrainingPlan, train
from sigbench.progress import Listener
from sigbench.registry import make_sampler
from sigbench.rivals.choices import check_choices, teacher_is_network
from sigbench.rivals.flow import chosen_flow
from sigbench.rivals.learned_solver import KNOTS, WINDOW, Coefficients, LearnedSolver, take_step
from sigbench.sde.brownian import NoNoise
from sigbench.sde.grid import Grid
from sigbench.sde.noise import NoiseStream, seed_of
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sigdeg.distillation.kinds import StudentChoices
from sigbench.sigdeg.distillation.plan import DistillPlan, PlannedTraining
from sigbench.task import Task

_CLOSED_FORM, _OF_NETWORK = 4_000, 800  # iterations, where the teacher is in closed form and where it is a network


@dataclass(frozen=True, slots=True)
class EndsPlan:
    """What the solver is compared with: `pool` ends of the flow by `scheme`, renewed every `refresh` iterations.

    A minibatch has `batch` of them; times are moved by `nudge` in their differences.
    """

    scheme: str = "heun"
    teacher_steps: int = 150
    pool: int = 8_192
    refresh: int = 1_000
    batch: int = 1_024
    nudge: float = 0.02


class Ends:
    """Initial states and where the flow leads them, a pool at a time."""

    def __init__(self, problem: ReverseDiffusion, grid: str, source: EndsPlan, seed: int) -> None:
        self.problem, self.source, self.seed = problem, source, seed
        self._fine = problem.grid(grid, source.teacher_steps)
        self._generation = -1

    def draw(self, iteration: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Returns initial states and samples (batch, *shape), with their classes (batch,) or None."""
        source = self.source
        if (generation := iteration // source.refresh) != self._generation:
            self._pool, self._generation = self._walked(generation), generation
        start, end, labels = self._pool
        rng = np.random.default_rng([self.seed, iteration])
        pick = torch.from_numpy(rng.integers(source.pool, size=source.batch))
        return start[pick], end[pick], None if labels is None else labels[pick]

    def _walked(self, generation: int) -> tuple[Tensor, Tensor, Tensor | None]:
        problem, count = self.problem, self.source.pool

        def stream(purpose: str, shape: tuple[int, ...]) -> Tensor:
            seed = seed_of(seed=self.seed, generation=generation, purpose=purpose)
            return NoiseStream(seed, shape, device=problem.device).normal(0, count, 0)

        labels = problem.labels_from(stream("labels", ()))
        start = problem.initial(stream("initial", problem.shape))
        with torch.no_grad():
            walk = make_sampler(self.source.scheme).walk(problem.labelled(labels), start, self._fine, NoNoise())
            (end,) = islice(walk, self._fine.steps - 1, None)
        return start, end, labels


def table_of(intervals: Tensor, problem: ReverseDiffusion) -> str:
    """Returns the grid of a learned table of levels: KNOTS intervals in λ, in the proportions of their exponentials."""
    schedule = problem.schedule
    first, last = float(schedule.log_snr(schedule.t_start)), float(schedule.log_snr(schedule.t_end))
    shares = torch.softmax(intervals.detach().double().cpu(), 0).cumsum(0).numpy()[:-1]
    levels = np.exp(-np.concatenate([[first], first + (last - first) * shares, [last]]))
    return "sigmas:values='" + ",".join(f"{level:.9g}" for level in levels) + "'"


class SolverLoss:
    """The loss of coefficients and of the table, of one K an iteration."""

    def __init__(
        self, module: Coefficients, problem: ReverseDiffusion, steps: tuple[int, ...], ends: Ends, seed: int
    ) -> None:
        self.module, self.problem, self.steps, self.ends, self.seed = module, problem, steps, ends, seed

    def __call__(self, iteration: int) -> Tensor:
        """Returns the loss of an iteration, whose gradient on the table is of central differences."""
        rng = np.random.default_rng([self.seed, iteration, 1])
        steps = self.steps[int(rng.integers(len(self.steps)))]
        start, end, labels = self.ends.draw(iteration)
        problem = self.problem.labelled(labels)
        loss = self._of(problem, self._grid(self.module.intervals, steps), start, end)
        signs = torch.from_numpy(rng.choice([-1.0, 1.0], size=KNOTS)).float().to(self.problem.device)
        return loss + self._of_times(problem, steps, start, end, signs)

    def _grid(self, intervals: Tensor, steps: int) -> Grid:
        return self.problem.grid(table_of(intervals, self.problem), steps)

    def _of(self, problem: ReverseDiffusion, grid: Grid, start: Tensor, end: Tensor) -> Tensor:
        """The logarithm of the mean absolute error of the samples that the solver reaches."""
        scales, weights = self.module.scales[str(grid.steps)], self.module.weights[str(grid.steps)]
        x, predictions = start, list[Tensor]()
        for step, a, w in zip(grid, scales, weights, strict=True):
            predictions = [problem.denoiser.x0(step.t, x), *predictions[: WINDOW - 1]]
            x = take_step(problem.schedule, step, x, predictions, a, w)
        return (x - end).abs().mean().clamp_min(1e-12).log()

    def _of_times(self, problem: ReverseDiffusion, steps: int, start: Tensor, end: Tensor, signs: Tensor) -> Tensor:
        """Zero, with the gradient on the table that central differences along ±1 in each interval give."""
        intervals, nudge = self.module.intervals, self.ends.source.nudge
        if steps == 1:  # no time lies between the ends
            return intervals.sum() * 0.0
        with torch.no_grad():
            up, down = (
                self._of(problem, self._grid(intervals + side * nudge * signs, steps), start, end)
                for side in (1.0, -1.0)
            )
        moved = (intervals * signs).sum() * (up - down) / (2.0 * nudge)
        return moved - moved.detach()


@dataclass(frozen=True)
class LearnedSolverRecipe(PlannedTraining):
    """How coefficients and times are trained."""

    task: Task
    plan: DistillPlan
    source: EndsPlan

    def train(self, checkpoint: Path, report: Listener) -> Trained:
        """Trains from DPM-Solver++(2M) on levels even in λ, or goes on from `checkpoint`."""
        task, plan = self.task, self.plan
        problem = task.problem(plan.on, plan.compute)
        assert isinstance(problem, ReverseDiffusion)
        module = Coefficients(plan.steps).to(plan.on)
        for steps in plan.steps:
            module.start_from_line(problem.schedule, steps, problem.grid(table_of(module.intervals, problem), steps))
        loss = SolverLoss(module, problem, plan.steps, Ends(problem, plan.grid, self.source, plan.seed), plan.seed)
        facts = self._facts()
        averaged, seconds = train(
            module,
            loss,
            plan.training,
            checkpoint=checkpoint,
            report=report,
            identity={"kind": LearnedSolver.kind, "task": task.name, "task_version": task.version, **facts},
        )
        cost = cost_of(seconds, self.iterations, facts["compute"], plan.on.type)
        config = {"schedule": problem.schedule.name, "steps": list(plan.steps)}
        facts = {**facts, "ends_on": plan.grid, "grid": table_of(averaged["intervals"], problem)}
        return Trained(LearnedSolver.kind, averaged, config, facts, cost)

    def finish(self, folder: Path) -> None:
        """Adds nothing."""

    def _facts(self) -> Mapping[str, Any]:
        return {**self.plan.facts(), **asdict(self.source), "network": teacher_hash(self.task)}


def learned_solver_recipe(task: Task, choices: StudentChoices, keep_paths: Path | None) -> LearnedSolverRecipe:
    """Returns how the solver is trained; raises BadInput for a task without a teacher, and choices that it has not."""
    check_choices(LearnedSolver.name, choices, keep_paths)
    _, plan = chosen_flow(LearnedSolver.name, task, choices)
    costly = teacher_is_network(task)
    iterations = (_OF_NETWORK if costly else _CLOSED_FORM) if choices.iterations is None else choices.iterations
    training = TrainingPlan(iterations, learning_rate=1e-2, muon_rate=0.0, warmup=20, averaging=0.99)
    source = EndsPlan(pool=1_024, batch=64, teacher_steps=40, refresh=_OF_NETWORK) if costly else EndsPlan()
    return LearnedSolverRecipe(task, replace(plan, training=training), source)
