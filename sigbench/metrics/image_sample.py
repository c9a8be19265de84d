"""Images with what a frozen classifier says of them, the truth that they are compared with, and the metrics' base.

A score is comparable only under one feature network, whose hash the truth carries and every metric's method names.
Features are extracted once and shared: metrics read `ImageSample`s, never images alone.
"""

import copy
from dataclasses import dataclass
from math import prod
from typing import Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sigbench.errors import BadInput
from sigbench.metrics.metric import Array, Metric, Reference, Truth


@dataclass(frozen=True, slots=True, eq=False)
class ImageSample:
    """Quantised images with what the classifier says of them.

    `pixels` is uint8 of shape (n, H, W), `features` (n, f) and `logits` (n, classes) are float64, and `labels` (n,)
    are the classes that the images should be of, None where they were asked for none.
    """

    pixels: NDArray[np.uint8]
    features: Array
    logits: Array
    labels: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def points(self) -> Array:
        """The images as points in the space of their pixels, shape (n, H·W)."""
        return self.pixels.reshape(len(self), prod(self.pixels.shape[1:])).astype(np.float64)

    def __getitem__(self, part: slice) -> "ImageSample":
        if part.indices(len(self)) == (0, len(self), 1):
            return self  # one object, so that what is computed of it once is found again
        labels = None if self.labels is None else self.labels[part]
        return ImageSample(self.pixels[part], self.features[part], self.logits[part], labels)


@runtime_checkable
class ImageTruth(Protocol):
    """Real images: the statistics of all of them, and as many as a metric compares with.

    `extractor` names what takes the features, with its hash, as every metric's method says it, and `test_images` is the
    number of images that are none of the reference; `feature_mean` (f,), `feature_covariance` (f, f)
    and `class_weights` (classes,) belong to all reference images, `class_means` (classes, f) and
    `class_covariances` (classes, f, f) to those of each class.
    """

    extractor: str
    test_images: int
    feature_mean: Array
    feature_covariance: Array
    class_weights: Array
    class_means: Array
    class_covariances: Array

    def sample(self, n: int, seed: int) -> Array:
        """Returns n real images that are none of the reference, in state units, flat."""
        ...

    def real(self, n: int, seed: int) -> ImageSample:
        """Returns n reference images, the same ones at every call."""
        ...


class ImageMetric(Metric):
    """A metric of ImageSamples against an ImageTruth; `most` bounds the samples that it reads.

    A metric that a user adds to a task takes both from the task's truth.
    """

    reads = ImageSample
    method = ""  # `how`, and the network's hash, which an instance knows
    how: str
    least: int = 2

    def __init__(self, extractor: str = "", most: int | None = None) -> None:
        self.max_samples = most
        self.method = self._method(extractor)  # type: ignore[misc]  # it names the instance's hash

    def _method(self, extractor: str) -> str:
        return f"{self.how}; {extractor}"

    def for_truth(self, truth: Truth) -> "ImageMetric":
        if not isinstance(truth, ImageTruth):
            raise BadInput(f"{self.name} reads images, and samples of this task are none.")
        own = copy.copy(self)
        own.max_samples, own.method = truth.test_images, self._method(truth.extractor)  # type: ignore[misc]
        return own

    def sample_size(self, n: int) -> int:
        if n < self.least:
            raise BadInput(f"{self.name} needs at least {self.least} samples, got {n}.")
        return super().sample_size(n)

    @staticmethod
    def truth_of(reference: Reference) -> ImageTruth:
        """Returns the reference's truth as what it is here."""
        return cast(ImageTruth, reference.truth)

    def real_of(self, samples: ImageSample, reference: Reference) -> ImageSample:
        """Returns as many reference images as there are samples."""
        return self.truth_of(reference).real(len(samples), reference.seed)
