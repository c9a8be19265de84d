"""Many samplers at many step sizes on the same Brownian paths, in one streamed pass.

The path is known on the coarsest grid first, and each step is split in two by conditional sampling, depth first.
A sampler's walk is a generator, so it is moved on by one step whenever the signature of that step is known. Memory
holds one state a walker and one signature a level, whatever the number of steps; more levels refine the same path.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from sigbench.errors import BadInput, SigbenchError
from sigbench.sampler import Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid, Step
from sigbench.sde.legendre import Kernel, integral
from sigbench.sde.noise import Noise
from sigbench.sde.problem import ReverseDiffusion, SDEProblem
from sigbench.sde.refinement import as_signature, split
from sigbench.sde.signature import PartialSignature


class ExactPath(Sampler):
    """The problem's exact solution, as a sampler: it reads as many moments as its step needs to be exact."""

    name = "exact"
    citation = "the problem's own closed form"
    family = "sde"

    def __init__(self, problem: SDEProblem, grid: Grid) -> None:
        self.signature_order = max(problem.exact_order(step.h) or 1 for step in grid)

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        for step in grid:
            x = problem.exact_step(step, x, brownian.signature(step, self.signature_order))
            yield x


class FlowRK4(Sampler):
    """The classical fourth-order Runge–Kutta rule on the probability flow: the deterministic samplers' reference."""

    name = "rk4-flow"
    citation = "Kutta 1901"
    family = "ode"
    needs = "denoiser"
    strong_order = 4.0
    signature_order = 0
    nfe_per_step = 4

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        assert isinstance(problem, ReverseDiffusion)
        for step in grid:
            h, middle = step.h, 0.5 * (step.start + step.end)
            k1 = problem.probability_flow(step.start, x)
            k2 = problem.probability_flow(middle, x + (0.5 * h) * k1)
            k3 = problem.probability_flow(middle, x + (0.5 * h) * k2)
            k4 = problem.probability_flow(step.end, x + h * k3)
            x = x + (h / 6) * (k1 + 2 * (k2 + k3) + k4)
            yield x


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


def nested_grids(fine: Grid, coarsest: int) -> list[Grid]:
    """Returns the grids of `coarsest`, 2·coarsest, … steps up to `fine`, whose times they share."""
    depths = (fine.steps // coarsest).bit_length() - 1
    if coarsest << depths != fine.steps:
        raise ValueError(f"{fine.steps} steps are no {coarsest} steps split in two again and again")
    return [fine.with_times(fine.times[:: 2 ** (depths - depth)]) for depth in range(depths + 1)]


class DyadicPath:
    """Brownian paths on nested grids, coarsest first: whitened signatures of `order` moments for every step.

    A step's normals, and those that split it, lie at positions of its own in `noise`, so that the path does not
    depend on how far it is refined; samples first … first+count−1 are drawn, and grids[-1].steps × order positions
    needed. The steps of the coarsest grids may be given instead, as `known[depth][index]` of shape
    (order, n, *shape).
    """

    def __init__(
        self,
        grids: Sequence[Grid],
        order: int,
        noise: Noise,
        first: int,
        count: int,
        known: Sequence[Sequence[Tensor]] = (),
    ) -> None:
        self.grids, self.order, self._known = grids, order, known
        self._noise, self._first, self._count = noise, first, count

    def root(self, index: int) -> Tensor:
        """Returns the whitened moments of a step of the coarsest grid."""
        return self._known[0][index] if self._known else self._draw(index)

    def children(self, depth: int, index: int, parent: Tensor) -> tuple[Tensor, Tensor]:
        """Returns those of the two parts of a step, the steps 2·index and 2·index + 1 of the next grid."""
        if depth + 1 < len(self._known):
            return self._known[depth + 1][2 * index], self._known[depth + 1][2 * index + 1]
        start, middle, end = self.grids[depth + 1].times[2 * index : 2 * index + 3]
        ratio = round((middle - start) / (end - start), 12)  # equal parts share one matrix
        return split(parent, self._draw(self.grids[depth].steps + index), ratio)

    def rest(self, depth: int, index: int) -> Tensor:
        """Returns a normal number a path that belongs to a step and is no part of its moments, shape (n, *shape)."""
        return self._noise.normal(self._first, self._count, (1 + depth, index))

    def _draw(self, step: int) -> Tensor:
        start = step * self.order
        return torch.stack([self._noise.normal(self._first, self._count, start + k) for k in range(self.order)])


Listener = Callable[[int, int, Tensor], None]


def walk_together(
    problem: SDEProblem, walkers: Sequence[Walker], path: DyadicPath, x: Tensor, listen: Listener | None = None
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

    def descend(depth: int, index: int, whitened: Tensor) -> None:
        if listen is not None:
            listen(depth, index, whitened)
        if at[depth]:
            signature = as_signature(whitened, lengths[depth][index])
            for walker in at[depth]:
                walker.advance(index, signature, partial(path.rest, depth, index))
        if depth + 1 < len(path.grids):
            first, second = path.children(depth, index, whitened)
            descend(depth + 1, 2 * index, first)
            descend(depth + 1, 2 * index + 1, second)

    for index in range(path.grids[0].steps):
        with torch.no_grad():
            descend(0, index, path.root(index))
        yield index
