"""The truth of MNIST: training images as the reference, test images as an independent draw of the same law."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sigbench.errors import BadInput
from sigbench.metrics.image_sample import ImageSample
from sigbench_tasks.mnist import idx
from sigbench_tasks.mnist.classifier import CLASSES, features_of, load_classifier
from sigbench_tasks.mnist.pixels import standardised
from sigbench_tasks.mnist.statistics import load_statistics


class MNISTTruth:
    """Real digits under the classifier in `folder`; it satisfies `sigbench.metrics.image_sample.ImageTruth`.

    With `label` all is of that digit alone. Its draws are subsets of the `test_images` test images, so floors of
    several repeats share images: their intervals do not hold what another test set would change, and at n = 10,000
    all repeats of FCD's floor are one.
    """

    def __init__(self, folder: Path, label: int | None = None) -> None:
        self._classifier, sha256 = load_classifier(folder)
        self._statistics = load_statistics(folder, sha256)
        self.extractor = f"classifier {sha256[:12]}"
        self.class_means, self.class_covariances = self._statistics.class_means, self._statistics.class_covariances
        if label is None:
            self.feature_mean, self.feature_covariance = self._statistics.mean, self._statistics.covariance
        else:
            self.feature_mean, self.feature_covariance = self.class_means[label], self.class_covariances[label]
        self._train, self._test = (
            np.arange(len(labels)) if label is None else np.flatnonzero(labels == label)
            for labels in (idx.labels("train"), idx.labels("test"))
        )
        self.test_images = len(self._test)
        self.class_weights = np.bincount(idx.labels("train")[self._train], minlength=CLASSES) / len(self._train)
        self.real: Callable[[int, int], ImageSample] = lru_cache(maxsize=16)(self._real)

    def sample(self, n: int, seed: int) -> NDArray[np.float64]:
        """Returns n different test images as states, shape (n, 784); raises BadInput above their number."""
        chosen = idx.images("test")[self._test_choice(n, seed)]
        return standardised(chosen).double().flatten(1).numpy()

    def held_out(self, n: int, seed: int) -> ImageSample:
        """Returns the images of `sample` as metrics see them, from the stored features."""
        choice = self._test_choice(n, seed)
        labels = idx.labels("test")[choice].astype(np.int64)
        return self._with_logits(idx.images("test")[choice], self._statistics.test_features[choice], labels)

    def seen(self, pixels: NDArray[np.uint8], labels: NDArray[np.int64] | None = None) -> ImageSample:
        """Returns images (n, 28, 28) as metrics see them, with the classes (n,) that they should be of."""
        features = features_of(self._classifier, standardised(pixels.copy()))
        return self._with_logits(pixels, features.double().numpy(), labels)

    def _real(self, n: int, seed: int) -> ImageSample:
        """Returns n different training images as metrics see them."""
        if n > len(self._train):
            raise BadInput(f"there are {len(self._train)} training images, and {n} were asked for.")
        return self.seen(idx.images("train")[np.random.default_rng(seed).choice(self._train, n, replace=False)])

    def _test_choice(self, n: int, seed: int) -> NDArray[np.int64]:
        if n > len(self._test):
            raise BadInput(f"there are {len(self._test)} test images, and {n} were asked for.")
        return np.random.default_rng(seed).choice(self._test, n, replace=False)

    def _with_logits(
        self, pixels: NDArray[np.uint8], features: NDArray[np.float64], labels: NDArray[np.int64] | None
    ) -> ImageSample:
        with torch.no_grad():
            logits = self._classifier.head(torch.from_numpy(features)).numpy()
        return ImageSample(pixels, features, logits, labels)
