"""Refining a Brownian path: a step's partial signature split, exactly in law, into those of its two parts.

In whitened moments ξ (independent standard normals, one for each Legendre polynomial on the step), Chen's identity
ξ^{ac} = P·(ξ^{ab}, ξ^{bc}) has orthonormal rows. Completed to an orthogonal matrix it runs backwards: (ξ^{ab},
ξ^{bc}) = Q·(ξ^{ac}, ζ) with m new normals ζ. For equal parts these are the two-scale relations of Legendre
polynomials and Alpert's multiwavelets (Alpert 1993, SIAM J. Math. Anal. 24); with m = 2 it is the halving of (W, H)
of Foster, Lyons & Oberhauser 2020.
"""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sigbench.sde.signature import PartialSignature, check_order, moment_factor


@lru_cache(maxsize=65536)
def split_matrix(order: int, ratio: float) -> NDArray[np.float64]:
    """Returns the orthogonal Q with (ξ^{ab}, ξ^{bc}) = Q·(ξ^{ac}, ζ), shape (2·order, 2·order).

    `ratio` is (b − a)/(c − a). The columns that take ζ are fixed by Gram–Schmidt, so that a path is the same on
    every machine.
    """
    nodes, weights = np.polynomial.legendre.leggauss(check_order(order))
    y, weights = 0.5 * (nodes + 1.0), 0.5 * weights
    # ξ_j pairs the path with the j-th orthonormal polynomial in (c − u)/(c − a), which runs from 0 at c to 1 at a.
    own, later = _legendre(order, y), 1.0 - ratio
    first = np.sqrt(ratio) * (_legendre(order, later + ratio * y) * weights) @ own.T
    second = np.sqrt(later) * (_legendre(order, later * y) * weights) @ own.T
    rows = list(np.concatenate([first, second], axis=1))
    for axis in np.eye(2 * order)[order:]:
        for _ in range(2):  # once more for the digits that the first subtraction lost
            for row in rows:
                axis = axis - (row @ axis) * row
        rows.append(axis / np.linalg.norm(axis))
    return np.stack(rows, axis=1)


def _legendre(order: int, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The orthonormal shifted Legendre polynomials 0 … order−1 at x (q,), shape (order, q)."""
    degrees = np.arange(order)
    values = np.polynomial.legendre.legvander(2.0 * x - 1.0, order - 1).T
    scaled: NDArray[np.float64] = np.sqrt(2 * degrees + 1)[:, None] * values
    return scaled


def split(parent: Tensor, normals: Tensor, ratio: float) -> tuple[Tensor, Tensor]:
    """Returns the whitened moments of the two parts; all tensors have shape (order, n, *shape)."""
    order = len(parent)
    matrix = torch.as_tensor(split_matrix(order, ratio), dtype=parent.dtype, device=parent.device)
    both = torch.cat([parent, normals])
    children = (matrix @ both.view(2 * order, -1)).view(both.shape)
    return children[:order], children[order:]


def as_signature(whitened: Tensor, h: float) -> PartialSignature:
    """Returns the partial signature over a step of length `h` of whitened moments (order, n, *shape)."""
    order = len(whitened)
    scale = h ** (np.arange(order) + 0.5)
    matrix = torch.as_tensor(moment_factor(order) * scale[:, None], dtype=whitened.dtype, device=whitened.device)
    return PartialSignature(h, tuple((matrix @ whitened.view(order, -1)).view(whitened.shape)))
