"""Reference statistics: what the classifier says of the real images, kept under the classifier's hash."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from sigbench.errors import BadInput
from sigbench.records.store import replacing
from sigbench_tasks.mnist import idx
from sigbench_tasks.mnist.classifier import CLASSES, Classifier, features_of
from sigbench_tasks.mnist.pixels import standardised

STATISTICS = "statistics.safetensors"


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Means and covariances of the training images' features, and the test images' features.

    `mean` (128,) and `covariance` (128, 128), float64, are over all images; `class_means` (10, 128) and
    `class_covariances` (10, 128, 128), stored in float32, are over those of a digit. The test features, shape
    (10000, 128), are stored in float16, whose rounding is a two-thousandth of a feature, and serve as the truth's own
    draw. `classifier` is the SHA-256 of the weights that made them.
    """

    classifier: str
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    class_means: NDArray[np.float64]
    class_covariances: NDArray[np.float64]
    test_features: NDArray[np.float64]


def compute_statistics(module: Classifier, classifier: str) -> Statistics:
    """Returns the statistics under a classifier with the given hash."""
    train, test = (
        features_of(module, standardised(images.copy())).double().numpy()
        for images in (idx.images("train"), idx.images("test"))
    )
    of_digits = [train[idx.labels("train") == digit] for digit in range(CLASSES)]
    return Statistics(
        classifier=classifier,
        mean=train.mean(0),
        covariance=np.cov(train, rowvar=False),
        class_means=np.stack([features.mean(0) for features in of_digits]),
        class_covariances=np.stack([np.cov(features, rowvar=False) for features in of_digits]),
        test_features=test,
    )


def save_statistics(folder: Path, statistics: Statistics) -> None:
    """Writes the statistics beside the classifier."""
    tensors = {
        "mean": torch.from_numpy(statistics.mean),
        "covariance": torch.from_numpy(statistics.covariance),
        "class_means": torch.from_numpy(statistics.class_means).float(),
        "class_covariances": torch.from_numpy(statistics.class_covariances).float(),
        "test_features": torch.from_numpy(statistics.test_features).half(),
    }
    with replacing(folder / STATISTICS) as temporary:
        temporary.write_bytes(save(tensors, metadata={"classifier": statistics.classifier}))


def load_statistics(folder: Path, classifier: str) -> Statistics:
    """Returns the statistics in a folder; raises BadInput where they are missing or another classifier's."""
    file = folder / STATISTICS
    if not file.is_file():
        raise BadInput(f"the reference statistics {file} are missing: train the classifier again.")
    try:
        with safe_open(file, framework="pt") as opened:
            found = (opened.metadata() or {}).get("classifier", "none")
            arrays = {name: opened.get_tensor(name).double().numpy() for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise BadInput(f"the reference statistics {file} cannot be read: {error}.") from error
    if found != classifier:
        raise BadInput(
            f"the reference statistics {file} are those of the classifier {found[:12]}…, and this one is "
            f"{classifier[:12]}…: features of two classifiers cannot be compared."
        )
    try:
        return Statistics(classifier, **arrays)
    except TypeError as error:
        raise BadInput(f"the reference statistics {file} do not hold what they should: {error}.") from error
