"""Grids with ends of their own: every sampler stops where the grid does, with the law that the data have there."""

import numpy as np
import pytest
from harness import is_light, runnable

from sigbench.errors import BadInput
from sigbench.measure.cell import Cell, plan_cells
from sigbench.measure.draw import draw_samples
from sigbench.measure.settings import Settings
from sigbench.registry import make_task, sampler_class
from sigbench.sde.problem import ReverseDiffusion

T_END, SAMPLES = 0.3, 2_000
STUDENTS = [name for name in runnable("gmm") if sampler_class(name).family == "student"]
GRID = f"quadratic:t_start=0.95:t_end={T_END}"


def planned(sampler: str, grid: str, final: str = "none") -> Cell:
    settings = Settings("gmm", samples=SAMPLES, repeats=1, device="cpu", dtype="float64", grid=grid)
    (cell,) = plan_cells(settings, [f"{sampler}:final={final}"], [30])
    return cell


def distance(cell: Cell, t: float) -> float:
    """W1 between samples and the data noised to t, by quantiles."""
    assert isinstance(cell.problem, ReverseDiffusion)
    schedule, rng = cell.problem.schedule, np.random.default_rng(7)
    clean = make_task("gmm").truth().sample(100_000, seed=3)[:, 0]
    noised = float(schedule.alpha(t)) * clean + float(schedule.sigma(t)) * rng.standard_normal(len(clean))
    reached = np.sort(draw_samples(cell, 0).samples.numpy()[:, 0])
    return float(np.abs(np.quantile(noised, (np.arange(SAMPLES) + 0.5) / SAMPLES) - reached).mean())


@pytest.mark.parametrize(
    "sampler", [name for name in runnable("gmm") if name not in STUDENTS and not is_light("gmm", name)]
)
def test_it_stops_where_the_grid_does(sampler: str) -> None:
    """Within 0.08 of the law at the grid's end, from which the clean data are five times as far."""
    cell = planned(sampler, GRID)
    assert distance(cell, T_END) < 0.08
    assert distance(cell, 1e-3) > 0.4


def test_the_denoised_sample_is_that_of_the_grids_end() -> None:
    cell, noisy = planned("ddim", GRID, "denoise"), planned("ddim", GRID)
    assert isinstance(noisy.problem, ReverseDiffusion)
    states = draw_samples(noisy, 0).samples
    expected = noisy.problem.denoiser.x0(T_END, states)
    np.testing.assert_allclose(draw_samples(cell, 0).samples, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("student", STUDENTS)
def test_a_student_refuses_ends_that_it_was_not_trained_for(student: str) -> None:
    settings = Settings("gmm", samples=100, grid="quadratic:t_end=0.01")
    with pytest.raises(BadInput, match=r"trained on the grid .*, not on 'quadratic:t_end=0\.01'"):
        plan_cells(settings, [student], [5])
