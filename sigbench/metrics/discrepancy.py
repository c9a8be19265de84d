"""Discrepancies between laws: kernel (MMD) and Kolmogorov–Smirnov."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import cdist

from sigbench.metrics.estimate import SHARE
from sigbench.metrics.metric import Array, KnownCDF, Metric, Reference


def mean_kernel(squared: Array, bandwidths: Sequence[float], *, off_diagonal: bool) -> float:
    """Returns the mean of Σ_b exp(−d²/2b²)/B over a matrix of squared distances.

    `off_diagonal` leaves out the diagonal, as the unbiased estimator needs within one sample.
    """
    total = sum(float(np.exp(squared * (-0.5 / b**2)).sum()) for b in bandwidths) / len(bandwidths)
    n, m = squared.shape
    return (total - n) / (n * (n - 1)) if off_diagonal else total / (n * m)


def squared_mmd(x: Array, y: Array, bandwidths: Sequence[float]) -> float:
    """Returns the unbiased squared MMD between two samples (n, d) and (m, d) (Gretton et al. 2012, eq. 3)."""
    within = (mean_kernel(cdist(z, z, "sqeuclidean"), bandwidths, off_diagonal=True) for z in (x, y))
    return sum(within) - 2.0 * mean_kernel(cdist(x, y, "sqeuclidean"), bandwidths, off_diagonal=False)


class MMD(Metric):
    """The squared maximum mean discrepancy, unbiased (Gretton et al. 2012, eq. 3), with frozen bandwidths.

    Unbiased means that the truth scores 0 on average and may score below it. `bandwidths` are the Gaussian
    kernel's standard deviations, in data units; they belong to the task and never to the samples.
    """

    name, title, better = "mmd2", "MMD²", "zero"
    method = "unbiased, mean of Gaussian kernels with frozen bandwidths, against an exact draw"

    def __init__(self, bandwidths: Sequence[float], max_samples: int = 2000) -> None:
        self.bandwidths, self.max_samples = tuple(bandwidths), max_samples
        self._within: tuple[Reference | None, int, float] = (None, 0, 0.0)

    def __call__(self, samples: Array, reference: Reference) -> float:
        exact = reference.draw(len(samples))
        if self._within[:2] != (reference, len(samples)):
            within = mean_kernel(cdist(exact, exact, "sqeuclidean"), self.bandwidths, off_diagonal=True)
            self._within = (reference, len(samples), within)
        own = mean_kernel(cdist(samples, samples, "sqeuclidean"), self.bandwidths, off_diagonal=True)
        cross = mean_kernel(cdist(samples, exact, "sqeuclidean"), self.bandwidths, off_diagonal=False)
        return own + self._within[2] - 2.0 * cross


class KolmogorovSmirnov(Metric):
    """The largest gap between the empirical and the exact distribution function, in one dimension."""

    name, title = "ks", "KS"
    bounds = SHARE
    reads, needs = (None, 1), KnownCDF
    method = "scipy ks_1samp statistic against the exact distribution function"

    def __call__(self, samples: Array, reference: Reference) -> float:
        truth = reference.truth
        assert isinstance(truth, KnownCDF)
        # As scipy counts it, bit by bit; scipy.stats itself would take longer to load than most cells to measure.
        n, levels = len(samples), truth.cdf(np.sort(samples[:, 0]))
        above, below = (np.arange(1.0, n + 1) / n - levels).max(), (levels - np.arange(0.0, n) / n).max()
        return float(max(above, below))
