"""The samples of one repeat, drawn batch by batch, with what it took; and a few of each cell, for a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time

import torch
from torch import Tensor

from sigbench.abilities import to_data
from sigbench.errors import BrokenContract, Diverged
from sigbench.measure.batch import walk_batch
from sigbench.measure.cell import Cell
from sigbench.measure.timing import seconds_of, synchronize

_MOST_REPLAYS = 50


@dataclass(frozen=True, slots=True)
class Draw:
    """Samples (n, *shape) with their classes (n,), what they took, and their calls.

    `seconds` and `cpu_seconds` are the wall clock and this process's processor time of all of them, `batch_seconds` the
    wall clock of a full batch; `path_seconds` and `batch_path_seconds` are the parts of them that the path took.
    """

    samples: Tensor
    labels: Tensor | None
    seconds: float
    cpu_seconds: float
    batch_seconds: float
    path_seconds: float
    batch_path_seconds: float
    nfe: int


def draw_samples(cell: Cell, repeat: int) -> Draw:
    """Draws the cell's samples of one repeat, batch by batch, with their times and their counted calls.

    Raises Diverged where a sample is not finite and BrokenContract for a wrong shape, dtype or call count.
    """
    out = torch.empty(cell.samples, *cell.task.shape, dtype=cell.state_dtype)
    labels: dict[int, Tensor] = {}
    seconds: list[float] = []
    path_seconds: list[float] = []
    cpu_seconds = 0.0
    calls: set[int] = set()
    starts = range(0, cell.samples, cell.batch)
    for first in reversed(starts):  # the full batches last, so that the replayed call is one of a full batch
        count = min(cell.batch, cell.samples - first)
        synchronize(cell.device)
        began, cpu_began = perf_counter(), process_time()
        drawn = walk_batch(cell, repeat, first, count)
        synchronize(cell.device)
        seconds.append(perf_counter() - began)
        cpu_seconds += process_time() - cpu_began
        path_seconds.append(drawn.path_seconds)
        calls.add(cell.problem.counter.calls)
        out[first : first + count] = drawn.samples.to("cpu")
        if drawn.labels is not None:
            labels[first] = drawn.labels.cpu()
    if len(calls) > 1:
        raise BrokenContract(f"{cell.sampler_spec} made {min(calls)} to {max(calls)} calls for equal batches.")
    if not torch.isfinite(out).all():
        bad = int((~torch.isfinite(out.flatten(1))).any(1).sum())
        raise Diverged(f"{bad} of {cell.samples} samples are not finite.")
    full = slice(1 if len(seconds) > 1 and cell.samples % cell.batch else 0, None)
    together = torch.cat([labels[first] for first in starts]) if labels else None
    batch = median(seconds[full]), median(path_seconds[full])
    return Draw(out, together, sum(seconds), cpu_seconds, batch[0], sum(path_seconds), batch[1], calls.pop())


def call_seconds(cell: Cell, nfe: int) -> float:
    """Returns the seconds of a bare network evaluation on the last batch, over as many calls as a batch makes.

    So both sides of the efficiency are about as long, and a busy machine slows them alike.
    """
    evaluations = cell.problem.counter.last_cost
    calls = min(max(nfe // evaluations, 1), _MOST_REPLAYS)

    def replay() -> None:
        for _ in range(calls):
            cell.problem.counter.replay()

    with torch.no_grad():
        return seconds_of(replay, cell.device) / (calls * evaluations)


def draw_strip(cells: Sequence[Cell], count: int) -> list[Tensor]:
    """Returns the first `count` samples of each cell's first repeat, shape (count, *shape), in the order of the cells.

    The cells must be of one task and one seed. All start at the same states and walk the same path.
    """
    return [to_data(cell.task, walk_batch(cell, 0, 0, count).samples).cpu() for cell in cells]
