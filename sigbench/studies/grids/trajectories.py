"""What a coarse step costs between any two times of fine trajectories, and the paths of fewest costs.

Chen, Zhou, Zhang, Chen & Wu 2024 (GITS, arXiv 2405.11326, section 3.3): samples of a model run along much the same
curve, so that a few of them tell where long steps are cheap. The cost of a step from time i to time j is how far the
sampler, which starts from the fine trajectory's state at i, misses its state at j; the best grid of K steps is the path
of K edges of least total cost, by dynamic programming.

What an early miss comes to at the end depends on the model: the flow shrinks it, by up to the ratio of the noise levels
(Karras et al. 2022, eq. 5, where the denoised sample stands still). So several weights of the costs are tried, and the
sampler itself, walked on each of their paths, says which is best.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.measure.batch import path_of, start_batch
from sigbench.measure.cell import Cell
from sigbench.progress import Listener, Progress
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.grids.families import Times, log_snr, quadratic, uniform
from sigbench.sde.problem import SDEProblem
from sigbench.sde.schedule import Schedule
from sigbench.studies.grids.plan import SearchPlan, problem_of, times_of

_FINE_STEPS = 300  # of a trajectory, at least
_SHRINKING = (0.0, 0.25, 0.5, 0.75, 1.0)  # powers of the noise level by which a miss is taken to shrink
_POWERS = (1.0, 2.0)  # of a miss, in a path's cost
_CLOSE = 1e-6  # of the way in t: times nearer than that are one

Costs = NDArray[np.float64]


@dataclass(frozen=True)
class Trajectories:
    """Fine walks of the sampler: the times among which steps are chosen, the states there, and how to walk between.

    `states` (points + 1) are of shape (n, *shape).
    """

    points: Grid
    states: tuple[Tensor, ...]
    problem: SDEProblem
    path: BrownianDriver


def points_of(schedule: Schedule, count: int) -> Times:
    """Returns the diffusion times among which a grid's are chosen: half of them even in √t, half in log(α/σ).

    So the known grids of a number of steps that divides `count`/2 are among the paths. Where log(α/σ) is infinite at an
    end, the second half is even in t.
    """
    half = max(1, count // 2)
    try:
        other = log_snr(half, schedule)
    except BadInput:
        other = uniform(half, schedule)
    merged = np.sort(np.concatenate([quadratic(half, schedule), other]))[::-1]
    far = np.append(True, -np.diff(merged) > _CLOSE * schedule.horizon)
    found: Times = merged[far]
    found[0], found[-1] = schedule.t_start, schedule.t_end
    return found


def walk_fine(plan: SearchPlan, repeat: int, count: int) -> Trajectories:
    """Returns `count` fine trajectories of a repeat: the plan's sampler in at least 300 steps."""
    cell = plan.cell
    points = plan.grid(points_of(problem_of(cell).schedule, plan.points))
    factor = -(-_FINE_STEPS // points.steps)
    fine = points.refine(factor)
    batch, path = start_batch(cell, repeat, 0, count), path_of(cell, repeat, 0, count, fine)
    with torch.no_grad():
        walked = list(cell.sampler.walk(batch.problem, batch.x, fine, path))
    return Trajectories(points, (batch.x, *walked[factor - 1 :: factor]), batch.problem, path)


def step_costs(cell: Cell, walked: Trajectories, progress: Listener) -> Costs:
    """Returns how far one step from point i misses the trajectories at point j > i, shape (points + 1, points + 1).

    The root mean square over samples and coordinates; infinite where j is not behind i.
    """
    times = walked.points.times
    costs = np.full((len(times), len(times)), np.inf)
    pairs, done = len(times) * (len(times) - 1) // 2, 0
    for i, state in enumerate(walked.states):
        for j in range(i + 1, len(times)):
            grid = replace(walked.points, times=(times[i], times[j]))
            with torch.no_grad():
                (reached,) = cell.sampler.walk(walked.problem, state, grid, walked.path)
            miss = (reached - walked.states[j]).double()
            costs[i, j] = float(miss.square().mean().sqrt())
        done += len(times) - 1 - i
        progress(Progress("steps between points", done, pairs))
    return np.nan_to_num(costs, nan=np.inf, posinf=np.inf)


def shortest_path(costs: Costs, steps: int) -> list[int]:
    """Returns the `steps` + 1 points of the path of least total cost from the first point to the last.

    `costs[i, j]` is that of a step from i to j, infinite where there is none. Raises BadInput where no path is finite.
    """
    least = np.full(len(costs), np.inf)
    least[0] = 0.0
    before = np.zeros((steps, len(costs)), dtype=int)
    for step in range(steps):
        total = least[:, None] + costs
        before[step] = total.argmin(axis=0)
        least = total.min(axis=0)
    if not np.isfinite(least[-1]):
        raise BadInput(f"no {steps} steps lead along the trajectories: the sampler diverges there.")
    path = [len(costs) - 1]
    for step in reversed(range(steps)):
        path.append(int(before[step, path[-1]]))
    return path[::-1]


def cheap_grids(plan: SearchPlan, walked: Trajectories, costs: Costs) -> Iterator[Grid]:
    """Yields the grids of least cost, each once, one for each way to weigh misses against each other.

    A miss at noise level r = σ/α counts (1/α)·(r_end/r)^b, to a power: as large as the flow leaves it at the end.
    """
    schedule, times = problem_of(plan.cell).schedule, times_of(walked.points)
    alpha = np.exp(schedule.log_alpha(times))
    level = np.maximum(schedule.sigma(times), 1e-12) / np.maximum(alpha, 1e-12)
    seen = set()
    for shrinking, power in product(_SHRINKING, _POWERS):
        weights = (level[-1] / level) ** shrinking / np.maximum(alpha, 1e-12)
        places = tuple(shortest_path((costs * weights) ** power, plan.cell.grid.steps))
        if places not in seen:
            seen.add(places)
            yield plan.grid(times[list(places)])
