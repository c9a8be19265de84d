"""What a student learns, whatever its teacher: step counts, grid, loss, seed and the training loop."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self, get_args

import torch

from sigbench.errors import BadInput, unknown_name
from sigbench.networks.training import TrainingPlan

PathLoss = Literal["local", "global", "both"]  # of states on the teacher's own paths
LossOfLaw = Literal["law", "score"]  # of the laws of states, wherever they are
Loss = Literal[PathLoss, LossOfLaw]


@dataclass(frozen=True, slots=True)
class DistillPlan:
    """What is learned: coarse steps of grids of so many `steps`, by which loss, and how long.

    `seed` is of weights and minibatches; layers compute in `compute`, on `device`, while paths are walked and while the
    student learns. Raises BadInput for another loss, and without step counts.
    """

    training: TrainingPlan
    steps: tuple[int, ...] = tuple(range(2, 21))
    grid: str = "quadratic"
    loss: Loss = "local"
    seed: int = 0
    compute: torch.dtype = torch.float32
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.loss not in get_args(Loss):
            raise unknown_name("loss", self.loss, get_args(Loss))
        if not self.steps or min(self.steps) < 1:
            raise BadInput(f"a student needs step counts of at least 1, got {self.steps}.")

    def facts(self) -> dict[str, Any]:
        """Returns what determines the student but for the training loop's fields, as plain JSON values."""
        plain = asdict(self) | {"compute": str(self.compute).removeprefix("torch."), "steps": list(self.steps)}
        return {name: value for name, value in plain.items() if name not in ("training", "device")}

    @property
    def on(self) -> torch.device:
        """The device of the training."""
        return torch.device(self.device)


class PlannedTraining:
    """What recipes of students share: how long they train stands in their plan."""

    plan: DistillPlan

    @property
    def iterations(self) -> int:
        """The number of minibatches."""
        return self.plan.training.iterations

    def shortened(self, iterations: int) -> Self:
        """Returns the recipe with another number of minibatches."""
        plan = replace(self.plan, training=replace(self.plan.training, iterations=iterations))
        return replace(self, plan=plan)  # type: ignore[type-var]  # every recipe is a dataclass
