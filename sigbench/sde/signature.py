"""Partial signatures of Brownian motion: exact sampling, Chen's identity and whitening.

Over [a, b] with h = b − a the moments are M_k = ∫ₐᵇ (b−u)^k/k! dW_u, k = 0 … m−1. M₀ is the increment ΔW and
M₁ = ∫(W_u − W_a) du; with h they span the words of the signature of (time, W) that hold W once (Sig-DEG,
arXiv 2508.16939, which uses m = 2). They are jointly Gaussian with
Cov(M_j, M_k) = h^{j+k+1} / (j!·k!·(j+k+1)).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb, factorial, sqrt

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sigbench.errors import BadInput

MAX_ORDER = 8  # above it whitening loses half of float64's digits


def check_order(order: int) -> int:
    """Returns `order` where it lies in 1…MAX_ORDER; raises BadInput otherwise."""
    if not 1 <= order <= MAX_ORDER:
        raise BadInput(f"the signature order must lie between 1 and {MAX_ORDER}, got {order}.")
    return order


def moment_covariance(order: int) -> NDArray[np.float64]:
    """Returns the covariance of (M₀ … M_{order−1}) over an interval of length 1, shape (order, order)."""
    return np.array([[1.0 / (factorial(j) * factorial(k) * (j + k + 1)) for k in range(order)] for j in range(order)])


@lru_cache
def moment_factor(order: int) -> NDArray[np.float64]:
    """Returns the Cholesky factor L of `moment_covariance`: M_k = h^{k+½}·(Lξ)_k for standard normal ξ.

    L_kj = √(2j+1)·k!/((k−j)!·(k+j+1)!), the coefficients of x^k/k! in orthonormal shifted Legendre polynomials.
    """
    factor = np.zeros((check_order(order), order))
    for k in range(order):
        for j in range(k + 1):
            factor[k, j] = sqrt(2 * j + 1) * factorial(k) / (factorial(k - j) * factorial(k + j + 1))
    return factor


@lru_cache
def whitening_factor(order: int) -> NDArray[np.float64]:
    """Returns L⁻¹, the map from scaled moments M_k/h^{k+½} to independent standard normals.

    Its rows hold the Legendre polynomials themselves: √(2j+1)·(−1)^{j+k}·C(j,k)·C(j+k,k)·k!.
    """
    inverse = np.zeros((check_order(order), order))
    for j in range(order):
        for k in range(j + 1):
            inverse[j, k] = sqrt(2 * j + 1) * (-1) ** (j + k) * comb(j, k) * comb(j + k, k) * factorial(k)
    return inverse


@dataclass(frozen=True, slots=True)
class PartialSignature:
    """The length `h` of an interval and the moments M₀ … M_{m−1} over it, each of shape (n, *shape)."""

    h: float
    moments: tuple[Tensor, ...]

    @property
    def order(self) -> int:
        """The number m of moments."""
        return len(self.moments)

    @property
    def increment(self) -> Tensor:
        """ΔW = M₀."""
        return self.moments[0]

    @property
    def time_integral(self) -> Tensor:
        """∫(W_u − W_a) du = M₁; raises IndexError where only ΔW was drawn."""
        return self.moments[1]

    @property
    def space_time_area(self) -> Tensor:
        """The space-time Lévy area H = M₁/h − ½M₀ (Foster, Lyons & Oberhauser 2020), independent of ΔW."""
        return self.moments[1] / self.h - 0.5 * self.moments[0]

    def whitened(self) -> tuple[Tensor, ...]:
        """Returns the m independent standard normals ξ = L⁻¹·(M_k/h^{k+½}), each of shape (n, *shape).

        ξ_k pairs the path with the k-th orthonormal Legendre polynomial on the interval, up to its sign.
        """
        return _combine(_unscaled_inverse(self.order, self.h), self.moments)

    def then(self, later: "PartialSignature") -> "PartialSignature":
        """Returns the signature over this interval followed by the adjacent `later` one (Chen's identity).

        M_k^{ac} = Σ_{j≤k} h₂^{k−j}/(k−j)!·M_j^{ab} + M_k^{bc}. Raises ValueError where the orders differ.
        """
        if self.order != later.order:
            raise ValueError(f"orders {self.order} and {later.order} do not match")
        moments = []
        for k, tail in enumerate(later.moments):
            total = tail
            for j, head in enumerate(self.moments[: k + 1]):
                total = total + head * (later.h ** (k - j) / factorial(k - j))
            moments.append(total)
        return PartialSignature(self.h + later.h, tuple(moments))

    def truncated(self, order: int) -> "PartialSignature":
        """Returns the first `order` moments."""
        return PartialSignature(self.h, self.moments[:order])


def signature_of_normals(normals: Sequence[Tensor], h: float) -> PartialSignature:
    """Returns the exactly distributed signature over an interval of length `h`.

    `normals` are m independent standard normal tensors of one shape; the first r moments depend on the first
    r of them only, so that samplers of different order see one path.
    """
    return PartialSignature(h, _combine(_scaled_factor(len(normals), h), normals))


Rows = tuple[tuple[float, ...], ...]


@lru_cache(maxsize=4096)
def _scaled_factor(order: int, h: float) -> Rows:
    scale = h ** (np.arange(order) + 0.5)
    return _rows(moment_factor(order) * scale[:, None])


@lru_cache(maxsize=4096)
def _unscaled_inverse(order: int, h: float) -> Rows:
    scale = h ** -(np.arange(order) + 0.5)
    return _rows(whitening_factor(order) * scale)


def _rows(lower: NDArray[np.float64]) -> Rows:
    return tuple(tuple(row[: k + 1].tolist()) for k, row in enumerate(lower))


def _combine(lower: Rows, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    rows = []
    for first, *others in lower:
        total = tensors[0] * first
        for tensor, factor in zip(tensors[1:], others, strict=False):
            total.add_(tensor, alpha=factor)
        rows.append(total)
    return tuple(rows)
