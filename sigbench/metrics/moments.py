"""Moments and modes: what a distance does not name."""

from typing import cast

import numpy as np

from sigbench.metrics.metric import Array, KnownModes, KnownMoments, Metric, Reference


class MeanError(Metric):
    """The Euclidean distance between the sample mean and the true mean, in data units."""

    name, title = "mean-error", "mean err"
    method = "norm of sample mean minus exact mean"

    def __call__(self, samples: Array, reference: Reference) -> float:
        return float(np.linalg.norm(samples.mean(0) - cast(KnownMoments, reference.truth).mean))


class VarianceError(Metric):
    """The Frobenius distance between sample covariance and true covariance, in data units squared."""

    name, title = "var-error", "var err"
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
    method = "half the sum of |mean posterior mode probability − weight|"

    def __call__(self, samples: Array, reference: Reference) -> float:
        truth = cast(KnownModes, reference.truth)
        return float(0.5 * np.abs(truth.responsibilities(samples).mean(0) - truth.weights).sum())


class LostVariance(Metric):
    """The fraction of the variance within modes that is missing: 1 − (sampled / true).

    Regression to the mean makes it positive, noise left over makes it negative; the truth scores 0.
    """

    name, title, better = "lost-variance", "lost var", "zero"
    method = "1 − posterior-weighted variance around the sampled mode means, over the exact one"

    def __call__(self, samples: Array, reference: Reference) -> float:
        truth = cast(KnownModes, reference.truth)
        resp = truth.responsibilities(samples)
        mass = np.maximum(resp.sum(0), 1e-300)
        means = resp.T @ samples / mass[:, None]
        squares = resp.T @ (samples**2) / mass[:, None]
        per_mode = (squares - means**2).mean(1)
        return float(1.0 - (mass / mass.sum() * per_mode).sum() / truth.within_variance)
