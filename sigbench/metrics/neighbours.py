"""Balls around points, each reaching to its k-th nearest neighbour: what density and coverage count."""

import torch
from torch import Tensor

_CHUNK = 2_000


def neighbour_radii(points: Tensor, k: int) -> Tensor:
    """Returns the distance of each point of shape (n, d) to its k-th nearest other point, shape (n,)."""
    # The nearest is the point itself.
    return torch.cat([torch.cdist(part, points).kthvalue(k + 1).values for part in points.split(_CHUNK)])


def inside_balls(points: Tensor, centres: Tensor, radii: Tensor) -> tuple[Tensor, Tensor]:
    """Returns in how many balls each point lies, shape (n,), and whether each ball holds a point, shape (m,)."""
    counts, covered = [], torch.zeros(len(centres), dtype=torch.bool)
    for part in points.split(_CHUNK):
        inside = torch.cdist(part, centres) <= radii
        counts.append(inside.sum(1))
        covered |= inside.any(0)
    return torch.cat(counts), covered
