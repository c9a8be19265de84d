"""Families of grids: each by its formula read backwards, lists of times, and everything that is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta as law

from sigbench.errors import BadInput
from sigbench.sde.grid import MAX_STEPS, uniform_grid
from sigbench.sde.grids.find import diffusion_grid, family_grid, listed_steps, one_name, parse_times
from sigbench.sde.grids.names import grid_names
from sigbench.sde.schedule import SCHEDULES, Schedule, VPLinear, schedule_named

PROPERTY = settings(deadline=None, derandomize=True, database=None, max_examples=30)
EVERY_SCHEDULE = pytest.mark.parametrize("schedule_name", sorted(SCHEDULES))


def share(t: np.ndarray, schedule: Schedule) -> np.ndarray:
    """How far from the clean end a time lies, of the whole way."""
    return np.clip((t - schedule.t_end) / (schedule.t_start - schedule.t_end), 0.0, 1.0)


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
    "power:rho=3": lambda t, schedule: t ** (1 / 3),
    "power:rho=0.5": lambda t, schedule: t**2,
    "karras:rho=3": lambda t, schedule: noise_to_signal(t, schedule) ** (1 / 3),
    "beta": lambda t, schedule: law.cdf(share(t, schedule), 0.6, 0.6),
    "beta:alpha=0.8:beta=1.5": lambda t, schedule: law.cdf(share(t, schedule), 0.8, 1.5),
}
EVERY_FORMULA = pytest.mark.parametrize("family", sorted(EQUAL_STEPS_IN))
EVERY_FAMILY = pytest.mark.parametrize("family", sorted({*grid_names(), *EQUAL_STEPS_IN} - {"sigmas", "indices"}))


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


@EVERY_FORMULA
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


def test_user_list() -> None:
    grid = diffusion_grid("1, 0.5,0.125, 0.001", 3, VPLinear())
    assert grid.times == (0.0, 0.5, 0.875, VPLinear().horizon)
    assert grid.name == "1, 0.5,0.125, 0.001"


@EVERY_FAMILY
@pytest.mark.parametrize("steps", [0, -1, 10**7, MAX_STEPS + 1])
def test_impossible_step_counts(family: str, steps: int) -> None:
    with pytest.raises(BadInput, match=f"between 1 and {MAX_STEPS}, got {steps}"):
        diffusion_grid(family, steps, VPLinear())
    with pytest.raises(BadInput, match=f"got {steps}"):
        uniform_grid(steps, 1.0)


@pytest.mark.parametrize(
    ("text", "steps", "message"),
    [
        ("1,0.4,0.5,0.001", 3, "not strictly decreasing"),
        ("1,0.5,0.5,0.001", 3, "not strictly decreasing"),
        ("0.001,0.5,1", 2, "runs the wrong way: diffusion times decrease, from noise to data; write 1,0.5,0.001"),
        ("0.1, 0.5, 1", 2, "runs the wrong way: .* write 1,0.5,0.1"),
        ("1,0.5,0.01", 2, "must run from t=1 to t=0.001, but runs from 1 to 0.01"),
        ("0.9,0.5,0.001", 2, "but runs from 0.9 to 0.001"),
        ("1,0.5,0.001", 3, "lists 3 times, which make 2 steps, not 3"),
        ("1", 1, "lists 1 times"),
        ("1,nan,0.001", 2, "finite"),
        ("inf,0.5,0.001", 2, "finite"),
        ("1,,0.001", 2, "'' in the grid '1,,0.001' is no time"),
        ("1,٠.٥,0.001", 2, "'٠.٥' in the grid .* is no time: write numbers in the digits 0 to 9"),
        ("1,0_5,0.001", 2, "'0_5' in the grid"),
        ("a,b", 1, "unknown grid 'a,b'"),
        ("quadratik", 5, "unknown grid 'quadratik': did you mean 'quadratic'"),
        ("", 5, "unknown grid"),
        ("karas:rho=5", 5, "unknown grid 'karas': did you mean 'karras'"),
        ("karras:rho=0", 5, "karras:rho is a finite number above 0, got 0"),
        ("karras:rho=-7", 5, "karras:rho is a finite number above 0, got -7"),
        ("karras:rho=nan", 5, "karras:rho is a finite number above 0, got nan"),
        ("power:rho=inf", 5, "power:rho is a finite number above 0, got inf"),
        ("karras:rho=٣", 5, "karras:rho takes float, got '٣'"),
        ("karras:rho=5:rho=6", 5, "gives rho twice"),
        ("karras:rho='5", 5, "the quote ' in .* is not closed"),
        ("karras:roh=5", 5, "unknown option of karras 'roh': did you mean 'rho'"),
        ("karras:5", 5, "'5' in the grid 'karras:5' is not option=value"),
        ("beta:alpha=0", 5, "beta:alpha is a finite number above 0"),
        ("linear-quadratic:threshold=1", 5, "threshold lies between 0 and 1, got 1"),
        ("quadratic:rho=2", 5, "unknown option of quadratic 'rho'"),
        ("trajectories-0123456789ab", 5, "is how records call a computed grid: name its file"),
    ],
)
def test_refused_lists_and_names(text: str, steps: int, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        diffusion_grid(text, steps, VPLinear())


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


def test_one_grid_has_one_name() -> None:
    """Whatever it was asked for as: by an alias, with an option's default, with a number written in another way."""
    for asked, name in (
        ("exponential", "log-snr"),
        ("karras:rho=7", "karras"),
        ("karras:rho=5.0", "karras:rho=5"),
        ("beta:beta=0.60:alpha=1", "beta:alpha=1"),
        ("ays:model=sdxl", "ays:model=sdxl"),
    ):
        assert diffusion_grid(asked, 5, VPLinear()).name == family_grid(asked) == one_name(asked) == name
    assert one_name("1,0.5,0.001") == "1,0.5,0.001"
    assert diffusion_grid("exponential", 7, VPLinear()).times == diffusion_grid("log-snr", 7, VPLinear()).times
    assert diffusion_grid("power:rho=2", 7, VPLinear()).times == diffusion_grid("quadratic", 7, VPLinear()).times
    assert diffusion_grid("power:rho=1", 7, VPLinear()).times == pytest.approx(
        diffusion_grid("uniform", 7, VPLinear()).times, abs=1e-15
    )


