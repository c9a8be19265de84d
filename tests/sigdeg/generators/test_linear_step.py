"""The exact linear part of a step, against the equation it solves."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from sigbench.sde.brownian import FreshBrownian, RecordingBrownian
from sigbench.sde.denoiser import Denoiser
from sigbench.sde.grid import Grid
from sigbench.sde.grids.find import diffusion_grid
from sigbench.sde.noise import NoiseStream
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.schedule import SCHEDULES, VPLinear, schedule_named
from sigbench.sigdeg.generators.linear_step import left_out, linear_step
from sigbench_baselines.shark import ShARK

STD = 0.7


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize(("t", "t_next"), [(0.9, 0.6), (0.6, 0.3), (0.3, 0.01)])
def test_the_marginal_variance_is_kept(name: str, t: float, t_next: float) -> None:
    """What decays, what the signature gives and what it leaves out add up to the variance at the step's end."""
    schedule = schedule_named(name)
    step = linear_step(schedule, t, t_next, STD, order=3)
    before, after = ((schedule.alpha(u) * STD) ** 2 + schedule.sigma(u) ** 2 for u in (t, t_next))
    total = step.decay**2 * before + (step.loadings**2).sum() + step.lost_variance
    assert total == pytest.approx(after, rel=1e-6)


def test_a_higher_order_leaves_less_out() -> None:
    lost = [linear_step(VPLinear(), 0.5, 0.1, STD, order).lost_variance for order in range(1, 6)]
    assert all(later < 0.7 * earlier for earlier, later in pairwise(lost))


def test_it_is_the_solution_on_a_path() -> None:
    """On Gaussian data a fine solver ends within what the signature of order 5 leaves out."""
    schedule = VPLinear()

    def x0(t: float, x: torch.Tensor) -> torch.Tensor:
        a, s = float(schedule.alpha(t)), float(schedule.sigma(t))
        return x * (a * STD**2 / ((a * STD) ** 2 + s * s))

    problem = ReverseDiffusion(schedule, Denoiser(x0, "x0", schedule), (1,), torch.device("cpu"))
    t, t_next, steps = 0.5, 0.3, 200
    fine = Grid("fine", tuple(np.linspace(1 - t, 1 - t_next, steps + 1).tolist()))
    noise = NoiseStream(3, (1,), dtype=torch.float64)
    driver = RecordingBrownian(FreshBrownian(noise, 0, 500, 5), 5)
    start = NoiseStream(4, (1,), dtype=torch.float64).normal(0, 500, 0)
    *_, end = ShARK().walk(problem, start, fine, driver)
    step = linear_step(schedule, t, t_next, STD, order=5)
    whitened = torch.cat(driver.take().whitened(), dim=1)
    predicted = step.decay * start + whitened @ torch.from_numpy(step.loadings)[:, None]
    assert float((end - predicted).square().mean().sqrt()) < 2e-4


@pytest.mark.parametrize("order", [1, 2, 4])
def test_what_is_left_out_is_the_variance_that_a_walk_of_linear_steps_lacks(order: int) -> None:
    """Carried along: variance decays, comes from the signature, and what each step leaves out is never made up for."""
    schedule = VPLinear()
    grid = diffusion_grid("quadratic", 5, schedule)
    start, end = schedule.t_start - grid.times[0], schedule.t_start - grid.times[-1]
    reached = float((schedule.alpha(start) * STD) ** 2 + schedule.sigma(start) ** 2)
    for step in grid:
        linear = linear_step(schedule, schedule.t_start - step.start, schedule.t_start - step.end, STD, order)
        reached = linear.decay**2 * reached + float((linear.loadings**2).sum())
    marginal = float((schedule.alpha(end) * STD) ** 2 + schedule.sigma(end) ** 2)
    found = left_out(schedule, grid, STD, order)
    assert found * STD**2 == pytest.approx(marginal - reached, rel=1e-4)
    assert found > left_out(schedule, grid, STD, order + 1) > 0
