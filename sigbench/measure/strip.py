"""One initial state and one Brownian path under every sampler and step count: what the strip picture shows."""

from collections.abc import Sequence

import torch
from torch import Tensor

from sigbench.abilities import to_data
from sigbench.measure.batch import start_batch
from sigbench.measure.cell import Cell
from sigbench.sde.brownian import CoupledBrownian
from sigbench.sde.grid import Grid
from sigbench.sde.noise import NoiseStream, seed_of
from sigbench.sde.signature import MAX_ORDER


def draw_strip(cells: Sequence[Cell], count: int) -> list[Tensor]:
    """Returns `count` samples of each cell, shape (count, *shape), in the order of the cells.

    The cells must be of one task and one seed. All walk the same path: it is drawn on the union of their grids, and
    each sees it on its own through Chen's identity. The initial states and the classes are those of the first repeat.
    """
    fine = Grid("union", tuple(sorted({time for cell in cells for time in cell.grid.times})))
    return [_draw(cell, count, fine) for cell in cells]


def _draw(cell: Cell, count: int, fine: Grid) -> Tensor:
    noise = NoiseStream(
        seed_of(task=cell.task.name, seed=cell.settings.seed, purpose="strip"),
        cell.task.shape,
        positions=fine.steps * MAX_ORDER,
        dtype=cell.state_dtype,
        device=cell.device,
    )
    path, batch = CoupledBrownian(noise, 0, count, fine, MAX_ORDER), start_batch(cell, 0, 0, count)
    cell.problem.counter.reset()
    x = batch.x
    with torch.no_grad():
        for state in cell.sampler.walk(batch.problem, x, cell.grid, path):
            x = state
    return to_data(cell.task, x).cpu()
