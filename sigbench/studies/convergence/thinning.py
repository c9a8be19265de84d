"""Which paths are worth a fine walk: candidates are walked coarsely, and those with large coarse errors walked finely.

On a problem with several modes a few paths, those that pass close to the watershed between two of them, carry most
of the error of a fine step, and a sample of paths may hold none. Candidates are cheap: a coarse walk takes a
hundredth of the calls of a reference. Each is walked finely so many times, on average, as its coarse errors say, every
time on a refinement of its own, and each of these counts with the inverse of that number, so that every mean stays
unbiased (the estimator of Hansen & Hurwitz 1943, with the splitting of Kahn & Harris 1951; the part that is equal for
all bounds the weights, Hesterberg 1995). A candidate at the watershed is refined many times: whether it crosses is
decided by what the coarse walk does not see.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sigbench.sampler import Sampler
from sigbench.sde.grid import Grid
from sigbench.sde.noise import Noise
from sigbench.sde.problem import SDEProblem
from sigbench.studies.convergence.coupled import Walker, walk_together
from sigbench.studies.convergence.nested import NestedPath, Nodes

CANDIDATES = 64  # for each fine walk, on average
EQUAL_SHARE = 0.2  # of the fine walks, the part that does not depend on the coarse errors
BATCH = 8192  # candidates that are walked at once


@dataclass(frozen=True, slots=True)
class Pilot:
    """The coarse walks: a simple scheme and two better ones, each at both of `levels`, coarser first."""

    schemes: tuple[Sampler, Sampler, Sampler]
    levels: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Kept:
    """Fine walks of some of `all_candidates` (m,), numbers of paths.

    Of each: the number of its candidate (n,), its weight (n,), its start (n, *shape), and its known steps as in
    NestedPath.
    """

    all_candidates: Tensor
    candidate: Tensor
    weight: Tensor
    x: Tensor
    known: Nodes


def all_paths(problem: SDEProblem, start: Noise, first: int, count: int) -> Kept:
    """Keeps every path first … first+count−1, with weight 1 and nothing known of it but its start."""
    x = problem.initial(start.normal(first, count, 0))
    numbers = torch.arange(first, first + count, device=x.device)
    return Kept(numbers, numbers, torch.ones(count, dtype=torch.float64, device=x.device), x, {})


def keep_paths(
    problem: SDEProblem,
    pilot: Pilot,
    grids: Sequence[Grid],
    order: int,
    start: Noise,
    noise: Noise,
    choice: Noise,
    first: int,
    count: int,
) -> Kept:
    """Walks candidates first … first+count−1 coarsely and keeps about one in CANDIDATES of them, some repeatedly.

    `grids` are nested, from the coarsest of the study to the finest of `pilot.levels`; `order` is that of the
    paths' signatures. `start` and `noise` give the candidates' starts and coarse paths, `choice` (shape (1,)) a normal
    for each, which decides.
    """
    nodes = [(depth, index) for depth, grid in enumerate(grids) for index in range(grid.steps)]
    batches, mean = [], _RunningMean()
    for begin in range(first, first + count, BATCH):
        size = min(BATCH, first + count - begin)
        x = problem.initial(start.normal(begin, size, 0))
        path = NestedPath(grids, order, noise, begin, size)
        batches.append(_keep(problem, pilot, path, x, choice.normal(begin, size, 0), begin, mean))
    candidate, weight, x, moments = (torch.cat(parts) for parts in zip(*batches, strict=True))
    known = {node: list(each) for node, each in zip(nodes, moments.movedim(0, 2).contiguous(), strict=True)}
    everyone = torch.arange(first, first + count, device=x.device)
    return Kept(everyone, candidate, weight, x, known)


class _RunningMean:
    """Means over all batches so far: a batch that holds many paths at the watershed may keep more than its share."""

    def __init__(self) -> None:
        self._total, self._count = torch.zeros(0), 0

    def of(self, values: Tensor) -> Tensor:
        """Returns the means (k,) of columns, a batch's `values` (n, k) included."""
        total = values.sum(0)
        self._total = total if self._count == 0 else self._total + total
        self._count += len(values)
        return (self._total / self._count).clamp_min(1e-300)


def _keep(
    problem: SDEProblem, pilot: Pilot, path: NestedPath, x: Tensor, choice: Tensor, first: int, mean: _RunningMean
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Walks candidates from `x` along `path` and keeps those that normals `choice` (n, 1) decide for.

    Returns their numbers, weights, starts, and whitened moments, shape (kept, nodes, order, *shape).
    """
    walkers = [Walker(f"{k}@{n}", scheme, n) for n in pilot.levels for k, scheme in enumerate(pilot.schemes)]
    before = [sum(grid.steps for grid in path.grids[:depth]) for depth in range(len(path.grids) + 1)]
    nodes = x.new_empty(before[-1], path.order, *x.shape)

    def remember(depth: int, index: int, moments: Sequence[Tensor]) -> None:
        torch.stack(tuple(moments), out=nodes[before[depth] + index])

    for _ in walk_together(problem, walkers, path, x, remember):
        pass
    state = {walker.key: walker.state for walker in walkers}
    coarse, fine = pilot.levels
    pairs = [(f"{other}@{n}", f"1@{n}") for n in pilot.levels for other in (0, 2)]
    pairs += [(f"{scheme}@{coarse}", f"{scheme}@{fine}") for scheme in (1, 2)]
    gaps = [(state[one] - state[other]).double().flatten(1).norm(dim=1) for one, other in pairs]
    size = torch.nan_to_num(torch.stack(gaps, 1), nan=0.0, posinf=0.0)
    share = (1 - EQUAL_SHARE) * (size / mean.of(size)).mean(1) + EQUAL_SHARE
    expected = share / CANDIDATES
    copies = (expected + torch.special.ndtr(choice.flatten())).floor().long()
    kept = torch.repeat_interleave(torch.arange(len(x), device=x.device), copies)
    return first + kept, 1.0 / expected[kept], x[kept], nodes[:, :, kept].movedim(2, 0)
