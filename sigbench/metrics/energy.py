"""The energy distance between laws."""

import numpy as np

from sigbench.metrics.discrepancy import squared_distances
from sigbench.metrics.metric import Array, Metric, Reference


def energy_distance(x: Array, y: Array) -> float:
    """Returns 2·E‖X − Y‖ − E‖X − X′‖ − E‖Y − Y′‖ of two samples (n, d) and (m, d), unbiased.

    Székely & Rizzo 2013, eq. 5, with means over pairs of different members.
    """
    return 2.0 * _mean_distance(x, y) - _within(x) - _within(y)


def _mean_distance(x: Array, y: Array) -> float:
    return float(np.sqrt(squared_distances(x, y)).mean())


def _within(x: Array) -> float:
    from scipy.spatial.distance import pdist  # half a second, for those who use it

    return float(pdist(x).mean())


class EnergyDistance(Metric):
    """The energy distance to as many exact draws, unbiased: the truth scores 0 on average, and may score below it."""

    name, title, better = "energy", "energy distance", "zero"
    method = "2·E‖X − Y‖ − E‖X − X′‖ − E‖Y − Y′‖ over pairs of different samples, against as many exact draws"

    def __init__(self, max_samples: int = 2000) -> None:
        self.max_samples = max_samples
        self._kept: tuple[Reference | None, int, float] = (None, 0, 0.0)

    def __call__(self, samples: Array, reference: Reference) -> float:
        exact = reference.draw(len(samples))
        if self._kept[:2] != (reference, len(samples)):
            self._kept = (reference, len(samples), _within(exact))
        return 2.0 * _mean_distance(samples, exact) - _within(samples) - self._kept[2]
