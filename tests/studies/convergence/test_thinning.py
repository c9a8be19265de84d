"""Thinned paths stand for all candidates: weights are right, means are unbiased, and fewer paths do."""

import numpy as np
import pytest
import torch

from sigbench.registry import make_sampler, make_task
from sigbench.sde.noise import NoiseStream
from sigbench.studies.convergence.coupled import Walker, walk_together
from sigbench.studies.convergence.nested import NestedPath, nested_grids
from sigbench.studies.convergence.thinning import Kept, Pilot, keep_paths

CPU = torch.device("cpu")
CANDIDATE_COUNT = 32_768
A_WALK = 8  # candidates, in these tests


@pytest.fixture(scope="module")
def kept() -> Kept:
    problem = make_task("gmm").problem(CPU, torch.float64)
    grids = nested_grids(problem.grid("uniform", 64), 16)
    pilot = Pilot((make_sampler("euler-maruyama"), make_sampler("shark"), make_sampler("sra1")), (32, 64))
    streams = [NoiseStream(seed, (1,), dtype=torch.float64) for seed, positions in ((1, 1), (2, 128), (3, 1))]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sigbench.studies.convergence.thinning.CANDIDATES", A_WALK)
        return keep_paths(problem, pilot, grids, 2, *streams, 0, CANDIDATE_COUNT)


def coarse_errors(first: int, count: int) -> torch.Tensor:
    """|Euler–Maruyama − ShARK| at 64 steps on candidates' paths."""
    problem = make_task("gmm").problem(CPU, torch.float64)
    grids = nested_grids(problem.grid("uniform", 64), 16)
    x = problem.initial(NoiseStream(1, (1,), dtype=torch.float64).normal(first, count, 0))
    path = NestedPath(grids, 2, NoiseStream(2, (1,), dtype=torch.float64), first, count)
    walkers = [Walker(name, make_sampler(name), 64) for name in ("euler-maruyama", "shark")]
    for _ in walk_together(problem, walkers, path, x):
        pass
    return (walkers[0].state - walkers[1].state).abs().flatten()


def deviation_of_sum(kept: Kept, values: torch.Tensor) -> float:
    """The standard deviation, over the choices alone, of Σ weight·value.

    A candidate that should have c copies has ⌊c⌋ or one more, and so a variance of r(1 − r)/c², r = c − ⌊c⌋.
    """
    expected = 1.0 / kept.weight
    rest = expected - expected.floor()
    return float((kept.weight**3 * rest * (1 - rest) * values**2).sum()) ** 0.5


def test_the_weights_stand_for_all_candidates(kept: Kept) -> None:
    assert len(kept.weight) == pytest.approx(CANDIDATE_COUNT / A_WALK, rel=0.1)
    deviation = deviation_of_sum(kept, torch.ones_like(kept.weight))
    assert float(kept.weight.sum()) == pytest.approx(CANDIDATE_COUNT, abs=4 * deviation)


def test_weighted_means_are_those_of_all_candidates(kept: Kept) -> None:
    """The estimator of Hansen & Hurwitz: within four of its standard errors."""
    errors = coarse_errors(0, CANDIDATE_COUNT)
    mine = errors[kept.candidate]
    deviation = deviation_of_sum(kept, mine) / CANDIDATE_COUNT
    found = float((kept.weight * mine).sum()) / CANDIDATE_COUNT
    assert found == pytest.approx(float(errors.mean()), abs=4 * deviation)


def test_large_errors_are_kept_often_and_repeatedly(kept: Kept) -> None:
    errors = coarse_errors(0, CANDIDATE_COUNT)
    copies = torch.bincount(kept.candidate, minlength=CANDIDATE_COUNT).double()
    large = errors > torch.quantile(errors[:16_384], 0.999)
    assert float(copies[large].mean()) > 5 * float(copies[~large].mean())
    assert int(copies.max()) > 1


def test_known_steps_are_those_of_the_kept_candidates(kept: Kept) -> None:
    problem = make_task("gmm").problem(CPU, torch.float64)
    grids = nested_grids(problem.grid("uniform", 64), 16)
    number = int(kept.candidate[7])
    path = NestedPath(grids, 2, NoiseStream(2, (1,), dtype=torch.float64), number, 1)
    assert len(kept.known) == sum(grid.steps for grid in grids)
    for (depth, index), moments in kept.known.items():
        for mine, its in zip(moments, path.whitened(depth, index), strict=True):
            torch.testing.assert_close(mine[7:8], its)


def test_no_copy_shares_its_refinement_with_another(kept: Kept) -> None:
    """Two copies of a candidate have its coarse steps, and fine ones of their own."""
    candidate = int(torch.bincount(kept.candidate).argmax())
    first, second = (int(i) for i in torch.nonzero(kept.candidate == candidate).flatten()[:2])
    problem = make_task("gmm").problem(CPU, torch.float64)
    grids = nested_grids(problem.grid("uniform", 128), 16)
    noise = NoiseStream(4, (1,), dtype=torch.float64)
    path = NestedPath(grids, 2, noise, 0, len(kept.weight), kept.known)
    coarse, fine = path.whitened(2, 5)[0], path.whitened(3, 10)[0]
    assert float(coarse[first]) == float(coarse[second])
    assert float(fine[first]) != float(fine[second])


@pytest.mark.slow
def test_a_fine_walk_says_as_much_as_many_plain_ones() -> None:
    """The relative variance of ShARK's error, four times finer than the pilot: at least four times less a walk.

    It was found to be six times less; the plain paths, which hold few that pass close to a watershed, tell too little.
    """
    per_walk = {thinned: relative_variance(thinned) for thinned in (True, False)}
    assert np.isfinite(per_walk[True])
    assert per_walk[True] < per_walk[False] / 4


def relative_variance(thinned: bool) -> float:
    """The squared relative standard error of ShARK's mean error at 256 steps on `gmm`, times the number of walks."""
    problem = make_task("gmm").problem(CPU, torch.float64)
    grids = nested_grids(problem.grid("uniform", 1024), 16)
    pilot = Pilot((make_sampler("euler-maruyama"), make_sampler("shark"), make_sampler("sra1")), (32, 64))
    start, noise, choice, fresh = (NoiseStream(seed, (1,), dtype=torch.float64) for seed in (11, 12, 13, 14))
    if thinned:
        found = keep_paths(problem, pilot, grids[:3], 2, start, noise, choice, 0, 16 * CANDIDATE_COUNT)
        x, candidate, weight = found.x, found.candidate, found.weight
        path = NestedPath(grids, 2, fresh, 0, len(weight), found.known)
        blocks = 16 * CANDIDATE_COUNT
    else:
        blocks = 16_384
        x = problem.initial(start.normal(0, blocks, 0))
        candidate, weight = torch.arange(blocks), torch.ones(blocks, dtype=torch.float64)
        path = NestedPath(grids, 2, noise, 0, blocks)
    walkers = [Walker("shark", make_sampler("shark"), 256), Walker("sra1", make_sampler("sra1"), 1024)]
    for _ in walk_together(problem, walkers, path, x):
        pass
    error = weight * (walkers[0].state - walkers[1].state).abs().flatten()
    # Copies of a candidate depend on each other.
    by_candidate = torch.zeros(blocks, dtype=torch.float64).index_add_(0, candidate, error)
    return float(by_candidate.var() / by_candidate.mean() ** 2) / blocks * len(weight)
