"""Many samplers at many step sizes on the same Brownian paths, in one streamed pass.

The path is known on the coarsest grid first, and each step is split in two, depth first (`nested.py`). A sampler's walk
is a generator, so it is moved on by one step whenever the signature of that step is known, and walks its whole grid
from the first time to the last: a multistep sampler has its own history. Memory holds one state a walker and one
signature a level, whatever the number of steps; more levels refine the same path.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from sigbench.errors import BadInput, SigbenchError
from sigbench.sampler import Sampler
from sigbench.sde.grid import Grid, Step
from sigbench.sde.legendre import Kernel, integral
from sigbench.sde.problem import SDEProblem
from sigbench.sde.signature import PartialSignature, signature_of_normals
from sigbench.studies.convergence.nested import NestedPath


class Relay:
    """The Brownian driver of one walker: it knows the signature of the step whose turn it is, and no other."""

    def __init__(self, order: int) -> None:
        self._order, self._index = order, -1
        self._ready = PartialSignature(0.0, ())

    def hand(self, index: int, signature: PartialSignature, rest: Callable[[], Tensor]) -> None:
        """Makes the signature of step `index` the one that is known; `rest` draws a normal number of the step's own."""
        self._index, self._ready, self._rest = index, signature, rest

    def functional(self, step: Step, kernel: Kernel) -> Tensor:
        """Returns ∫K(u) dW_u over `step`: its part in the declared moments is the path's, the rest a draw of its own.

        Other step sizes do not know that rest, which limits the strong order to the number of moments declared.
        """
        moments = self.signature(step, self._order).whitened()
        return integral(kernel, step.start, step.end, moments, self._rest)

    def signature(self, step: Step, order: int = 1) -> PartialSignature:
        """Returns the first `order` moments over `step`; raises BadInput for another step or too high an order."""
        if step.index != self._index:
            raise BadInput(f"the sampler asked for the noise of step {step.index} during step {self._index}.")
        if order > min(self._order, self._ready.order):
            raise BadInput(f"the sampler declares signature order {self._order} and asked for {order}.")
        return self._ready.truncated(order)


@dataclass
class Walker:
    """One sampler at one number of steps; after each of its steps `state` is where it stands, shape (n, *shape).

    Where the sampler's own code fails, `failure` says how, and it stands at NaN from there on.
    """

    key: str
    sampler: Sampler
    steps: int
    state: Tensor = field(default_factory=lambda: torch.empty(0))
    calls: int = 0
    failure: str = ""

    def start(self, problem: SDEProblem, x: Tensor, grid: Grid) -> None:
        """Stands at the grid's first time, at `x`."""
        self._problem, self._relay = problem, Relay(self.sampler.signature_order)
        self._walk = iter(self.sampler.walk(problem, x, grid, self._relay))
        self.state = x

    def advance(self, index: int, signature: PartialSignature, rest: Callable[[], Tensor]) -> None:
        """Takes step `index`, whose signature is given and a normal number beside it; counts its network calls."""
        if self.failure:
            return
        counter = self._problem.counter
        before = counter.calls
        self._relay.hand(index, signature, rest)
        try:
            state = next(self._walk)
            if state.shape != self.state.shape:
                raise ValueError(f"a state of shape {tuple(state.shape)}, not {tuple(self.state.shape)}")
            self.state = state
        except SigbenchError:
            raise
        except StopIteration:
            self._fail(f"it ended after {index} of {self.steps} steps")
        except Exception as error:  # a stranger's code: one sampler's fault must not end the study
            self._fail(f"{type(error).__name__}: {error}")
        self.calls += counter.calls - before

    def _fail(self, reason: str) -> None:
        self.failure = reason
        self.state = torch.full_like(self.state, torch.nan)


Listener = Callable[[int, int, Sequence[Tensor]], None]


def walk_together(
    problem: SDEProblem, walkers: Sequence[Walker], path: NestedPath, x: Tensor, listen: Listener | None = None
) -> Iterator[int]:
    """Moves all walkers along `path` from `x`; yields after each step of the coarsest grid, where all have arrived.

    Each walker's number of steps is that of one of the path's grids. `listen(depth, index, whitened)` hears of
    every step's signature. Gradients are off, inside the generator as well.
    """
    depth_of = {grid.steps: depth for depth, grid in enumerate(path.grids)}
    at: list[list[Walker]] = [[w for w in walkers if depth_of[w.steps] == depth] for depth in range(len(path.grids))]
    lengths = [[step.h for step in grid] for grid in path.grids]
    for walker in walkers:
        walker.start(problem, x, path.grids[depth_of[walker.steps]])

    def descend(depth: int, index: int) -> None:
        moments = path.whitened(depth, index)
        if listen is not None:
            listen(depth, index, moments)
        if at[depth]:
            signature = signature_of_normals(moments, lengths[depth][index])
            for walker in at[depth]:
                walker.advance(index, signature, partial(path.rest, depth, index))
        if depth + 1 < len(path.grids):
            descend(depth + 1, 2 * index)
            descend(depth + 1, 2 * index + 1)

    for index in range(path.grids[0].steps):
        with torch.no_grad():
            descend(0, index)
        yield index
