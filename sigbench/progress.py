"""How long work reports its progress: one event for every callback."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a piece of work is: what is going on, how much of it is done, and the loss where something is trained.

    `done` counts up to `total` in units of the work's own: repeats, paths, iterations.
    """

    stage: str
    done: float
    total: float
    loss: float | None = None


Listener = Callable[[Progress], None]


def ignore(progress: Progress) -> None:
    """Hears of progress and does nothing: the default of every callback."""
