"""The coordinates in which paths are diffused: an invertible map between (log S, log V) and standardised states.

The second coordinate is log V, standardised by its exact mean and standard deviation at each time. The first is the
return over the last interval in units of the volatility that is expected of the interval, given log V at all times:
log V is Gaussian, so E[V_u | log V at the observed times] is known in closed form. Raw returns are mixed over
volatilities that differ by orders of magnitude (their kurtosis is 10 to 70, that of these about 6), and the final
noise level of a diffusion, the same for all, would drown the calm ones.
"""

import numpy as np
import torch
from torch import Tensor

from sigbench_tasks.rbergomi.specification import Specification

# Mean and standard deviation of the scaled returns, to two digits and the same at all times: the shipped model's. Those
# of others are near enough, for networks learn what is left, and a constant is the same on every machine.
RETURN_MEAN, RETURN_STD = 0.09, 0.97

_AT_ONCE = 4_096  # paths whose fine variances are held in memory


class Coordinates:
    """The map for paths of a specification; S_0 = 1 and V_0 = ξ(0) are known.

    The variance expected of an interval is averaged over the left ends of the simulator's steps. Both directions map
    float tensors (n, points, 2) to the same shape and dtype, and are inverse to each other.
    """

    def __init__(self, specification: Specification) -> None:
        model, count = specification.model, specification.places[-1]
        self._fine, self._points = specification.fine, len(specification.places)
        self._interval, self._xi = specification.last / self._points, float(model.forward.at(np.zeros(1))[0])
        times = np.linspace(specification.last / count, specification.last, count)
        covariance = model.covariance(times)[:count, :count]
        observed = np.array(specification.places) - 1
        weights = np.linalg.solve(covariance[np.ix_(observed, observed)], covariance[observed])
        left_open = np.diag(covariance) - np.einsum("ij,ij->j", weights, covariance[observed])
        log_mean = model.forward.log_at(times) - 0.5 * model.eta**2 * np.power(times, 2 * model.hurst)
        self._weights = torch.from_numpy(weights)
        self._fine_mean = torch.from_numpy(log_mean + 0.5 * model.eta**2 * np.maximum(left_open, 0.0))
        self._mean = torch.from_numpy(log_mean[observed])
        self._std = torch.from_numpy(model.eta * np.power(times[observed], model.hurst))
        if self._fine is None:  # the length of each step in the interval that it is of
            lengths = np.diff(specification.places, prepend=0)
            self._steps_in = torch.from_numpy(np.repeat(np.eye(self._points), lengths, axis=0) * times[0])

    def _volatility(self, log_v: Tensor) -> Tensor:
        """The root of the variance expected of each interval, Δ·mean of E[V_u | log V], shape of log V (n, points)."""
        return torch.cat([self._volatility_of_some(some) for some in log_v.split(_AT_ONCE)])

    def _volatility_of_some(self, log_v: Tensor) -> Tensor:
        expected = (self._fine_mean.to(log_v) + (log_v - self._mean.to(log_v)) @ self._weights.to(log_v)).exp()
        left = torch.cat([torch.full_like(expected[:, :1], self._xi), expected[:, :-1]], dim=1)
        if self._fine is None:
            return (left @ self._steps_in.to(left)).sqrt()
        return (self._interval * left.unflatten(1, (self._points, self._fine)).mean(2)).sqrt()

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
