"""Clocks: how a task's reverse time is cut into cells, and where the times of a grid lie among them.

A Brownian path is known cell by cell. Grids whose times are edges of coarse cells read few of them, which is why a
task chooses its clock: the one for diffusions has the quadratic grids of 5, 10, 20, 50, 60, 100, 150 and 300 steps
among its edges. Any other time lies inside a cell, which is cut there. Such a cell is small beside its steps, the
smaller the fewer moments of it are known, so that two grids share all but a few hundredths of a step's variance.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import ceil, log2, prod

import numpy as np

from sigbench.errors import BadInput
from sigbench.sde.grids.families import quadratic
from sigbench.sde.grids.find import grid_of_times
from sigbench.sde.legendre import Rows, shares
from sigbench.sde.schedule import Schedule
from sigbench.sde.signature import MAX_ORDER

_FINEST_BITS = 32  # the finest cells are 2⁻³² of the horizon, on average
_ROOM, _MOST_ROOM = 0.125, 0.5  # a cell that is cut has at most this share of the steps beside it, the first a moment
_ROUNDING = 1e-12  # of the horizon: by how much a time on an edge may miss it
_OUTSIDE = 1e-9  # of the horizon: by how much a grid may leave it, since sums of steps round

Cell = tuple[int, int]  # level and index


@dataclass(frozen=True)
class Clock:
    """Nested cells of [0, horizon]: those of level k + 1 cut each of level k into radices[k] parts.

    `edges` are the times of the cells that all radices make, from 0 to the horizon; from there on cells are cut into
    halves of equal length, `halvings` times. Raises ValueError where the numbers of edges and cells differ.
    """

    radices: tuple[int, ...]
    edges: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.edges) != prod(self.radices) + 1:
            raise ValueError(f"{len(self.edges)} edges do not bound {prod(self.radices)} cells")

    @property
    def horizon(self) -> float:
        """The end of time."""
        return self.edges[-1]

    @property
    def halvings(self) -> int:
        """How often the declared cells are cut in half."""
        return _FINEST_BITS - (len(self.edges) - 2).bit_length()

    @property
    def finest(self) -> int:
        """The last level."""
        return len(self.radices) + self.halvings

    def parts(self, level: int) -> int:
        """Returns into how many parts the cells of a level are cut."""
        return self.radices[level] if level < len(self.radices) else 2

    def span(self, level: int) -> int:
        """Returns how many of the finest cells make one of a level."""
        return prod(self.radices[level:]) << min(self.halvings, self.finest - level)

    def bounds(self, cell: Cell) -> tuple[float, float]:
        """Returns the times of a cell's ends."""
        level, index = cell
        declared = len(self.radices)
        if level <= declared:
            each = prod(self.radices[level:])
            return self.edges[index * each], self.edges[(index + 1) * each]
        halves = 1 << (level - declared)
        own, part = divmod(index, halves)
        start, end = self.edges[own], self.edges[own + 1]
        return start + (end - start) * (part / halves), start + (end - start) * ((part + 1) / halves)

    def lengths(self, cell: Cell) -> tuple[float, ...]:
        """Returns the lengths of a cell's parts; halves count 1 each, so that all share their matrices."""
        level, index = cell
        if level >= len(self.radices):
            return (1.0, 1.0)
        parts = self.radices[level]
        bounds = [self.bounds((level + 1, index * parts + part)) for part in range(parts)]
        return tuple(end - start for start, end in bounds)

    def cell_of(self, level: int, time: float) -> Cell:
        """Returns the cell of a level that a time of [0, horizon] lies in; the later one for a time on an edge."""
        declared = len(self.radices)
        own = min(bisect_right(self.edges, time), len(self.edges) - 1) - 1
        if level <= declared:
            return level, own // prod(self.radices[level:])
        halves = 1 << (level - declared)
        start, end = self.edges[own], self.edges[own + 1]
        return level, own * halves + min(int((time - start) / (end - start) * halves), halves - 1)

    def cover(self, start: int, end: int) -> list[Cell]:
        """Returns the largest cells that make up [start, end), counted in finest cells, in the order of time."""

        def within(level: int, index: int) -> Iterator[Cell]:
            span = self.span(level)
            if start <= index * span and (index + 1) * span <= end:
                yield level, index
            elif index * span < end and start < (index + 1) * span:
                parts = self.parts(level)
                for part in range(index * parts, (index + 1) * parts):
                    yield from within(level + 1, part)

        return list(within(0, 0))


@lru_cache
def diffusion_clock(schedule: Schedule) -> Clock:
    """Returns the clock of a diffusion: 300 cells of equal √t, nested as 5, 10, 20, 100 and 300 of them."""
    return Clock((5, 2, 2, 5, 3), grid_of_times("quadratic", quadratic(300, schedule), schedule).times)


