"""Scores of images on the features of a frozen classifier, through torch-fidelity's feature functions.

A score is comparable only under one feature network, whose hash the truth carries and every metric's method names.
Features are extracted once and shared: metrics read `ImageSample`s, never images alone.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, cast

import numpy as np
import ot
import torch
from numpy.typing import NDArray

from sigbench.errors import BadInput
from sigbench.metrics.fidelity import torch_fidelity
from sigbench.metrics.metric import Array, Metric, Reference
from sigbench.metrics.neighbours import inside_balls, neighbour_radii

KID_SUBSET, KID_SUBSETS = 100, 200  # unbiased at any subset size; many small ones let small samples be scored too
_NEIGHBOURS_PRECISION, _NEIGHBOURS_DENSITY = 3, 5
_CHUNK = 2_000


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

    def __getitem__(self, part: slice) -> "ImageSample":
        if part.indices(len(self)) == (0, len(self), 1):
            return self  # one object, so that what is computed of it once is found again
        labels = None if self.labels is None else self.labels[part]
        return ImageSample(self.pixels[part], self.features[part], self.logits[part], labels)


class ImageTruth(Protocol):
    """Real images: the statistics of all of them, and as many as a metric compares with.

    `extractor` is the SHA-256 of the feature network's weights; `feature_mean` (f,), `feature_covariance` (f, f)
    and `class_weights` (classes,) belong to all reference images, `class_means` (classes, f) and
    `class_covariances` (classes, f, f) to those of each class.
    """

    extractor: str
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
    """A metric of ImageSamples against an ImageTruth; `most` bounds the samples that it reads."""

    how: str
    least: int = 2

    def __init__(self, extractor: str, most: int) -> None:
        self.max_samples = most
        self.method = f"{self.how}; classifier {extractor[:12]}"  # type: ignore[misc]  # it names the instance's hash

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


def frechet_distance(features: Array, mean: Array, covariance: Array) -> float:
    """Returns the squared Fréchet distance between a Gaussian fitted to features (n, f) and N(mean, covariance).

    Heusel et al. 2017, eq. 6, by torch-fidelity; biased by about 1/n.
    """
    fid = torch_fidelity().metric_fid
    own = fid.fid_features_to_statistics(torch.from_numpy(features))
    real = {"mu": mean, "sigma": covariance}
    return float(fid.fid_statistics_to_metric(own, real, verbose=False)[fid.KEY_METRIC_FID])


class FCD(ImageMetric):
    """The Fréchet distance on the classifier's features: FID as its authors advise for other data than photographs."""

    name, title = "fcd", "FCD"
    how = "torch-fidelity Fréchet distance of uint8 images' features to those of all training images"

    def __call__(self, samples: ImageSample, reference: Reference) -> float:
        truth = self.truth_of(reference)
        return frechet_distance(samples.features, truth.feature_mean, truth.feature_covariance)


class ExtrapolatedFCD(ImageMetric):
    """FCD at infinitely many samples, by a line through FCD at n, n/2, n/3 and n/4 against 1/n.

    After Chong & Forsyth (2020), who read the intercept of such a line; here every level uses all the samples, in
    disjoint blocks. It can fall below zero.
    """

    name, title, better = "fcd-inf", "FCD∞", "zero"
    how = "intercept of FCD against 1/n over disjoint blocks of n, n/2, n/3, n/4 samples"
    least = 16

    def __call__(self, samples: ImageSample, reference: Reference) -> float:
        truth = self.truth_of(reference)
        inverse, distances = [], []
        for parts in (1, 2, 3, 4):
            for block in np.array_split(samples.features, parts):
                inverse.append(1.0 / len(block))
                distances.append(frechet_distance(block, truth.feature_mean, truth.feature_covariance))
        return float(np.polynomial.Polynomial.fit(inverse, distances, 1)(0.0))


class InceptionScore(ImageMetric):
    """exp of the mean divergence between a sample's class probabilities and their mean (Salimans et al. 2016)."""

    name, title, better = "is", "IS", "higher"
    how = "torch-fidelity inception score from logits, one split"

    def __call__(self, samples: ImageSample, reference: Reference) -> float:
        isc = torch_fidelity().metric_isc
        found = isc.isc_features_to_metric(torch.from_numpy(samples.logits), splits=1, shuffle=False)
        return float(found[isc.KEY_METRIC_ISC_MEAN])


class KID(ImageMetric):
    """The kernel distance with a cubic kernel, unbiased (Bińkowski et al. 2018)."""

    name, title, better = "kid", "KID", "zero"
    how = f"torch-fidelity unbiased kernel distance, mean over {KID_SUBSETS} subsets of {KID_SUBSET}"
    least = KID_SUBSET

    def __call__(self, samples: ImageSample, reference: Reference) -> float:
        kid = torch_fidelity().metric_kid
        found = kid.kid_features_to_metric(
            torch.from_numpy(samples.features),
            torch.from_numpy(self.real_of(samples, reference).features),
            kid_subsets=KID_SUBSETS,
            kid_subset_size=KID_SUBSET,
            verbose=False,
        )
        return float(found[kid.KEY_METRIC_KID_MEAN])


@lru_cache(maxsize=1)
def _precision_and_recall(samples: ImageSample, real: ImageSample) -> dict[str, Any]:
    prc = torch_fidelity().metric_prc
    found: dict[str, Any] = prc.prc_features_to_metric(
        torch.from_numpy(samples.features).float(),
        torch.from_numpy(real.features).float(),
        prc_neighborhood=_NEIGHBOURS_PRECISION,
        prc_batch_size=_CHUNK,
        save_cpu_ram=True,
        verbose=False,
    )
    return found


