"""One batch of samples: what a sampler is handed, and the walk that is held to its contract."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sigbench.errors import BrokenContract
from sigbench.measure.cell import Cell
from sigbench.measure.timing import TimedPath
from sigbench.sde.brownian import BrownianDriver, FreshBrownian, NoNoise
from sigbench.sde.grid import Grid
from sigbench.sde.noise import NoiseStream, seed_of
from sigbench.sde.path import BrownianPath
from sigbench.sde.problem import ReverseDiffusion, SDEProblem


@dataclass(frozen=True, slots=True)
class Batch:
    """Where samples start: their problem, which carries their classes, and their initial states (n, *shape)."""

    problem: SDEProblem
    x: Tensor


def start_batch(cell: Cell, repeat: int, first: int, count: int) -> Batch:
    """Returns where samples first … first+count−1 of a repeat start.

    Classes and states depend on (task, seed, repeat) and the sample alone; with fresh noise on the cell too.
    """
    choice = NoiseStream(seed_of(**cell.noise_axes(repeat), purpose="class"), (1,), device=cell.device)
    start = NoiseStream(
        seed_of(**cell.noise_axes(repeat), purpose="initial"),
        cell.task.shape,
        dtype=cell.state_dtype,
        device=cell.device,
    )
    problem = cell.problem.labelled(cell.problem.labels_from(choice.normal(first, count, 0)[:, 0]))
    normals, s = start.normal(first, count, 0), cell.grid.times[0]
    if s == 0.0 or not isinstance(problem, ReverseDiffusion):
        return Batch(problem, problem.initial(normals))
    return Batch(problem, problem.initial(normals, s))


def path_of(cell: Cell, repeat: int, first: int, count: int, grid: Grid | None = None) -> BrownianDriver:
    """Returns the Brownian path of samples first … first+count−1 of a repeat, for who walks `grid` (the cell's).

    It depends on (task, seed, repeat) and the sample alone: every sampler, grid and step count walks the same one. With
    fresh noise each cell has signatures of its own, drawn step by step.
    """
    seed, order = seed_of(**cell.noise_axes(repeat), purpose="brownian"), cell.task.path_order
    if order == 0:
        return NoNoise()
    if cell.settings.paths == "fresh":
        stream = NoiseStream(seed, cell.task.shape, dtype=cell.state_dtype, device=cell.device)
        return FreshBrownian(stream, first, count, order)
    noise = NoiseStream(seed, cell.task.shape, dtype=cell.state_dtype)
    return BrownianPath(cell.problem.clock, order, noise, cell.device).on(grid or cell.grid, first, count)


@dataclass(frozen=True, slots=True)
class Walked:
    """Samples (n, *shape) with the classes (n,) that they were asked to be of, None where there are none.

    `path_seconds` is the wall clock that the path took to give what the sampler asked of it.
    """

    samples: Tensor
    labels: Tensor | None
    path_seconds: float


def walk_batch(cell: Cell, repeat: int, first: int, count: int) -> Walked:
    """Walks samples first … first+count−1 of a repeat; their calls are in the problem's counter.

    Neither the initial state nor the path depends on the sampler or on the batch. Raises BrokenContract for a wrong
    shape, dtype or device, and for more or fewer states than steps.
    """
    cell.problem.counter.reset()
    batch = start_batch(cell, repeat, first, count)
    x, taken, steps = batch.x, 0, cell.grid.steps
    expected = (x.shape, x.dtype, x.device.type)
    path = TimedPath(path_of(cell, repeat, first, count))
    with torch.no_grad():
        for state in cell.walk(batch.problem, x, path):
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
    return Walked(x, batch.problem.labels, path.seconds)
