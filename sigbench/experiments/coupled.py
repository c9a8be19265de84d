"""Many samplers at many step sizes on the same Brownian paths, in one streamed pass.

The finest grid's signatures are drawn one after another and folded upwards by Chen's identity, as a binary
counter carries: two neighbours make one signature of the next coarser grid. A sampler's walk is a generator,
so it is moved on by one step whenever the signature of that step is ready. Memory holds one state a walker and
one waiting signature a level, whatever the number of steps.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.sampler import Sampler
from sigbench.sde.brownian import BrownianDriver, FreshBrownian
from sigbench.sde.grid import Grid, Step
from sigbench.sde.noise import Noise
from sigbench.sde.problem import ReverseDiffusion, SDEProblem
from sigbench.sde.signature import MAX_ORDER, PartialSignature


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

    def __init__(self) -> None:
        self._index = -1
        self._ready = PartialSignature(0.0, ())

    def hand(self, index: int, signature: PartialSignature) -> None:
        """Makes the signature of step `index` the one that is known."""
        self._index, self._ready = index, signature

    def signature(self, step: Step, order: int = 1) -> PartialSignature:
        """Returns the first `order` moments over `step`; raises BadInput for another step or too high an order."""
        if step.index != self._index:
            raise BadInput(f"the sampler asked for the noise of step {step.index} during step {self._index}.")
        if order > self._ready.order:
            raise BadInput(f"the sampler declares signature order {self._ready.order} and asked for {order}.")
        return self._ready.truncated(order)


@dataclass
class Walker:
    """One sampler at one number of steps; after each of its steps `state` is where it stands, shape (n, *shape)."""

    key: str
    sampler: Sampler
    steps: int
    state: Tensor = field(default_factory=lambda: torch.empty(0))
    calls: int = 0

    def start(self, problem: SDEProblem, x: Tensor, grid: Grid) -> None:
        """Stands at the grid's first time, at `x`."""
        self._problem, self._relay = problem, Relay()
        self._walk = self.sampler.walk(problem, x, grid, self._relay)
        self.state = x

    def advance(self, index: int, signature: PartialSignature) -> None:
        """Takes step `index`, whose signature is given, and counts its network calls."""
        counter = self._problem.counter
        before = counter.calls
        self._relay.hand(index, signature)
        self.state = next(self._walk)
        self.calls += counter.calls - before


def nested_grids(fine: Grid, depths: int) -> list[Grid]:
    """Returns `fine` and every grid that halves its steps, `depths` times; the number of steps must allow it."""
    if fine.steps % 2**depths:
        raise ValueError(f"{fine.steps} steps cannot be halved {depths} times")
    return [Grid(fine.name, fine.times[:: 2**depth]) for depth in range(depths + 1)]


def walk_together(
    problem: SDEProblem,
    walkers: Sequence[Walker],
    fine: Grid,
    x: Tensor,
    noise: Noise,
    first: int,
    saved_steps: int,
) -> Iterator[int]:
    """Moves all walkers along the paths first … first+n−1 of `noise`; yields at each of `saved_steps` equal parts.

    Each walker's number of steps is that of `fine` divided by a power of two, and `saved_steps` divides them
    all, so that at a yield every walker stands at the same time. The noise stream needs
    fine.steps × MAX_ORDER positions. Gradients are off, inside the generator as well.
    """
    depth_of = {walker.key: (fine.steps // walker.steps).bit_length() - 1 for walker in walkers}
    top = max(depth_of.values())
    grids = nested_grids(fine, top)
    at: list[list[Walker]] = [[w for w in walkers if depth_of[w.key] == depth] for depth in range(top + 1)]
    reads = [max((w.sampler.signature_order for w in level), default=0) for level in at]
    carried = [max(reads[depth:]) for depth in range(top + 1)]
    driver = FreshBrownian(noise, first, len(x), MAX_ORDER)
    waiting: list[PartialSignature | None] = [None] * (top + 1)
    for walker in walkers:
        walker.start(problem, x, grids[depth_of[walker.key]])
    every = fine.steps // saved_steps
    for step in fine:
        signature = driver.signature(step, carried[0]) if carried[0] else PartialSignature(step.h, ())
        index = step.index
        for depth, level in enumerate(at):
            with torch.no_grad():
                for walker in level:
                    walker.advance(index, signature)
            if depth == top:
                break
            narrow = signature.truncated(carried[depth + 1])
            half = waiting[depth]
            if half is None:
                waiting[depth] = narrow
                break
            signature, waiting[depth], index = half.then(narrow), None, index // 2
        if (step.index + 1) % every == 0:
            yield (step.index + 1) // every
