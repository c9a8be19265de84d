"""What a search for a grid is to do: the sampler's cell on noise that no record uses, and the known grids to beat."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from sigbench.errors import BadInput, unknown_name
from sigbench.measure.cell import Cell, plan_cells
from sigbench.measure.settings import MAX_SAMPLES, Settings
from sigbench.measure.truth.judges import plan_metrics
from sigbench.measure.variants import CELL_KEYS
from sigbench.registry import make_sampler
from sigbench.sde.grid import Grid
from sigbench.sde.grids.families import Times
from sigbench.sde.grids.find import family_named, family_options, grid_of_times
from sigbench.sde.grids.names import grid_names
from sigbench.sde.noise import seed_of
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.schedule import as_array
from sigbench.spec import parse_spec

TRAJECTORIES = "trajectories"
MOST_POINTS = 400
_LEAST_PATHS, _NUMBERS = 64, 4096  # paths of which costs are known: as many coordinates, but some paths at least


@dataclass(frozen=True)
class SearchPlan:
    """The cell whose grid is looked for, and the known grids of as many steps, by their names.

    `by` is TRAJECTORIES or the name of a metric of the cell. Along trajectories the times are chosen among `points` + 1
    at first; at most `candidates` grids are tried.
    """

    cell: Cell
    known: dict[str, Grid]
    by: str
    points: int
    candidates: int

    @property
    def repeats(self) -> int:
        """The repeats on which candidates are compared; as many others judge the one that was chosen."""
        return self.cell.settings.repeats

    @property
    def paths(self) -> int:
        """The number of paths along which the cost of steps is known."""
        return min(self.cell.samples, max(_LEAST_PATHS, _NUMBERS // prod(self.cell.task.shape)))

    def grid(self, times: Times) -> Grid:
        """Returns the grid of decreasing diffusion times."""
        return grid_of_times("candidate", times, problem_of(self.cell).schedule)


def plan_search(
    settings: Settings, sampler: str, steps: Sequence[int], *, by: str | None, points: int, candidates: int
) -> SearchPlan:
    """Returns the plan, everything checked that can be before any sampling.

    The cell's seed is a hash of the task and of `settings.seed`: no record is measured on its noise, so that what is
    found there can be measured afresh anywhere else. Without `by` a deterministic sampler's grid is found along
    trajectories, and a stochastic one's by the task's first metric, for its law tells more than its paths. Raises
    BadInput for a sampler with a grid of its own, a problem without a schedule, one step, an unknown metric, and
    whatever `plan_cells` refuses.
    """
    if len(steps) != 1:
        raise BadInput(f"a file holds the grid of one number of steps, and --steps names {len(steps)}.")
    if steps[0] < 2:
        raise BadInput(f"there is one grid of 1 step, and nothing to choose: write 2 or more, not {steps[0]}.")
    if not steps[0] <= points <= MOST_POINTS:
        raise BadInput(f"--points lie between the steps, {steps[0]}, and {MOST_POINTS}, got {points}.")
    if not 1 <= candidates <= MAX_SAMPLES:
        raise BadInput(f"--candidates must be at least 1, got {candidates}.")
    asked = parse_spec(sampler)
    if asked.steps is not None or "grid" in asked.options or asked.name == "teacher":
        raise BadInput(f"{sampler}: a grid is looked for one number of steps of a sampler, which names no grid itself.")
    names = [metric.name for metric in plan_metrics(settings)[1]]
    if by is None:
        own = make_sampler(str(asked.without(*CELL_KEYS)))
        by = TRAJECTORIES if own.signature_order == 0 else names[0]
    if by not in (TRAJECTORIES, *names):
        raise unknown_name("way to choose", by, (TRAJECTORIES, *names))
    hidden = seed_of(task=settings.task, seed=settings.seed, purpose="grid")
    hidden_settings = replace(settings, seed=hidden, grid=None, only=() if by == TRAJECTORIES else (by,))
    (cell,) = plan_cells(hidden_settings, [sampler], steps)
    if cell.sampler.own_grid is not None:
        raise BadInput(f"{sampler} walks the grid {cell.sampler.own_grid!r} that it was made for, and no other.")
    if by == TRAJECTORIES and cell.final != "none":
        raise BadInput(f"trajectories end in states, and {cell.sampler_spec} in denoised samples: search by a metric.")
    return SearchPlan(cell, _known_grids(problem_of(cell), steps[0]), by, points, candidates)


def _known_grids(problem: ReverseDiffusion, steps: int) -> dict[str, Grid]:
    """The families at their defaults, each grid once, by the name of the one that takes the fewest options."""
    found: dict[tuple[float, ...], Grid] = {}
    for name in sorted(grid_names(), key=lambda name: (len(family_options(family_named(name))), name)):
        try:
            grid = problem.grid(name, steps)
        except BadInput:
            continue  # it needs a table, or ends that this schedule does not have
        found.setdefault(grid.times, grid)
    return {grid.name: grid for grid in found.values()}


def problem_of(cell: Cell) -> ReverseDiffusion:
    """Returns the cell's problem; raises BadInput where it has no schedule."""
    if not isinstance(cell.problem, ReverseDiffusion):
        raise BadInput(f"the task {cell.task.name!r} has no noise schedule, and its one grid is 'uniform'.")
    return cell.problem


def times_of(grid: Grid) -> Times:
    """Returns the decreasing diffusion times of a grid."""
    assert grid.t_start is not None
    return grid.t_start - as_array(grid.times)
