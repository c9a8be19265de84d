"""The strip: one initial state and one Brownian path, whatever the sampler and the number of steps."""

import pytest
import torch

from sigbench.measure.cell import plan_cells
from sigbench.measure.draw import draw_samples, draw_strip
from sigbench.measure.settings import Settings

SETTINGS = Settings("gmm", samples=64, repeats=1, device="cpu", dtype="float64")


@pytest.mark.slow
def test_more_steps_come_nearer_along_one_path() -> None:
    """Coupled, Euler–Maruyama at 100 steps is close to 1,600 steps sample by sample; on another path it is not."""
    few, more, many = draw_strip(plan_cells(SETTINGS, ["euler-maruyama"], [25, 100, 1600]), 64)
    assert (more - many).abs().median() < 0.05
    assert (more - many).abs().median() < (few - many).abs().median()
    (other,) = draw_strip(
        plan_cells(Settings("gmm", samples=64, seed=1, dtype="float64"), ["euler-maruyama"], [100]), 64
    )
    assert (other - many).abs().median() > 0.5


def test_the_initial_states_are_those_of_the_first_repeat() -> None:
    """A sampler that draws no noise gives the very samples of a run."""
    cells = plan_cells(SETTINGS, ["ddim", "euler-maruyama"], [5])
    rows = draw_strip(cells, 6)
    torch.testing.assert_close(rows[0], cells[0].task.to_data(draw_samples(cells[0], 0).samples)[:6])
    assert [len(row) for row in rows] == [6, 6]


def test_two_samplers_of_one_scheme_give_one_row() -> None:
    first, second = draw_strip(plan_cells(SETTINGS, ["euler-maruyama", "milstein"], [7]), 5)
    assert torch.allclose(first, second)
