"""How a student is trained: a `Recipe` as a task's own networks have theirs."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from sigbench.abilities import conditions_of, networks_of, teacher_hash
from sigbench.models.task import ImageTask
from sigbench.networks.artifacts import load_artifact
from sigbench.networks.recipe import Trained, cost_of
from sigbench.networks.training import Stateful, train
from sigbench.progress import Listener, ignore
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sigdeg.distillation.coarse_steps import SourcePlan
from sigbench.sigdeg.distillation.loss import Distillation
from sigbench.sigdeg.distillation.plan import DistillPlan, PlannedTraining
from sigbench.sigdeg.generators.student import StudentConfig, StudentNetwork
from sigbench.sigdeg.sampler import KIND, with_teacher
from sigbench.task import Task

RECIPE = 4  # raised whenever the same choices would train another student
PATHS = "paths"  # the folder beside a checkpoint where the teacher's paths lie until the student is saved


@dataclass(frozen=True)
class StudentRecipe(PlannedTraining):
    """A student of a task's teacher: its network, what it learns, and where the coarse steps come from.

    The teacher's paths are kept in the folder `kept` for further students, where there is one and they are stored.
    `kind` is that of its artifact, and `learns` what holds the network while it learns.
    """

    task: Task
    config: StudentConfig
    plan: DistillPlan
    source: SourcePlan
    kept: Path | None = None
    kind: str = KIND
    learns: Callable[[StudentNetwork], Distillation] = Distillation

    def walk(self, folder: Path, report: Listener = ignore) -> None:
        """Walks into `folder` what students that keep the teacher's paths there share."""
        self.source.walk(self.task, self.plan, folder, report)

    def train(self, checkpoint: Path, report: Listener) -> Trained:
        """Trains from nothing, or goes on from `checkpoint`; so do the teacher's paths."""
        task, plan = self.task, self.plan
        problem = task.problem(plan.on, torch.float32)
        assert isinstance(problem, ReverseDiffusion)
        torch.manual_seed(plan.seed)
        network = started(self.config, task, problem)
        steps = self.source.open(task, plan, network, self.kept or checkpoint.parent / PATHS, report)
        distillation = self.learns(network).to(plan.on)
        facts = {**steps.facts(), **plan.facts()}
        identity = {
            "recipe": RECIPE,
            "kind": self.kind,
            "task": task.name,
            "task_version": task.version,
            **self.config.as_json(),
            **facts,
        }
        averaged, seconds = train(
            distillation,
            lambda iteration: distillation.loss(steps.minibatch(iteration).to(plan.on), plan.compute),
            plan.training,
            checkpoint=checkpoint,
            report=report,
            identity=identity,
            beside=steps if isinstance(steps, Stateful) else None,
        )
        cost = cost_of(steps.seconds + seconds, self.iterations, facts["compute"], plan.on.type, paths_s=steps.seconds)
        own = distillation.weights_of_network(averaged)
        return Trained(self.kind, own, self.config.as_json(), {"recipe": RECIPE, **facts}, cost)

    def finish(self, folder: Path) -> None:
        """Removes the teacher's paths that lie beside the student."""
        if self.kept is None:
            shutil.rmtree(folder / PATHS, ignore_errors=True)

    def determinants(self) -> dict[str, Any]:
        """Returns everything that determines the student, as plain JSON values."""
        return {
            "recipe": RECIPE,
            "task": self.task.name,
            "task_version": self.task.version,
            "teacher": teacher_hash(self.task),
            **conditions_of(self.task),
            "config": self.config.as_json(),
            "plan": {**self.plan.facts(), **asdict(self.plan.training)},
            "source": self.source.facts(),
        }


def started(config: StudentConfig, task: Task, problem: ReverseDiffusion) -> StudentNetwork:
    """Returns a student's network on the problem's device, with the weights of the task's teacher where it has some."""
    network = with_teacher(config.network(problem.schedule), task, problem.device, torch.float32)
    network.start_from(teacher_weights(task))
    return cast(StudentNetwork, cast(nn.Module, network).to(problem.device))


def teacher_weights(task: Task) -> Mapping[str, Tensor]:
    """Returns the weights of the teacher's network, none where it is in closed form or stands beside the student."""
    folder = networks_of(task).get("teacher")
    if folder is not None:
        return load_artifact(folder)[0]
    return load_file(task.model.unet.weights) if isinstance(task, ImageTask) and task.model.unet is not None else {}