def test_a_number_of_steps_of_its_own() -> None:
    assert (listed_steps("1,0.5,0.001"), listed_steps("quadratic"), listed_steps(None)) == (2, None, None)
    with pytest.raises(BadInput, match="is one grid, and here stands a family"):
        family_grid("1,0.5,0.001")


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 51])
def test_linear_then_quadratic(steps: int) -> None:
    """The first half are equal steps over 2.5 % of the way; then they grow evenly, the slope going on where it was."""
    schedule = VPLinear()
    t = schedule.t_start - np.array(diffusion_grid("linear-quadratic", steps, schedule).times)
    gone = (schedule.t_start - t) / schedule.horizon
    equal = steps // 2
    np.testing.assert_allclose(gone[: equal + 1], 0.025 * np.arange(equal + 1) / max(equal, 1), atol=1e-12)
    lengths = np.diff(gone[equal:])
    if steps > 3:
        np.testing.assert_allclose(np.diff(lengths), np.diff(lengths)[0], atol=1e-12)
        slope = lengths[0] - 0.5 * np.diff(lengths)[0]  # of the parabola, where it begins
        assert slope == pytest.approx(0.025 / equal, abs=1e-12)


OWN_GRIDS = """
import numpy as np

def thirds(steps, schedule, *, rho: float = 3.0):
    return np.linspace(schedule.t_start ** (1 / rho), schedule.t_end ** (1 / rho), steps + 1) ** rho

def short(steps, schedule):
    return [schedule.t_start, schedule.t_end]

def elsewhere(steps, schedule):
    return np.linspace(0.9, schedule.t_end, steps + 1)

def upwards(steps, schedule):
    return np.linspace(schedule.t_end, schedule.t_start, steps + 1)

def broken(steps, schedule):
    return 1 / 0

def alone(steps):
    return [1.0, 0.001]
"""


def test_a_function_of_a_file_is_a_grid(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(OWN_GRIDS)
    grid = diffusion_grid(f"{file}:thirds", 6, VPLinear())
    assert grid.times == pytest.approx(diffusion_grid("power:rho=3", 6, VPLinear()).times, abs=1e-14)
    assert grid.name == f"{file}:thirds"
    assert diffusion_grid(f"{file}:thirds:rho=1", 6, VPLinear()).times == pytest.approx(
        diffusion_grid("uniform", 6, VPLinear()).times, abs=1e-14
    )
    for function, words in (
        ("short", r"gave times of shape \(2,\), not the 4 of 3 steps"),
        ("elsewhere", "must run from t=1 to t=0.001, but runs from 0.9"),
        ("upwards", "not strictly decreasing"),
        ("broken", "cannot be made: ZeroDivisionError"),
        ("alone", r"no function of \(steps, schedule\)"),
        ("third", "unknown function in .*'third': did you mean 'thirds'"),
    ):
        with pytest.raises(BadInput, match=words):
            diffusion_grid(f"{file}:{function}", 3, VPLinear())
    with pytest.raises(BadInput, match="names a file but no class or function in it"):
        diffusion_grid(str(file), 3, VPLinear())
