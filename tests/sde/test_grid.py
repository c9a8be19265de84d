"""Time grids: families, user lists, refinement and everything that a grid refuses."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigbench.errors import BadInput, BrokenContract
from sigbench.sde.grid import FAMILIES, MAX_STEPS, Grid, Step, check_steps, diffusion_grid, parse_times, uniform_grid
from sigbench.sde.schedule import SCHEDULES, Schedule, VPLinear, schedule_named

PROPERTY = settings(deadline=None, derandomize=True, database=None, max_examples=30)
EVERY_FAMILY = pytest.mark.parametrize("family", sorted(FAMILIES))
EVERY_SCHEDULE = pytest.mark.parametrize("schedule_name", sorted(SCHEDULES))


def noise_to_signal(t: np.ndarray, schedule: Schedule) -> np.ndarray:
    return schedule.sigma(t) / schedule.alpha(t)


# In which quantity each family takes equal steps: its defining formula, read backwards.
EQUAL_STEPS_IN: dict[str, Callable[[np.ndarray, Schedule], np.ndarray]] = {
    "uniform": lambda t, schedule: t,
    "quadratic": lambda t, schedule: np.sqrt(t),
    "cosine": lambda t, schedule: np.arccos(
        np.clip(2 * (t - schedule.t_end) / (schedule.t_start - schedule.t_end) - 1, -1, 1)
    ),
    "karras": lambda t, schedule: noise_to_signal(t, schedule) ** (1 / 7),
    "log-snr": lambda t, schedule: -np.log(noise_to_signal(t, schedule)),
}


@EVERY_FAMILY
@EVERY_SCHEDULE
@PROPERTY
@given(steps=st.integers(1, 80))
def test_families_increase_and_end_exactly(family: str, schedule_name: str, steps: int) -> None:
    schedule = schedule_named(schedule_name)
    grid = diffusion_grid(family, steps, schedule)
    assert grid.name == family
    assert grid.steps == steps == len(list(grid))
    assert (np.diff(grid.times) > 0).all()
    assert (grid.times[0], grid.times[-1]) == (0.0, schedule.horizon)


@EVERY_FAMILY
@EVERY_SCHEDULE
@pytest.mark.parametrize("steps", [2, 5, 20])
def test_families_follow_their_formula(family: str, schedule_name: str, steps: int) -> None:
    schedule = schedule_named(schedule_name)
    t = schedule.t_start - np.array(diffusion_grid(family, steps, schedule).times)
    ends = np.array([schedule.t_start, schedule.t_end])
    first, last = EQUAL_STEPS_IN[family](ends, schedule)
    found = EQUAL_STEPS_IN[family](t, schedule)
    np.testing.assert_allclose(found, np.linspace(first, last, steps + 1), rtol=0, atol=1e-6 * abs(first - last))


@EVERY_FAMILY
def test_the_finest_grid_still_increases(family: str) -> None:
    assert diffusion_grid(family, 10_000, VPLinear()).steps == 10_000


def test_steps_are_the_gaps_between_times() -> None:
    grid = Grid("mine", (0.0, 0.25, 1.0))
    assert [(step.index, step.start, step.end, step.h) for step in grid] == [(0, 0.0, 0.25, 0.25), (1, 0.25, 1.0, 0.75)]
    assert all(a.end == b.start for a, b in pairwise(diffusion_grid("karras", 9, VPLinear())))


def test_user_list() -> None:
    grid = diffusion_grid("1, 0.5,0.125, 0.001", 3, VPLinear())
    assert grid.times == (0.0, 0.5, 0.875, VPLinear().horizon)
    assert grid.name == "1, 0.5,0.125, 0.001"


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


@EVERY_FAMILY
@pytest.mark.parametrize("steps", [0, -1, 10**7, MAX_STEPS + 1])
def test_impossible_step_counts(family: str, steps: int) -> None:
    with pytest.raises(BadInput, match=f"between 1 and {MAX_STEPS}, got {steps}"):
        diffusion_grid(family, steps, VPLinear())
    with pytest.raises(BadInput, match=f"got {steps}"):
        uniform_grid(steps, 1.0)


def test_step_counts_at_the_bounds() -> None:
    assert (check_steps(1), check_steps(MAX_STEPS)) == (1, MAX_STEPS)


@pytest.mark.parametrize(
    ("text", "steps", "message"),
    [
        ("1,0.4,0.5,0.001", 3, "not strictly decreasing"),
        ("1,0.5,0.5,0.001", 3, "not strictly decreasing"),
        ("0.001,0.5,1", 2, "not strictly decreasing"),
        ("1,0.5,0.01", 2, "must run from t=1 to t=0.001, but runs from 1 to 0.01"),
        ("0.9,0.5,0.001", 2, "but runs from 0.9 to 0.001"),
        ("1,0.5,0.001", 3, "lists 3 times, which make 2 steps, not 3"),
        ("1", 1, "lists 1 times"),
        ("1,nan,0.001", 2, "finite"),
        ("inf,0.5,0.001", 2, "finite"),
        ("1,,0.001", 2, "unknown grid"),
        ("quadratik", 5, "unknown grid 'quadratik': did you mean 'quadratic'"),
        ("", 5, "unknown grid"),
    ],
)
def test_refused_lists_and_names(text: str, steps: int, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        diffusion_grid(text, steps, VPLinear())


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


@PROPERTY
@given(times=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_lists_of_numbers_are_read_back(times: list[float]) -> None:
    assert list(parse_times(",".join(map(repr, times)))) == times


@EVERY_FAMILY
@EVERY_SCHEDULE
def test_a_step_has_both_clocks(family: str, schedule_name: str) -> None:
    """Reversed time increases from 0, the diffusion time decreases from t_start to t_end; they add up to t_start."""
    schedule = schedule_named(schedule_name)
    steps = list(diffusion_grid(family, 7, schedule))
    for step in steps:
        assert step.t + step.start == pytest.approx(schedule.t_start, abs=1e-15)
        assert step.t_next + step.end == pytest.approx(schedule.t_start, abs=1e-15)
        assert step.t > step.t_next
        assert step.t - step.t_next == pytest.approx(step.h, abs=1e-15)
    assert (steps[0].t, steps[-1].t_next) == pytest.approx((schedule.t_start, schedule.t_end), abs=1e-12)
    assert [(a.t_next, a.end) for a in steps[:-1]] == [(b.t, b.start) for b in steps[1:]]


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
