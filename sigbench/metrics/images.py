"""Scores of images on the features of a frozen classifier, through torch-fidelity's feature functions."""

import numpy as np
import torch

from sigbench.errors import BadInput
from sigbench.metrics.estimate import NON_NEGATIVE, SHARE
from sigbench.metrics.fidelity import torch_fidelity
from sigbench.metrics.image_neighbours import Coverage, Density, Precision, Recall
from sigbench.metrics.image_pixels import PixelSlicedW2
from sigbench.metrics.image_sample import ImageMetric, ImageSample
from sigbench.metrics.metric import Array, Reference

_BLOCK = 1_000  # rows of a kernel matrix that are held at once


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
    bounds = NON_NEGATIVE
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
    bounds = (1.0, None)
    how = "torch-fidelity inception score from logits, one split"

    def __call__(self, samples: ImageSample, reference: Reference) -> float:
        isc = torch_fidelity().metric_isc
        found = isc.isc_features_to_metric(torch.from_numpy(samples.logits), splits=1, shuffle=False)
        return float(found[isc.KEY_METRIC_ISC_MEAN])


def squared_cubic_mmd(x: Array, y: Array) -> float:
    """Returns the full U-statistic of the squared MMD between features (n, f) and (m, f), kernel (⟨x, y⟩/f + 1)³.

    Bińkowski et al. 2018, eq. 4; unbiased, and of all such estimates on these samples the one of least variance.
    """

    def total(a: Array, b: Array) -> float:
        parts = (np.power(a[i : i + _BLOCK] @ b.T / a.shape[1] + 1.0, 3).sum() for i in range(0, len(a), _BLOCK))
        return float(sum(parts))

    def within(a: Array) -> float:
        diagonal = float(np.power(np.square(a).sum(1) / a.shape[1] + 1.0, 3).sum())
        return (total(a, a) - diagonal) / (len(a) * (len(a) - 1))

    return within(x) + within(y) - 2.0 * total(x, y) / (len(x) * len(y))


class KID(ImageMetric):
    """The kernel distance with a cubic kernel, unbiased, over all pairs (Bińkowski et al. 2018)."""

    name, title, better = "kid", "KID", "zero"
    how = "unbiased squared MMD with the cubic kernel, full U-statistic, against as many training images"

    def __call__(self, samples: ImageSample, reference: Reference) -> float:
        return squared_cubic_mmd(samples.features, self.real_of(samples, reference).features)


class ClassTV(ImageMetric):
    """The total variation between the samples' histogram of most probable classes and the training labels'."""

    name, title = "class-tv", "class TV"
    bounds = SHARE
    how = "half the sum of |share of samples whose largest logit is the class − share of training labels|"

    def __call__(self, samples: ImageSample, reference: Reference) -> float:
        weights = self.truth_of(reference).class_weights
        shares = np.bincount(samples.logits.argmax(1), minlength=len(weights)) / len(samples)
        return float(0.5 * np.abs(shares - weights).sum())


class LabelAccuracy(ImageMetric):
    """The share of samples that the classifier takes for what they were asked to be."""

    name, title, better = "label-accuracy", "label acc", "higher"
    bounds = SHARE
    counted = True
    how = "share of samples whose largest logit is their label"

    def __call__(self, samples: ImageSample, reference: Reference) -> float:
        assert samples.labels is not None
        return float((samples.logits.argmax(1) == samples.labels).mean())


class IntraClassFCD(ImageMetric):
    """The mean over the truth's classes of the Fréchet distance between a class's samples and its training images.

    Every class counts alike. With few samples a class most of it is floor.
    """

    name, title = "fcd-intra", "intra FCD"
    bounds = NON_NEGATIVE
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


WITHOUT_CLASSES = (KID, Precision, Recall, Density, Coverage, PixelSlicedW2)
UNCONDITIONAL = (FCD, ExtrapolatedFCD, InceptionScore, *WITHOUT_CLASSES, ClassTV)
CONDITIONAL = (LabelAccuracy, IntraClassFCD)


def image_metrics(extractor: str, most: int, *, conditional: bool) -> tuple[ImageMetric, ...]:
    """Returns all scores in the features of an extractor, FCD first, each reading at most `most` samples.

    `conditional` adds those that need samples with labels.
    """
    return tuple(kind(extractor, most) for kind in (*UNCONDITIONAL, *(CONDITIONAL if conditional else ())))
