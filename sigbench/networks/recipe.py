"""How a network is trained, and what a training gives: what tasks and students hand to `train_artifact`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from sigbench.progress import Listener


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training gives: weights, what rebuilds the module, what it was trained on, and what that cost."""

    kind: str
    weights: dict[str, Tensor]
    config: dict[str, Any]
    data: dict[str, Any]
    cost: dict[str, Any]


class Recipe(Protocol):
    """How one network is trained: a task's own, or a student."""

    @property
    def iterations(self) -> int:
        """The number of minibatches."""
        ...

    def train(self, checkpoint: Path, report: Listener) -> Trained:
        """Trains from nothing, or goes on from `checkpoint`; `report` hears of every iteration."""
        ...

    def shortened(self, iterations: int) -> "Recipe":
        """Returns the recipe with another number of minibatches."""
        ...

    def finish(self, folder: Path) -> None:
        """Does what is left once weights and manifest lie in the artifact's folder: adds to it, clears away."""
        ...
