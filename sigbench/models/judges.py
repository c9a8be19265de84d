"""What judges samples of a user's model: scores of images in features of a network, and of vectors as they are."""

from collections.abc import Sequence

import numpy as np

from sigbench.metrics.discrepancy import MMD
from sigbench.metrics.duplicates import Duplicates
from sigbench.metrics.energy import EnergyDistance
from sigbench.metrics.image_pixels import LostPixelVariance
from sigbench.metrics.image_sample import ImageMetric
from sigbench.metrics.images import FCD, WITHOUT_CLASSES, ExtrapolatedFCD
from sigbench.metrics.metric import Metric
from sigbench.metrics.moments import MeanError, VarianceError
from sigbench.metrics.transport import W1, W2, SlicedW2
from sigbench.models.truth import FeatureTruth, StatisticsTruth, VectorTruth

_DIRECTIONS = 64


class FD(FCD):
    """The Fréchet distance between features of samples and of all data (Heusel et al. 2017), biased by about 1/n."""

    name, title = "fd", "FD"
    how = "torch-fidelity Fréchet distance of uint8 images' features to those of all data"


class ExtrapolatedFD(ExtrapolatedFCD):
    """FD at infinitely many samples, by a line through FD at n, n/2, n/3 and n/4 against 1/n (Chong & Forsyth 2020)."""

    name, title = "fd-inf", "FD∞"
    how = "intercept of FD against 1/n over disjoint blocks of n, n/2, n/3, n/4 samples"


_OF_STATISTICS: tuple[type[ImageMetric], ...] = (FD, ExtrapolatedFD)
_OF_IMAGES: tuple[type[ImageMetric], ...] = (*_OF_STATISTICS, *WITHOUT_CLASSES, LostPixelVariance)


def image_judges(truth: FeatureTruth | StatisticsTruth) -> tuple[Metric, ...]:
    """Returns the metrics of images, FD first; those that compare with single images only where there are some."""
    if isinstance(truth, StatisticsTruth):
        named = f"{truth.extractor}; statistics {truth.statistics.sha256[:12]}, floors of Gaussian features"
        return (*(kind(named, None) for kind in _OF_STATISTICS), Duplicates())
    return (*(kind(truth.extractor, truth.test_images) for kind in _OF_IMAGES), Duplicates(truth.test_images))


def vector_judges(truth: VectorTruth) -> tuple[Metric, ...]:
    """Returns the metrics of vectors: transport first, kernels whose widths are the data's own, moments, copies."""
    first: Sequence[Metric] = (W1(), W2()) if truth.points.shape[1] == 1 else (SlicedW2(_DIRECTIONS),)
    scale = float(np.sqrt(np.trace(truth.covariance)))
    kernels = MMD(tuple(scale * share for share in (0.25, 0.5, 1.0)))
    return (*first, kernels, EnergyDistance(), MeanError(), VarianceError(), Duplicates())
