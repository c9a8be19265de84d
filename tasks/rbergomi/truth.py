"""The truth of the task: fresh draws of the exact simulator, as states and as paths."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sigbench.metrics.path_sample import PathSample
from sigbench.sde.noise import seed_of
from sigbench_tasks.rbergomi.coordinates import Coordinates
from sigbench_tasks.rbergomi.model import RoughBergomi
from sigbench_tasks.rbergomi.simulator import Simulator

POINTS, HORIZON = 64, 1.0
SHAPE = (POINTS, 2)
FINE_STEPS = 16  # steps of the simulator to a point, so that log S carries no visible Euler bias


@lru_cache(maxsize=1)
def simulator() -> Simulator:
    """Returns the exact simulator of the task, whose Cholesky factor takes a moment."""
    return Simulator(RoughBergomi(), HORIZON, POINTS * FINE_STEPS)


class RoughBergomiTruth:
    """Paths of the rough Bergomi model at 64 times up to a year; `coordinates` standardises them."""

    def __init__(self) -> None:
        self.model = RoughBergomi()
        self.coordinates = Coordinates(self.model, POINTS, HORIZON, FINE_STEPS)
        self.observed: Callable[[int, int], PathSample] = lru_cache(maxsize=16)(self._observed)

    def paths(self, n: int, seed: int) -> Tensor:
        """Returns n exact paths of (log S, log V), shape (n, 64, 2), float64."""
        return simulator().paths(n, seed_of(task="rbergomi", purpose="truth", seed=seed), every=FINE_STEPS)

    def sample(self, n: int, seed: int) -> NDArray[np.float64]:
        """Returns n exact draws as states, shape (n, 128), a function of `seed` alone."""
        return self.coordinates.to_states(self.paths(n, seed)).flatten(1).numpy()

    def seen(self, paths: NDArray[np.float64]) -> PathSample:
        """Returns paths (n, 64, 2) of (log S, log V) as metrics see them."""
        return PathSample(paths, start=(0.0, float(np.log(self.model.xi))), step=HORIZON / POINTS)

    def _observed(self, n: int, seed: int) -> PathSample:
        """Returns n exact paths as metrics see them, the same object at every call."""
        return self.seen(self.paths(n, seed).numpy())
