"""One batch of samples: what a sampler is handed, and the walk that is held to its contract."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sigbench.errors import BrokenContract
from sigbench.measure.cell import Cell
from sigbench.sde.brownian import BrownianDriver, FreshBrownian
from sigbench.sde.grid import Grid
from sigbench.sde.noise import NoiseStream, seed_of
from sigbench.sde.path import BrownianPath
from sigbench.sde.problem import SDEProblem


@dataclass(frozen=True, slots=True)
class Batch:
    """Where samples start: their problem, which carries their classes, and their initial states (n, *shape)."""

    problem: SDEProblem
    x: Tensor


def start_batch(cell: Cell, repeat: int, first: int, count: int) -> Batch:
    """Returns where samples first … first+count−1 of a repeat start.

    Classes and states depend on (task, seed, repeat) and the sample alone; with fresh noise on the cell too.
    """
    choice = NoiseStream(seed_of(**_axes(cell, repeat), purpose="class"), (1,), device=cell.device)
    start = NoiseStream(
        seed_of(**_axes(cell, repeat), purpose="initial"),
        cell.task.shape,
        dtype=cell.state_dtype,
        device=cell.device,
    )
    problem = cell.problem.labelled(cell.problem.labels_from(choice.normal(first, count, 0)[:, 0]))
    return Batch(problem, problem.initial(start.normal(first, count, 0)))


def _axes(cell: Cell, repeat: int) -> dict[str, str | int]:
    shared: dict[str, str | int] = {"task": cell.task.name, "seed": cell.settings.seed, "repeat": repeat}
    if cell.settings.paths == "shared":
        return shared
    return {**shared, "sampler": cell.sampler_spec, "role": cell.role, "grid": cell.grid.name, "steps": cell.grid.steps}


def path_of(cell: Cell, repeat: int, first: int, count: int, grid: Grid | None = None) -> BrownianDriver:
    """Returns the Brownian path of samples first … first+count−1 of a repeat, for who walks `grid` (the cell's).

    It depends on (task, seed, repeat) and the sample alone: every sampler, grid and step count walks the same one. With
    fresh noise each cell has signatures of its own, drawn step by step.
    """
    seed, order = seed_of(**_axes(cell, repeat), purpose="brownian"), cell.task.path_order
    if cell.settings.paths == "fresh":
        stream = NoiseStream(seed, cell.task.shape, dtype=cell.state_dtype, device=cell.device)
        return FreshBrownian(stream, first, count, order)
    noise = NoiseStream(seed, cell.task.shape, dtype=cell.state_dtype)
    return BrownianPath(cell.problem.clock, order, noise, cell.device).on(grid or cell.grid, first, count)


@dataclass(frozen=True, slots=True)
class Walked:
    """Samples (n, *shape) with the classes (n,) that they were asked to be of, None where there are none."""

    samples: Tensor
    labels: Tensor | None


def walk_batch(cell: Cell, repeat: int, first: int, count: int) -> Walked:
    """Walks samples first … first+count−1 of a repeat; their calls are in the problem's counter.

    Neither the initial state nor the path depends on the sampler or on the batch. Raises BrokenContract for a wrong
    shape, dtype or device, and for more or fewer states than steps.
    """
    cell.problem.counter.reset()
    batch = start_batch(cell, repeat, first, count)
    x, taken, steps = batch.x, 0, cell.grid.steps
    expected = (x.shape, x.dtype, x.device.type)
    with torch.no_grad():
        for state in cell.sampler.walk(batch.problem, x, cell.grid, path_of(cell, repeat, first, count)):
            x, taken = state, taken + 1
            if taken > steps:
                break  # it may never end
    if not isinstance(x, Tensor):
        raise BrokenContract(f"{cell.sampler_spec} yielded a {type(x).__name__}, not a tensor.")
    if (x.shape, x.dtype, x.device.type) != expected:
        raise BrokenContract(
            f"{cell.sampler_spec} yielded shape {tuple(x.shape)} in {x.dtype} on {x.device.type}, "
            f"expected {tuple(expected[0])} in {expected[1]} on {expected[2]}."
        )
    if taken != steps:
        found = f"more than {steps}" if taken > steps else taken
        raise BrokenContract(f"{cell.sampler_spec} yielded {found} states on a grid of {steps} steps.")
    return Walked(x, batch.problem.labels)
