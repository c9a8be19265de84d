"""Sampled paths of (log S, log V) with what metrics read of them, each computed once, and the metrics' base."""

from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import ClassVar, Protocol, cast

import numpy as np

from sigbench.errors import BadInput, BrokenContract
from sigbench.metrics.metric import Array, Metric, Reference

_DEPTH = 4


def correlations(x: Array, y: Array) -> Array:
    """Returns the sample correlations of the columns of `x` (n, a) with those of `y` (n, b), shape (a, b).

    NaN where a column is constant.
    """
    with np.errstate(all="ignore"):
        return _standardised(x).T @ _standardised(y) / len(x)


def _standardised(x: Array) -> Array:
    # The deviation of equal values need not be 0 in floating point, and their quotient would look like a correlation.
    deviation = np.where(np.ptp(x, axis=0) > 0, x.std(0), np.nan)
    return cast(Array, (x - x.mean(0)) / deviation)


@dataclass(frozen=True, eq=False)
class PathSample:
    """Paths at equally spaced times, in data units.

    `paths` is float64 of shape (n, T, 2), log S and log V at the times step, 2·step, …, T·step; `start` is their
    common known value at time 0. Raises BrokenContract for another shape.
    """

    paths: Array
    start: tuple[float, float]
    step: float
    _signatures: dict[tuple[float, float], Array] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.paths.ndim != 3 or self.paths.shape[2] != 2:
            raise BrokenContract(f"paths of (log S, log V) have shape (n, T, 2), not {self.paths.shape}.")

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, part: slice) -> "PathSample":
        if part.indices(len(self)) == (0, len(self), 1):
            return self  # one object, so that what is computed of it once is found again
        return PathSample(self.paths[part], self.start, self.step)

    @property
    def points(self) -> Array:
        """The paths as points in a space of 2·T dimensions, shape (n, 2·T)."""
        return self.paths.reshape(len(self), prod(self.paths.shape[1:]))

    @property
    def log_s(self) -> Array:
        """The log-prices, shape (n, T)."""
        return self.paths[:, :, 0]

    @property
    def log_v(self) -> Array:
        """The log-variances, shape (n, T)."""
        return self.paths[:, :, 1]

    @property
    def returns(self) -> Array:
        """The increments of log S, the first from its known start, shape (n, T)."""
        return np.diff(self.log_s, axis=1, prepend=self.start[0])

    @cached_property
    def sorted_values(self) -> Array:
        """The values of each coordinate at each time, increasing along the last axis, shape (2, T, n)."""
        return np.sort(self.paths.transpose(2, 1, 0), axis=-1)

    @cached_property
    def deviations(self) -> Array:
        """The standard deviation of each coordinate at each time, shape (2, T)."""
        return self.paths.std(0).T

    @cached_property
    def autocorrelation(self) -> Array:
        """The correlations of each coordinate between all pairs of times, shape (2, T, T)."""
        return np.stack([correlations(values, values) for values in (self.log_s, self.log_v)])

    @cached_property
    def cross_correlation(self) -> Array:
        """The correlation of the return over the i-th step with log V at the j-th time, shape (T, T)."""
        return correlations(self.returns, self.log_v)

    def expected_signature(self, scales: tuple[float, float]) -> Array:
        """Returns the mean signature of depth 4 of (time, log S, log V) from the start, shape (3 + 9 + 27 + 81,).

        Log S and log V are counted from their start, in units of `scales`; the paths are joined up linearly.
        """
        if scales not in self._signatures:
            import pysiglib  # its shared libraries are loaded only where a signature is read

            n, times, _ = self.paths.shape
            points = np.zeros((n, times + 1, 3))
            points[:, :, 0] = self.step * np.arange(times + 1)
            points[:, 1:, 1:] = (self.paths - self.start) / scales
            with np.errstate(all="ignore"):
                self._signatures[scales] = pysiglib.sig(points, _DEPTH, n_jobs=1).mean(0)
        return self._signatures[scales]


class PathTruth(Protocol):
    """The law that paths should have."""

    def sample(self, n: int, seed: int) -> Array:
        """Returns n independent exact draws in state units, a function of `seed` alone."""
        ...

    def observed(self, n: int, seed: int) -> PathSample:
        """Returns n independent exact paths in data units, the same object at every call."""
        ...


class PathMetric(Metric):
    """A metric of PathSamples against a PathTruth; spreads and correlations need `least` samples."""

    reads = PathSample
    least: ClassVar[int] = 2

    def sample_size(self, n: int) -> int:
        if n < self.least:
            raise BadInput(f"{self.name} needs at least {self.least} samples, got {n}.")
        return super().sample_size(n)

    @staticmethod
    def exact_of(samples: PathSample, reference: Reference) -> PathSample:
        """Returns as many exact paths as there are samples; raises BrokenContract where their times differ."""
        exact = cast(PathTruth, reference.truth).observed(len(samples), reference.seed)
        if exact.paths.shape != samples.paths.shape:
            raise BrokenContract(f"paths of shape {samples.paths.shape} have no exact ones but {exact.paths.shape}.")
        return exact