def even_clock(horizon: float) -> Clock:
    """Returns the clock of [0, horizon] in even time: fifths and their halves.

    Every edge of plain halves is an edge of it too, so that 5, 10, 20, … and 1, 2, 4, … even steps are unions of cells.
    """
    return Clock((5,), tuple(horizon * part / 5 for part in range(6)))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a time lies: on an edge, where `cell` is None, or inside a cell. `before` and `after` are the edges next to
    it, counted in finest cells; they are one for a time on an edge.
    """

    before: int
    after: int
    cell: Cell | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an interval: a whole cell, or what lies before (0) or after (1) the time that cuts it.

    `cut` holds the lengths of the two sides, None where the cell is whole.
    """

    cell: Cell
    length: float
    cut: tuple[float, float] | None = None
    side: int = 0


class Layout:
    """The times of a grid among a clock's cells; `index_of` gives a time's place in the grid.

    A time that is no edge lies in the largest cell that is small beside the steps next to it, and cuts it in two: the
    law is exact on any grid, and grids that share cells share the path up to what happens inside. `order` is how many
    moments of a cell are known. Raises BadInput for times outside the clock's, and for two in one of the finest cells.
    """

    def __init__(self, clock: Clock, times: Sequence[float], order: int) -> None:
        tolerance = _OUTSIDE * clock.horizon
        if not (-tolerance <= times[0] and times[-1] <= clock.horizon + tolerance):  # NaN is outside as well
            raise BadInput(f"the grid runs from {times[0]:g} to {times[-1]:g}, the path from 0 to {clock.horizon:g}.")
        self.clock, self.times = clock, tuple(times)
        self.index_of = {time: index for index, time in enumerate(times)}
        steps = np.diff(times)
        room = np.minimum(np.append(steps, np.inf), np.insert(steps, 0, np.inf)) * min(_ROOM * order, _MOST_ROOM)
        self.places = [self._place(time, float(own)) for time, own in zip(times, room, strict=True)]
        for index, (one, other) in enumerate(pairwise(self.places)):
            if one.after > other.before or one == other:
                raise BadInput(
                    f"the times {times[index]:.12g} and {times[index + 1]:.12g} of the grid are too close: there this "
                    f"path tells times apart by {self._length(clock.finest, times[index]):.1g}."
                )
        self._combinations: dict[tuple[int, int, int], tuple[tuple[Piece, ...], Rows]] = {}

    def _place(self, time: float, room: float) -> Place:
        clock, time = self.clock, min(max(time, 0.0), self.clock.horizon)
        cell = clock.cell_of(self._level(time, room), time)
        span = clock.span(cell[0])
        for at, edge in enumerate(clock.bounds(cell), start=cell[1]):
            if abs(time - edge) <= _ROUNDING * clock.horizon:
                return Place(at * span, at * span)
        return Place(cell[1] * span, (cell[1] + 1) * span, cell)

    def _level(self, time: float, room: float) -> int:
        """The first level whose cell at `time` is no longer than `room`, or the finest."""
        level = len(self.clock.radices)
        length = self._length(level, time)
        if length > room:
            return min(level + ceil(log2(length / room)), self.clock.finest)
        while level > 0 and self._length(level - 1, time) <= room:
            level -= 1
        return level

    def _length(self, level: int, time: float) -> float:
        start, end = self.clock.bounds(self.clock.cell_of(level, time))
        return end - start

    def pieces(self, start: int, end: int) -> tuple[Piece, ...]:
        """Returns what makes up the interval between two times, given by their places in the grid, in time's order."""
        first, last = self.places[start], self.places[end]
        pieces = []
        if first.cell is not None:
            cut = self._cut(first.cell, start)
            pieces.append(Piece(first.cell, cut[1], cut, 1))
        for cell in self.clock.cover(first.after, last.before):
            low, high = self.clock.bounds(cell)
            pieces.append(Piece(cell, high - low))
        if last.cell is not None:
            cut = self._cut(last.cell, end)
            pieces.append(Piece(last.cell, cut[0], cut, 0))
        return tuple(pieces)

    def _cut(self, cell: Cell, at: int) -> tuple[float, float]:
        start, end = self.clock.bounds(cell)
        return self.times[at] - start, end - self.times[at]

    def combination(self, start: int, end: int, order: int) -> tuple[tuple[Piece, ...], Rows]:
        """Returns the pieces of an interval, and its whitened moments as sums over theirs, piece by piece."""
        known = self._combinations.get((start, end, order))
        if known is None:
            pieces = self.pieces(start, end)
            # One matrix for all orders: the last digit of a smaller one's may differ.
            parts = shares(MAX_ORDER, [piece.length for piece in pieces]).tolist()
            rows = tuple(
                tuple((n * order + k, part[j][k]) for n, part in enumerate(parts) for k in range(j + 1))
                for j in range(order)
            )
            known = self._combinations[start, end, order] = pieces, rows
        return known


@lru_cache(maxsize=256)
def layout_of(clock: Clock, times: tuple[float, ...], order: int) -> Layout:
    """Returns the layout of these times, the same one for every batch."""
    return Layout(clock, times, order)
