"""The teacher's training: denoising under the EDM noise distribution, a tenth of the labels dropped."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sigbench.networks.edm import KIND, EDMConfig, EDMDenoiser
from sigbench.networks.edm_training import NoiseLevels
from sigbench.networks.recipe import Trained
from sigbench.networks.training import TrainingPlan, train
from sigbench.progress import Listener
from sigbench.sde.schedule import Schedule, VPLinear
from sigbench_tasks.mnist import idx
from sigbench_tasks.mnist.pixels import standardised


@dataclass(frozen=True, slots=True)
class NoisePlan:
    """Which noise levels (see NoiseLevels) and labels are trained; `drop` of the labels become the null label."""

    batch: int = 128
    log_mean: float = -0.3
    log_std: float = 1.3
    uniform_share: float = 0.1
    drop: float = 0.1
    seed: int = 0


class TeacherTraining:
    """The loss of the teacher on minibatches that depend on the plan's seed and the iteration alone."""

    def __init__(self, module: EDMDenoiser, schedule: Schedule, plan: NoisePlan, compute: torch.dtype) -> None:
        self.module, self.plan, self.compute = module, plan, compute
        self._images = torch.from_numpy(idx.images("train").copy())
        self._labels = torch.from_numpy(idx.labels("train").astype(np.int64))
        self._schedule = schedule

    def loss_at(self, iteration: int) -> Tensor:
        """Returns the denoising loss of a minibatch."""
        plan = self.plan
        rng = np.random.default_rng([plan.seed, iteration])
        pick = torch.from_numpy(rng.integers(len(self._images), size=plan.batch))
        labels = torch.where(
            torch.from_numpy(rng.random(plan.batch) < plan.drop), self.module.config.classes, self._labels[pick]
        )
        levels = NoiseLevels(plan.log_mean, plan.log_std, plan.uniform_share)
        sigma = torch.from_numpy(np.exp(levels.draw(rng, plan.batch, self._schedule))).float()
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        clean = standardised(self._images[pick])
        noise = torch.randn(clean.shape, generator=generator)
        return self.module.loss(clean, labels, sigma, noise, self.compute)


@dataclass(frozen=True)
class TeacherRecipe:
    """How the shipped teacher is trained: the network, its noise, and the loop; the U-Net computes in bfloat16."""

    config: EDMConfig = field(default_factory=EDMConfig)
    noise: NoisePlan = field(default_factory=NoisePlan)
    plan: TrainingPlan = field(
        default_factory=lambda: TrainingPlan(
            iterations=13_000, learning_rate=2e-3, muon_rate=0.02, warmup=200, averaging=0.999, checkpoint_every_s=120.0
        )
    )

    @property
    def iterations(self) -> int:
        """The number of minibatches."""
        return self.plan.iterations

    def train(self, checkpoint: Path, report: Listener) -> Trained:
        """Trains from nothing, or goes on from `checkpoint`."""
        torch.manual_seed(self.noise.seed)
        module = EDMDenoiser(self.config)
        training = TeacherTraining(module, VPLinear(), self.noise, torch.bfloat16)
        weights, seconds = train(
            module,
            training.loss_at,
            self.plan,
            checkpoint=checkpoint,
            report=report,
            identity={"network": KIND, **self.config.as_json(), **asdict(self.noise)},
        )
        data = {
            "images": "the 60,000 training images",
            "images_seen": self.iterations * self.noise.batch,
            "schedule": VPLinear.name,
            **asdict(self.noise),
            **asdict(self.plan),
        }
        cost = {
            "training_s": seconds,
            "iterations": self.iterations,
            "device": "cpu",
            "threads": torch.get_num_threads(),
            "network_dtype": "bfloat16",
        }
        return Trained(KIND, weights, self.config.as_json(), data, cost)

    def shortened(self, iterations: int) -> "TeacherRecipe":
        """Returns the recipe with another number of minibatches."""
        return replace(self, plan=replace(self.plan, iterations=iterations))

    def finish(self, folder: Path) -> None:
        """Adds nothing."""
