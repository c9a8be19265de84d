"""Thinned paths stand for all candidates: weights are right, means are unbiased, and fewer paths do."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sigbench.registry import make_sampler, make_task
from sigbench.sde.noise import NoiseStream
from sigbench.studies.convergence.coupled import DyadicPath, Walker, nested_grids, walk_together
from sigbench.studies.convergence.thinning import CANDIDATES, Kept, Pilot, inclusion_probabilities, keep_paths

PROPERTY = settings(deadline=None, derandomize=True, database=None)
CPU = torch.device("cpu")
CANDIDATE_COUNT = 32_768


@PROPERTY
@given(st.lists(st.floats(1e-6, 1e6), min_size=4, max_size=60), st.floats(0.05, 0.9))
def test_probabilities_are_proportional_up_to_one_and_add_up(shares: list[float], part: float) -> None:
    share = torch.tensor(shares, dtype=torch.float64)
    expected = part * len(shares)
    probability = inclusion_probabilities(share, expected)
    assert float(probability.max()) <= 1.0
    assert float(probability.sum()) == pytest.approx(expected)
    free = probability < 1.0
    ratio = probability[free] / share[free]
    if len(ratio):
        torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio))


@pytest.fixture(scope="module")
def kept() -> Kept:
    problem = make_task("gmm").problem(CPU, torch.float64)
    grids = nested_grids(problem.grid("uniform", 64), 16)
    pilot = Pilot((make_sampler("euler-maruyama"), make_sampler("shark"), make_sampler("sra1")), (32, 64))
    streams = [NoiseStream(seed, (1,), dtype=torch.float64) for seed, positions in ((1, 1), (2, 128), (3, 1))]
    return keep_paths(problem, pilot, grids, 2, *streams, 0, CANDIDATE_COUNT)


def coarse_errors(first: int, count: int) -> torch.Tensor:
    """|Euler–Maruyama − ShARK| at 64 steps on candidates' paths."""
    problem = make_task("gmm").problem(CPU, torch.float64)
    grids = nested_grids(problem.grid("uniform", 64), 16)
    x = problem.initial(NoiseStream(1, (1,), dtype=torch.float64).normal(first, count, 0))
    path = DyadicPath(grids, 2, NoiseStream(2, (1,), dtype=torch.float64), first, count)
    walkers = [Walker(name, make_sampler(name), 64) for name in ("euler-maruyama", "shark")]
    for _ in walk_together(problem, walkers, path, x):
        pass
    return (walkers[0].state - walkers[1].state).abs().flatten()


def test_about_one_candidate_in_sixteen_is_kept_and_the_weights_stand_for_all(kept: Kept) -> None:
    expected = CANDIDATE_COUNT / CANDIDATES
    assert len(kept.weight) == pytest.approx(expected, abs=5 * expected**0.5)
    deviation = float((kept.weight * (kept.weight - 1)).sum()) ** 0.5
    assert float(kept.weight.sum()) == pytest.approx(CANDIDATE_COUNT, abs=4 * deviation)


def test_weighted_means_are_those_of_all_candidates(kept: Kept) -> None:
    """The estimator of Horvitz & Thompson: within four of its standard errors."""
    errors = coarse_errors(0, CANDIDATE_COUNT)
    mine = errors[kept.candidate]
    deviation = float((kept.weight * (kept.weight - 1) * mine**2).sum()) ** 0.5 / CANDIDATE_COUNT
    found = float((kept.weight * mine).sum()) / CANDIDATE_COUNT
    assert found == pytest.approx(float(errors.mean()), abs=4 * deviation)


def test_large_errors_are_kept_more_often(kept: Kept) -> None:
    errors = coarse_errors(0, CANDIDATE_COUNT)
    large = errors > torch.quantile(errors[:16_384], 0.99)
    chosen = torch.zeros(CANDIDATE_COUNT, dtype=torch.bool)
    chosen[kept.candidate] = True
    assert float(chosen[large].double().mean()) > 5 * float(chosen[~large].double().mean())


def test_known_steps_are_those_of_the_kept_candidates(kept: Kept) -> None:
    problem = make_task("gmm").problem(CPU, torch.float64)
    grids = nested_grids(problem.grid("uniform", 64), 16)
    noise = NoiseStream(2, (1,), dtype=torch.float64)
    number = int(kept.candidate[7])
    path = DyadicPath(grids, 2, noise, number, 1)
    heard: list[list[torch.Tensor]] = [[] for _ in grids]
    for _ in walk_together(problem, [], path, kept.x[:1], lambda depth, i, whitened: heard[depth].append(whitened)):
        pass
    for depth, level in enumerate(kept.known):
        for index, whitened in enumerate(level):
            torch.testing.assert_close(whitened[:, 7:8], heard[depth][index])


@pytest.mark.slow
def test_a_thousand_kept_paths_say_as_much_as_many_thousands(kept: Kept) -> None:
    """The relative variance of the mean error falls: by the pilot's own errors at least threefold."""
    errors = coarse_errors(0, CANDIDATE_COUNT)
    plain = float((errors**2).mean() / errors.mean() ** 2)
    mine = errors[kept.candidate]
    thinned = float((kept.weight**2 * mine**2).sum()) / float((kept.weight * mine).sum()) ** 2 * len(mine)
    assert np.isfinite(thinned)
    assert thinned < plain / 3
