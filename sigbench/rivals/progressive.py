"""Progressive distillation (Salimans & Ho 2022, arXiv 2202.00512): two of its teacher's steps become one, in rounds.

In a round the student learns to reach by one step where its teacher arrives by two of half the length, from noised data
(algorithm 2). The first teacher takes steps of DDIM with the task's network; the teacher of each later round is the
student of the round before. A student of K steps is reached by halving K·2^r steps down to K.

What departs from the paper: one student serves all step counts by reading both ends of a step, so a round trains the
grids of K·2^r steps for every K at once; what it gives is added to the flow's exact step for Gaussian data, and errors
are scaled by a learned function of a step's ends (loss.py) in the place of the truncated weights of section 4.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from sigbench.abilities import teacher_hash
from sigbench.networks.recipe import Trained, cost_of
from sigbench.networks.training import train
from sigbench.progress import Listener, Progress
from sigbench.records.store import replacing
from sigbench.rivals.choices import check_choices, check_data
from sigbench.rivals.flow import FlowStudent, chosen_flow, step_of
from sigbench.rivals.noised import Group, NoisedData, NoisedPlan, batch_of, minibatch_of
from sigbench.sde.grid import Step
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sigdeg.distillation.coarse_steps import Minibatch
from sigbench.sigdeg.distillation.kinds import StudentChoices
from sigbench.sigdeg.distillation.loss import Distillation
from sigbench.sigdeg.distillation.plan import DistillPlan, PlannedTraining
from sigbench.sigdeg.distillation.recipe import started
from sigbench.sigdeg.generators.student import StudentConfig, StudentNetwork
from sigbench.task import Task

FINEST = 256  # steps of a first student at most: its teacher takes twice as many


class ProgressiveDistillation(FlowStudent):
    """A student of the flow that was taught by a student of half its step's length, and that by another."""

    name = "progressive"
    citation = "Salimans & Ho 2022, arXiv 2202.00512"
    when = "4 calls and more on a task with such a student, where no noise is wanted."
    kind: ClassVar[str] = "progressive-student"
    title: ClassVar[str] = "progressive"


TeacherStep = Callable[[Tensor, Step, Tensor | None], Tensor]


class HalvedSteps:
    """The minibatches of a round: steps of the grids of K·2^r steps, each with the state after two halves of it.

    These are of `teacher`, the round before's student, and on grids that no round before had of the `first` teacher.
    """

    def __init__(
        self,
        data: NoisedData,
        network: StudentNetwork,
        plan: DistillPlan,
        source: NoisedPlan,
        halvings: int,
        teacher: TeacherStep,
        first: TeacherStep,
    ) -> None:
        self.data, self.network, self.plan, self.source = data, network, plan, source
        self.halvings = halvings
        problem, parts = data.problem, 2**halvings
        self.grids = [problem.grid(plan.grid, steps).refine(parts) for steps in plan.steps if steps * parts <= FINEST]
        self.teachers = [first if 2 * grid.steps > FINEST else teacher for grid in self.grids]

    def minibatch(self, iteration: int) -> Minibatch:
        """Returns the steps of an iteration of this round."""
        rng = np.random.default_rng([self.plan.seed, self.halvings, iteration])
        groups = []
        with torch.no_grad():
            for _ in range(self.source.groups):
                which = int(rng.integers(len(self.grids)))
                grid, teacher = self.grids[which], self.teachers[which]
                step = list(grid)[int(rng.integers(grid.steps))]
                x, own = self.data.draw(step.t, self.source.each, rng)
                y = x
                for half in grid.with_times([step.start, step.end]).refine(2):
                    y = teacher(y, half, own)
                groups.append(Group(x, y, self.network.coefficients([step]), own))
        return minibatch_of(groups)


def ddim_step(problem: ReverseDiffusion) -> TeacherStep:
    """Returns the first teacher: a step of DDIM with the task's network (Salimans & Ho 2022, eq. 8)."""
    schedule = problem.schedule

    def step(x: Tensor, half: Step, labels: Tensor | None) -> Tensor:
        alpha, sigma = float(schedule.alpha(half.t)), float(schedule.sigma(half.t))
        alpha_next, sigma_next = float(schedule.alpha(half.t_next)), float(schedule.sigma(half.t_next))
        x0 = problem.labelled(labels).denoiser.x0(half.t, x)
        return alpha_next * x0 + (sigma_next / sigma) * (x - alpha * x0)

    return step


def student_step(network: StudentNetwork, compute: torch.dtype) -> TeacherStep:
    """Returns a later teacher: a step of an earlier round's student."""
    walk = step_of(network, compute)

    def step(x: Tensor, half: Step, labels: Tensor | None) -> Tensor:
        return walk(x, network.coefficients([half]), labels)

    return step


