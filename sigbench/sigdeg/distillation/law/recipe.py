"""How a student is trained by the losses "law" and "score": from its teacher's weights, or on from a student's."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from sigbench.abilities import HasTrainingData, network_hashes, networks_of
from sigbench.errors import BadInput
from sigbench.networks.artifacts import Manifest, load_artifact, read_manifest
from sigbench.networks.recipe import Trained, cost_of
from sigbench.networks.scheduled import NoiseLevelDenoiser, build_denoiser, load_denoiser
from sigbench.networks.training import train
from sigbench.progress import Listener
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sigdeg.distillation.law.loss import LawLoss, LawPlan
from sigbench.sigdeg.distillation.law.score_gap import ScoreGap, ScorePlan
from sigbench.sigdeg.distillation.plan import DistillPlan, PlannedTraining
from sigbench.sigdeg.distillation.recipe import teacher_weights
from sigbench.sigdeg.generators.student import StudentConfig
from sigbench.sigdeg.sampler import KIND
from sigbench.task import Task

RECIPE = 1  # raised whenever the same choices would train another student


@dataclass(frozen=True)
class LawRecipe(PlannedTraining):
    """A student whose states should have the law of noised data; `start` is a trained student to go on from.

    `score` is for the loss "score" alone; `kind` is that of its artifact.
    """

    task: Task
    config: StudentConfig
    plan: DistillPlan
    law: LawPlan
    start: Path | None = None
    score: ScorePlan = field(default_factory=ScorePlan)
    kind: str = KIND

    def __post_init__(self) -> None:
        """Raises BadInput where a task has no data or no network to learn from, and for a start of another network."""
        loss = self.plan.loss
        if not isinstance(self.task, HasTrainingData):
            raise BadInput(
                f"the loss {loss!r} compares with data, and the task {self.task.name!r} has none to learn from."
            )
        if loss == "score" and "teacher" not in networks_of(self.task):
            raise BadInput(
                f"the loss 'score' follows a teacher's network, and that of the task {self.task.name!r} is in closed "
                "form: take the loss law."
            )
        if self.start is None:
            return
        found = read_manifest(self.start)
        if (found.kind, found.task) != (self.kind, self.task.name):
            raise BadInput(f"{self.start} is a {found.kind} of {found.task}, not a {self.kind} of {self.task.name}.")
        own = self.config.as_json()
        if changed := [name for name, value in found.config.items() if _plain(own.get(name)) != _plain(value)]:
            raise BadInput(f"the student in {self.start} is another network ({', '.join(changed)} differ).")

    def train(self, checkpoint: Path, report: Listener) -> Trained:
        """Trains from the start, or goes on from `checkpoint`."""
        plan = self.plan
        problem = self.task.problem(plan.on, torch.float32)
        assert isinstance(problem, ReverseDiffusion)
        network, before = self._network(problem)
        assert isinstance(self.task, HasTrainingData)
        states, labels = self.task.training_data()
        teacher = self._teacher(problem)
        gap = ScoreGap(teacher, self._own(problem), self.score, plan.compute) if teacher and self._by_score else None
        loss = LawLoss(network, problem, teacher, states, labels, plan, self.law, gap)  # type: ignore[arg-type]
        facts = self._facts()
        weights, seconds = train(
            network,
            loss,
            plan.training,
            checkpoint=checkpoint,
            report=report,
            beside=loss,
            identity={"task": self.task.name, "task_version": self.task.version, **self.config.as_json(), **facts},
        )
        spent = seconds + (before.cost["training_s"] if before else 0.0)
        cost = cost_of(spent, self.iterations, facts["compute"], problem.device.type, law_s=seconds)
        return Trained(self.kind, weights, self.config.as_json(), {**facts, "data": len(states)}, cost)

    def finish(self, folder: Path) -> None:
        """Adds nothing."""

    def walk(self, folder: Path, report: Listener) -> None:
        """Walks nothing: no teacher's paths are asked for."""

    def determinants(self) -> dict[str, Any]:
        """Returns everything that determines the student, as plain JSON values."""
        return {
            "task": self.task.name,
            "task_version": self.task.version,
            "config": self.config.as_json(),
            "plan": {**self._facts(), **asdict(self.plan.training)},
        }

    def _network(self, problem: ReverseDiffusion) -> tuple[nn.Module, Manifest | None]:
        """The student's network with the weights that it starts from, and the manifest of a trained start."""
        torch.manual_seed(self.plan.seed)
        network = self.config.network(problem.schedule)
        found: Manifest | None = None
        if self.start is None:
            network.start_from(teacher_weights(self.task))
        else:
            weights, found = load_artifact(self.start)
            network.load_state_dict(weights)
        return cast(nn.Module, network).to(problem.device), found

    def _teacher(self, problem: ReverseDiffusion) -> NoiseLevelDenoiser | None:
        folder = networks_of(self.task).get("teacher")
        return None if folder is None else load_denoiser(folder, problem.schedule, problem.device, self.plan.compute)

    @property
    def _by_score(self) -> bool:
        return self.plan.loss == "score"

    def _own(self, problem: ReverseDiffusion) -> nn.Module:
        """The denoiser of the student's states, at first the teacher's, its weights in float32."""
        weights, manifest = load_artifact(networks_of(self.task)["teacher"])
        own: nn.Module = build_denoiser(manifest.kind, manifest.config)
        own.load_state_dict(weights)
        return own.to(problem.device)

    def _facts(self) -> dict[str, Any]:
        start: Mapping[str, Any] = {} if self.start is None else {"start": read_manifest(self.start).sha256}
        network = network_hashes(self.task).get("teacher")
        score = {"score": asdict(self.score)} if self._by_score else {}
        return {"law_recipe": RECIPE, "network": network, **self.plan.facts(), **asdict(self.law), **score, **start}


def _plain(value: Any) -> Any:
    """A value as JSON gives it back."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
