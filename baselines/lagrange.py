"""Integrals of Lagrange polynomials: the weights of multistep methods on any grid."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_NODES = 48


@lru_cache
def _gauss() -> tuple[Array, Array]:
    """Nodes on [0, 1] and weights of the Gauss–Legendre rule."""
    x, weights = np.polynomial.legendre.leggauss(_NODES)
    return 0.5 * (x + 1.0), 0.5 * weights


def _one(u: Array) -> Array:
    return np.ones_like(u)


def lagrange_integrals(
    nodes: Sequence[float],
    start: float,
    end: float,
    weight: Callable[[Array], Array] = _one,
    node_of: Callable[[Array], Array] | None = None,
) -> list[float]:
    """Returns ∫ w(u)·ℓ_j(u) du from `start` to `end` for each Lagrange polynomial ℓ_j of `nodes`.

    With `node_of` the polynomials are in another variable, ℓ_j(node_of(u)), of which `nodes` then are values.
    """
    y, gauss = _gauss()
    u = start + (end - start) * y
    v = u if node_of is None else node_of(u)
    weighted = (end - start) * gauss * weight(u)
    found = []
    for j, own in enumerate(nodes):
        others = [node for k, node in enumerate(nodes) if k != j]
        factors = [np.ones_like(v), *((v - node) / (own - node) for node in others)]
        found.append(float(weighted @ np.prod(factors, axis=0)))
    return found
