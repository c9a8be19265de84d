"""The truth of a task: fresh draws of the exact simulator, as states and as paths."""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sigbench.metrics.path_sample import PathSample
from sigbench.sde.noise import seed_of
from sigbench_tasks.rbergomi.coordinates import Coordinates
from sigbench_tasks.rbergomi.simulator import Simulator
from sigbench_tasks.rbergomi.specification import SHIPPED, Specification


@lru_cache(maxsize=2)
def simulator(specification: Specification) -> Simulator:
    """Returns the exact simulator of a task up to its last time, whose Cholesky factor takes a moment."""
    return Simulator(specification.model, specification.last, specification.places[-1])


class RoughBergomiTruth:
    """Paths of the rough Bergomi model at the times of a specification; `coordinates` standardises them."""

    def __init__(self, specification: Specification = SHIPPED) -> None:
        self.specification, self.model = specification, specification.model
        self.coordinates = Coordinates(specification)
        self.observed: Callable[[int, int], PathSample] = lru_cache(maxsize=16)(self._observed)

    def paths(self, n: int, seed: int) -> Tensor:
        """Returns n exact paths of (log S, log V), shape (n, points, 2), float64."""
        own = seed_of(task="rbergomi", purpose="truth", seed=seed)
        return simulator(self.specification).paths_at(n, own, self.specification.places)

    def sample(self, n: int, seed: int) -> NDArray[np.float64]:
        """Returns n exact draws as states, shape (n, 2·points), a function of `seed` alone."""
        return self.coordinates.to_states(self.paths(n, seed)).flatten(1).numpy()

    def seen(self, paths: NDArray[np.float64]) -> PathSample:
        """Returns paths (n, points, 2) of (log S, log V) as metrics see them; the step of unequal ones is no number."""
        own = self.specification
        step = math.nan if own.fine is None else own.last / len(own.places)
        return PathSample(paths, start=(0.0, float(self.model.forward.log_at(np.zeros(1))[0])), step=step)

    def _observed(self, n: int, seed: int) -> PathSample:
        """Returns n exact paths as metrics see them, the same object at every call."""
        return self.seen(self.paths(n, seed).numpy())
