"""The gap between a sampler and the teacher: on the same Brownian path, from the same initial state.

With T_i the teacher's states at the coarse times and Φ_i the sampler's step, the sampler's rollout is
S_{i+1} = Φ_i(S_i) and its error splits on every path into what one step does from the teacher's own state and the rest:

    S_{i+1} − T_{i+1} = [Φ_i(T_i) − T_{i+1}] + [Φ_i(S_i) − Φ_i(T_i)].

The error at the end is also a sum over steps. With R_j the sampler's end when it starts from T_j, so that R_0 = S_K
and R_K = T_K,

    S_K − T_K = Σ_j (R_j − R_{j+1}),

where each term is the local error of one step, carried to the end by the sampler (Lady Windermere's fan: Hairer,
Nørsett & Wanner 1993, Solving Ordinary Differential Equations I, section I.7). A step's share of the squared error
is the inner product of its term with the sum, over the sum's square; the shares add up to 1.

A sampler with a memory reads earlier states too: those of the teacher where it starts from the teacher's, so that it
has the history of T_0 … T_j and does not begin anew at T_j.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import pdist
from torch import Tensor

from sigbench.abilities import conditions_of
from sigbench.errors import BrokenContract, Diverged
from sigbench.measure.batch import path_of, start_batch
from sigbench.measure.failure import OnFailure, failure_of, unheard
from sigbench.metrics.discrepancy import squared_mmd
from sigbench.metrics.estimate import mean_interval
from sigbench.metrics.transport import sliced_w2, wasserstein_sorted
from sigbench.progress import Listener, Progress, ignore
from sigbench.records.provenance import provenance
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.problem import ReverseDiffusion, SDEProblem
from sigbench.studies.gap.plan import Coupling, GapPlan, TeacherWalk
from sigbench.studies.gap.result import DISTANCES, Distance, Gap, StepGap, TeacherWalked
from sigbench.studies.gap.verdict import Evidence, judge

Array = NDArray[np.float64]
States = NDArray[np.floating[Any]]

_PROJECTIONS, _PROJECTION_SEED = 64, 0
_MOST_IN_MMD = 500


def measure_gaps(plan: GapPlan, progress: Listener = ignore, on_failure: OnFailure = unheard) -> Iterator[Gap]:
    """Yields the gap of every cell of the plan; `progress` hears of the teacher's steps,
    `on_failure` of the exception behind a failure."""
    batches = -(-plan.samples // plan.teacher.batch)
    total, done = batches * sum(walk.fine.steps for walk in plan.walks), 0

    def stepped() -> None:
        nonlocal done
        done += 1
        progress(Progress("the teacher walks", done, total))

    for walk in plan.walks:
        tallies = [_Tally(coupling, plan.samples) for coupling in walk.couplings]
        with torch.no_grad():
            for first in range(0, plan.samples, plan.teacher.batch):
                count = min(plan.teacher.batch, plan.samples - first)
                states, driver = _teacher_states(plan, walk, first, count, stepped)
                for tally in tallies:
                    tally.add(states, driver, first, count)
        for tally in tallies:
            if tally.failure is not None:
                on_failure(tally.coupling.cell, tally.failure)
            yield _gap(plan, walk, tally)


def _teacher_states(
    plan: GapPlan, walk: TeacherWalk, first: int, count: int, stepped: Callable[[], None]
) -> tuple[dict[int, Tensor], BrownianDriver]:
    """The teacher's states at the places that are read, and its path as a driver for coarse steps between them."""
    teacher, fine = plan.teacher, walk.fine
    batch = start_batch(teacher, 0, first, count)
    path = path_of(teacher, 0, first, count, fine)
    read_at = set(walk.read_at)
    states = {0: batch.x}
    for place, state in enumerate(teacher.sampler.walk(batch.problem, batch.x, fine, path), start=1):
        if place in read_at:
            states[place] = state
        stepped()
    return states, path


