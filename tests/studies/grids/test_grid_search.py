"""The search for a grid: costs and shortest paths, moves, and what a found grid is worth on noise of its own."""

from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest
import torch

from sigbench.errors import BadInput
from sigbench.measure.batch import start_batch
from sigbench.measure.cell import plan_cells
from sigbench.measure.settings import Settings
from sigbench.progress import ignore
from sigbench.sde.grids.computed import hash_of
from sigbench.sde.grids.families import log_snr, quadratic
from sigbench.sde.schedule import VPLinear
from sigbench.studies.grids.improve import improve
from sigbench.studies.grids.judges import judge_of
from sigbench.studies.grids.plan import SearchPlan, plan_search, times_of
from sigbench.studies.grids.study import search_grid
from sigbench.studies.grids.trajectories import points_of, shortest_path, step_costs, walk_fine

SMALL = Settings("gmm", samples=200, repeats=1, device="cpu", dtype="float64", time_calls=False)


def planned(sampler: str = "ddim", steps: int = 3, by: str = "trajectories", **others: int) -> SearchPlan:
    return plan_search(SMALL, sampler, [steps], by=by, **{"points": 12, "candidates": 40, **others})


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_the_shortest_path_is_that_of_all_paths(steps: int) -> None:
    generator = np.random.default_rng([3, steps])
    for _ in range(20):
        costs = np.where(np.triu(np.ones((7, 7)), 1) > 0, generator.random((7, 7)), np.inf)
        every = [(0, *inner, 6) for inner in combinations(range(1, 6), steps - 1)]
        best = min(every, key=lambda path: sum(costs[i, j] for i, j in pairwise(path)))
        assert tuple(shortest_path(costs, steps)) == best


def test_no_path_through_what_diverges() -> None:
    costs = np.full((4, 4), np.inf)
    costs[0, 1] = costs[1, 3] = 1.0
    assert shortest_path(costs, 2) == [0, 1, 3]
    with pytest.raises(BadInput, match="no 3 steps lead along the trajectories"):
        shortest_path(costs, 3)


@pytest.mark.parametrize("steps", [5, 6, 10])
def test_known_grids_are_among_the_points(steps: int) -> None:
    points = points_of(VPLinear(), 60)
    assert (np.diff(points) < 0).all()
    for family in (quadratic, log_snr):
        times = family(steps, VPLinear())
        assert np.abs(points[None, :] - times[:, None]).min(axis=1).max() < 2e-6


def test_a_cost_is_what_one_step_misses() -> None:
    """Of DDIM, whose step is known in closed form: x\u2032 = α\u2032·D(x) + σ\u2032·ε(x)."""
    plan = planned()
    walked = walk_fine(plan, 0, 50)
    costs = step_costs(plan.cell, walked, ignore)
    schedule, times = VPLinear(), times_of(walked.points)
    assert np.isinf(costs[np.tril_indices(len(times))]).all()
    for i, j in ((0, 1), (0, len(times) - 1), (3, 9), (10, 11)):
        x = walked.states[i]
        x0, eps = (walked.problem.denoiser.predict(kind, times[i], x) for kind in ("x0", "eps"))  # type: ignore[attr-defined]
        reached = float(schedule.alpha(times[j])) * x0 + float(schedule.sigma(times[j])) * eps
        assert costs[i, j] == pytest.approx(float((reached - walked.states[j]).square().mean().sqrt()), rel=1e-6)


