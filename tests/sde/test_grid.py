"""Grids: steps, refinement, the two clocks, and everything that a grid refuses."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigbench.errors import BadInput, BrokenContract
from sigbench.sde.grid import MAX_STEPS, Grid, Step, check_steps, uniform_grid
from sigbench.sde.grids.find import diffusion_grid
from sigbench.sde.schedule import VPLinear

PROPERTY = settings(deadline=None, derandomize=True, database=None, max_examples=30)


def test_steps_are_the_gaps_between_times() -> None:
    grid = Grid("mine", (0.0, 0.25, 1.0))
    assert [(step.index, step.start, step.end, step.h) for step in grid] == [(0, 0.0, 0.25, 0.25), (1, 0.25, 1.0, 0.75)]
    assert all(a.end == b.start for a, b in pairwise(diffusion_grid("karras", 9, VPLinear())))


@PROPERTY
@given(
    times=st.lists(st.floats(0.0, 10.0), min_size=2, max_size=8, unique=True).map(sorted),
    factor=st.integers(1, 9),
)
def test_refining_keeps_the_coarse_times_exactly(times: list[float], factor: int) -> None:
    if min(np.diff(times)) < 1e-9:
        times = [float(i) / 3 for i in range(len(times))]
    coarse = Grid("coarse", tuple(times))
    fine = coarse.refine(factor)
    assert fine.times[::factor] == coarse.times
    assert fine.steps == factor * coarse.steps
    for step in fine:
        assert step.h == pytest.approx(list(coarse)[step.index // factor].h / factor, rel=1e-5)


def test_times_are_found_by_equality_alone() -> None:
    grid = uniform_grid(10, 1.0)
    assert [grid.index_of(time) for time in grid.times] == list(range(11))
    with pytest.raises(KeyError):
        grid.index_of(grid.times[3] + 1e-15)


def test_uniform_grid_of_any_problem() -> None:
    assert uniform_grid(4, 2.0).times == (0.0, 0.5, 1.0, 1.5, 2.0)


def test_step_counts_at_the_bounds() -> None:
    assert (check_steps(1), check_steps(MAX_STEPS)) == (1, MAX_STEPS)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ((), "at least two times, 'mine' has 0"),
        ((0.0,), "at least two times, 'mine' has 1"),
        ((0.0, 0.5, 0.25, 1.0), "not strictly monotone: time 2 is 0.25 after 0.5"),
        ((0.0, 0.0), "not strictly monotone"),
        ((0.0, float("nan")), "finite"),
    ],
)
def test_a_grid_holds_its_own_rules(times: tuple[float, ...], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        Grid("mine", times)


def test_the_clocks_outlive_what_is_made_of_a_grid() -> None:
    grid = diffusion_grid("quadratic", 3, VPLinear())
    for other in (grid.refine(4), grid.with_times(grid.times[::3])):
        assert [step.t for step in other] == pytest.approx([1.0 - time for time in other.times[:-1]])
        assert other.name in ("quadratic/4", "quadratic")


@pytest.mark.parametrize("step", [Step(0, 0.0, 0.5), next(iter(uniform_grid(2, 1.0)))])
def test_without_a_denoiser_there_is_no_diffusion_time(step: Step) -> None:
    for clock in ("t", "t_next"):
        with pytest.raises(BrokenContract, match=r"no diffusion time: use step\.start and step\.end"):
            getattr(step, clock)
    assert (step.start, step.end, step.h) == (0.0, 0.5, 0.5)
