"""Copies among the samples themselves: what no distance between laws sees."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
from scipy.spatial import cKDTree

from sigbench.errors import BadInput
from sigbench.metrics.estimate import SHARE
from sigbench.metrics.metric import Array, Metric, Reference

_DIMENSIONS = 3  # of the projection: nearest neighbours are found quickly there, and copies stay copies
_NEIGHBOURS = 10  # the farthest of them says how far apart samples lie here; up to nine copies of one are found
_VOLUME = 0.01  # of the ball that holds them: a neighbour within so much of it is a copy
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

    A sample counts where its nearest neighbour lies within 1 % of the volume of the ball that reaches to its tenth.
    Where a law is smooth the nine nearer ones are spread evenly over that ball, whatever the law is, so that
    1 − 0.99⁹ = 8.6 % of independent draws count: that is the floor, of every sampler without copies. Of more than three
    coordinates it is three fixed random projections that are looked at, where copies are as near as before. All is done
    in float32, in which samplers work: coarser numbers coincide more often. Only the first `most` are read.
    """

    name, title = "duplicates", "copies"
    bounds = SHARE
    counted = True
    reads = object
    method = "share of samples whose nearest neighbour is in 1 % of the ball to the 10th, min(d, 3) projections"

    def __init__(self, most: int | None = None) -> None:
        self.max_samples = most

    def __call__(self, samples: Any, reference: Reference) -> float:
        points = _projected(_points(samples))
        count = min(_NEIGHBOURS, len(points) - 1)
        if count < 1:
            return 0.0
        nearest, farthest = _neighbours(points, count)
        return float(np.mean(nearest <= _VOLUME ** (1 / points.shape[1]) * farthest))

    def check(self, samples: Any, truth: Any) -> None:
        _points(samples[:0])


def _points(samples: Any) -> Array:
    if isinstance(samples, HasPoints):
        samples = samples.points
    if not (isinstance(samples, np.ndarray) and samples.ndim == 2):
        raise BadInput(f"duplicates reads samples of shape (n, any), or what has such `points`, not {type(samples)}.")
    return samples


def _projected(points: Array) -> Array:
    """The points (n, d), rounded to float32, on three fixed orthonormal directions where there are more coordinates."""
    dimension = points.shape[1]
    if dimension > _DIMENSIONS:
        directions = np.random.default_rng(_SEED).standard_normal((dimension, _DIMENSIONS))
        points = points @ np.linalg.qr(directions)[0]
    return points.astype(np.float32).astype(np.float64)


def _neighbours(points: Array, count: int) -> tuple[Array, Array]:
    """The distances of each point of shape (n, k) to its nearest neighbour and to the `count`-th, shape (n,) each."""
    if points.shape[1] == 1:
        return _neighbours_on_the_line(np.sort(points[:, 0]), count)
    # The nearest is the point itself, or a copy of it.
    found = cKDTree(points, balanced_tree=False).query(points, k=[2, count + 1])[0]
    return found[:, 0], found[:, 1]


def _neighbours_on_the_line(x: Array, count: int) -> tuple[Array, Array]:
    """The same of increasing numbers: a point's `count` nearest are a run of them that holds it."""
    ends = np.concatenate([np.full(count, -np.inf), x, np.full(count, np.inf)])
    below = [x - ends[count - j : len(x) + count - j] for j in range(count + 1)]  # to the j-th on either side
    above = [ends[count + j : len(x) + count + j] - x for j in range(count + 1)]
    farthest = np.min([np.maximum(below[j], above[count - j]) for j in range(count + 1)], axis=0)
    return np.minimum(below[1], above[1]), farthest
