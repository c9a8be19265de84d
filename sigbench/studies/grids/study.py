"""The search for a grid: candidates, the choice among them, and what the chosen one is worth on other noise."""

import numpy as np

from sigbench import __version__
from sigbench.abilities import conditions_of
from sigbench.errors import BadInput
from sigbench.progress import Listener, Progress
from sigbench.sde.grid import Grid
from sigbench.sde.grids.computed import KIND, SCHEMA, ComputedGrid, facts_of, hash_of
from sigbench.sde.grids.families import Times, finite_ends
from sigbench.sde.schedule import Schedule, as_array
from sigbench.studies.grids.improve import improve
from sigbench.studies.grids.judges import Judge, judge_of
from sigbench.studies.grids.plan import TRAJECTORIES, SearchPlan, problem_of, times_of
from sigbench.studies.grids.trajectories import cheap_grids, step_costs, walk_fine

CHOSEN = "chosen"


def search_grid(plan: SearchPlan, progress: Listener) -> ComputedGrid:
    """Returns the best grid that was found, sealed.

    At first there are the known grids and, along trajectories, the paths of least cost; the best of them is then moved
    as long as it gets better. Candidates are compared on `plan.repeats` repeats; the scores that are kept, of the
    chosen and of the known grids, come from as many others. Raises BadInput where the sampler diverges on all.
    """
    cell, judge = plan.cell, judge_of(plan, range(plan.repeats))
    first, how = dict(plan.known), f"{len(plan.known)} known grids"
    if plan.by == TRAJECTORIES:
        walked = walk_fine(plan, 0, plan.paths)
        cheap = cheap_grids(plan, walked, step_costs(cell, walked, progress))
        first |= {f"path {index}": grid for index, grid in enumerate(cheap)}
        how += (
            f", {len(first) - len(plan.known)} paths of least cost over steps between {len(walked.states)} times along "
            f"{plan.paths} trajectories"
        )
    scores = _scored(judge, first, "first candidates", progress)
    start = min(scores, key=lambda name: scores[name])
    if not np.isfinite(scores[start]):
        raise BadInput(f"{cell.sampler_spec} diverges on every known grid of {cell.grid.steps} steps.")
    clock = _Clock(problem_of(cell).schedule)
    left = max(1, plan.candidates - len(first))
    found = improve(
        clock.places(times_of(first[start])),
        lambda places: judge.score(plan.grid(clock.times(places))),
        left,
        lambda tried: progress(Progress("moving times", tried, left)),
    )
    chosen = plan.grid(clock.times(found.places))
    others = judge_of(plan, range(plan.repeats, 2 * plan.repeats))
    judged = _scored(others, {CHOSEN: chosen, **plan.known}, "the choice on other noise", progress)
    grid = ComputedGrid(
        kind=KIND,
        schema=SCHEMA,
        task=cell.task.name,
        task_version=cell.task.version,
        conditions={name: float(value) for name, value in conditions_of(cell.task).items()},
        schedule=facts_of(problem_of(cell).schedule),
        sampler=cell.sampler_spec,
        steps=chosen.steps,
        times=times_of(chosen).tolist(),
        method=plan.by,
        how=f"{how}; from the best, {start}, a pattern search over inner times",
        criterion=judge.criterion,
        candidates=len(first) + found.tried - 1,
        scores={name: value for name, value in judged.items() if np.isfinite(value)},
        samples=cell.samples,
        repeats=plan.repeats,
        seed=cell.settings.seed,
        sigbench=__version__,
    )
    grid.hash = hash_of(grid)
    return grid


def _scored(judge: Judge, grids: dict[str, Grid], stage: str, progress: Listener) -> dict[str, float]:
    scores: dict[str, float] = {}
    for name, grid in grids.items():
        scores[name] = judge.score(grid)
        progress(Progress(stage, len(scores), len(grids)))
    return scores


class _Clock:
    """Times as places that increase along a walk: log(α/σ), or −√t where that is infinite at an end."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        try:
            finite_ends(CHOSEN, schedule)
            self._by_level = True
        except BadInput:
            self._by_level = False

    def places(self, times: Times) -> Times:
        """Returns the places of diffusion times."""
        return as_array(self._schedule.log_snr(times)) if self._by_level else -np.sqrt(times)

    def times(self, places: Times) -> Times:
        """Returns the diffusion times of places, the ends exactly."""
        times = as_array(self._schedule.time_of_log_snr(places)) if self._by_level else places**2
        times[0], times[-1] = self._schedule.t_start, self._schedule.t_end
        return times
