"""The one seam between a sweep and the machines that it runs on: a cell goes in, the future of its outcome comes out.

The sweep keeps the store, the claims and the retries; an engine knows its workers alone. This module imports nothing
heavy: the command that starts a sweep may have none of it.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sigbench.errors import SigbenchError

if TYPE_CHECKING:
    from sigbench.sweep.plan import PlannedCell


@dataclass(frozen=True, slots=True)
class Measured:
    """A cell's record, as JSON, which says the same on every machine, and the node that measured it in `seconds`."""

    record: str
    seconds: float
    node: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a worker has no record of a cell, and no other worker would have."""

    reason: str


Outcome = Measured | Refusal


class Lost(Exception):
    """A worker or its node is gone, and what it was at with it; the message says how.

    `begun` is false for a cell that only waited behind the one that was lost: it is no fault of its own.
    """

    def __init__(self, reason: str, *, begun: bool = True) -> None:
        super().__init__(reason)
        self.begun = begun


class EngineGone(SigbenchError):
    """What the workers are reached by is gone, in the middle of a sweep; the same command goes on."""

    exit_code = 3


class Engine(ABC):
    """Workers that measure cells: reached with the engine, taken into use by `begin`, and left when the context ends.

    What they measure is the same whatever their number, their place and the cells' order.
    """

    retries: int = 0
    """How often a cell is handed in again whose worker was lost."""

    @abstractmethod
    def workers_for(self, cells: Sequence["PlannedCell"]) -> int:
        """Returns how many of the cells are measured at once; nodes may join and leave meanwhile."""

    @abstractmethod
    def begin(self, cells: Sequence["PlannedCell"]) -> None:
        """Makes ready for cells that will be handed in; raises BadInput where the workers cannot measure them."""

    @property
    @abstractmethod
    def room(self) -> int:
        """How many cells may be handed in before one of them is finished."""

    @abstractmethod
    def submit(self, cell: "PlannedCell") -> Future[Outcome]:
        """Hands a cell in, while there is room; the future's exception is Lost where its worker was lost."""

    def preferred(self, cells: Sequence["PlannedCell"]) -> Sequence[int]:
        """Returns the indices of `cells`, best first for whichever worker is next."""
        return range(len(cells))

    def flush(self) -> None:
        """Is told that nothing more is handed in for now."""
        return

    @abstractmethod
    def end(self) -> None:
        """Has the workers let go of whatever they are at: they write nothing of the store's, so nothing is torn."""

    def alone(self, cells: Sequence["PlannedCell"]) -> "Engine":
        """Returns an engine that tries some of `cells` in turn, as a worker of theirs would: itself, elsewhere."""
        return self

    def device_for(self, asked: str) -> str:
        """Returns the device that cells are planned for; raises BadInput for one that no worker has."""
        return asked

    def leave(self) -> None:
        """Leaves the workers."""
        return

    def __enter__(self) -> "Engine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        self.leave()


def group_of(cell: "PlannedCell") -> tuple[Any, ...]:
    """Returns what cells have in common that share references and floors, which a worker keeps."""
    settings = cell.settings
    return (settings.task, settings.seed, settings.samples, settings.repeats, settings.label, settings.metrics)
