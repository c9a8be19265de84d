"""The metric's contract, and the reference that metrics compare samples with."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sigbench.errors import BadInput
from sigbench.metrics.estimate import UNBOUNDED, Better, Bounds, Floor

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


@runtime_checkable
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


@runtime_checkable
class KnownKernelMeans(Protocol):
    """A truth under which the mean of Gaussian kernels k_b(x, y) = exp(−‖x − y‖²/2b²) over `bandwidths` is known."""

    def kernel_means(self, x: Array, bandwidths: Sequence[float]) -> Array:
        """Returns E k(x, Y) at x of shape (n, d), shape (n,)."""
        ...

    def kernel_energy(self, bandwidths: Sequence[float]) -> float:
        """Returns E k(Y, Y′) of two independent draws."""
        ...


@dataclass(frozen=True, eq=False)
class _Same:
    """A truth that is equal to itself alone, whatever its class thinks of equality."""

    truth: KnownCDF

    def __hash__(self) -> int:
        return id(self.truth)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.truth is self.truth


@lru_cache(maxsize=8)
def _exact_quantiles(of: _Same, n: int) -> Array:
    """They are the same for every repeat and every sampler."""
    found = of.truth.quantile((np.arange(n) + 0.5) / n)
    found.setflags(write=False)
    return found


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
                self._sorted[n] = _exact_quantiles(_Same(self.truth), n)
            else:
                self._sorted[n] = np.sort(self.draw(n)[:, 0])
        return self._sorted[n]


class Metric(ABC):
    """A number for samples against a reference.

    `reads` is the shape of the samples that it takes, (n, d) as float64 with None for any size, or the class of what a
    task's `observe` returns in their place; `needs` is the protocol of a truth that it cannot do without. What is of
    another kind is refused by name. `bounds` are the ends that its values cannot leave, to which intervals are cut;
    `counted` says that a value is a share of samples that were counted. `margin` is the share of the excess over the
    floor below which two samplers count as equivalent. `max_samples` bounds the samples that it reads (the first ones),
    None meaning all.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    method: ClassVar[str]
    better: ClassVar[Better] = "lower"
    bounds: ClassVar[Bounds] = UNBOUNDED
    counted: ClassVar[bool] = False
    margin: ClassVar[float] = 0.25
    reads: ClassVar[tuple[int | None, ...] | type] = (None, None)
    needs: ClassVar[type | None] = None
    max_samples: int | None = None

    @abstractmethod
    def __call__(self, samples: Any, reference: Reference) -> float:
        """Returns the metric of `samples`."""

    def exact_floor(self, truth: Truth, n: int) -> Floor | None:
        """Returns the floor at n samples in closed form, None where there is none: then exact draws give it."""
        return None

    def for_truth(self, truth: Truth) -> "Metric":
        """Returns the metric as it judges against this truth: itself, unless it takes facts from there."""
        return self

    def check(self, samples: Any, truth: Truth) -> None:
        """Raises BadInput, naming the metric, for samples or a truth of a kind that it does not read."""
        if isinstance(self.reads, type):
            if not isinstance(samples, self.reads):
                raise BadInput(f"{self.name} reads {self.reads.__name__}s, and these samples are {_kind_of(samples)}.")
        elif not _fits(getattr(samples, "shape", None), self.reads):
            wanted = ", ".join("any" if size is None else str(size) for size in self.reads[1:])
            raise BadInput(f"{self.name} reads samples of shape (n, {wanted}), and these are {_kind_of(samples)}.")
        if self.needs is not None and not isinstance(truth, self.needs):
            raise BadInput(f"{self.name} needs a truth with {_words(self.needs.__name__)}, which this task's has not.")

    def sample_size(self, n: int) -> int:
        """Returns how many of n samples the metric reads; raises BadInput where n are too few for it."""
        return n if self.max_samples is None else min(n, self.max_samples)


def _fits(shape: tuple[int, ...] | None, wanted: tuple[int | None, ...]) -> bool:
    if shape is None or len(shape) != len(wanted):
        return False
    return all(size is None or size == own for own, size in zip(shape, wanted, strict=True))


def _kind_of(samples: Any) -> str:
    shape = getattr(samples, "shape", None)
    return f"{type(samples).__name__}s" if shape is None else f"of shape {('n', *shape[1:])}".replace("'", "")


def _words(name: str) -> str:
    """A protocol's name in words: KnownModes is "known modes"."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
