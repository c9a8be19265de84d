"""Worker processes of a sweep: each measures one cell after another.

Not joblib's pool nor that of concurrent.futures: when the system kills one worker, both give up all that is running,
and neither knows whose cell it was. Here each worker has a pipe of its own; a dead one costs its own cell only. This
module imports nothing heavy: the command that starts a sweep may have none of it.
"""

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection, forkserver, resource_tracker
from multiprocessing.connection import Connection
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sigbench.errors import BadInput
from sigbench.guard import told

if TYPE_CHECKING:
    from sigbench.measure.cell import Cell
    from sigbench.records.record import Record
    from sigbench.sweep.plan import PlannedCell

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
PATIENCE = 0.2  # seconds between two looks at whether to stop


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a worker sends in the place of a record: why there is none."""

    reason: str


@dataclass(slots=True)
class _Worker:
    process: Any
    pipe: Connection
    cell: "PlannedCell | None" = None
    group: tuple[Any, ...] | None = None


class Workers:
    """Up to `count` worker processes with `threads` torch threads each, killed when the context is left.

    They are started as cells come in. What they measure is the same whatever their number and the cells' order.
    """

    def __init__(self, count: int, threads: int) -> None:
        self._count, self._threads = count, threads
        self._workers: list[_Worker] = []

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.process.kill()  # they write nothing, so that nothing can be left half-written
        for worker in self._workers:
            worker.process.join()
            worker.pipe.close()
        self._workers.clear()

    @property
    def running(self) -> list["PlannedCell"]:
        """The cells that are being measured."""
        return [worker.cell for worker in self._workers if worker.cell is not None]

    def has_room(self) -> bool:
        """Whether a further cell can be started at once."""
        return len(self.running) < self._count

    def preferred(self, cells: Sequence["PlannedCell"]) -> list[int]:
        """Returns the indices of `cells`, best first for the worker whose turn it is.

        A worker keeps what all cells of one task and seed share (references, floors), so it gets more of them while
        there are any; then such as no other worker is at.
        """
        worker = self._idle()
        own = None if worker is None else worker.group
        others = {_group(cell) for cell in self.running}

        def rank(index: int) -> int:
            group = _group(cells[index])
            return 0 if group == own else 2 if group in others else 1

        return sorted(range(len(cells)), key=rank)

    def start(self, cell: "PlannedCell") -> None:
        """Hands a cell to an idle worker, or to a new one."""
        while (worker := self._idle()) is not None and not worker.process.is_alive():
            self._bury(worker)
        if worker is None:
            worker = _start_worker(self._threads, self._count)
            self._workers.append(worker)
        worker.cell, worker.group = cell, _group(cell)
        with suppress(OSError):  # one that dies in this moment: `finished` finds out, and says so
            worker.pipe.send(cell)

    def finished(self) -> Iterator[tuple["PlannedCell", "Record | Refusal"]]:
        """Waits for a moment, and yields the cells that are finished or lost meanwhile."""
        busy = {worker.pipe: worker for worker in self._workers if worker.cell is not None}
        for pipe in connection.wait(list(busy), timeout=PATIENCE):
            worker = busy[pipe]  # type: ignore[index]
            cell, worker.cell = worker.cell, None
            assert cell is not None
            try:
                outcome = worker.pipe.recv()
            except (EOFError, OSError):
                self._bury(worker)
                outcome = Refusal(_death(worker.process.exitcode))
            yield cell, outcome

    def _bury(self, worker: _Worker) -> None:
        worker.process.join()
        worker.pipe.close()
        self._workers.remove(worker)

    def _idle(self) -> _Worker | None:
        return next((worker for worker in self._workers if worker.cell is None), None)


def _group(cell: "PlannedCell") -> tuple[Any, ...]:
    settings = cell.settings
    return (settings.task, settings.seed, settings.samples, settings.repeats, settings.label, settings.metrics)


def _death(code: int) -> str:
    if code == -signal.SIGKILL:
        return "its worker process was killed by the system (out of memory, perhaps)"
    if code < 0:
        return f"its worker process was ended by signal {-code} ({signal.strsignal(-code)})"
    return f"its worker process left with exit code {code}"


def _start_worker(threads: int, workers: int) -> _Worker:
    # Workers fork from one server that has loaded torch, which takes longer than most cells. It never measures, so that
    # it has no threads and no CUDA that a fork would break.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["sigbench.measure.run"])
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, threads, workers, dict(os.environ)), daemon=True)
    # The parent hears Ctrl-C and SIGTERM, and ends its workers; blocked signals are so from a child's first moment on.
    # The tracker is started before, because starting it unblocks them.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        with _environment(dict.fromkeys(_THREADS, "1")):
            forkserver.ensure_running()
        process.start()
    except (EOFError, ConnectionError) as error:  # the server died: of a full disk, or of too little memory
        raise BadInput(f"no worker process can be started here: {told(error)}.") from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()  # so that the end of the worker ends the pipe
    return _Worker(process, ours)


@contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _work(pipe: Connection, threads: int, workers: int, environment: dict[str, str]) -> None:
    """What a worker process does: receives cells, sends records, and ends with its parent."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.clear()  # the server's is that of its own start
    os.environ.update(environment | dict.fromkeys(_THREADS, str(threads)))
    # Its locks (tqdm makes one) have no names, so that a killed worker leaves none behind in the system.
    multiprocessing.set_start_method("fork", force=True)
    import torch
    from threadpoolctl import threadpool_limits

    from sigbench.measure.run import measure

    threadpool_limits(threads)  # numpy's own; it was loaded with the server
    torch.set_num_threads(threads)
    gc.freeze()  # each cell collects garbage before its memory is measured; torch's own objects are none
    while True:
        try:
            for record in measure(_cells(pipe), workers=workers):
                pipe.send(record)
            return
        except ConnectionError:
            return  # the parent is gone
        except Exception as error:  # before the cell was begun: references, say, that cannot be made
            pipe.send(Refusal(f"{type(error).__name__}: {error}"))


def _cells(pipe: Connection) -> Iterator["Cell"]:
    while True:
        try:
            planned = pipe.recv()
        except EOFError:
            return
        try:
            planned.prepare()
            cell = planned.cell()
        except BadInput as error:
            pipe.send(Refusal(str(error)))
            continue
        yield cell


def _end_with_parent() -> None:
    """Ends this process when its parent does, be it by kill -9 and in the middle of a cell."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)