@dataclass(frozen=True)
class ProgressiveRecipe(PlannedTraining):
    """How the student is trained: rounds of equal length, the last of them at the step counts that it serves."""

    task: Task
    config: StudentConfig
    plan: DistillPlan
    source: NoisedPlan

    @property
    def rounds(self) -> list[int]:
        """The halvings that are left after each round: most first, 0 last."""
        most = max(0, int(np.floor(np.log2(FINEST / min(self.plan.steps)))))
        return list(range(most, -1, -1))

    @property
    def iterations(self) -> int:
        """The number of minibatches, of all rounds together: one a round at least."""
        return max(self.plan.training.iterations, len(self.rounds))

    def lengths(self) -> list[int]:
        """Returns the number of minibatches of each round."""
        count = len(self.rounds)
        return [self.iterations // count + (k < self.iterations % count) for k in range(count)]

    def train(self, checkpoint: Path, report: Listener) -> Trained:
        """Trains from nothing, or goes on from `checkpoint` and the rounds that ended in its folder."""
        task, plan = self.task, self.plan
        problem = task.problem(plan.on, plan.compute)
        assert isinstance(problem, ReverseDiffusion)
        data = NoisedData(task, problem)
        torch.manual_seed(plan.seed)
        network = started(self.config, task, problem)
        first = teacher = ddim_step(problem)
        done, seconds = 0, 0.0
        for halvings, length in zip(self.rounds, self.lengths(), strict=True):
            steps = HalvedSteps(data, network, plan, self.source, halvings, teacher, first)
            kept = checkpoint.with_name(f"round-{halvings}-{self._digest()}.safetensors")
            if not kept.exists():
                learner = Distillation(network).to(plan.on)
                own = replace(plan.training, iterations=length, warmup=min(plan.training.warmup, max(1, length // 10)))
                averaged, spent = train(
                    learner,
                    lambda iteration, at=learner, of=steps: at.loss(of.minibatch(iteration), plan.compute),  # type: ignore[misc]
                    own,
                    checkpoint=checkpoint,
                    report=lambda heard, before=done: report(_of_all(heard, before, self.iterations)),  # type: ignore[misc]
                    identity={**self._identity(), "halvings": halvings},
                )
                weights = learner.weights_of_network(averaged)
                with replacing(kept) as temporary:
                    temporary.write_bytes(save({**weights, "seconds": torch.tensor(spent, dtype=torch.float64)}))
                checkpoint.unlink(missing_ok=True)
            found = load_file(kept)
            seconds += float(found.pop("seconds"))
            network.load_state_dict(found)
            before = started(self.config, task, problem)
            before.load_state_dict(found)
            teacher, done = student_step(before, plan.compute), done + length
        facts = {**self._facts(), "data": len(data)}
        cost = cost_of(seconds, self.iterations, facts["compute"], plan.on.type)
        return Trained(ProgressiveDistillation.kind, found, self.config.as_json(), facts, cost)

    def finish(self, folder: Path) -> None:
        """Removes what the rounds left."""
        for kept in folder.glob("round-*.safetensors"):
            kept.unlink()

    def _facts(self) -> Mapping[str, Any]:
        return {**self.plan.facts(), **asdict(self.source), "finest": FINEST, "network": teacher_hash(self.task)}

    def _identity(self) -> dict[str, Any]:
        kind, training = ProgressiveDistillation.kind, asdict(self.plan.training)
        return {"kind": kind, "task": self.task.name, **self.config.as_json(), **self._facts(), "rounds": training}

    def _digest(self) -> str:
        """What tells this training from another whose rounds ended in the same folder."""
        return hashlib.blake2b(json.dumps(self._identity(), sort_keys=True).encode(), digest_size=6).hexdigest()


def _of_all(heard: Progress, before: int, total: int) -> Progress:
    """A round's progress as that of the whole training."""
    return replace(heard, done=before + heard.done, total=total)


def progressive_recipe(task: Task, choices: StudentChoices, keep_paths: Path | None) -> ProgressiveRecipe:
    """Returns how the student is trained; raises BadInput for a task without a teacher or without data to learn from.

    So it does for choices that the student has not.
    """
    check_choices(ProgressiveDistillation.name, choices, keep_paths, "width", "depth")
    check_data(ProgressiveDistillation.name, task)
    config, plan = chosen_flow(ProgressiveDistillation.name, task, choices)
    return ProgressiveRecipe(task, config, plan, NoisedPlan(batch=batch_of(task)))
