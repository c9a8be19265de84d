"""Optimal-transport distances: exact in one dimension, sliced and exact (POT) above."""

import numpy as np

from sigbench.metrics.estimate import NON_NEGATIVE
from sigbench.metrics.metric import Array, Metric, Reference


def wasserstein_sorted(sorted_x: Array, sorted_y: Array, p: float) -> float:
    """Returns W_p between two equally sized one-dimensional samples that are already sorted.

    In one dimension the optimal coupling pairs equal ranks (Villani 2003, theorem 2.18).
    """
    return float(np.mean(np.abs(sorted_x - sorted_y) ** p) ** (1.0 / p))


class _WassersteinSorted(Metric):
    reads = (None, 1)
    p: float

    def __call__(self, samples: Array, reference: Reference) -> float:
        return wasserstein_sorted(np.sort(samples[:, 0]), reference.sorted_values(len(samples)), self.p)


class W1(_WassersteinSorted):
    """The first Wasserstein distance of one-dimensional samples, in data units."""

    name, title, p = "w1", "W1", 1.0
    bounds = NON_NEGATIVE
    method = "mean |difference| of sorted samples and exact quantiles"


class W2(_WassersteinSorted):
    """The second Wasserstein distance of one-dimensional samples, in data units."""

    name, title, p = "w2", "W2", 2.0
    bounds = NON_NEGATIVE
    method = "root mean squared difference of sorted samples and exact quantiles"


def sliced_w2(x: Array, y: Array, projections: int, seed: int) -> float:
    """Returns the sliced W2 between two samples (n, d) over fixed random directions (Bonneel et al. 2015), by POT."""
    import ot  # with networkx, for which every command would wait

    return float(ot.sliced_wasserstein_distance(x, y, n_projections=projections, p=2, seed=seed))


class SlicedW2(Metric):
    """The sliced second Wasserstein distance over fixed random directions (Bonneel et al. 2015), by POT."""

    name, title = "sliced-w2", "sliced W2"
    bounds = NON_NEGATIVE
    method = "POT sliced_wasserstein_distance, fixed directions, against an exact draw of the same size"

    def __init__(self, projections: int = 32, seed: int = 0) -> None:
        self.projections, self.seed = projections, seed

    def __call__(self, samples: Array, reference: Reference) -> float:
        return sliced_w2(samples, reference.draw(len(samples)), self.projections, self.seed)


class ExactW2(Metric):
    """The second Wasserstein distance by exact linear assignment on a subsample, by POT's network simplex."""

    name, title = "emd-w2", "exact W2"
    bounds = NON_NEGATIVE
    method = "root of POT emd2 with squared Euclidean cost, against an exact draw of the same size"

    def __init__(self, max_samples: int = 1000) -> None:
        self.max_samples = max_samples

    def __call__(self, samples: Array, reference: Reference) -> float:
        import ot

        cost = ot.dist(samples, reference.draw(len(samples)), metric="sqeuclidean")
        return float(np.sqrt(ot.emd2([], [], cost)))
