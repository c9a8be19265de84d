"""Copies among the samples themselves: what no distance between laws sees."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
from scipy.spatial import cKDTree

from sigbench.errors import BadInput
from sigbench.metrics.estimate import SHARE
from sigbench.metrics.metric import Array, Metric, Reference

_DIMENSIONS = 3  # of the projection: nearest neighbours are found quickly there, and copies stay copies
_CROWDING = 0.01  # of independent draws of a uniform law on the line, about twice this share count as near
_SEED = 20_261_126


@runtime_checkable
class HasPoints(Protocol):
    """Samples of which each is a point in space."""

    @property
    def points(self) -> Array:
        """The points, shape (n, d)."""
        ...


class Duplicates(Metric):
    """The share of samples that are copies of another sample, or nearly.

    A sample counts where another lies nearer than d, d^k being 1 % of the volume that each of n samples has to itself
    in the box that the interquartile ranges span. Of more than k = 3 coordinates it is three fixed random projections
    that are looked at, where copies are as near as before. Exact draws come as near by chance: that is the floor. All
    is done in float32, in which samplers work: coarser numbers coincide more often. Only the first `most` are read.
    """

    name, title = "duplicates", "copies"
    bounds = SHARE
    counted = True
    reads = object
    method = "share of samples with another within (1 % · product of IQRs / n)^(1/k), k = min(d, 3) projections"

    def __init__(self, most: int | None = None) -> None:
        self.max_samples = most

    def __call__(self, samples: Any, reference: Reference) -> float:
        points = _projected(_points(samples))
        distance = (_CROWDING * np.prod(_spreads(points)) / len(points)) ** (1 / points.shape[1])
        points = points[np.lexsort(points.T[::-1])]
        first = np.append(True, (points[1:] != points[:-1]).any(1))  # of equal points, which lie side by side
        different, count = points[first].astype(np.float64), np.diff(np.append(np.flatnonzero(first), len(points)))
        near = count > 1
        if len(different) > 1:
            near |= _nearest(different) <= distance
        return float(count[near].sum() / len(points))

    def check(self, samples: Any, truth: Any) -> None:
        _points(samples[:0])


def _points(samples: Any) -> Array:
    if isinstance(samples, HasPoints):
        samples = samples.points
    if not (isinstance(samples, np.ndarray) and samples.ndim == 2):
        raise BadInput(f"duplicates reads samples of shape (n, any), or what has such `points`, not {type(samples)}.")
    return samples


def _projected(points: Array) -> Array:
    """The points (n, d) in float32, on three fixed orthonormal directions where there are more coordinates."""
    dimension = points.shape[1]
    if dimension > _DIMENSIONS:
        directions = np.random.default_rng(_SEED).standard_normal((dimension, _DIMENSIONS))
        points = points @ np.linalg.qr(directions)[0]
    return points.astype(np.float32)


def _spreads(points: Array) -> Array:
    low, high = np.quantile(points.astype(np.float64), [0.25, 0.75], axis=0)
    found: Array = high - low
    return found


def _nearest(points: Array) -> Array:
    """The distance of each of at least two different points (n, k), in order, to the nearest other one, shape (n,)."""
    if points.shape[1] == 1:
        gaps = np.diff(points[:, 0])
        return np.minimum(np.append(gaps, np.inf), np.append(np.inf, gaps))
    found: Array = cKDTree(points).query(points, k=2)[0][:, 1]
    return found
