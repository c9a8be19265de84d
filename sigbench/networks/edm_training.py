"""Which noise levels a denoiser is trained at (Karras et al. 2022, section 5), stratified within a minibatch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from sigbench.sde.schedule import Schedule


@dataclass(frozen=True, slots=True)
class NoiseLevels:
    """ln σ ~ N(log_mean, log_std²) for most of a minibatch, uniform over the schedule's range for `uniform_share`.

    The share covers the ends of the schedule, which the normal law hardly visits.
    """

    log_mean: float = -0.3
    log_std: float = 1.3
    uniform_share: float = 0.1

    def draw(self, rng: np.random.Generator, batch: int, schedule: Schedule) -> NDArray[np.float64]:
        """Returns ln σ (batch,), one in each of equal slices of probability, which quiets the loss."""
        low, high = (-float(schedule.log_snr(t)) for t in (schedule.t_end, schedule.t_start))
        edge = round(self.uniform_share * batch)
        core = batch - edge
        normal = self.log_mean + self.log_std * ndtri((np.arange(core) + rng.random(core)) / core)
        uniform = low + (high - low) * (np.arange(edge) + rng.random(edge)) / max(edge, 1)
        return np.concatenate([np.clip(normal, low, high), uniform])
