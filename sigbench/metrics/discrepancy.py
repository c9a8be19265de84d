"""Discrepancies between laws: kernel (MMD) and Kolmogorov–Smirnov."""

import math
from collections.abc import Sequence

import numpy as np

from sigbench.metrics.estimate import SHARE, Floor
from sigbench.metrics.metric import Array, KnownCDF, KnownKernelMeans, Metric, Reference, Truth

_KOLMOGOROV_MEAN = math.sqrt(math.pi / 2) * math.log(2)
_KOLMOGOROV_SD = math.sqrt(math.pi**2 / 12 - _KOLMOGOROV_MEAN**2)


def mean_kernel(squared: Array, bandwidths: Sequence[float]) -> float:
    """Returns the mean of Σ_b exp(−d²/2b²)/B over squared distances, of any shape."""
    return sum(float(np.exp(squared * (-0.5 / b**2)).mean()) for b in bandwidths) / len(bandwidths)


def squared_distances(x: Array, y: Array) -> Array:
    """Returns ‖x_i − y_j‖² for x (n, d) and y (m, d), shape (n, m)."""
    if x.shape[1] > 3:
        from scipy.spatial.distance import cdist  # half a second, for those who use it

        found: Array = cdist(x, y, "sqeuclidean")
        return found
    total = np.zeros((len(x), len(y)))
    for own, other in zip(x.T, y.T, strict=True):
        total += np.square(own[:, None] - other)
    return total


def squared_mmd(x: Array, y: Array, bandwidths: Sequence[float]) -> float:
    """Returns the unbiased squared MMD between two samples (n, d) and (m, d) (Gretton et al. 2012, eq. 3)."""
    cross = mean_kernel(squared_distances(x, y), bandwidths)
    return _within(x, bandwidths) + _within(y, bandwidths) - 2.0 * cross


def _within(x: Array, bandwidths: Sequence[float]) -> float:
    """The mean kernel over all pairs of different samples."""
    from scipy.spatial.distance import pdist  # half a second, for those who use it

    return mean_kernel(pdist(x, "sqeuclidean"), bandwidths)


class MMD(Metric):
    """The squared maximum mean discrepancy, unbiased (Gretton et al. 2012, eq. 3), with frozen bandwidths.

    Unbiased means that the truth scores 0 on average and may score below it. The truth's own part is its expectation
    where the truth knows that, which adds no noise of its own; else the mean over an exact draw. `bandwidths` are the
    Gaussian kernel's standard deviations, in data units; they belong to the task and never to the samples.
    """

    name, title, better = "mmd2", "MMD²", "zero"
    method = (
        "unbiased, mean of Gaussian kernels with frozen bandwidths, against the truth's expectation where it is known, "
        "else an exact draw"
    )

    def __init__(self, bandwidths: Sequence[float], max_samples: int = 2000) -> None:
        self.bandwidths, self.max_samples = tuple(bandwidths), max_samples
        self._kept: tuple[Reference | None, int, float] = (None, 0, 0.0)

    def __call__(self, samples: Array, reference: Reference) -> float:
        own, truth = _within(samples, self.bandwidths), reference.truth
        if isinstance(truth, KnownKernelMeans):
            cross = float(truth.kernel_means(samples, self.bandwidths).mean())
            return own + truth.kernel_energy(self.bandwidths) - 2.0 * cross
        exact = reference.draw(len(samples))
        if self._kept[:2] != (reference, len(samples)):
            self._kept = (reference, len(samples), _within(exact, self.bandwidths))
        return own + self._kept[2] - 2.0 * mean_kernel(squared_distances(samples, exact), self.bandwidths)


class KolmogorovSmirnov(Metric):
    """The largest gap between the empirical and the exact distribution function, in one dimension."""

    name, title = "ks", "KS"
    bounds = SHARE
    reads, needs = (None, 1), KnownCDF
    method = "scipy ks_1samp statistic against the exact distribution function"

    def exact_floor(self, truth: Truth, n: int) -> Floor:
        # Kolmogorov's law of √n·D + 1/(6√n) (Vrbik 2018): right to 1 % from n = 10 on, to a thousandth from 100 on.
        return Floor(_KOLMOGOROV_MEAN / n**0.5 - 1 / (6 * n), 0.0, _KOLMOGOROV_SD / n**0.5, 0)

    def __call__(self, samples: Array, reference: Reference) -> float:
        truth = reference.truth
        assert isinstance(truth, KnownCDF)
        # As scipy counts it, bit by bit; scipy.stats itself would take longer to load than most cells to measure.
        n, levels = len(samples), truth.cdf(np.sort(samples[:, 0]))
        above, below = (np.arange(1.0, n + 1) / n - levels).max(), (levels - np.arange(0.0, n) / n).max()
        return float(max(above, below))