class _Tally:
    """What one coupling leaves of all paths: states (K, n, d) at coarse times, and each step's effect on the end."""

    def __init__(self, coupling: Coupling, samples: int) -> None:
        cell = coupling.cell
        steps, d = coupling.grid.steps, int(np.prod(cell.task.shape))
        self.coupling = coupling
        dtype = np.float64 if cell.state_dtype == torch.float64 else np.float32
        self.teacher, self.rollout, self.local = (np.empty((steps, samples, d), dtype) for _ in range(3))  # type: tuple[States, States, States]
        self.effects = np.empty((steps, samples))
        self.failure: BaseException | None = None

    def add(self, states: dict[int, Tensor], driver: BrownianDriver, first: int, count: int) -> None:
        """Walks the sampler beside the teacher's states, from their start and from every coarse time."""
        if self.failure is not None:
            return
        try:
            self._add(states, driver, first, count)
        except (Exception, SystemExit) as problem:
            self.failure = problem

    def _add(self, states: dict[int, Tensor], driver: BrownianDriver, first: int, count: int) -> None:
        places, members = self.coupling.places, slice(first, first + count)
        problem = start_batch(self.coupling.cell, 0, first, count).problem
        ends = []
        for j in range(len(places) - 1):
            walked = self._walk_from(problem, [states[each] for each in places[: j + 1]], driver)
            if j == 0:
                for i, state in enumerate(walked):
                    self.rollout[i, members] = state
            self.local[j, members] = walked[0]
            self.teacher[j, members] = _flat(states[places[j + 1]])
            ends.append(walked[-1].astype(np.float64))
        ends.append(self.teacher[-1, members].astype(np.float64))
        error = ends[0] - ends[-1]
        for j, (own, later) in enumerate(pairwise(ends)):
            self.effects[j, members] = ((own - later) * error).mean(axis=1)

    def _walk_from(self, problem: SDEProblem, known: Sequence[Tensor], driver: BrownianDriver) -> list[States]:
        """The states of the sampler at the coarse times after those of the known states, from the last of these.

        All of them are the teacher's: a sampler with a memory has the history that they are.
        """
        cell, grid, x = self.coupling.cell, self.coupling.grid, known[-1]
        j, left = len(known) - 1, grid.steps - len(known) + 1
        walked: list[States] = []
        for state in cell.sampler.resume(problem, known, grid, driver):
            if state.shape != x.shape:
                raise BrokenContract(f"{cell.sampler_spec} yielded shape {tuple(state.shape)} from {tuple(x.shape)}.")
            if not torch.isfinite(state).all():
                raise Diverged(f"samples are not finite after step {j + len(walked) + 1}.")
            walked.append(_flat(state))
        if len(walked) != left:
            raise BrokenContract(f"{cell.sampler_spec} yielded {len(walked)} states on a grid of {left} steps.")
        return walked


def _flat(state: Tensor) -> States:
    flat: States = state.flatten(1).cpu().numpy()
    return flat


def _gap(plan: GapPlan, walk: TeacherWalk, tally: _Tally) -> Gap:
    cell, settings, teacher = tally.coupling.cell, plan.settings, plan.teacher
    distance: Distance = "w1" if tally.teacher.shape[2] == 1 else "sliced-w2"
    gap = partial(
        Gap,
        task=cell.task.name,
        sampler=cell.sampler.name,
        spec=cell.sampler_spec,
        role=cell.role,
        family=cell.sampler.family,
        grid=cell.grid.name,
        distance=distance,
        samples=plan.samples,
        group=plan.group,
        repeats=settings.repeats,
        seed=settings.seed,
        teacher=TeacherWalked(teacher.sampler_spec, walk.fine.steps, walk.fine.name),
        conditions=conditions_of(cell.task),
        provenance=provenance(cell.device, cell.network_dtype, cell.artifact_hashes(), cell.packages()),
    )
    if tally.failure is not None:
        status, error = failure_of(tally.failure, cell.sampler, cell.task)
        return gap(times=(), verdict=None, status=status, error=error)
    numbers = _numbers(tally, plan)
    problem = cell.problem
    assert isinstance(problem, ReverseDiffusion)
    steps = []
    for i, end in enumerate(tally.coupling.grid.times[1:]):
        t = problem.time(end)
        log_snr = float(problem.schedule.log_snr(t))
        found = {name: mean_interval(list(values[:, i])) for name, values in numbers.items()}
        steps.append(StepGap(step=i + 1, t=t, log_snr=log_snr, **found))
    at_end = {name: numbers[name][:, -1] for name in ("mean_square", "excess", "mmd2_excess", "variance_ratio")}
    evidence = Evidence(shares=numbers["share"], local=numbers["local"].sum(axis=1), **at_end)
    times = [problem.time(s) for s in tally.coupling.grid.times]
    follows, sides = cell.sampler.signature_order > 0, (plan.group, min(plan.group, _MOST_IN_MMD))
    verdict = judge(evidence, times, follows=follows, distance=DISTANCES[distance], sides=sides)
    return gap(times=tuple(steps), verdict=verdict, status="ok")


