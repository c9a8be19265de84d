"""How a student is trained by the loss "law": from its teacher's weights, or on from a trained student."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from sigbench.abilities import HasTrainingData, network_hashes, networks_of
from sigbench.errors import BadInput
from sigbench.networks.artifacts import Manifest, load_artifact, read_manifest
from sigbench.networks.recipe import Trained
from sigbench.networks.scheduled import NoiseLevelDenoiser, load_denoiser
from sigbench.networks.training import train
from sigbench.progress import Listener
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sigdeg.distillation.law.loss import LawLoss, LawPlan
from sigbench.sigdeg.distillation.plan import DistillPlan
from sigbench.sigdeg.distillation.recipe import teacher_weights
from sigbench.sigdeg.generators.student import StudentConfig
from sigbench.sigdeg.sampler import KIND
from sigbench.task import Task

RECIPE = 1  # raised whenever the same choices would train another student


@dataclass(frozen=True)
class LawRecipe:
    """A student whose states should have the law of noised data; `start` is a trained student to go on from."""

    task: Task
    config: StudentConfig
    plan: DistillPlan
    law: LawPlan
    start: Path | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Raises BadInput for a task without training data, and for a start that is no student of this network."""
        if not isinstance(self.task, HasTrainingData):
            raise BadInput(
                f"the loss 'law' compares with data, and the task {self.task.name!r} has none to learn from."
            )
        if self.start is None:
            return
        found = read_manifest(self.start)
        if (found.kind, found.task) != (KIND, self.task.name):
            raise BadInput(f"{self.start} is a {found.kind} of {found.task}, not a {KIND} of {self.task.name}.")
        own = self.config.as_json()
        if changed := [name for name, value in found.config.items() if _plain(own.get(name)) != _plain(value)]:
            raise BadInput(f"the student in {self.start} is another network ({', '.join(changed)} differ).")

    @property
    def iterations(self) -> int:
        """The number of minibatches."""
        return self.plan.training.iterations

    def shortened(self, iterations: int) -> "LawRecipe":
        """Returns the recipe with another number of minibatches."""
        return replace(self, plan=replace(self.plan, training=replace(self.plan.training, iterations=iterations)))

    def train(self, checkpoint: Path, report: Listener) -> Trained:
        """Trains from the start, or goes on from `checkpoint`."""
        plan, device = self.plan, torch.device(self.device)
        problem = self.task.problem(device, torch.float32)
        assert isinstance(problem, ReverseDiffusion)
        network, before = self._network(problem)
        assert isinstance(self.task, HasTrainingData)
        states, labels = self.task.training_data()
        loss = LawLoss(network, problem, self._teacher(problem), states, labels, plan, self.law)  # type: ignore[arg-type]
        facts = self._facts()
        weights, seconds = train(
            network,
            loss,
            plan.training,
            checkpoint=checkpoint,
            report=report,
            identity={"task": self.task.name, "task_version": self.task.version, **self.config.as_json(), **facts},
        )
        cost = {
            "training_s": seconds + (before.cost["training_s"] if before else 0.0),
            "law_s": seconds,
            "iterations": self.iterations,
            "device": problem.device.type,
            "threads": torch.get_num_threads(),
            "network_dtype": facts["compute"],
        }
        return Trained(KIND, weights, self.config.as_json(), {**facts, "data": len(states)}, cost)

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

    def _facts(self) -> dict[str, Any]:
        start: Mapping[str, Any] = {} if self.start is None else {"start": read_manifest(self.start).sha256}
        network = network_hashes(self.task).get("teacher")
        return {"law_recipe": RECIPE, "network": network, **self.plan.facts(), **asdict(self.law), **start}


def _plain(value: Any) -> Any:
    """A value as JSON gives it back."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
