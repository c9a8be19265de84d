"""Payoffs as functions of paths of (log S, log V) at the observed times; S₀ = 1, rates are zero.

Each has a control: a function of the same paths whose mean is known exactly, for the simulator's own estimate.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sigbench_tasks.rbergomi.specification import Specification

Array = NDArray[np.float64]
Option = Literal["call", "put"]
Side = Literal["down-and-out", "up-and-out"]

_PARTS = 32  # of a window whose forward variance is averaged


@dataclass(frozen=True)
class Payoff(ABC):
    """What is paid on a path: `place` is the number of the last observed time that it reads, `time` that in years."""

    place: int
    time: float

    @property
    @abstractmethod
    def name(self) -> str:
        """Its name among metrics."""

    @property
    @abstractmethod
    def words(self) -> str:
        """What it pays, in words."""

    @abstractmethod
    def __call__(self, paths: Array) -> Array:
        """Returns what is paid on paths (n, T, 2), shape (n,)."""

    def control(self, paths: Array) -> Array:
        """Returns a function of the paths with the mean `control_mean`, shape (n,): S at the time, as a rule."""
        return np.asarray(np.exp(paths[:, self.place, 0]))

    @property
    def control_mean(self) -> float:
        """The mean of `control`: of S it is 1, since log-Euler steps keep it."""
        return 1.0

    def prices(self, paths: Array) -> Array:
        """Returns S at the observed times that it reads, shape (n, place + 1)."""
        return np.asarray(np.exp(paths[:, : self.place + 1, 0]))


@dataclass(frozen=True)
class _OnStrike(Payoff):
    option: Option
    strike: float

    def paid(self, underlying: Array) -> Array:
        """Returns what the option pays on values of its underlying."""
        sign = 1.0 if self.option == "call" else -1.0
        return np.maximum(sign * (underlying - self.strike), 0.0)

    @property
    def _label(self) -> str:
        return f"{self.strike:g}-{self.time:g}"


@dataclass(frozen=True)
class European(_OnStrike):
    """A call or put on S at a maturity; `in_volatility` says that its price is seen as an implied volatility.

    Its name has no option where that is not `chosen` but the one out of the money.
    """

    in_volatility: bool = False
    chosen: bool = True

    @property
    def name(self) -> str:
        kind = f"{self.option}-iv" if self.in_volatility else self.option
        return f"{kind if self.chosen else kind.removeprefix(f'{self.option}-')}-{self._label}"

    @property
    def words(self) -> str:
        return f"European {self.option} of strike {self.strike:g} at {self.time:g} years"

    def __call__(self, paths: Array) -> Array:
        return self.paid(np.exp(paths[:, self.place, 0]))


@dataclass(frozen=True)
class Asian(_OnStrike):
    """A call or put on the arithmetic mean of S over the observed times up to a maturity."""

    @property
    def name(self) -> str:
        return f"asian-{self.option}-{self._label}"

    @property
    def words(self) -> str:
        times = self.place + 1
        return (
            f"{self.option} of strike {self.strike:g} on the mean of S at the {times} times up to {self.time:g} years"
        )

    def __call__(self, paths: Array) -> Array:
        return self.paid(self.control(paths))

    def control(self, paths: Array) -> Array:
        return np.asarray(self.prices(paths).mean(1))


@dataclass(frozen=True)
class Barrier(_OnStrike):
    """A call or put that pays nothing where S at an observed time up to maturity is at or beyond the barrier."""

    barrier: float
    side: Side

    @property
    def name(self) -> str:
        return f"{self.side}-{self.option}-{self.barrier:g}-{self._label}"

    @property
    def words(self) -> str:
        return (
            f"{self.side} {self.option} of strike {self.strike:g} and barrier {self.barrier:g}, watched at the "
            f"{self.place + 1} times up to {self.time:g} years"
        )

    def __call__(self, paths: Array) -> Array:
        s = self.prices(paths)
        alive = s.min(1) > self.barrier if self.side == "down-and-out" else s.max(1) < self.barrier
        return np.asarray(np.where(alive, self.paid(s[:, -1]), 0.0))


@dataclass(frozen=True)
class Vix(Payoff):
    """The VIX-like index at an observed time t, or a call or put on it where there is a strike.

    It is the root of the mean over a window [t, t + Δ] of forward variance: of E[V_u | log V at the observed times up
    to t], at the midpoints u of 32 equal parts. log V is Gaussian, so that the expectation is known in closed form. The
    market's index knows the whole past of W in the place of log V at the observed times.
    """

    specification: Specification
    window: float
    strike: float | None = None
    option: Option = "call"

    @property
    def name(self) -> str:
        return f"vix-{self.time:g}" if self.strike is None else f"vix-{self.option}-{self.strike:g}-{self.time:g}"

    @property
    def words(self) -> str:
        paid = "" if self.strike is None else f"{self.option} of strike {self.strike:g} on the "
        return (
            f"{paid}root of the mean over {self.window:g} years from {self.time:g} of the variance expected given "
            f"log V at the {self.place + 1} times until then, {_PARTS} midpoints"
        )

    def __call__(self, paths: Array) -> Array:
        index = np.sqrt(self.control(paths))
        if self.strike is None:
            return index
        return np.maximum((index - self.strike) if self.option == "call" else (self.strike - index), 0.0)

    def control(self, paths: Array) -> Array:
        """Returns the square of the index, shape (n,): its mean is that of ξ at the midpoints."""
        mean, weights, log_factor = _conditioning(self.specification, self.place, self.window)
        log_v = paths[:, : self.place + 1, 1]
        return np.asarray(np.exp(log_factor + (log_v - mean) @ weights).mean(1))

    @property
    def control_mean(self) -> float:
        return float(self.specification.model.forward.at(_midpoints(self.time, self.window)).mean())


def _midpoints(time: float, window: float) -> Array:
    return time + window * (np.arange(_PARTS) + 0.5) / _PARTS


@lru_cache(maxsize=16)
def _conditioning(specification: Specification, place: int, window: float) -> tuple[Array, Array, Array]:
    """Of E[V_u | log V] = exp(factor + (log V − mean)·weights): mean (k,), weights (k, parts), log factor (parts,)."""
    model, known = specification.model, specification.times[: place + 1]
    midpoints = _midpoints(float(known[-1]), window)
    k, n = len(known), len(known) + _PARTS
    covariance = model.covariance(np.concatenate([known, midpoints]))[:n, :n]
    weights: Array = np.linalg.solve(covariance[:k, :k], covariance[:k, k:]).astype(np.float64)
    left_open = np.diag(covariance)[k:] - np.einsum("kj,kj->j", weights, covariance[:k, k:])
    drift = 0.5 * model.eta**2
    mean = model.forward.log_at(known) - drift * known ** (2 * model.hurst)
    log_factor = model.forward.log_at(midpoints) - drift * midpoints ** (2 * model.hurst) + drift * left_open
    return mean, weights, log_factor
