"""What samplers with a memory share: the walk is a resumption from its first state."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence

from torch import Tensor

from sigbench.sampler import Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid, Step
from sigbench.sde.problem import SDEProblem


class Multistep(Sampler):
    """A sampler whose steps read predictions of earlier ones: its loop is `resume`, which goes on behind known states.

    Of the known states but the last only the predictions are taken; from the last one on it steps.
    """

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        return self.resume(problem, [x], grid, brownian)

    @abstractmethod
    def resume(
        self, problem: SDEProblem, states: Sequence[Tensor], grid: Grid, brownian: BrownianDriver
    ) -> Iterator[Tensor]: ...


def state_at(states: Sequence[Tensor], step: Step, x: Tensor) -> Tensor:
    """Returns the state at a step's start: the known one where there is one, else `x`, to where the walk has come."""
    return states[step.index] if step.index < len(states) else x


def is_known(states: Sequence[Tensor], step: Step) -> bool:
    """Whether the state at the step's end is known too, so that there is nothing to step."""
    return step.index + 1 < len(states)
