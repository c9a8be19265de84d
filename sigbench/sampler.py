"""The sampler's contract: declared facts, and one method that walks the grid."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from sigbench.sde.brownian import BrownianDriver
    from sigbench.sde.grid import Grid
    from sigbench.sde.problem import SDEProblem
    from sigbench.task import Task

Family = Literal["sde", "ode", "student"]
Needs = Literal["drift", "denoiser"]
Calculus = Literal["ito", "stratonovich"]


class Sampler(ABC):
    """A sampler. The class attributes are its facts; conformance tests hold it to them.

    `when` is a sentence about when to pick it. `needs` says what it asks of a problem: "drift" (any SDE) or
    "denoiser" (a reverse diffusion, whose `denoiser` and `schedule` it then uses), and `additive_only` that its scheme
    is for additive noise. `strong_order` and `strong_order_general` are the orders of strong convergence for additive
    and for diagonal noise (None: none is claimed), `weak_order` and `weak_order_general` those of weak convergence;
    for the "ode" family `strong_order` is the order of the flow, and `weak_order` the same. `calculus` says
    which drift of a problem it integrates, `problem.drift` or `problem.stratonovich_drift`. `signature_order`
    is the number of moments that it reads of each step (0: it draws no noise), `nfe_per_step` the network calls
    of a step; both may depend on the problem, once `prepare` has seen it, and `calls` says what they come to on a
    grid. `final_step` is a sentence about the end of a walk, which records keep. `own_grid` is the one grid that it can
    walk, once `prepare` has seen the task (None: any): it walks that beside others on theirs. Options of a sampler are
    the keyword arguments of its constructor.
    """

    name: ClassVar[str]
    citation: ClassVar[str]
    when: ClassVar[str] = ""
    family: ClassVar[Family]
    needs: ClassVar[Needs] = "drift"
    additive_only: ClassVar[bool] = False
    strong_order: float | None = None
    strong_order_general: float | None = None
    weak_order: float | None = None
    weak_order_general: float | None = None
    calculus: ClassVar[Calculus] = "ito"
    signature_order: int = 1
    nfe_per_step: int = 1
    final_step: str = "none: samples are taken at the last time of the grid"
    own_grid: str | None = None

    @abstractmethod
    def walk(self, problem: "SDEProblem", x: "Tensor", grid: "Grid", brownian: "BrownianDriver") -> "Iterator[Tensor]":
        """Yields the state after each step of `grid`, shape of `x`, starting from `x` at the grid's first time.

        `problem` is that of this batch, and `problem.labels` are its classes. `step.start` and `step.end` are reversed
        time, which `problem.drift` takes; `step.t` and `step.t_next` are the denoiser's. `brownian.signature(step,
        order)` is the only source of noise. Implementations leave `x` and every state that they yielded unchanged.
        """

    def resume(
        self, problem: "SDEProblem", states: "Sequence[Tensor]", grid: "Grid", brownian: "BrownianDriver"
    ) -> "Iterator[Tensor]":
        """Yields the state after each step that follows `states`, which are those at the grid's first times.

        By default a walk of the rest of the grid from the last of them. A sampler with a memory overrides it, to go on
        with the history that these states are instead of beginning anew.
        """
        return self.walk(problem, states[-1], grid.with_times(grid.times[len(states) - 1 :]), brownian)

    def prepare(self, task: "Task", problem: "SDEProblem", dtype: "torch.dtype") -> None:  # noqa: B027
        """Loads what the sampler needs for this task (a student its weights, in `dtype`); by default nothing."""

    def calls(self, problem: "SDEProblem", grid: "Grid") -> int:
        """Returns the network calls that a walk of `grid` makes; by default `nfe_per_step` for each step."""
        return self.nfe_per_step * grid.steps

    def check(self, grid: "Grid") -> None:  # noqa: B027
        """Raises BadInput where the sampler cannot walk this grid; by default every grid is fine."""

    def artifact_hashes(self) -> dict[str, str]:
        """Returns the hashes of the artifacts in use, by their names."""
        return {}

    def training_seconds(self) -> float | None:
        """Returns what training the sampler cost, None where nothing was trained."""
        return None
