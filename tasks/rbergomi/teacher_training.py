"""The teacher's training: denoising of standardised paths from the exact simulator."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sigbench.networks.edm_training import NoiseLevels
from sigbench.networks.gaussian_edm import KIND, GaussianDenoiser, GaussianDenoiserConfig
from sigbench.networks.recipe import Trained
from sigbench.networks.training import TrainingPlan, train
from sigbench.progress import Listener
from sigbench.sde.schedule import Schedule, VPLinear
from sigbench_tasks.rbergomi.specification import SHIPPED, Specification
from sigbench_tasks.rbergomi.truth import RoughBergomiTruth

COMPUTE = torch.bfloat16


@dataclass(frozen=True, slots=True)
class PathPlan:
    """How many paths are simulated, from which seed, and which of them and which noise levels make a minibatch."""

    paths: int = 262_144
    batch: int = 512
    levels: NoiseLevels = field(default_factory=NoiseLevels)
    seed: int = 0


class TeacherTraining:
    """The loss of the teacher on minibatches that depend on the plan's seed and the iteration alone."""

    def __init__(self, module: GaussianDenoiser, states: Tensor, schedule: Schedule, plan: PathPlan) -> None:
        self.module, self.plan, self._states, self._schedule = module, plan, states, schedule

    def loss_at(self, iteration: int) -> Tensor:
        """Returns the denoising loss of a minibatch."""
        plan = self.plan
        rng = np.random.default_rng([plan.seed, iteration])
        clean = self._states[torch.from_numpy(rng.integers(len(self._states), size=plan.batch))]
        sigma = torch.from_numpy(np.exp(plan.levels.draw(rng, plan.batch, self._schedule))).float()
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(int(rng.integers(2**62))))
        return self.module.loss(clean, sigma, noise, COMPUTE)


@dataclass(frozen=True)
class TeacherRecipe:
    """How a teacher is trained on the paths of a specification, as the shipped one was: the paths, and the loop."""

    specification: Specification = SHIPPED
    paths: PathPlan = field(default_factory=PathPlan)
    plan: TrainingPlan = field(
        default_factory=lambda: TrainingPlan(
            iterations=20_000, learning_rate=1e-3, muon_rate=0.01, warmup=200, averaging=0.9995, checkpoint_every_s=60.0
        )
    )

    @property
    def config(self) -> GaussianDenoiserConfig:
        """The network."""
        return GaussianDenoiserConfig(self.specification.shape)

    @property
    def iterations(self) -> int:
        """The number of minibatches."""
        return self.plan.iterations

    def train(self, checkpoint: Path, report: Listener) -> Trained:
        """Trains from nothing, or goes on from `checkpoint`."""
        torch.manual_seed(self.paths.seed)
        drawn = RoughBergomiTruth(self.specification).sample(self.paths.paths, self.paths.seed)
        states, module = torch.from_numpy(drawn).float(), GaussianDenoiser(self.config)
        module.use_covariance(torch.cov(states.flatten(1).double().T))
        training = TeacherTraining(module, states.view(-1, *self.specification.shape), VPLinear(), self.paths)
        weights, seconds = train(
            module,
            training.loss_at,
            self.plan,
            checkpoint=checkpoint,
            report=report,
            identity={
                "network": KIND,
                "specification": self.specification.hash,
                **self.config.as_json(),
                **asdict(self.paths),
            },
        )
        data = {
            "paths_seen": self.iterations * self.paths.batch,
            "schedule": VPLinear.name,
            "specification": self.specification.hash,
            "parameters": self.specification.facts(),
            **asdict(self.paths),
            **asdict(self.plan),
        }
        cost = {
            "training_s": seconds,
            "iterations": self.iterations,
            "device": "cpu",
            "threads": torch.get_num_threads(),
            "network_dtype": str(COMPUTE).removeprefix("torch."),
        }
        return Trained(KIND, weights, self.config.as_json(), data, cost)

    def shortened(self, iterations: int) -> "TeacherRecipe":
        """Returns the recipe with another number of minibatches."""
        return replace(self, plan=replace(self.plan, iterations=iterations))

    def finish(self, folder: Path) -> None:
        """Adds nothing."""
