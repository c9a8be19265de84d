"""Scores of images by their pixels alone, with no network between."""

import numpy as np

from sigbench.metrics.estimate import NON_NEGATIVE
from sigbench.metrics.image_sample import ImageMetric, ImageSample
from sigbench.metrics.metric import Reference


class PixelSlicedW2(ImageMetric):
    """The sliced second Wasserstein distance between images as vectors of pixels in [0, 1], by POT."""

    name, title = "sliced-w2", "sliced W2"
    bounds = NON_NEGATIVE
    how = (
        "POT sliced_wasserstein_distance of uint8 pixels/255, 100 directions a repeat, against as many training images"
    )

    def __call__(self, samples: ImageSample, reference: Reference) -> float:
        import ot

        own, real = (part.pixels.reshape(len(part), -1) / 255.0 for part in (samples, self.real_of(samples, reference)))
        seed = reference.seed % 2**32
        return float(ot.sliced_wasserstein_distance(own, real, n_projections=100, p=2, seed=seed))


class LostPixelVariance(ImageMetric):
    """The share of the pixels' total variance that is missing: regression to the mean blurs it away.

    Over that of as many training images; it is no metric of a task by default, and can be added to one.
    """

    name, title, better = "lost-pixel-variance", "lost pixel var", "zero"
    how = "1 − total variance of uint8 pixels over that of as many training images"

    def __call__(self, samples: ImageSample, reference: Reference) -> float:
        own, real = (part.pixels.astype(np.float64) for part in (samples, self.real_of(samples, reference)))
        return float(1.0 - own.var(axis=0).sum() / real.var(axis=0).sum())
