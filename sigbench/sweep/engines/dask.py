"""Cells over a Dask cluster, a task each: https://distributed.dask.org.

`dask scheduler` on one machine and `dask worker tcp://HOST:8786 --nthreads 1` on the others make a cluster, as do
dask-jobqueue and Dask's operator for Kubernetes. Workers may join and leave; a cell whose worker is lost is measured by
another one.
"""

import logging
import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing.util import Finalize
from queue import Empty, Queue
from time import monotonic
from typing import TYPE_CHECKING, Any

from sigbench.errors import BadInput
from sigbench.guard import one_line
from sigbench.sweep.engines.engine import EngineGone, Outcome
from sigbench.sweep.engines.identity import Answer, Inquiry, answer
from sigbench.sweep.engines.local import Slot
from sigbench.sweep.engines.remote import (
    ANSWER_S,
    RemoteEngine,
    RemoteJob,
    Unfit,
    check_reachable,
    measure_remote,
    passed_on,
)

if TYPE_CHECKING:
    from sigbench.sweep.plan import PlannedCell

_LOOK_S = 1.0
_ONE_AT_A_TIME = threading.Lock()
_slot: list[Slot] = []  # in a worker, where its cells are measured
_START = "'dask scheduler' starts one, and prints its address"


def _connected(connect: Callable[[], Any], address: str) -> Any:
    """The client of a scheduler; raises BadInput where what listens is none, or says nothing.

    A client waits for ever for an answer that does not come, whatever its timeout: it is given up on in a thread.
    """
    found: Queue[Any] = Queue()

    def run() -> None:
        try:
            found.put(connect())
        except Exception as error:
            found.put(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        client = found.get(timeout=ANSWER_S + 2.0)
    except Empty:
        raise BadInput(f"what listens at {address!r} is no Dask scheduler: it does not answer.") from None
    if isinstance(client, Exception):
        raise BadInput(f"what listens at {address!r} is no Dask scheduler: {one_line(str(client))}.") from client
    return client


class DaskEngine(RemoteEngine):
    """The workers of a Dask scheduler, each a process that measures one cell at a time."""

    def __init__(self, address: str, workers: int | None, threads: int | None) -> None:
        super().__init__(workers, threads)
        import dask
        from distributed import Client

        self._address = address = address or str(dask.config.get("scheduler-address", None) or "")
        if not address:
            raise BadInput(f"the engine dask needs a scheduler, as in dask:tcp://HOST:8786; {_START}.")
        check_reachable(address, "the Dask scheduler", _START)
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters of it is told with the cells
        self._client = _connected(lambda: Client(address, timeout=ANSWER_S, set_as_default=False), address)
        self._executor = self._client.get_executor(pure=False, retries=0)
        self._looked, self._found = 0.0, dict[str, int]()

    def _nthreads(self) -> dict[str, int]:
        """The workers, with how many tasks each runs at once; asked for once a second."""
        if monotonic() - self._looked > _LOOK_S:
            try:
                self._found = dict(self._client.nthreads())
            except Exception as error:
                raise EngineGone(
                    f"the Dask scheduler at {self._address} is gone ({one_line(str(error))}): what was measured is "
                    "kept, and the same command goes on."
                ) from error
            self._looked = monotonic()
        return self._found

    def _check_threads(self) -> None:
        for worker, threads in self._nthreads().items():
            if threads > 1:
                raise BadInput(
                    f"the Dask worker {worker} runs {threads} tasks at once, and a cell needs a process of its own: "
                    "start workers with --nthreads 1."
                )

    def _ask(self, inquiry: Inquiry) -> list[Answer]:
        self._looked = 0.0
        self._check_threads()
        told: dict[str, Any] = self._client.run(_answer, inquiry, on_error="return")
        for worker, found in told.items():
            if isinstance(found, BaseException):
                raise BadInput(f"the Dask worker {worker} cannot measure: {one_line(str(found))}.")
        return list(told.values())

    def _slots(self) -> int:
        return len(self._nthreads())

    def submit(self, cell: "PlannedCell") -> Future[Outcome]:
        job = self._remote_job(cell, max(1, min(self._on_one_host(), self._at_once())))
        return passed_on(self._executor.submit(_measure, job), _how_lost)

    def _on_one_host(self) -> int:
        """How many workers the host with the most of them has."""
        hosts = [address.rpartition("://")[2].rpartition(":")[0] for address in self._nthreads()]
        return max(map(hosts.count, set(hosts)), default=1)

    def end(self) -> None:
        with suppress(Exception):  # the scheduler is gone
            self._executor.shutdown(wait=False)
        self._executor = self._client.get_executor(pure=False, retries=0)

    def leave(self) -> None:
        self._client.close()


def _measure(job: RemoteJob) -> Outcome | Unfit:
    """Measures a cell in a process of the worker's own.

    In the worker itself other threads draw from Python's global generator, for which cells would be blamed.
    """
    if not _slot:
        # Nannies mark workers as daemons, which may have no children; this one ends with its parent, however that ends.
        multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
        _slot.append(Slot(job.job.threads, {}))
        Finalize(None, _slot[0].kill, exitpriority=1)  # before the worker waits for its children
    with _ONE_AT_A_TIME:
        outcome: Outcome | Unfit = _slot[0].submit(measure_remote, job, _worker()).result()
    return outcome


def _answer(inquiry: Inquiry, dask_worker: Any = None) -> Answer:
    return answer(inquiry, str(dask_worker.name).rpartition(":")[2])


def _worker() -> str:
    from distributed import get_worker

    return str(get_worker().name).rpartition(":")[2]


def _how_lost(error: BaseException) -> str:
    kind = type(error).__name__
    if kind == "KilledWorker":
        return "several workers were lost at it, one after another"
    return f"Dask gave it up ({kind}: {one_line(str(error))})"
