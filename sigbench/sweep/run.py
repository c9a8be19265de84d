"""Running a sweep: its missing cells over an engine's workers, each record in the store as soon as it is there."""

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from typing import Literal

from sigbench.errors import BadInput
from sigbench.records.checks import parse_sound
from sigbench.records.record import Record
from sigbench.records.store import Store
from sigbench.sweep.claims import Claims
from sigbench.sweep.engines.engine import Engine, Lost, Measured, Outcome
from sigbench.sweep.plan import PlannedCell

What = Literal["started", "finished", "lost", "again", "elsewhere"]
PATIENCE = 0.2  # seconds between two looks at whether to stop


@dataclass(frozen=True)
class Event:
    """What happened to a cell of a running sweep.

    It "started", is "finished" with a record (which may be one of a failure), was "lost" for a reason, without a
    record, or is tried "again" for one, or a record of it came from "elsewhere", another sweep on the same store.
    `seconds` is how long the worker took, and `node` where it was measured, "" on this machine.
    """

    what: What
    cell: PlannedCell
    record: Record | None = None
    reason: str = ""
    seconds: float = 0.0
    node: str = ""


def missing_cells(cells: Sequence[PlannedCell], store: Store | None, *, retry_failed: bool) -> list[PlannedCell]:
    """Returns the cells without a record that can be read; with `retry_failed` also those whose status is not "ok"."""
    if store is None:
        return list(cells)
    found = [(cell, store.read(cell.key)) for cell in cells]
    return [cell for cell, record in found if record is None or (retry_failed and record["status"] != "ok")]


def run_sweep(
    cells: Sequence[PlannedCell],
    store: Store,
    engine: Engine,
    *,
    should_stop: Callable[[], bool] = lambda: False,
) -> Generator[Event, None, None]:
    """Measures the cells on an engine's workers; yields what happens.

    A record is in the store before its "finished" is yielded. A cell whose worker was lost is handed in again as often
    as the engine says. Ends early, the workers ended, once `should_stop` says so or where the iteration is given up.
    Cells that another sweep on this store measures are left to it. Raises BadInput where the store cannot be written.
    """
    queue = list(cells)
    before = {cell.key: _stamp(store, cell) for cell in queue}
    running: dict[Future[Outcome], tuple[PlannedCell, float]] = {}
    done: SimpleQueue[Future[Outcome]] = SimpleQueue()
    tries = Counter[str]()
    engine.begin(queue)
    with Claims(store.folder) as claims, ExitStack() as at_end:
        at_end.callback(engine.end)
        while (queue or running) and not should_stop():
            while len(running) < engine.room and (cell := _claimed(queue, engine, claims)) is not None:
                if _stamp(store, cell) != before[cell.key] and (record := store.read(cell.key)) is not None:
                    claims.release(cell.key)
                    yield Event("elsewhere", cell, record)
                    continue
                future = engine.submit(cell)
                running[future] = cell, monotonic()
                future.add_done_callback(done.put)
                yield Event("started", cell)
            engine.flush()
            if not running:
                sleep(PATIENCE)  # the rest is in another sweep's hands
                continue
            for future in _those_done(done):
                cell, began = running.pop(future)
                event = _finished(cell, future, monotonic() - began)
                if event.record is not None:
                    store.write(event.record)
                elif event.what == "again":
                    tries[cell.key] += _is_to_blame(future)
                    if tries[cell.key] <= engine.retries:
                        queue.append(cell)
                    else:
                        event = Event("lost", cell, reason=event.reason, seconds=event.seconds)
                claims.release(cell.key)
                yield event


def _those_done(done: SimpleQueue[Future[Outcome]]) -> list[Future[Outcome]]:
    """Waits for a moment, and returns what is done by then."""
    try:
        found = [done.get(timeout=PATIENCE)]
    except Empty:
        return []
    while not done.empty():
        found.append(done.get())
    return found


def _finished(cell: PlannedCell, future: Future[Outcome], seconds: float) -> Event:
    """What came of a cell; "again" where its worker was lost."""
    error = future.exception()
    if isinstance(error, Lost):
        return Event("again", cell, reason=str(error), seconds=seconds)
    if error is not None:
        raise error
    outcome = future.result()
    if not isinstance(outcome, Measured):
        return Event("lost", cell, reason=outcome.reason, seconds=seconds)
    try:
        record = parse_sound(outcome.record)
    except BadInput as unsound:
        return Event("lost", cell, reason=f"what came back is no sound record: {unsound}", seconds=seconds)
    return Event("finished", cell, record, seconds=outcome.seconds, node=outcome.node)


def _is_to_blame(future: Future[Outcome]) -> bool:
    error = future.exception()
    return isinstance(error, Lost) and error.begun


def _claimed(queue: list[PlannedCell], engine: Engine, claims: Claims) -> PlannedCell | None:
    """Takes the best cell that no other sweep holds out of the queue, None where there is none."""
    for index in engine.preferred(queue):
        if claims.take(queue[index].key):
            return queue.pop(index)
    return None


def _stamp(store: Store, cell: PlannedCell) -> tuple[int, int] | None:
    """What tells one file of a record from another that took its place."""
    try:
        found = store.path_of(cell.key).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
