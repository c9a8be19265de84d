"""Grids that are tables: their entries where the numbers of steps agree, evenly in log(σ/α) in between."""

import numpy as np
import pytest

from sigbench.errors import BadInput
from sigbench.sde.grids.find import diffusion_grid
from sigbench.sde.grids.tables import AYS
from sigbench.sde.schedule import VPCosine, VPLinear


def levels(text: str, steps: int) -> np.ndarray:
    """σ/α at the times of a grid under the linear schedule."""
    schedule = VPLinear()
    return np.exp(-schedule.log_snr(schedule.t_start - np.array(diffusion_grid(text, steps, schedule).times)))


@pytest.mark.parametrize("model", ["sd1.5", "sdxl"])
def test_inner_entries_are_the_table_s(model: str) -> None:
    """The ends are the schedule's: σ/α of 151 and 0.01, where the tables say 14.6 and 0.03."""
    found = levels(f"ays:model={model}", 10)
    np.testing.assert_allclose(found[1:-1], AYS[model][1:-1], rtol=1e-6)
    ends = np.exp(-VPLinear().log_snr(np.array([1.0, 1e-3])))
    np.testing.assert_allclose(found[[0, -1]], ends, rtol=1e-6)
    np.testing.assert_allclose(levels(f"ays:model={model}", 5), found[::2], rtol=1e-6)


def test_between_entries_levels_are_geometric_means() -> None:
    found, twice = levels("sigmas:values='20,5,1,0.1'", 3), levels("sigmas:values='20,5,1,0.1'", 6)
    np.testing.assert_allclose(found[1:-1], [5.0, 1.0], rtol=1e-6)
    np.testing.assert_allclose(twice[::2], found, rtol=1e-6)
    np.testing.assert_allclose(twice[1::2], np.sqrt(found[1:] * found[:-1]), rtol=1e-6)


def test_an_index_is_a_thousandth() -> None:
    grid = diffusion_grid("indices:values='999,499,99,0'", 3, VPLinear())
    np.testing.assert_allclose(1.0 - np.array(grid.times), [1.0, 0.5, 0.1, 0.001], atol=1e-9)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sigmas", "sigmas needs values: write sigmas:values=…"),
        ("sigmas:values=5", "a list of two or more numbers between quotes, got '5'"),
        ("sigmas:values='5,x,1'", "a list of two or more numbers"),
        ("sigmas:values='1,5,20'", "decrease strictly, from noise to data"),
        ("sigmas:values='5,1,-1'", "stay above 0"),
        ("sigmas:values='1000,900,1,0.1'", "has levels σ/α from 900 to 1 between its ends"),
        ("indices:values='1500,500,0'", "the indices 1500,500,0 from t=1.501"),
        ("ays:model=sd3", "takes one of 'sd1.5', 'sdxl', 'deepfloyd', 'svd', got 'sd3'"),
    ],
)
def test_what_is_no_table(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        diffusion_grid(text, 4, VPLinear())


def test_other_schedules_have_the_same_levels() -> None:
    schedule = VPCosine()
    t = schedule.t_start - np.array(diffusion_grid("ays", 10, schedule).times)
    np.testing.assert_allclose(np.exp(-schedule.log_snr(t))[1:-1], AYS["sd1.5"][1:-1], rtol=1e-6)
