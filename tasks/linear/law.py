"""The laws of linear equations: normal and log-normal, with everything that the metrics ask for."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Array = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(100)


class NormalLaw:
    """N(mean, std²) on the line: exact draws (n, 1), distribution function, quantiles, moments, expectations."""

    def __init__(self, mean: float, std: float) -> None:
        self.location, self.scale = mean, std
        self.mean, self.covariance = np.array([mean]), np.array([[std**2]])
        self.mode = np.array([mean])

    def sample(self, n: int, seed: int) -> Array:
        """Returns n exact draws, shape (n, 1), a function of `seed` alone."""
        return self.location + self.scale * np.random.default_rng(seed).standard_normal((n, 1))

    def cdf(self, x: Array) -> Array:
        """Returns P(X ≤ x), shape of `x`."""
        return np.asarray(ndtr((np.asarray(x) - self.location) / self.scale), dtype=np.float64)

    def quantile(self, p: Array) -> Array:
        """Returns the inverse of `cdf`, shape of `p`."""
        return self.location + self.scale * np.asarray(ndtri(p), dtype=np.float64)

    def expectation(self, function: Callable[[Array], Array]) -> float:
        """Returns E[φ(X)] for φ from (n, 1) to (n,), by Gauss–Hermite quadrature with 100 nodes."""
        values = function((self.location + self.scale * _NODES)[:, None])
        return float(_WEIGHTS @ values / np.sqrt(2 * np.pi))


class LogNormalLaw:
    """The law of exp(N(m, s²)): exact draws (n, 1), distribution function, quantiles, moments, expectations."""

    def __init__(self, log_mean: float, log_std: float) -> None:
        self.log = NormalLaw(log_mean, log_std)
        mean = float(np.exp(log_mean + 0.5 * log_std**2))
        self.mean = np.array([mean])
        self.covariance = np.array([[mean**2 * np.expm1(log_std**2)]])
        self.mode = np.array([np.exp(log_mean - log_std**2)])

    def sample(self, n: int, seed: int) -> Array:
        """Returns n exact draws, shape (n, 1), a function of `seed` alone."""
        return np.exp(self.log.sample(n, seed))

    def cdf(self, x: Array) -> Array:
        """Returns P(X ≤ x), shape of `x`; 0 where x is not positive."""
        x = np.asarray(x, dtype=np.float64)
        positive = x > 0
        return np.where(positive, self.log.cdf(np.log(np.where(positive, x, 1.0))), 0.0)

    def quantile(self, p: Array) -> Array:
        """Returns the inverse of `cdf`, shape of `p`."""
        return np.exp(self.log.quantile(p))

    def expectation(self, function: Callable[[Array], Array]) -> float:
        """Returns E[φ(X)] for φ from (n, 1) to (n,), by Gauss–Hermite quadrature in log X."""
        return self.log.expectation(lambda logs: function(np.exp(logs)))
