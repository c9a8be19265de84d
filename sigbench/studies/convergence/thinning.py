"""Which paths are worth a fine walk: candidates are walked coarsely, and kept the likelier the larger their errors are.

On a problem with several modes a few paths, those that pass close to the watershed between two of them, carry most
of the error of a fine step, and a sample of paths may hold none. Candidates are cheap: a coarse walk takes a
hundredth of the calls of a reference. Each is kept with a probability that its coarse errors set, and counts with
the inverse of that probability, so that every mean stays unbiased (Poisson sampling with the estimator of Horvitz &
Thompson 1952; the part that is equal for all bounds the weights, Hesterberg 1995).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sigbench.sampler import Sampler
from sigbench.sde.grid import Grid
from sigbench.sde.noise import Noise
from sigbench.sde.problem import SDEProblem
from sigbench.studies.convergence.coupled import DyadicPath, Walker, walk_together

CANDIDATES = 16  # for each path that is kept, on average
EQUAL_SHARE = 0.2  # of the probabilities, the part that does not depend on the coarse errors
BATCH = 8192  # candidates that are walked at once


@dataclass(frozen=True, slots=True)
class Pilot:
    """The coarse walks: a simple scheme and two better ones, each at every one of `levels`."""

    schemes: tuple[Sampler, Sampler, Sampler]
    levels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """Paths that were kept among `all_candidates` (m,), numbers of paths.

    Of each: its number (n,), its weight (n,), its start (n, *shape), and its known steps as in DyadicPath.
    """

    all_candidates: Tensor
    candidate: Tensor
    weight: Tensor
    x: Tensor
    known: tuple[tuple[Tensor, ...], ...]


def all_paths(problem: SDEProblem, start: Noise, first: int, count: int) -> Kept:
    """Keeps every path first … first+count−1, with weight 1 and nothing known of it but its start."""
    x = problem.initial(start.normal(first, count, 0))
    numbers = torch.arange(first, first + count, device=x.device)
    return Kept(numbers, numbers, torch.ones(count, dtype=torch.float64, device=x.device), x, ())


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
    """Walks candidates first … first+count−1 coarsely and keeps about one in CANDIDATES of them.

    `grids` are nested, from the coarsest of the study to the finest of `pilot.levels`; `order` is that of the
    paths' signatures. `start` and `noise` give the candidates' starts and coarse paths, `choice` (shape (1,)) a normal
    for each, which decides.
    """
    parts = []
    for begin in range(first, first + count, BATCH):
        size = min(BATCH, first + count - begin)
        x = problem.initial(start.normal(begin, size, 0))
        path = DyadicPath(grids, order, noise, begin, size)
        parts.append(_keep(problem, pilot, path, x, choice.normal(begin, size, 0), begin))
    depths = range(len(grids))
    return Kept(
        torch.arange(first, first + count, device=parts[0].x.device),
        torch.cat([part.candidate for part in parts]),
        torch.cat([part.weight for part in parts]),
        torch.cat([part.x for part in parts]),
        tuple(
            tuple(torch.cat([part.known[depth][i] for part in parts], 1) for i in range(grids[depth].steps))
            for depth in depths
        ),
    )


def _keep(problem: SDEProblem, pilot: Pilot, path: DyadicPath, x: Tensor, choice: Tensor, first: int) -> Kept:
    """Walks candidates from `x` along `path` and keeps those that normals `choice` (n, 1) decide for."""
    walkers = [Walker(f"{k}@{n}", scheme, n) for n in pilot.levels for k, scheme in enumerate(pilot.schemes)]
    nodes: list[list[Tensor]] = [[] for _ in path.grids]
    for _ in walk_together(problem, walkers, path, x, lambda depth, index, whitened: nodes[depth].append(whitened)):
        pass
    state = {walker.key: walker.state for walker in walkers}
    size = torch.zeros(len(x), dtype=torch.float64, device=x.device)
    for n in pilot.levels:
        for other in (0, 2):
            gap = (state[f"{other}@{n}"] - state[f"1@{n}"]).double().flatten(1).norm(dim=1)
            gap = torch.nan_to_num(gap, nan=0.0, posinf=0.0)
            size += gap / gap.mean().clamp_min(1e-300)
    share = (1 - EQUAL_SHARE) * size / size.mean().clamp_min(1e-300) + EQUAL_SHARE
    probability = inclusion_probabilities(share, len(x) / CANDIDATES)
    uniform = torch.special.ndtr(choice.flatten())
    kept = torch.nonzero(uniform < probability).flatten()
    return Kept(
        kept,
        first + kept,
        1.0 / probability[kept],
        x[kept],
        tuple(tuple(whitened[:, kept] for whitened in level) for level in nodes),
    )


def inclusion_probabilities(share: Tensor, expected: float) -> Tensor:
    """Returns min(1, c·share), shape (n,), with c such that they add up to `expected`, which is below n."""
    certain = torch.zeros_like(share, dtype=torch.bool)
    while True:
        factor = (expected - float(certain.sum())) / float(share[~certain].sum())
        more = ~certain & (share * factor >= 1.0)
        if not bool(more.any()):
            return torch.where(certain, torch.ones_like(share), share * factor)
        certain |= more
