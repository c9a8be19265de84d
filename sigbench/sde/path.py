"""One Brownian path for all: a function of (seed, sample) that knows its signature over any interval of a task's time.

The path is a tree over the cells of the task's clock (`clock.py`). A cell's node holds its first m whitened moments;
those of its parts are an orthogonal map of them and of normals that belong to the cell (`legendre.py`). So the whole
time's moments come first, and a cell's are the same numbers whoever asks, in whatever order, on whatever grid: every
sampler, step count and teacher walks the same path. Where a grid's time lies inside a cell, it cuts the cell in two by
the same rule, so that the law is exact on any grid. Orders below m read fewer normals and get the same bits; trees of
different m are different paths, and orders above m are refused.

All of it happens on the host, as the draws do, and moves to the device last: every device sees the same bits.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

import torch
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.sde.clock import Cell, Clock, Layout, Piece, layout_of
from sigbench.sde.grid import Grid, Step
from sigbench.sde.legendre import Kernel, combine, integral, split_rows
from sigbench.sde.noise import Noise, seed_of
from sigbench.sde.signature import PartialSignature, check_order, signature_of_normals

# The first number of a normal's position: the level of the cell whose parts it helps to make, or one of these plus it.
_ROOT, _CUT, _REST = 1 << 32, 2 << 32, 3 << 32
_NORMALS_A_CELL = 64  # more than any cell's parts take: 4 · MAX_ORDER


class BrownianPath:
    """The Brownian paths that `noise` gives all its samples, with `order` moments a cell.

    The noise should be the host's; signatures are handed out on `device`. Raises BadInput for an order outside
    1…MAX_ORDER.
    """

    def __init__(self, clock: Clock, order: int, noise: Noise, device: torch.device | str = "cpu") -> None:
        self.clock, self.order, self.device = clock, check_order(order), torch.device(device)
        self._noise = noise

    def on(self, grid: Grid, first: int, count: int) -> "PathOnGrid":
        """Returns the path of samples first … first+count−1 for whoever walks `grid` or grids of some of its times.

        Raises BadInput where the grid leaves the clock's time, or has times that the clock cannot tell apart.
        """
        layout = layout_of(self.clock, grid.times, self.order)
        return PathOnGrid(layout, PathTree(self.clock, self.order, self._noise, first, count), self.device)


class PathOnGrid:
    """A batch's path between the times of a grid: the driver of every sampler that walks it, or a coarser one."""

    def __init__(self, layout: Layout, tree: "PathTree", device: torch.device) -> None:
        self._layout, self._tree, self._device = layout, tree, device

    def signature(self, step: Step, order: int = 1) -> PartialSignature:
        """Returns the partial signature of `order` moments over `step`, each of shape (n, *shape).

        Raises BadInput above the path's order, and for a step whose ends are no times of the grid.
        """
        drawn = signature_of_normals(self._whitened(step, order), step.h)
        return PartialSignature(step.h, tuple(self._moved(moment) for moment in drawn.moments))

    def whitened(self, step: Step, order: int) -> tuple[Tensor, ...]:
        """Returns the whitened moments of that signature, independent standard normals; raises as it does."""
        return tuple(self._moved(moment.clone()) for moment in self._whitened(step, order))

    def functional(self, step: Step, kernel: Kernel) -> Tensor:
        """Returns ∫K(u) dW_u over `step`, shape (n, *shape), for a smooth deterministic kernel K of reversed time.

        What the step's moments know of it is the path's; the rest, of the variance that is left, is a normal number
        that belongs to the step: the law is exact, jointly with the moments too. Two kernels of one step share that
        number. Raises as `signature` does.
        """
        moments = self._whitened(step, self._tree.order)
        rest = partial(self._tree.rest, step.start, step.end)
        return self._moved(integral(kernel, step.start, step.end, moments, rest))

    def _whitened(self, step: Step, order: int) -> Sequence[Tensor]:
        if order > self._tree.order:
            raise BadInput(f"this path knows signatures up to order {self._tree.order}, got {order}.")
        check_order(order)
        start, end = self._place(step.start), self._place(step.end)
        if start >= end:
            raise BadInput(f"an interval runs forward in time, not from {step.start:g} to {step.end:g}.")
        pieces, rows = self._layout.combination(start, end, order)
        moments = [moment for piece in pieces for moment in self._piece(piece, order)]
        return [combine(row, moments) for row in rows] if len(pieces) > 1 else moments

    def _place(self, time: float) -> int:
        if time not in self._layout.index_of:
            raise BadInput(f"the time {time:g} is not on the grid that this path was asked for.")
        return self._layout.index_of[time]

    def _piece(self, piece: Piece, order: int) -> list[Tensor]:
        if piece.cut is None:
            return self._tree.cell(piece.cell, order)
        return self._tree.side(piece.cell, piece.cut, piece.side, order)

    def _moved(self, tensor: Tensor) -> Tensor:
        if self._device.type == "cpu":
            return tensor
        return tensor.pin_memory().to(self._device, non_blocking=True)


