"""Distillation: a generator learns the teacher's coarse steps, locally, along its own rollout, or both.

The local loss starts each step from the teacher's state, the global one from the student's own rollout; both
compare with the teacher on the same Brownian path (Sig-DEG, arXiv 2508.16939). Mean squared error teaches the
mean given the signature: what it does not determine is averaged away. Locally that costs the conditional
variance of one step; the global loss averages over whole paths and costs more, which is why "local" is the
default here.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from sigbench.errors import BadInput, unknown_name
from sigbench.networks.training import TrainingPlan, train
from sigbench.progress import Listener, ignore
from sigbench.sampler import Sampler
from sigbench.sde.noise import seed_of
from sigbench.sde.problem import ReverseDiffusion, SDEProblem
from sigbench.sigdeg.distillation.trajectories import Trajectories, draw_trajectories
from sigbench.sigdeg.generators.vectors import Generator, GeneratorConfig

Loss = Literal["local", "global", "both"]


@dataclass(frozen=True, slots=True)
class DistillPlan:
    """What is distilled from what.

    Every step count of `steps` has a pool of `pool` teacher paths; minibatches hold about `batch` coarse
    steps of one count. Pools are drawn in turn, one every `refresh` iterations, so that all of training sees
    fresh paths. `global_weight` weighs the global loss when `loss` is "both", which takes half as many paths, so that
    an iteration costs the same whatever the loss.
    """

    steps: tuple[int, ...] = tuple(range(2, 21))
    grid: str = "quadratic"
    teacher_steps: int = 300
    loss: Loss = "local"
    global_weight: float = 0.1
    batch: int = 4_096
    pool: int = 20_000
    refresh: int = 400
    seed: int = 0
    training: TrainingPlan = field(default_factory=lambda: TrainingPlan(iterations=15_000))

    def __post_init__(self) -> None:
        if self.loss not in get_args(Loss):
            raise unknown_name("loss", self.loss, get_args(Loss))
        if not self.steps or min(self.steps) < 1:
            raise BadInput(f"a student needs step counts of at least 1, got {self.steps}.")


@dataclass(frozen=True, slots=True)
class Distilled:
    """The averaged weights of a trained generator, and what they cost."""

    weights: dict[str, Tensor]
    data: dict[str, Any]
    cost: dict[str, Any]


class Distillation:
    """The data and the loss of one training; `loss_at(iteration)` is what the training loop minimises."""

    def __init__(self, problem: SDEProblem, teacher: Sampler, generator: Generator, plan: DistillPlan) -> None:
        self.problem, self.teacher, self.generator, self.plan = problem, teacher, generator, plan
        self._generations: dict[int, int] = {}
        self._pools: dict[int, Trajectories] = {}
        self._rows: dict[int, Tensor] = {}

    def loss_at(self, iteration: int) -> Tensor:
        """Returns the loss of a minibatch that depends on the plan's seed and the iteration alone."""
        plan = self.plan
        rng = np.random.default_rng([plan.seed, iteration])
        steps = plan.steps[int(rng.integers(len(plan.steps)))]
        pool, losses = self._pool(steps, iteration), 2 if plan.loss == "both" else 1
        pick = torch.from_numpy(rng.integers(plan.pool, size=max(64, plan.batch // (losses * steps))))
        states, whitened, rows = pool.states[pick], pool.whitened[pick], self._rows[steps]
        if plan.loss == "local":
            return self.local_loss(states, whitened, rows)
        if plan.loss == "global":
            return self.global_loss(states, whitened, rows)
        return self.local_loss(states, whitened, rows) + plan.global_weight * self.global_loss(states, whitened, rows)

    def local_loss(self, states: Tensor, whitened: Tensor, rows: Tensor) -> Tensor:
        """Returns the mean squared error of every step from the teacher's own state, in the network's units.

        `states` has shape (n, K+1, d), `whitened` (n, K, order, d), `rows` (K, columns).
        """
        n, k = whitened.shape[:2]
        steps = torch.arange(k)
        earlier = [states[:, (steps - back).clamp(min=0)].flatten(0, 1) for back in range(1, self.generator.memory + 1)]
        predicted = self.generator(states[:, :-1].flatten(0, 1), whitened.flatten(0, 1), rows.repeat(n, 1), earlier)
        error = (predicted - states[:, 1:].flatten(0, 1)).view(n, k, -1) / rows[:, 3:4]
        return error.square().mean()

    def global_loss(self, states: Tensor, whitened: Tensor, rows: Tensor) -> Tensor:
        """Returns the mean squared error along the student's own rollout, over the data's standard deviation."""
        x, total, memory = states[:, 0], states.new_zeros(()), self.generator.memory
        earlier = [x] * memory
        for i in range(whitened.shape[1]):
            following = self.generator(x, whitened[:, i], rows[i : i + 1], earlier)
            earlier, x = [x, *earlier][:memory], following
            total = total + (x - states[:, i + 1]).square().mean()
        return total / (whitened.shape[1] * self.generator.config.data_std**2)

    def _pool(self, steps: int, iteration: int) -> Trajectories:
        plan = self.plan
        generation = self._generation(steps, iteration)
        if self._generations.get(steps) != generation:
            grid = self.problem.grid(plan.grid, steps)
            self._rows[steps] = self.generator.coefficients(grid)
            self._pools[steps] = draw_trajectories(
                self.problem,
                self.teacher,
                grid,
                teacher_steps=plan.teacher_steps,
                order=self.generator.config.order,
                count=plan.pool,
                seed=seed_of(seed=plan.seed, steps=steps, generation=generation),
            )
            self._generations[steps] = generation
        return self._pools[steps]

    def _generation(self, steps: int, iteration: int) -> int:
        """How often the pool of `steps` was due for renewal by `iteration`; a turn renews one pool."""
        turn, place, count = (
            iteration // self.plan.refresh,
            self.plan.steps.index(steps),
            len(self.plan.steps),
        )
        return (turn + count - 1 - place) // count


def distill(
    problem: SDEProblem,
    teacher: Sampler,
    config: GeneratorConfig,
    plan: DistillPlan,
    *,
    checkpoint: Path | None = None,
    report: Listener = ignore,
    identity: dict[str, Any] | None = None,
) -> Distilled:
    """Trains a generator on the teacher's trajectories of `problem`; see `sigbench.networks.training.train`."""
    torch.manual_seed(plan.seed)
    generator = Generator(config, problem.schedule if isinstance(problem, ReverseDiffusion) else None)
    distillation = Distillation(problem, teacher, generator, plan)
    plan_facts = {k: v for k, v in asdict(plan).items() if k != "training"}
    weights, seconds = train(
        generator,
        distillation.loss_at,
        plan.training,
        checkpoint=checkpoint,
        report=report,
        identity={**config.as_json(), **plan_facts, **(identity or {})},
    )
    pools = len(plan.steps) + (plan.training.iterations - 1) // plan.refresh
    data = {**plan_facts, "teacher": teacher.name, "teacher_paths_at_most": pools * plan.pool}
    cost = {
        "training_s": seconds,
        "iterations": plan.training.iterations,
        "device": "cpu",
        "threads": torch.get_num_threads(),
    }
    return Distilled(weights, data, cost)