def _numbers(tally: _Tally, plan: GapPlan) -> dict[str, Array]:
    """Every number of StepGap for each repeat and step, shape (repeats, K)."""
    steps = len(tally.teacher)
    bandwidths = [_bandwidths(tally.teacher[i, : plan.group]) for i in range(steps)]
    rows: dict[str, list[list[float]]] = {}
    for repeat in range(plan.settings.repeats):
        middle = (2 * repeat + 1) * plan.group
        groups = slice(middle - plan.group, middle), slice(middle, middle + plan.group)
        both = slice(middle - plan.group, middle + plan.group)
        found = [_numbers_at(tally, i, both, groups, bandwidths[i]) for i in range(steps)]
        end = float(np.square(_error(tally.rollout[-1, both], tally.teacher[-1, both])).mean())
        for i, at in enumerate(found):
            at["share"] = float(tally.effects[i, both].mean()) / end if end > 0 else 0.0
        for name in found[0]:
            rows.setdefault(name, []).append([at[name] for at in found])
    return {name: np.array(values) for name, values in rows.items()}


def _numbers_at(
    tally: _Tally, i: int, both: slice, groups: tuple[slice, slice], bandwidths: Sequence[float]
) -> dict[str, float]:
    teacher, rollout, one_step = (a[i] for a in (tally.teacher, tally.rollout, tally.local))
    own = _error(one_step[both], teacher[both])
    rest = _error(rollout[both], one_step[both])
    mean_square = float(np.square(_error(rollout[both], teacher[both])).mean())
    local, accumulated = float(np.square(own).mean()), float((rest * (rest + 2 * own)).mean())
    here, there = (teacher[group].astype(np.float64) for group in groups)
    own_here, own_there = (rollout[group].astype(np.float64) for group in groups)
    distance = 0.5 * (_distance(own_here, there) + _distance(own_there, here))
    floor = _distance(here, there)
    some = slice(0, _MOST_IN_MMD)
    mmd2 = 0.5 * (
        squared_mmd(own_here[some], there[some], bandwidths) + squared_mmd(own_there[some], here[some], bandwidths)
    )
    mmd2_floor = squared_mmd(here[some], there[some], bandwidths)
    spread = _variance(teacher[both])
    return {
        "mean_square": mean_square,
        "local": local,
        "accumulated": accumulated,
        "rmse": float(np.sqrt(mean_square)),
        "local_rmse": float(np.sqrt(local)),
        "distance": distance,
        "distance_floor": floor,
        "excess": distance - floor,
        "mmd2": mmd2,
        "mmd2_floor": mmd2_floor,
        "mmd2_excess": mmd2 - mmd2_floor,
        "variance_ratio": _variance(rollout[both]) / spread,
        "local_variance_ratio": _variance(one_step[both]) / spread,
    }


def _error(a: States, b: States) -> Array:
    return a.astype(np.float64) - b


def _variance(x: States) -> float:
    """The total variance of samples (n, d)."""
    return float(x.var(axis=0, dtype=np.float64).sum())


def _distance(x: Array, y: Array) -> float:
    if x.shape[1] == 1:
        return wasserstein_sorted(np.sort(x[:, 0]), np.sort(y[:, 0]), 1.0)
    return sliced_w2(x, y, _PROJECTIONS, _PROJECTION_SEED)


def _bandwidths(states: States) -> tuple[float, float, float]:
    """Half, once and twice the median distance between the teacher's states: nothing of the sampler's is in them."""
    middle = float(np.median(pdist(states[:_MOST_IN_MMD].astype(np.float64))))
    return 0.5 * middle, middle, 2.0 * middle
