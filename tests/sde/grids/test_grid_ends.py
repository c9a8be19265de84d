"""Ends inside the schedule's: the same families between them, their names, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sigbench.errors import BadInput
from sigbench.sde.denoiser import Denoiser
from sigbench.sde.grids.ends import cut
from sigbench.sde.grids.families import karras, quadratic
from sigbench.sde.grids.find import diffusion_grid, family_grid, family_named, family_options, one_name
from sigbench.sde.grids.names import grid_names
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.schedule import SCHEDULES, VPLinear, schedule_named

WITHOUT_TABLE = [name for name in grid_names() if "values" not in family_options(family_named(name))]
TABLES = ["sigmas:values='9,2,0.5,0.1'", "indices:values='899,500,100,19'"]


@pytest.mark.parametrize("schedule_name", sorted(SCHEDULES))
@pytest.mark.parametrize("family", [*WITHOUT_TABLE, *TABLES])
def test_every_family_runs_between_the_ends_that_are_named(family: str, schedule_name: str) -> None:
    schedule = schedule_named(schedule_name)
    start = 40.0 if schedule_name == "edm" else 0.95  # its time is σ itself
    grid = diffusion_grid(f"{family}:t_start={start}:t_end=0.02", 6, schedule)
    assert grid.steps == 6
    assert grid.t_start == schedule.t_start
    t = schedule.t_start - np.array(grid.times)
    np.testing.assert_allclose([t[0], t[-1]], [start, 0.02], atol=1e-12)
    assert (np.diff(t) < 0).all()


def test_one_end_alone_leaves_the_other_where_it_was() -> None:
    schedule = VPLinear()
    grid = diffusion_grid("quadratic:t_end=0.01", 5, schedule)
    assert grid.times[0] == 0.0
    inner = cut(schedule, {"t_end": 0.01})
    np.testing.assert_allclose(schedule.t_start - np.array(grid.times), quadratic(5, inner), atol=1e-12)
    later = diffusion_grid("karras:rho=5:t_start=0.8", 5, schedule)
    assert later.times[-1] == schedule.horizon
    expected = karras(5, cut(schedule, {"t_start": 0.8}), rho=5.0)
    np.testing.assert_allclose(schedule.t_start - np.array(later.times), expected, atol=1e-9)
    assert schedule == VPLinear()  # it is left as it was


def test_names_hold_the_ends() -> None:
    assert one_name("exponential:t_end=0.010") == "log-snr:t_end=0.01"
    assert family_grid("karras:t_end=0.01:rho=7:t_start=0.9") == "karras:t_start=0.9:t_end=0.01"
    assert diffusion_grid("uniform:t_start=0.9", 2, VPLinear()).name == "uniform:t_start=0.9"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("uniform:t_end=0", "within 1 and 0.001 of the schedule 'vp-linear', not from 1 to 0"),
        ("uniform:t_start=1.1", "not from 1.1 to 0.001"),
        ("uniform:t_start=0.2:t_end=0.3", "not from 0.2 to 0.3"),
        ("uniform:t_start=0.2:t_end=0.2", "not from 0.2 to 0.2"),
        ("uniform:t_start=nan", "not from nan to 0.001"),
        ("uniform:t_end=early", "uniform:t_end takes float, got 'early'"),
        ("uniform:t_stop=0.1", "unknown option of uniform 't_stop': did you mean 't_start'"),
        ("uniform:t_end=0.1:t_end=0.2", "gives t_end twice"),
        ("sigmas:values='9,2,0.5,0.01':t_end=0.5", "between its ends"),
    ],
)
def test_other_ends_than_the_schedule_has_are_refused(text: str, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        diffusion_grid(text, 5, VPLinear())


def test_a_family_of_ones_own_may_take_the_names_itself(tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text(
        "def mine(steps, schedule, *, t_end: float = 0.5):\n"
        "    step = (schedule.t_start - schedule.t_end) / steps\n"
        "    return [schedule.t_start - step * k for k in range(steps + 1)]\n"
    )
    times = diffusion_grid(f"{own}:mine:t_end=0.4", 3, VPLinear()).times
    assert times[-1] == VPLinear().horizon  # it is an option of the function there, and no end


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_a_walk_begins_as_noisy_as_the_schedule_is_there(name: str) -> None:
    schedule = schedule_named(name)
    denoiser = Denoiser(lambda t, x, labels=None: -x, "score", schedule)
    problem = ReverseDiffusion(schedule, denoiser, (1,), torch.device("cpu"))
    normals = torch.linspace(-2, 2, 5)[:, None]
    s = schedule.t_start - 0.7
    torch.testing.assert_close(problem.initial(normals, s), normals * float(schedule.sigma(0.7)))
    assert torch.equal(problem.initial(normals, 0.0), problem.initial(normals))