def test_moves_find_the_least_and_keep_the_ends() -> None:
    wanted = np.array([0.0, 0.1, 0.5, 0.7, 1.0])
    found = improve(np.linspace(0.0, 1.0, 5), lambda places: float(np.square(places - wanted).sum()), 400)
    np.testing.assert_allclose(found.places, wanted, atol=0.02)
    assert (found.places[0], found.places[-1]) == (0.0, 1.0)
    heard: list[int] = []
    short = improve(np.linspace(0.0, 1.0, 5), lambda places: float(np.square(places - wanted).sum()), 7, heard.append)
    assert short.tried == 7
    assert heard == [2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(("sampler", "by"), [("dpmpp-2m", "trajectories"), ("euler-maruyama", "w1")])
def test_what_is_found_beats_the_known_grids_on_other_noise(sampler: str, by: str) -> None:
    many = replace(SMALL, samples=2000, repeats=2, dtype="float32")
    plan = plan_search(many, sampler, [4], by=by, points=12, candidates=40)
    found = search_grid(plan, ignore)
    assert hash_of(found) == found.hash
    assert (found.steps, found.method, found.sampler) == (4, by, sampler)
    assert 9 < found.candidates <= 40
    known = {name: value for name, value in found.scores.items() if name != "chosen"}
    assert {"uniform", "quadratic", "karras"} <= set(known)
    assert found.scores["chosen"] < min(known.values())
    assert search_grid(plan, ignore) == found
    elsewhere = judge_of(plan, range(5, 6))
    assert elsewhere.score(plan.grid(np.array(found.times))) < elsewhere.score(plan.known["quadratic"])


@pytest.mark.parametrize(
    ("sampler", "by"), [("ddim", "trajectories"), ("euler-maruyama", "w1"), ("ddim:eta=1", "w1"), ("ddpm", "w1")]
)
def test_paths_judge_the_deterministic_and_the_law_the_others(sampler: str, by: str) -> None:
    assert plan_search(SMALL, sampler, [3], by=None, points=12, candidates=40).by == by


def test_no_record_is_measured_on_its_noise() -> None:
    plan = planned()
    (cell,) = plan_cells(SMALL, ["ddim"], [3])
    hidden, shown = (start_batch(each, 0, 0, 200).x for each in (plan.cell, cell))
    assert plan.cell.settings.seed != SMALL.seed
    assert abs(float(torch.corrcoef(torch.stack([hidden.flatten(), shown.flatten()]))[0, 1])) < 0.2
    other = plan_search(replace(SMALL, seed=1), "ddim", [3], by="trajectories", points=12, candidates=40)
    assert other.cell.settings.seed != plan.cell.settings.seed


@pytest.mark.parametrize(
    ("sampler", "steps", "by", "others", "words"),
    [
        ("ddim", [3, 5], "trajectories", {}, "one number of steps, and --steps names 2"),
        ("ddim", [], "trajectories", {}, "--steps names 0"),
        ("ddim", [1], "trajectories", {}, "nothing to choose"),
        ("ddim", [20], "trajectories", {}, "--points lie between the steps, 20, and 400, got 12"),
        ("ddim", [3], "trajectories", {"candidates": 0}, "--candidates must be at least 1"),
        ("ddim", [3], "w3", {}, "unknown way to choose 'w3': did you mean 'w2' or 'w1'"),
        ("ddim@3", [3], "trajectories", {}, "names no grid itself"),
        ("ddim:grid=karras", [3], "trajectories", {}, "names no grid itself"),
        ("teacher", [3], "trajectories", {}, "names no grid itself"),
        ("sigdeg", [5], "trajectories", {}, "walks the grid 'quadratic' that it was made for"),
        ("ddim:final=denoise", [3], "trajectories", {}, "search by a metric"),
        ("ddin", [3], "trajectories", {}, "unknown sampler 'ddin': did you mean 'ddim'"),
    ],
)
def test_what_cannot_be_searched(sampler: str, steps: list[int], by: str, others: dict[str, int], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        plan_search(SMALL, sampler, steps, by=by, **{"points": 12, "candidates": 40, **others})


def test_a_problem_without_schedule_has_one_grid() -> None:
    with pytest.raises(BadInput, match="has no noise schedule"):
        plan_search(replace(SMALL, task="gbm"), "milstein", [3], by="trajectories", points=12, candidates=40)
