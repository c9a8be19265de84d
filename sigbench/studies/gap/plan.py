"""What a study of the gap is to measure: the teacher's walks, and the samplers whose coarse times lie on them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from sigbench.abilities import teacher_of
from sigbench.errors import BadInput
from sigbench.measure.cell import Cell, plan_cells
from sigbench.measure.settings import MAX_SAMPLES, Settings
from sigbench.registry import make_task
from sigbench.sde.grid import Grid
from sigbench.sde.problem import ReverseDiffusion

MAX_STEPS = 64
_GROUPS_A_REPEAT = 2
_LEAST_GROUP = 8


@dataclass(frozen=True)
class Coupling:
    """A cell, and where its coarse times lie on the teacher's walk: `grid` holds the walk's own times."""

    cell: Cell
    grid: Grid
    places: tuple[int, ...]


@dataclass(frozen=True)
class TeacherWalk:
    """One walk of the teacher along `fine`, and everything that is coupled to it."""

    fine: Grid
    couplings: tuple[Coupling, ...]

    @property
    def read_at(self) -> tuple[int, ...]:
        """The places on the fine grid at which any of the couplings looks at the teacher."""
        return tuple(sorted({place for coupling in self.couplings for place in coupling.places}))


@dataclass(frozen=True)
class GapPlan:
    """The teacher's cell and its walks; `group` paths of each are on one side of a comparison of laws."""

    settings: Settings
    teacher: Cell
    walks: tuple[TeacherWalk, ...]
    group: int

    @property
    def samples(self) -> int:
        """The number of paths of each walk."""
        return _GROUPS_A_REPEAT * self.settings.repeats * self.group


def plan_gap(settings: Settings, samplers: Sequence[str], steps: Sequence[int]) -> GapPlan:
    """Returns the plan, everything checked that can be before any sampling.

    `settings.samples` is the number of the teacher's paths in all, by default half of the task's samples: they are cut
    into two groups for each of `settings.repeats`. Raises BadInput for a task without a teacher, for more than 64
    coarse steps (the split takes K²/2 steps), for too few samples, and for whatever `plan_cells` refuses.
    """
    task = make_task(settings.task)
    if teacher_of(task) is None:
        raise BadInput(f"the task {task.name!r} has no teacher: there is no gap to it.")
    if settings.repeats < 2:
        raise BadInput(f"--repeats must be at least 2, since intervals come from their spread, got {settings.repeats}.")
    samples = task.default_samples // 2 if settings.samples is None else settings.samples
    group = samples // (_GROUPS_A_REPEAT * settings.repeats)
    if group < _LEAST_GROUP:
        least = _LEAST_GROUP * _GROUPS_A_REPEAT * settings.repeats
        raise BadInput(f"--samples must be at least {least} at {settings.repeats} repeats, got {samples}.")
    if samples > MAX_SAMPLES:
        raise BadInput(f"--samples must be at most {MAX_SAMPLES}, got {samples}.")
    common = replace(settings, samples=None)  # the number that the task's metrics need is none of the gap's
    cells = plan_cells(common, samplers, steps)
    if any(cell.final != "none" for cell in cells):
        raise BadInput(
            "the gap runs over a grid's times, and the denoised sample is the state at none: leave out final."
        )
    if any(cell.role == "teacher" and cell.grid.steps > MAX_STEPS for cell in cells):
        raise BadInput(
            "the teacher is what the gap is measured to: its own is zero on the path, and in law the floor that stands "
            "beside every sampler's."
        )
    if most := max((cell.grid.steps for cell in cells if cell.grid.steps > MAX_STEPS), default=None):
        raise BadInput(f"the gap is split over at most {MAX_STEPS} steps, got {most}: it takes K²/2 of them.")
    (teacher,) = plan_cells(replace(common, grid=None), ["teacher"], [])
    if not isinstance(teacher.problem, ReverseDiffusion):
        raise BadInput(f"the gap runs over diffusion times, and the task {task.name!r} has none.")
    ends = {(cell.grid.times[0], cell.grid.times[-1]) for cell in cells}
    if ends != {(0.0, teacher.problem.horizon)}:
        raise BadInput("the gap runs from the schedule's first time to its last: leave t_start and t_end out.")
    return GapPlan(settings, teacher, tuple(_walks(teacher.grid, cells)), group)


def _walks(own: Grid, cells: Sequence[Cell]) -> list[TeacherWalk]:
    """One walk on the teacher's own grid for all whose times lie on it, and one on a refined grid for each other.

    A refined grid has at least as many steps as the teacher's own, each coarse step cut into equal ones.
    """
    on_own: list[Coupling] = []
    refined: dict[tuple[float, ...], list[Coupling]] = {}
    for cell in cells:
        places = _places_on(own, cell.grid)
        if places is not None:
            on_own.append(Coupling(cell, cell.grid.with_times([own.times[place] for place in places]), places))
        else:
            factor = ceil(own.steps / cell.grid.steps)
            coupling = Coupling(cell, cell.grid, tuple(range(0, factor * cell.grid.steps + 1, factor)))
            refined.setdefault(cell.grid.times, []).append(coupling)
    walks = [TeacherWalk(own, tuple(on_own))] if on_own else []
    for couplings in refined.values():
        grid = couplings[0].grid
        walks.append(TeacherWalk(grid.refine(ceil(own.steps / grid.steps)), tuple(couplings)))
    return walks


def _places_on(fine: Grid, coarse: Grid) -> tuple[int, ...] | None:
    """The index of each coarse time on the fine grid, None where one is missing; rounding is forgiven."""
    times = np.array(fine.times)
    nearest = np.abs(times[None, :] - np.array(coarse.times)[:, None]).argmin(axis=1)
    if not np.allclose(times[nearest], coarse.times, rtol=0, atol=1e-12 * times[-1]):
        return None
    return tuple(int(place) for place in nearest)
