"""The coordinates in which paths are diffused: an invertible map between (log S, log V) and standardised states.

The second coordinate is log V, standardised by its exact mean and standard deviation at each time. The first is the
return over the last interval in units of its volatility, (log S_i − log S_{i−1})/√(Δ·√(V_{i−1}·V_i)): raw returns are
mixed over volatilities that differ by orders of magnitude (their kurtosis is 10 to 70, that of these about 7), and the
final noise level of a diffusion, the same for all, would drown the calm ones.
"""

import numpy as np
import torch
from torch import Tensor

from sigbench_tasks.rbergomi.model import RoughBergomi

# Mean and standard deviation of the returns in units of their volatility, to two digits and the same at all times.
RETURN_MEAN, RETURN_STD = 0.25, 1.6


class Coordinates:
    """The map for paths of `model` at `points` equal steps up to `horizon`; S_0 = 1 and V_0 = ξ are known.

    Both directions map float tensors (n, points, 2) to the same shape and dtype, and are inverse to each other.
    """

    def __init__(self, model: RoughBergomi, points: int, horizon: float) -> None:
        self._start = float(np.log(model.xi))
        self._interval = horizon / points
        times = self._interval * np.arange(1, points + 1)
        variance = np.power(times, 2 * model.hurst)
        self._mean = torch.from_numpy(self._start - 0.5 * model.eta**2 * variance)
        self._std = torch.from_numpy(model.eta * np.sqrt(variance))

    def _volatility(self, log_v: Tensor) -> Tensor:
        """√(Δ·√(V_{i−1}·V_i)) of each interval, shape of log V (n, points)."""
        before = torch.cat([torch.full_like(log_v[:, :1], self._start), log_v[:, :-1]], dim=1)
        volatility: Tensor = self._interval**0.5 * torch.exp(0.25 * (before + log_v))
        return volatility

    def to_states(self, paths: Tensor) -> Tensor:
        """Returns the standardised states of paths of (log S, log V)."""
        log_s, log_v = paths.unbind(-1)
        returns = torch.diff(log_s, dim=1, prepend=torch.zeros_like(log_s[:, :1]))
        scaled = (returns / self._volatility(log_v) - RETURN_MEAN) / RETURN_STD
        return torch.stack([scaled, (log_v - self._mean.to(log_v)) / self._std.to(log_v)], dim=-1)

    def to_paths(self, states: Tensor) -> Tensor:
        """Returns the paths of (log S, log V) of standardised states."""
        scaled, standard = states.unbind(-1)
        log_v = self._mean.to(standard) + self._std.to(standard) * standard
        returns = (RETURN_MEAN + RETURN_STD * scaled) * self._volatility(log_v)
        return torch.stack([returns.cumsum(1), log_v], dim=-1)