class PathTree:
    """The cells of a batch. It remembers one split cell a level and the last two cuts, which is what a walk in time's
    order comes back to, and one that goes from cells to their parts: memory does not grow with steps, and nothing is
    drawn twice. The moments of some cells may be `known` before; what lies within them is then drawn from `noise`.
    """

    def __init__(
        self,
        clock: Clock,
        order: int,
        noise: Noise,
        first: int,
        count: int,
        known: Mapping[Cell, Sequence[Tensor]] = MappingProxyType({}),
    ) -> None:
        self.order = order
        self._clock, self._noise, self._first, self._count = clock, noise, first, count
        self._given = known
        self._root: list[Tensor] = []
        self._splits: dict[int, tuple[int, _Split]] = {}
        self._cuts: OrderedDict[Cell, _Split] = OrderedDict()

    def normal(self, position: tuple[int, int]) -> Tensor:
        """Returns the batch's normal numbers at a position."""
        return self._noise.normal(self._first, self._count, position)

    def rest(self, start: float, end: float) -> Tensor:
        """Returns the batch's normal numbers of an interval, independent of all moments."""
        return self.normal((_REST, seed_of(start=start, end=end)))

    def cell(self, cell: Cell, order: int) -> list[Tensor]:
        """Returns the first `order` whitened moments of a cell."""
        if cell in self._given:
            return list(self._given[cell][:order])
        level, index = cell
        if level == 0:
            self._root += [self.normal((_ROOT, k)) for k in range(len(self._root), order)]
            return self._root[:order]
        parent, part = divmod(index, self._clock.parts(level - 1))
        known, split = self._splits.get(level - 1, (-1, None))
        if split is None or known != parent:
            self._splits.pop(level - 1, None)  # before its successor is made: one of them in memory is enough
            above = (level - 1, parent)
            split = _Split(self, (level, parent), self.cell(above, self.order), self._clock.lengths(above))
            self._splits[level - 1] = parent, split
        return split.part(part, order)

    def side(self, cell: Cell, cut: tuple[float, float], side: int, order: int) -> list[Tensor]:
        """Returns those of what lies before (0) or after (1) the time that cuts a cell into the lengths `cut`."""
        if cell not in self._cuts:
            if len(self._cuts) == 2:
                self._cuts.popitem(last=False)
            level, index = cell
            self._cuts[cell] = _Split(self, (_CUT + level, index), self.cell(cell, self.order), cut)
        return self._cuts[cell].part(side, order)


class _Split:
    """A cell's moments turned into those of its parts, each when it is asked for."""

    def __init__(
        self, tree: "PathTree", address: tuple[int, int], parent: Sequence[Tensor], lengths: tuple[float, ...]
    ) -> None:
        self._tree, self._address, self._parts = tree, address, len(lengths)
        self._rows = split_rows(tree.order, lengths)
        self._known = list(parent)  # then the fresh normals, as far as they were drawn
        self._made: dict[int, Tensor] = {}

    def part(self, part: int, order: int) -> list[Tensor]:
        """Returns the first `order` moments of a part."""
        return [self._moment(k * self._parts + part) for k in range(order)]

    def _moment(self, number: int) -> Tensor:
        if number not in self._made:
            row, (place, index) = self._rows[number], self._address
            for n in range(len(self._known) - self._tree.order, row[-1][0] + 1 - self._tree.order):
                self._known.append(self._tree.normal((place, index * _NORMALS_A_CELL + n)))
            self._made[number] = combine(row, self._known)
            if len(self._made) == len(self._rows):
                self._known = []  # nothing is left to be made of it
        return self._made[number]
