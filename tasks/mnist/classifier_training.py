"""The classifier's training: cross-entropy on shifted training images, and the statistics that follow from it."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sigbench.networks.recipe import Trained
from sigbench.networks.training import TrainingPlan, train
from sigbench.progress import Listener
from sigbench_tasks.mnist import idx
from sigbench_tasks.mnist.classifier import CLASSES, FEATURES, KIND, Classifier, features_of, load_classifier
from sigbench_tasks.mnist.pixels import SIDE, standardised
from sigbench_tasks.mnist.statistics import compute_statistics, save_statistics

_FOR_SCALE = 10_000


def accuracy(module: Classifier, split: idx.Split) -> float:
    """Returns the share of a split's images whose most probable digit is their label."""
    with torch.no_grad():
        found = module.head(features_of(module, standardised(idx.images(split).copy()))).argmax(1)
    return float((found.numpy() == idx.labels(split)).mean())


def shifted(pixels: Tensor, rows: Tensor, columns: Tensor, reach: int) -> Tensor:
    """Returns images (n, 28, 28), each moved by its own −reach … reach pixels down and right, zeros following."""
    padded = functional.pad(pixels, (reach, reach, reach, reach))
    window = torch.arange(SIDE)
    at_rows = (reach - rows)[:, None] + window
    at_columns = (reach - columns)[:, None] + window
    return padded[torch.arange(len(pixels))[:, None, None], at_rows[:, :, None], at_columns[:, None, :]]


@dataclass(frozen=True)
class ClassifierRecipe:
    """How the shipped classifier is trained: cross-entropy on training images that are shifted at random."""

    batch: int = 250
    reach: int = 2
    seed: int = 0
    plan: TrainingPlan = field(
        default_factory=lambda: TrainingPlan(
            iterations=2_400, learning_rate=1e-3, muon_rate=0.02, warmup=50, averaging=0.99
        )
    )

    @property
    def iterations(self) -> int:
        """The number of minibatches."""
        return self.plan.iterations

    def train(self, checkpoint: Path, report: Listener) -> Trained:
        """Trains from nothing, or goes on from `checkpoint`; the manifest's data hold the test accuracy."""
        torch.manual_seed(self.seed)
        module = Classifier()
        images = torch.from_numpy(idx.images("train").copy())
        labels = torch.from_numpy(idx.labels("train").astype(np.int64))

        def loss_at(iteration: int) -> Tensor:
            rng = np.random.default_rng([self.seed, iteration])
            pick = torch.from_numpy(rng.integers(len(images), size=self.batch))
            rows, columns = torch.from_numpy(rng.integers(-self.reach, self.reach + 1, size=(2, self.batch)))
            states = standardised(shifted(images[pick], rows, columns, self.reach))
            return functional.cross_entropy(module(states.bfloat16()).float(), labels[pick])

        choices = {"batch": self.batch, "reach": self.reach, "seed": self.seed}
        weights, seconds = train(
            module, loss_at, self.plan, checkpoint=checkpoint, report=report, identity={"network": KIND, **choices}
        )
        module.load_state_dict(weights)
        # The features' scale is an accident of training, and the kernel of KID takes them to be about 1.
        features = features_of(module, standardised(images[:_FOR_SCALE]))
        module.scale_features(float(features.square().mean().rsqrt()))
        data = {
            "images": "the 60,000 training images",
            **choices,
            **asdict(self.plan),
            "test_accuracy": accuracy(module, "test"),
        }
        cost = {
            "training_s": seconds,
            "iterations": self.iterations,
            "device": "cpu",
            "threads": torch.get_num_threads(),
            "network_dtype": "bfloat16",
        }
        return Trained(KIND, module.state_dict(), {"features": FEATURES, "classes": CLASSES}, data, cost)

    def shortened(self, iterations: int) -> "ClassifierRecipe":
        """Returns the recipe with another number of minibatches."""
        return replace(self, plan=replace(self.plan, iterations=iterations))

    def finish(self, folder: Path) -> None:
        """Adds the reference statistics under the new classifier."""
        save_statistics(folder, compute_statistics(*load_classifier(folder)))
