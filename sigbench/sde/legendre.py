"""Brownian motion over an interval in Legendre coordinates: how the moments of parts and of the whole hang together.

The whitened moments of Brownian motion over [a, b], h = b − a, are ξ_j = h^{−½}·∫P_j((b − u)/h) dW_u, with P_j the
orthonormal Legendre polynomials on [0, 1]: independent standard normals. Where [a, b] is cut into parts, the whole's
moments are an orthonormal combination of the parts' (`shares`), and the parts' an orthogonal map of the whole's and of
as many fresh normals as are missing (`split_rows`): Alpert's multiwavelets (Alpert 1993, SIAM J. Math. Anal. 24); for
two halves and two moments the halving of (W, H) of Foster, Lyons & Oberhauser 2020.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]
Rows = tuple[tuple[tuple[int, float], ...], ...]  # of each row of a matrix its columns and coefficients that are not 0

_ZERO = 1e-13  # what is zero in exact arithmetic comes out below it, what is not stays far above
_KERNEL_NODES = 48


def legendre(order: int, x: Array) -> Array:
    """Returns the orthonormal Legendre polynomials 0 … order−1 on [0, 1] at x (…, q), shape (…, order, q)."""
    values = np.polynomial.legendre.legvander(2.0 * x - 1.0, order - 1)
    scaled: Array = np.sqrt(2 * np.arange(order) + 1)[:, None] * np.moveaxis(values, -1, -2)
    return scaled


@lru_cache
def _quadrature(nodes: int, order: int) -> tuple[Array, Array]:
    """Gauss–Legendre nodes y on [0, 1], shape (nodes,), and weight·P_j(y), shape (order, nodes)."""
    x, weights = np.polynomial.legendre.leggauss(nodes)
    y = 0.5 * (x + 1.0)
    return y, 0.5 * weights * legendre(order, y)


def shares(order: int, lengths: Sequence[float]) -> Array:
    """Returns what the parts add to the whole, shape (parts, order, order), parts in the order of time.

    ξ_j^whole = Σ_parts Σ_{k≤j} T_jk·ξ_k^part, T_jk = √ratio·∫₀¹P_j(later + ratio·y)·P_k(y) dy, where the part has the
    share `ratio` of the whole's length and what follows it the share `later`.
    """
    y, weighted = _quadrature(order, order)
    sizes = np.asarray(lengths, dtype=np.float64)
    ends = np.cumsum(sizes)
    ratio, later = (sizes / ends[-1])[:, None], ((ends[-1] - ends) / ends[-1])[:, None]
    result: Array = np.tril(np.sqrt(ratio)[:, None] * (legendre(order, later + ratio * y) @ weighted.T))
    return result


@lru_cache(maxsize=16384)
def split_rows(order: int, lengths: tuple[float, ...]) -> Rows:
    """Returns the orthogonal map from a whole's moments and fresh normals to the moments of its r parts.

    Row j·r + p gives moment j of part p; columns 0 … order−1 are the whole's moments, column order + n the fresh normal
    n, of which there are (r − 1)·order. The first q moments of all parts read the whole's `order` moments and only the
    first (r − 1)·q fresh normals. The fresh directions are fixed by Gram–Schmidt: the whole's rows first, then moment
    by moment those of all parts but the last, each with a positive share of its own.
    """
    parts = len(lengths)
    whole = shares(order, lengths).transpose(1, 2, 0).reshape(order, order * parts)
    axes = np.eye(order * parts)
    fresh = [j * parts + p for j in range(order) for p in range(parts - 1)]
    columns = np.concatenate([whole, axes[fresh]]).T
    basis, triangle = np.linalg.qr(columns)
    basis *= np.sign(np.diag(triangle))  # LAPACK's signs are free
    later = np.array(fresh) > np.arange(order * parts)[:, None]  # directions that are orthogonal to the row
    basis[:, order:][later] = 0.0
    return tuple(tuple((n, c) for n, c in enumerate(row) if abs(c) > _ZERO) for row in basis.tolist())


def combine(row: Sequence[tuple[int, float]], tensors: Sequence[Tensor]) -> Tensor:
    """Returns Σ c·tensors[n] over the (n, c) of `row`, term by term: a matrix product's bits depend on the batch."""
    (first, factor), *others = row
    total = torch.mul(tensors[first], factor)
    for n, c in others:
        total.add_(tensors[n], alpha=c)
    return total


Kernel = Callable[[Array], Array]


def projection(kernel: Kernel, start: float, end: float, order: int) -> tuple[Array, float]:
    """Returns how ∫K(u) dW_u over [start, end] hangs on the whitened moments: Σ c_j·ξ_j + r·ζ, as (c (order,), r).

    ζ is a standard normal number of its own, so that the variance is ∫K². `kernel` takes times (q,) and gives K there;
    the integrals are Gauss–Legendre sums of 48 nodes, exact for a smooth K. Raises ValueError where K is not finite.
    """
    y, weighted = _quadrature(_KERNEL_NODES, order)
    length = end - start
    values = np.broadcast_to(np.asarray(kernel(end - length * y), dtype=np.float64), y.shape)
    if not np.isfinite(values).all():
        raise ValueError(f"the kernel is not finite between {start:g} and {end:g}")
    coefficients: Array = np.sqrt(length) * weighted @ values
    variance = length * float(weighted[0] @ values**2)  # P₀ is 1
    residual = variance - float(coefficients @ coefficients)
    return coefficients, float(np.sqrt(residual)) if residual > _ZERO * variance else 0.0


def integral(
    kernel: Kernel, start: float, end: float, whitened: Sequence[Tensor], rest: Callable[[], Tensor]
) -> Tensor:
    """Returns ∫K(u) dW_u of a path with these whitened moments over [start, end]; `rest` draws ζ where needed."""
    coefficients, residual = projection(kernel, start, end, len(whitened))
    row = list(enumerate([*coefficients.tolist(), residual]))
    return combine(row, [*whitened, rest()]) if residual > 0.0 else combine(row[:-1], whitened)
