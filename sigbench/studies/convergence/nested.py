"""Brownian paths on nested grids: the suite's own tree of moments, over the steps of the study's levels.

A level's steps are the cells of a clock, and each is cut into the two of the next level, so that `BrownianPath` on that
clock with the same noise is the same path, by the bit (a test holds it to that). So there is one driver, and yet the
laboratory's paths are not those that `run` walks, for two reasons. On the task's clock a step of another grid than the
task's own is no cell: on `gmm` a fine step of a uniform grid, with the coarser ones above it, took 7.6 ms for 4,096
paths in place of 0.5 ms here, where a network call takes 0.3 ms (two moments a cell; with the task's four 10.7 in place
of 0.7). And a candidate that is refined repeatedly (`thinning.py`) has no one path.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor

from sigbench.sde.clock import Cell, Clock
from sigbench.sde.grid import Grid
from sigbench.sde.noise import Noise
from sigbench.sde.path import PathTree

Nodes = Mapping[Cell, Sequence[Tensor]]  # whitened moments by (depth, index)


def nested_grids(fine: Grid, coarsest: int) -> list[Grid]:
    """Returns the grids of `coarsest`, 2·coarsest, … steps up to `fine`, whose times they share."""
    depths = (fine.steps // coarsest).bit_length() - 1
    if coarsest << depths != fine.steps:
        raise ValueError(f"{fine.steps} steps are no {coarsest} steps split in two again and again")
    return [fine.with_times(fine.times[:: 2 ** (depths - depth)]) for depth in range(depths + 1)]


@dataclass(frozen=True)
class StepClock(Clock):
    """A clock whose cells are the steps of nested grids. Parts that are equal but for rounding share their matrices."""

    def lengths(self, cell: Cell) -> tuple[float, ...]:
        lengths = super().lengths(cell)
        return tuple(round(length / sum(lengths), 12) for length in lengths)


def clock_of(grids: Sequence[Grid]) -> StepClock:
    """Returns the clock of nested grids, coarsest first: its last len(grids) levels are their steps."""
    return StepClock((*primes_of(grids[0].steps), *(2,) * (len(grids) - 1)), grids[-1].times)


def primes_of(number: int) -> list[int]:
    """Returns the prime factors of a number, in their order."""
    factors, factor = [], 2
    while number > 1:
        while number % factor == 0:
            factors.append(factor)
            number //= factor
        factor += 1
    return factors


class NestedPath:
    """Brownian paths on nested grids, coarsest first: whitened signatures of `order` moments for every step.

    The path does not depend on how far it is refined; samples first … first+count−1 are drawn from `noise`. The moments
    of some steps may be `known` before, by (depth, index), each (order, …) tensors of shape (n, *shape).
    """

    def __init__(
        self,
        grids: Sequence[Grid],
        order: int,
        noise: Noise,
        first: int,
        count: int,
        known: Nodes = MappingProxyType({}),
    ) -> None:
        self.grids, self.order = grids, order
        clock = clock_of(grids)
        self._above = len(clock.radices) - (len(grids) - 1)  # levels of the clock above the coarsest grid
        given = {(self._above + depth, index): moments for (depth, index), moments in known.items()}
        self._tree = PathTree(clock, order, noise, first, count, given)

    def whitened(self, depth: int, index: int) -> list[Tensor]:
        """Returns the whitened moments of a step of a grid, each of shape (n, *shape)."""
        return self._tree.cell((self._above + depth, index), self.order)

    def rest(self, depth: int, index: int) -> Tensor:
        """Returns a normal number a path that belongs to a step and is no part of its moments, shape (n, *shape)."""
        start, end = self.grids[depth].times[index : index + 2]
        return self._tree.rest(start, end)
