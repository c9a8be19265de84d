"""Cells on this machine: a process pool of one worker for each slot.

One pool of several workers gives up all that is running when the system kills one of them (joblib's as well), and does
not know whose cell it was. A dead worker of a pool of one costs its own cell only.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, forkserver, resource_tracker
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import TYPE_CHECKING, Any

from sigbench.errors import BadInput
from sigbench.guard import told
from sigbench.sweep.engines.engine import Engine, Lost, Outcome, group_of
from sigbench.sweep.engines.work import Job, measure_job

if TYPE_CHECKING:
    from sigbench.sweep.plan import PlannedCell

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class LocalEngine(Engine):
    """Worker processes of this machine, started as cells come in.

    There are `workers` (None: one a core) with `threads` torch threads each (None: the cores, divided among them), no
    more than cells. Of cells on CUDA devices there are `workers` for each device (None: one); they take turns at the
    devices, of which each sees its own alone.
    """

    def __init__(self, workers: int | None = None, threads: int | None = None) -> None:
        self._workers, self._threads = workers, threads
        self._slots: list[Slot] = []

    def workers_for(self, cells: Sequence["PlannedCell"]) -> int:
        return self._shares(cells)[0]

    def begin(self, cells: Sequence["PlannedCell"]) -> None:
        workers, self._each, visible = self._shares(cells)
        own = [{"CUDA_VISIBLE_DEVICES": visible[slot % len(visible)]} if visible else {} for slot in range(workers)]
        self._slots = [Slot(self._each, each) for each in own]

    def _shares(self, cells: Sequence["PlannedCell"]) -> tuple[int, int, tuple[str, ...]]:
        """How many workers there are for cells, the threads of each, and the CUDA devices that they take turns at."""
        import torch

        from sigbench.sweep.engines.devices import is_on_cuda, visible_cuda

        cores, devices = torch.get_num_threads(), {cell.settings.device for cell in cells}
        on_cuda = is_on_cuda(devices)
        visible = visible_cuda(devices) if on_cuda else ()
        workers = (self._workers or (1 if on_cuda else cores)) * max(1, len(visible))
        workers = max(1, min(workers, len(cells)))
        return workers, self._threads or max(1, cores // workers), visible

    def alone(self, cells: Sequence["PlannedCell"]) -> Engine:
        return LocalEngine(1, self._shares(cells)[1])

    @property
    def room(self) -> int:
        return len(self._slots)

    def preferred(self, cells: Sequence["PlannedCell"]) -> Sequence[int]:
        """Returns the indices of `cells`, best first for the worker whose turn it is.

        A worker keeps what all cells of one task and seed share (references, floors), so it gets more of them while
        there are any; then such as no other worker is at.
        """
        own = next((slot.group for slot in self._slots if not slot.busy), None)
        others = {slot.group for slot in self._slots if slot.busy}

        def rank(index: int) -> int:
            group = group_of(cells[index])
            return 0 if group == own else 2 if group in others else 1

        return sorted(range(len(cells)), key=rank)

    def submit(self, cell: "PlannedCell") -> Future[Outcome]:
        slot = next(slot for slot in self._slots if not slot.busy)
        slot.group = group_of(cell)
        return slot.submit(measure_job, Job(cell, len(self._slots), self._each))

    def end(self) -> None:
        for slot in self._slots:
            slot.kill()
        for slot in self._slots:
            slot.bury()
        self._slots = []


class Slot:
    """A place for a worker process, which is started with the first cell and again after one has died.

    It has `threads` threads, and the changes of the environment.
    """

    def __init__(self, threads: int, environment: Mapping[str, str]) -> None:
        self._environment = dict.fromkeys(_THREADS, str(threads)) | dict(environment)
        self._context: _Context | None = None
        self._pool: ProcessPoolExecutor | None = None
        self._outcome: Future[Any] | None = None
        self._lost = False
        self.group: tuple[Any, ...] | None = None

    @property
    def busy(self) -> bool:
        """Whether a cell is being measured."""
        return self._outcome is not None and not self._outcome.done()

    def submit(self, measure: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Has the worker measure, or a new one where it has died meanwhile; Lost where it dies then."""
        if self._lost or (self._context is not None and self._context.has_died()):
            self.bury()
        outcome: Future[Any] = Future()
        self._outcome = outcome
        with _signals_blocked():  # they are so from a process's first moment on
            try:
                if self._pool is None:
                    self._context, self._pool = _start(self._environment)
                work = self._pool.submit(measure, *arguments)
            except (EOFError, ConnectionError) as error:  # the server died: of a full disk, or of too little memory
                self._context = self._pool = self._outcome = None
                raise BadInput(f"no worker process can be started here: {told(error)}.") from error
        work.add_done_callback(self._pass_on)
        return outcome

    def _pass_on(self, work: "Future[Any]") -> None:
        """Gives the pool's outcome on, and how the worker ended in the place of an outcome that there is none of.

        The pool's own thread calls this: no other one waits for the process meanwhile.
        """
        assert self._outcome is not None
        assert self._context is not None
        if work.cancelled():
            self._outcome.cancel()
        elif (error := work.exception()) is None:
            self._outcome.set_result(work.result())
        elif isinstance(error, BrokenProcessPool) and self._context.process is not None:
            self._lost = True
            self._context.process.join()
            self._outcome.set_exception(Lost(_death(self._context.process.exitcode)))
        else:
            self._outcome.set_exception(Lost(f"its worker process could not be used: {error}"))

    def kill(self) -> None:
        """Has the worker end at once."""
        if self._context is not None and self._context.process is not None:
            self._context.process.kill()

    def bury(self) -> None:
        """Waits until all of a worker that was killed, or has died, is gone."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._context = self._pool = None
        self._lost = False


def _death(code: int | None) -> str:
    if code == -signal.SIGKILL:
        return "its worker process was killed by the system (out of memory, perhaps)"
    if code is not None and code < 0:
        return f"its worker process was ended by signal {-code} ({signal.strsignal(-code)})"
    return f"its worker process left with exit code {code}"


class _NoLock:
    """Stands for a lock or a semaphore in queues between one process and one other, where nobody is to be kept out.

    Real ones have names in the system when processes are not forked from this one, and whoever kills them all, the
    tracker of names among them, leaves the names behind.
    """

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        return True

    def release(self) -> None:
        pass

    def __enter__(self) -> "_NoLock":
        return self

    def __exit__(self, *details: object) -> None:
        pass

    @property
    def _semlock(self) -> "_NoLock":
        return self  # a queue asks this of its semaphore, to know whether it is full

    def _is_zero(self) -> bool:
        return False


class _Context(ForkServerContext):
    """Starts the one process of a pool, and knows it: a pool does not say how its worker ended.

    Workers fork from one server that has loaded torch, which takes longer than most cells. It never measures, so that
    it has no threads and no CUDA that a fork would break.
    """

    process: ForkServerProcess | None = None

    def Process(self, *arguments: Any, **options: Any) -> ForkServerProcess:  # type: ignore[override]
        self.process = ForkServerProcess(*arguments, **options)
        return self.process

    def Lock(self) -> Any:
        return _NoLock()

    def BoundedSemaphore(self, value: int = 1) -> Any:
        return _NoLock()

    def has_died(self) -> bool:
        """Whether the process has ended. It is not waited for: the pool's thread does that."""
        return self.process is not None and bool(connection.wait([self.process.sentinel], timeout=0))


def _start(environment: Mapping[str, str]) -> tuple[_Context, ProcessPoolExecutor]:
    context = _Context()
    context.set_forkserver_preload(["sigbench.measure.run"])
    # The tracker is started before, because starting it unblocks signals.
    resource_tracker.ensure_running()
    with _signals_blocked(), _in_environment(dict.fromkeys(_THREADS, "1")):
        forkserver.ensure_running()
    given = {**os.environ, **environment}
    return context, ProcessPoolExecutor(1, mp_context=context, initializer=_begin, initargs=(given,))


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Has what is started here never hear Ctrl-C and SIGTERM: the sweep does, and ends its workers."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _in_environment(changes: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _begin(environment: dict[str, str]) -> None:
    """What a worker process does first."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.clear()  # the server's is that of its own start
    os.environ.update(environment)
    # Its locks (tqdm makes one) have no names, so that a killed worker leaves none behind in the system.
    multiprocessing.set_start_method("fork", force=True)


def _end_with_parent() -> None:
    """Ends this process when its parent does, be it by kill -9 and in the middle of a cell."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)
