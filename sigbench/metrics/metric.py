"""The metric's contract, and the reference that metrics compare samples with."""

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sigbench.metrics.estimate import Better

Array = NDArray[np.float64]


class Truth(Protocol):
    """The law that samples should have; the optional abilities below let metrics use what is known exactly."""

    def sample(self, n: int, seed: int) -> Array:
        """Returns n independent exact draws, shape (n, d), a function of `seed` alone."""
        ...


@runtime_checkable
class KnownCDF(Protocol):
    """A one-dimensional truth with a distribution function and its inverse."""

    def cdf(self, x: Array) -> Array:
        """Returns P(X ≤ x), shape of `x`."""
        ...

    def quantile(self, p: Array) -> Array:
        """Returns the inverse of `cdf`, shape of `p`."""
        ...


class KnownMoments(Protocol):
    """A truth with known mean (d,) and covariance (d, d)."""

    mean: Array
    covariance: Array


@runtime_checkable
class KnownModes(Protocol):
    """A mixture: weights (K,), standard deviations (K,) of the modes, and posterior mode probabilities."""

    weights: Array
    stds: Array

    def responsibilities(self, x: Array) -> Array:
        """Returns the posterior probability of each mode at `x` of shape (n, d), shape (n, K)."""
        ...


class Reference:
    """The truth together with the draws that one repeat compares with, made once and kept."""

    def __init__(self, truth: Truth, seed: int) -> None:
        self.truth, self.seed = truth, seed
        self._draws: dict[int, Array] = {}
        self._sorted: dict[int, Array] = {}

    def draw(self, n: int) -> Array:
        """Returns n exact draws, the same at every call, shape (n, d)."""
        if n not in self._draws:
            self._draws[n] = self.truth.sample(n, self.seed)
        return self._draws[n]

    def sorted_values(self, n: int) -> Array:
        """Returns n increasing reference values, shape (n,), of a one-dimensional truth.

        The exact quantiles at (i+½)/n where the truth knows them, which adds no noise of its own; else a
        sorted draw.
        """
        if n not in self._sorted:
            if isinstance(self.truth, KnownCDF):
                self._sorted[n] = self.truth.quantile((np.arange(n) + 0.5) / n)
            else:
                self._sorted[n] = np.sort(self.draw(n)[:, 0])
        return self._sorted[n]


class Metric(ABC):
    """A number for samples of shape (n, d) against a reference.

    `max_samples` bounds the samples that it reads (the first ones), None meaning all.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    method: ClassVar[str]
    better: ClassVar[Better] = "lower"
    max_samples: int | None = None

    @abstractmethod
    def __call__(self, samples: Array, reference: Reference) -> float:
        """Returns the metric of `samples`, float64 of shape (n, d)."""

    def sample_size(self, n: int) -> int:
        """Returns how many of n samples the metric reads."""
        return n if self.max_samples is None else min(n, self.max_samples)
