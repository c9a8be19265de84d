"""One initial state and one Brownian path under every sampler and step count: what the strip picture shows."""

from collections.abc import Sequence

from torch import Tensor

from sigbench.abilities import to_data
from sigbench.measure.batch import walk_batch
from sigbench.measure.cell import Cell


def draw_strip(cells: Sequence[Cell], count: int) -> list[Tensor]:
    """Returns the first `count` samples of each cell's first repeat, shape (count, *shape), in the order of the cells.

    The cells must be of one task and one seed. All start at the same states and walk the same path.
    """
    return [to_data(cell.task, walk_batch(cell, 0, 0, count).samples).cpu() for cell in cells]
