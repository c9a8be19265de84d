"""Optimal-transport distances: exact in one dimension, sliced and exact (POT) above."""

import numpy as np
from scipy.special import bdtrc

from sigbench.metrics.estimate import NON_NEGATIVE, Floor
from sigbench.metrics.metric import Array, KnownCDF, Metric, Reference, Truth

_TAIL = 1e-12  # the integral over the line goes from this quantile to its opposite
_NODES, _NODES_A_DRAW, _FEW = 20_001, 50, 2_000  # points of it; of few draws each quantile's neighbourhood counts


def wasserstein_sorted(sorted_x: Array, sorted_y: Array, p: float) -> float:
    """Returns W_p between two equally sized one-dimensional samples that are already sorted.

    In one dimension the optimal coupling pairs equal ranks (Villani 2003, theorem 2.18).
    """
    return float(np.mean(np.abs(sorted_x - sorted_y) ** p) ** (1.0 / p))


def expected_w1(truth: KnownCDF, n: int) -> float:
    """Returns the expectation of W1 (below) for n exact draws, in data units.

    W1 is ∫|Fₙ(x) − Gₙ(x)| dx, where Gₙ = k/n counts the exact quantiles up to x, and n·Fₙ is binomial with p = F(x).
    So E|n·Fₙ − k| = 2(np·P(B′ ≥ k) − k·P(B > k)) + k − np, B′ having one trial less. For large n the whole tends to
    √(2/(πn))·∫√(F(1 − F)).
    """
    low, high = truth.quantile(np.array([_TAIL, 1 - _TAIL]))
    nodes = max(_NODES, _NODES_A_DRAW * n if n <= _FEW else 0)
    levels = np.linspace(np.log(_TAIL), -np.log(_TAIL), nodes)  # even in the logit: dense where tails are heavy
    x = np.unique(np.concatenate([np.linspace(low, high, nodes), truth.quantile(1 / (1 + np.exp(-levels)))]))
    p = truth.cdf(x)
    k = np.floor(n * p + 0.5)
    reached = np.where(k > 0, bdtrc(np.maximum(k - 1, 0), n - 1, p), 1.0)
    deviation = 2 * (n * p * reached - k * bdtrc(k, n, p)) + k - n * p
    return float(np.trapezoid(deviation, x)) / n


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

    def exact_floor(self, truth: Truth, n: int) -> Floor | None:
        return Floor(expected_w1(truth, n), 0.0, None, 0) if isinstance(truth, KnownCDF) else None


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
    """The sliced second Wasserstein distance over random directions (Bonneel et al. 2015), by POT.

    Each repeat has directions of its own, which all samplers share, so that the interval holds their error.
    """

    name, title = "sliced-w2", "sliced W2"
    bounds = NON_NEGATIVE
    method = "POT sliced_wasserstein_distance, directions of the repeat, against an exact draw of the same size"

    def __init__(self, projections: int = 32) -> None:
        self.projections = projections

    def __call__(self, samples: Array, reference: Reference) -> float:
        return sliced_w2(samples, reference.draw(len(samples)), self.projections, reference.seed % 2**32)


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
