"""Moments and modes: what a distance does not name."""

from typing import cast

import numpy as np
from scipy.special import ndtri

from sigbench.metrics.estimate import NON_NEGATIVE, SHARE
from sigbench.metrics.metric import Array, KnownModes, KnownMoments, Metric, Reference

_NORMAL_IQR = 2 * float(ndtri(0.75))


class MeanError(Metric):
    """The Euclidean distance between the sample mean and the true mean, in data units."""

    name, title = "mean-error", "mean err"
    bounds = NON_NEGATIVE
    needs = KnownMoments
    method = "norm of sample mean minus exact mean"

    def __call__(self, samples: Array, reference: Reference) -> float:
        return float(np.linalg.norm(samples.mean(0) - cast(KnownMoments, reference.truth).mean))


class VarianceError(Metric):
    """The Frobenius distance between sample covariance and true covariance, in data units squared."""

    name, title = "var-error", "var err"
    bounds = NON_NEGATIVE
    needs = KnownMoments
    method = "norm of sample covariance minus exact covariance"

    def __call__(self, samples: Array, reference: Reference) -> float:
        sample_covariance = np.atleast_2d(np.cov(samples, rowvar=False))
        return float(np.linalg.norm(sample_covariance - cast(KnownMoments, reference.truth).covariance))


class ModeTV(Metric):
    """The total variation between the weights that the samples give to the modes and the true weights.

    A sample counts for each mode by its posterior probability, whose mean under the truth is exactly the
    weight; a lost mode of weight w shows as w.
    """

    name, title = "mode-tv", "mode TV"
    bounds = SHARE
    needs = KnownModes
    method = "half the sum of |mean posterior mode probability − weight|"

    def __call__(self, samples: Array, reference: Reference) -> float:
        truth = cast(KnownModes, reference.truth)
        return float(0.5 * np.abs(truth.responsibilities(samples).mean(0) - truth.weights).sum())


class LostVariance(Metric):
    """The fraction of the variance in the core of the modes that is missing, by interquartile ranges.

    Each sample counts for its most probable mode; 1 − Σ_k w_k·(IQR_k/IQR of the true mode)², averaged over
    coordinates. Quartiles do not see the samples that lie between modes. Regression to the mean makes it
    positive, noise left over makes it negative; a mode without samples has lost all of its variance.
    """

    name, title, better = "lost-variance", "lost var", "zero"
    needs = KnownModes
    method = "1 − weighted mean of squared interquartile ranges of the modes over the exact ones"

    def __call__(self, samples: Array, reference: Reference) -> float:
        truth = cast(KnownModes, reference.truth)
        mode_of = truth.responsibilities(samples).argmax(1)
        kept = 0.0
        for k, (weight, std) in enumerate(zip(truth.weights, truth.stds, strict=True)):
            own = samples[mode_of == k]
            if len(own):
                low, high = np.quantile(own, (0.25, 0.75), axis=0)
                kept += weight * float(np.mean(((high - low) / (_NORMAL_IQR * std)) ** 2))
        return 1.0 - kept
