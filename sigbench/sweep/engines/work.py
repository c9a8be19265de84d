"""What a worker does, whatever engine it belongs to: measures a cell, and keeps what the next ones can use."""

import gc
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from sigbench.errors import SigbenchError
from sigbench.guard import told
from sigbench.sweep.engines.engine import Measured, Outcome, Refusal

if TYPE_CHECKING:
    from sigbench.measure.cell import Cell
    from sigbench.records.record import Record
    from sigbench.sweep.plan import PlannedCell


@dataclass(frozen=True, slots=True)
class Job:
    """A cell as a worker receives it: how many cells run at once beside it, and its torch threads."""

    cell: "PlannedCell"
    workers: int
    threads: int


class _Bench:
    """Measures cells in one run of `measure`, one at a time: what cells of a task and seed share is made once."""

    def __init__(self, workers: int, threads: int) -> None:
        import torch
        from threadpoolctl import threadpool_limits

        from sigbench.measure.run import measure

        threadpool_limits(threads)  # numpy's own; it was loaded before
        torch.set_num_threads(threads)
        gc.freeze()  # each cell collects garbage before its memory is measured; torch's own objects are none
        self.of = workers, threads
        self._records = measure(self._cells(), workers=workers)

    def _cells(self) -> "Iterator[Cell]":
        while True:
            yield self._cell

    def record_of(self, cell: "Cell") -> "Record":
        """Returns the cell's record; after an error this bench is of no more use."""
        self._cell = cell
        return next(self._records)


_bench: list[_Bench] = []  # the one of this process, if there is one yet


def measure_job(job: Job, node: str = "") -> Outcome:
    """Returns the outcome of a cell, measured in this process and thread; raises nothing."""
    from sigbench.records.record import to_json

    began = monotonic()
    try:
        job.cell.prepare()
        cell = job.cell.cell()
    except SigbenchError as error:
        return Refusal(str(error))
    except BaseException as error:
        return Refusal(told(error))
    try:
        if not _bench or _bench[0].of != (job.workers, job.threads):
            _bench[:] = [_Bench(job.workers, job.threads)]
        record = to_json(_bench[0].record_of(cell))
        return Measured(record, monotonic() - began, node)
    except BaseException as error:  # before the cell was begun: references, say, that cannot be made
        _bench.clear()
        return Refusal(str(error) if isinstance(error, SigbenchError) else told(error))
