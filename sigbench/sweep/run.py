"""Running a sweep: its missing cells over worker processes, each record in the store as soon as it is there."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Literal

from sigbench.records.record import Record
from sigbench.records.store import Store
from sigbench.sweep.claims import Claims
from sigbench.sweep.plan import PlannedCell
from sigbench.sweep.workers import PATIENCE, Refusal, Workers

What = Literal["started", "finished", "lost", "elsewhere"]


@dataclass(frozen=True)
class Event:
    """What happened to a cell of a running sweep.

    It "started", is "finished" with a record (which may be one of a failure), was "lost" for a reason, without a
    record, or a record of it came from "elsewhere", another sweep on the same store. `seconds` is how long it took.
    """

    what: What
    cell: PlannedCell
    record: Record | None = None
    reason: str = ""
    seconds: float = 0.0


def missing_cells(cells: Sequence[PlannedCell], store: Store | None, *, retry_failed: bool) -> list[PlannedCell]:
    """Returns the cells without a record that can be read; with `retry_failed` also those whose status is not "ok"."""
    if store is None:
        return list(cells)
    found = [(cell, store.read(cell.key)) for cell in cells]
    return [cell for cell, record in found if record is None or (retry_failed and record["status"] != "ok")]


def run_sweep(
    cells: Sequence[PlannedCell],
    store: Store,
    *,
    workers: int,
    threads: int,
    should_stop: Callable[[], bool] = lambda: False,
) -> Generator[Event, None, None]:
    """Measures the cells on worker processes with `threads` torch threads each; yields what happens.

    A record is in the store before its "finished" is yielded. Ends early, its workers killed, once `should_stop`
    says so or where the iteration is given up. Cells that another sweep on this store measures are left to it.
    Raises BadInput where the store cannot be written.
    """
    queue = list(cells)
    before = {cell.key: _stamp(store, cell) for cell in queue}
    began: dict[str, float] = {}
    with Claims(store.folder) as claims, Workers(workers, threads) as pool:
        while (queue or pool.running) and not should_stop():
            while pool.has_room() and (found := _claimed(queue, pool, claims)) is not None:
                if _stamp(store, found) != before[found.key] and (record := store.read(found.key)) is not None:
                    claims.release(found.key)
                    yield Event("elsewhere", found, record)
                    continue
                pool.start(found)
                began[found.key] = monotonic()
                yield Event("started", found)
            if not pool.running:
                sleep(PATIENCE)  # the rest is in another sweep's hands
                continue
            for cell, outcome in pool.finished():
                seconds = monotonic() - began[cell.key]
                if isinstance(outcome, Refusal):
                    claims.release(cell.key)
                    yield Event("lost", cell, reason=outcome.reason, seconds=seconds)
                else:
                    store.write(outcome)
                    claims.release(cell.key)
                    yield Event("finished", cell, outcome, seconds=seconds)


def _claimed(queue: list[PlannedCell], pool: Workers, claims: Claims) -> PlannedCell | None:
    """Takes the best cell that no other sweep holds out of the queue, None where there is none."""
    for index in pool.preferred(queue):
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
