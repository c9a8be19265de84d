"""Measuring the cells of a sweep or of an ablation: on how many workers, until when, and what is shown."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

from sigbench.cli.printing import say
from sigbench.cli.sweep_progress import SweepProgress
from sigbench.errors import BadInput

if TYPE_CHECKING:
    from sigbench.records.store import Store
    from sigbench.sweep.engines.engine import Engine
    from sigbench.sweep.plan import PlannedCell
    from sigbench.sweep.run import Event

_MOST = 1024  # workers, and threads of each
_UNSOUND_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Machine:
    """How many workers and threads a command was asked to take, None for as many as fit; raises BadInput."""

    workers: int | None
    threads: int | None

    def __post_init__(self) -> None:
        for name, value in (("--workers", self.workers), ("--threads", self.threads)):
            if value is not None and value < 1:
                raise BadInput(f"{name} must be at least 1, got {value}.")
            if value is not None and value > _MOST:
                raise BadInput(f"{name} must be at most {_MOST}.")

    def engine(self, todo: "Sequence[PlannedCell]") -> "Engine":
        """Returns what measures the cells: no more workers than cells, the cores divided among them."""
        import torch

        from sigbench.sweep.engines.devices import is_on_cuda, visible_cuda
        from sigbench.sweep.engines.local import LocalEngine

        cores, devices = torch.get_num_threads(), {cell.settings.device for cell in todo}
        on_cuda = is_on_cuda(devices)
        visible = visible_cuda(devices) if on_cuda else ()
        workers = (self.workers or (1 if on_cuda else cores)) * max(1, len(visible))
        workers = max(1, min(workers, len(todo)))
        return LocalEngine(workers, self.threads or max(1, cores // workers), visible)


def measure_cells(
    todo: "Sequence[PlannedCell]",
    store: "Store",
    machine: Machine,
    *,
    as_json: bool = False,
    seen: "Callable[[Event], None] | None" = None,
) -> tuple[bool, SweepProgress]:
    """Measures cells into a store; returns whether a signal stopped it, and what was measured.

    With `as_json` the record of each finished cell is printed; `seen` is told of every event.
    """
    from sigbench.sweep.run import run_sweep

    _say_unsound(todo, store)
    engine = machine.engine(todo)
    with _stopping() as stopped, SweepProgress(todo, engine) as progress:
        events = run_sweep(todo, store, engine, should_stop=lambda: bool(stopped))
        with closing(events):
            for event in events:
                progress.take(event, as_json=as_json)
                if seen is not None:
                    seen(event)
    return bool(stopped), progress


@contextmanager
def _stopping() -> Iterator[list[int]]:
    """Yields a list that holds a signal once Ctrl-C or SIGTERM has come.

    Noted, not raised: the loop ends its workers within a moment, and no record is cut off on its way to the disk.
    """
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say_unsound(todo: "Sequence[PlannedCell]", store: "Store") -> None:
    """Says which files of the store hold no sound record of their cells, which are measured again."""
    found = [(store.path_of(cell.key), reason) for cell in todo if (reason := store.look(cell.key)[1]) is not None]
    for file, reason in found[:_UNSOUND_SHOWN]:
        say(f"{file} is measured again: {reason}.")
    if len(found) > _UNSOUND_SHOWN:
        say(f"{len(found)} records in all are measured again.")