class Precision(ImageMetric):
    """The share of samples within the real images' manifold (Kynkäänniemi et al. 2019)."""

    name, title, better = "precision", "precision", "higher"
    how = f"torch-fidelity, {_NEIGHBOURS_PRECISION} neighbours, against as many training images"
    least = _NEIGHBOURS_PRECISION + 1

    def __call__(self, samples: ImageSample, reference: Reference) -> float:
        return float(_precision_and_recall(samples, self.real_of(samples, reference))["precision"])


class Recall(ImageMetric):
    """The share of real images within the samples' manifold (Kynkäänniemi et al. 2019)."""

    name, title, better = "recall", "recall", "higher"
    how = Precision.how
    least = _NEIGHBOURS_PRECISION + 1

    def __call__(self, samples: ImageSample, reference: Reference) -> float:
        return float(_precision_and_recall(samples, self.real_of(samples, reference))["recall"])


@lru_cache(maxsize=1)
def _balls(samples: ImageSample, real: ImageSample) -> tuple[float, float]:
    """Density and coverage."""
    of_samples, of_real = torch.from_numpy(samples.features).float(), torch.from_numpy(real.features).float()
    around, covered = inside_balls(of_samples, of_real, neighbour_radii(of_real, _NEIGHBOURS_DENSITY))
    return float(around.double().mean()) / _NEIGHBOURS_DENSITY, float(covered.double().mean())


class Density(ImageMetric):
    """How many real neighbourhoods hold a sample, over their number of neighbours (Naeem et al. 2020, eq. 4)."""

    name, title, better = "density", "density", "higher"
    how = f"{_NEIGHBOURS_DENSITY} neighbours, against as many training images"
    least = _NEIGHBOURS_DENSITY + 1

    def __call__(self, samples: ImageSample, reference: Reference) -> float:
        return _balls(samples, self.real_of(samples, reference))[0]


class Coverage(ImageMetric):
    """The share of real neighbourhoods that hold a sample (Naeem et al. 2020, eq. 5)."""

    name, title, better = "coverage", "coverage", "higher"
    how = Density.how
    least = _NEIGHBOURS_DENSITY + 1

    def __call__(self, samples: ImageSample, reference: Reference) -> float:
        return _balls(samples, self.real_of(samples, reference))[1]


class PixelSlicedW2(ImageMetric):
    """The sliced second Wasserstein distance between images as vectors of pixels in [0, 1], by POT."""

    name, title = "sliced-w2", "sliced W2"
    how = "POT sliced_wasserstein_distance of uint8 pixels/255, 100 fixed directions, against as many training images"

    def __call__(self, samples: ImageSample, reference: Reference) -> float:
        own, real = (part.pixels.reshape(len(part), -1) / 255.0 for part in (samples, self.real_of(samples, reference)))
        return float(ot.sliced_wasserstein_distance(own, real, n_projections=100, p=2, seed=0))


class ClassTV(ImageMetric):
    """The total variation between the samples' histogram of most probable classes and the training labels'."""

    name, title = "class-tv", "class TV"
    how = "half the sum of |share of samples whose largest logit is the class − share of training labels|"

    def __call__(self, samples: ImageSample, reference: Reference) -> float:
        weights = self.truth_of(reference).class_weights
        shares = np.bincount(samples.logits.argmax(1), minlength=len(weights)) / len(samples)
        return float(0.5 * np.abs(shares - weights).sum())


class LabelAccuracy(ImageMetric):
    """The share of samples that the classifier takes for what they were asked to be."""

    name, title, better = "label-accuracy", "label acc", "higher"
    how = "share of samples whose largest logit is their label"

    def __call__(self, samples: ImageSample, reference: Reference) -> float:
        assert samples.labels is not None
        return float((samples.logits.argmax(1) == samples.labels).mean())


class IntraClassFCD(ImageMetric):
    """The mean over the truth's classes of the Fréchet distance between a class's samples and its training images.

    Every class counts alike. With few samples a class most of it is floor.
    """

    name, title = "fcd-intra", "intra FCD"
    how = "mean over labels of the torch-fidelity Fréchet distance within the label, against all training images of it"

    def __call__(self, samples: ImageSample, reference: Reference) -> float:
        assert samples.labels is not None
        truth = self.truth_of(reference)
        distances = []
        for label in np.flatnonzero(truth.class_weights):
            mean, covariance = truth.class_means[label], truth.class_covariances[label]
            own = samples.features[samples.labels == label]
            if len(own) < 2:
                raise BadInput(
                    f"{self.name} needs at least 2 samples of every class, and class {label} has {len(own)}."
                )
            distances.append(frechet_distance(own, mean, covariance))
        return float(np.mean(distances))


UNCONDITIONAL = (
    FCD,
    ExtrapolatedFCD,
    InceptionScore,
    KID,
    Precision,
    Recall,
    Density,
    Coverage,
    PixelSlicedW2,
    ClassTV,
)
CONDITIONAL = (LabelAccuracy, IntraClassFCD)


def image_metrics(extractor: str, most: int, *, conditional: bool) -> tuple[ImageMetric, ...]:
    """Returns all scores under a feature network's hash, FCD first, each reading at most `most` samples.

    `conditional` adds those that need samples with labels.
    """
    return tuple(kind(extractor, most) for kind in (*UNCONDITIONAL, *(CONDITIONAL if conditional else ())))
