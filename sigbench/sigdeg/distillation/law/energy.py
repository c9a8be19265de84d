"""The energy distance between two samples, an unbiased estimate that can be minimised."""

import torch
from torch import Tensor

_LEAST = 1e-6  # added to squared distances for each coordinate, so that the root has a slope at zero


def energy_distance(ours: Tensor, theirs: Tensor) -> Tensor:
    """Returns 2E‖X − Y‖ − E‖X − X′‖ − E‖Y − Y′‖ in units of E‖Y − Y′‖, group by group, shape (groups,).

    `ours` (groups, n, d) are draws of X and `theirs` (groups, m, d) of Y, at least two of each. Zero for equal laws and
    for no others (Székely & Rizzo 2013, doi:10.1016/j.jspi.2013.03.018, eq. 2.1); as a U-statistic it is unbiased and
    can fall below zero. Half of it is the energy score's regret, a strictly proper rule (Gneiting & Raftery 2007): no
    mean minimises it.
    """
    with torch.no_grad():
        spread = _within(theirs)
    return (2.0 * _distances(ours, theirs).mean((1, 2)) - _within(ours) - spread) / spread


def _within(x: Tensor) -> Tensor:
    """The mean distance of different draws, shape (groups,)."""
    distances, n = _distances(x, x), x.shape[1]
    own = distances.diagonal(dim1=1, dim2=2).sum(1)
    return (distances.sum((1, 2)) - own) / (n * (n - 1))


def _distances(x: Tensor, y: Tensor) -> Tensor:
    squared = x.square().sum(2)[:, :, None] + y.square().sum(2)[:, None] - 2.0 * x @ y.transpose(1, 2)
    return (squared.clamp_min(0.0) + _LEAST * x.shape[2]).sqrt()
