"""Making a grid better by trying: one inner time after another is moved towards its neighbours."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sigbench.sde.grids.families import Times

_FIRST, _LEAST = 0.4, 0.02  # shares of the way to the neighbour: the first moves, and those after which it ends


@dataclass(frozen=True, slots=True)
class Improved:
    """The best places that were found, what they score, and how many were tried."""

    places: Times
    score: float
    tried: int


def improve(
    start: Times, score: Callable[[Times], float], most: int, heard: Callable[[int], None] = lambda tried: None
) -> Improved:
    """Returns better increasing places than `start`, whose ends stay; fewer is better, and `most` are tried.

    A pattern search (Hooke & Jeeves 1961): every inner place moves a share of the way to either neighbour, and stays
    where that is better; where no move was, the share is halved. `heard` is told how many were tried.
    """
    best, tried = np.array(start, dtype=np.float64), 1
    least, share = score(best), _FIRST
    while share >= _LEAST:
        moved = False
        for index in range(1, len(best) - 1):
            for neighbour in (index - 1, index + 1):
                if tried >= most:
                    return Improved(best, least, tried)
                places = best.copy()
                places[index] += share * (best[neighbour] - best[index])
                found = score(places)
                tried += 1
                heard(tried)
                if found < least:
                    best, least, moved = places, found, True
                    break
        if not moved:
            share /= 2
    return Improved(best, least, tried)
