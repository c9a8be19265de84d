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
from sigbench.sweep.engines.choice import read_engine

if TYPE_CHECKING:
    from sigbench.records.store import Store
    from sigbench.sweep.engines.engine import Engine
    from sigbench.sweep.plan import PlannedCell
    from sigbench.sweep.run import Event

_MOST = 1024  # workers, and threads of each
_UNSOUND_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Machine:
    """The engine, and how many workers and threads a command was asked to take, None for as many as fit.

    Raises BadInput for an engine that there is not and for numbers out of range.
    """

    workers: int | None
    threads: int | None
    engine: str = "local"

    def __post_init__(self) -> None:
        for name, value in (("--workers", self.workers), ("--threads", self.threads)):
            if value is not None and value < 1:
                raise BadInput(f"{name} must be at least 1, got {value}.")
            if value is not None and value > _MOST:
                raise BadInput(f"{name} must be at most {_MOST}.")
        read_engine(self.engine)

    @property
    def is_elsewhere(self) -> bool:
        """Whether the engine's workers are on other machines, perhaps."""
        return read_engine(self.engine).is_elsewhere

    def open(self) -> "Engine":
        """Returns the engine, a context at whose end it is left; raises BadInput where its workers are not reached."""
        return read_engine(self.engine).open(self.workers, self.threads)


def measure_cells(
    todo: "Sequence[PlannedCell]",
    store: "Store",
    engine: "Engine",
    *,
    as_json: bool = False,
    seen: "Callable[[Event], None] | None" = None,
) -> tuple[bool, SweepProgress]:
    """Measures cells into a store; returns whether a signal stopped it, and what was measured.

    With `as_json` the record of each finished cell is printed; `seen` is told of every event.
    """
    from sigbench.sweep.run import run_sweep

    _say_unsound(todo, store)
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
