"""The truth of the task: fresh draws of the exact simulator, as states and as paths."""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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
        self.coordinates = Coordinates(self.model, POINTS, HORIZON)

    def paths(self, n: int, seed: int) -> Tensor:
        """Returns n exact paths of (log S, log V), shape (n, 64, 2), float64."""
        return simulator().paths(n, seed_of(task="rbergomi", purpose="truth", seed=seed), every=FINE_STEPS)

    def sample(self, n: int, seed: int) -> NDArray[np.float64]:
        """Returns n exact draws as states, shape (n, 128), a function of `seed` alone."""
        return self.coordinates.to_states(self.paths(n, seed)).flatten(1).numpy()
