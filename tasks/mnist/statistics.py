"""Reference statistics: what the classifier says of the real images, kept under the classifier's hash."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from sigbench.errors import BadInput
from sigbench_tasks.mnist import idx
from sigbench_tasks.mnist.classifier import Classifier, features_of
from sigbench_tasks.mnist.pixels import standardised

STATISTICS = "statistics.safetensors"


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Mean (128,) and covariance (128, 128) of the training images' features, and the test images' features.

    The moments are float64. The test features, shape (10000, 128), are stored in float16, whose rounding is a
    two-thousandth of a feature, and serve as the truth's own draw. `classifier` is the SHA-256 of the weights
    that made them.
    """

    classifier: str
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    test_features: NDArray[np.float64]


def compute_statistics(module: Classifier, classifier: str) -> Statistics:
    """Returns the statistics under a classifier with the given hash."""
    train, test = (
        features_of(module, standardised(images.copy())).double().numpy()
        for images in (idx.images("train"), idx.images("test"))
    )
    return Statistics(classifier, train.mean(0), np.cov(train, rowvar=False), test)


def save_statistics(folder: Path, statistics: Statistics) -> None:
    """Writes the statistics beside the classifier."""
    tensors = {
        "mean": torch.from_numpy(statistics.mean),
        "covariance": torch.from_numpy(statistics.covariance),
        "test_features": torch.from_numpy(statistics.test_features).half(),
    }
    save_file(tensors, folder / STATISTICS, metadata={"classifier": statistics.classifier})


def load_statistics(folder: Path, classifier: str) -> Statistics:
    """Returns the statistics in a folder; raises BadInput where they are missing or another classifier's."""
    file = folder / STATISTICS
    if not file.is_file():
        raise BadInput(f"the reference statistics {file} are missing: train the classifier again.")
    try:
        with safe_open(file, framework="pt") as opened:
            found = (opened.metadata() or {}).get("classifier", "none")
            mean, covariance, test = (opened.get_tensor(k).double() for k in ("mean", "covariance", "test_features"))
    except (SafetensorError, OSError) as error:
        raise BadInput(f"the reference statistics {file} cannot be read: {error}.") from error
    if found != classifier:
        raise BadInput(
            f"the reference statistics {file} are those of the classifier {found[:12]}…, and this one is "
            f"{classifier[:12]}…: features of two classifiers cannot be compared."
        )
    return Statistics(classifier, mean.numpy(), covariance.numpy(), test.numpy())
