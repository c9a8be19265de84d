"""The passes of a study of convergence: samplers in groups, each group with its reference.

Stochastic schemes are compared with the exact path where the problem knows it, else with two independent schemes
of high order, 3 levels finer than the finest level; deterministic ones with the probability flow from the same start,
exact on the line, else by a fourth-order rule; students with their teacher on the same path. The reference is never
the scheme under test alone, and its own error is the distance to a second one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from sigbench.abilities import teacher_of
from sigbench.errors import BadInput, SigbenchError
from sigbench.measure.settings import pick_dtype
from sigbench.registry import make_sampler, sampler_class, sampler_names, split_spec
from sigbench.sampler import Sampler
from sigbench.sde.grid import Grid
from sigbench.sde.grids.names import is_file, is_list
from sigbench.sde.problem import NoiseType, SDEProblem
from sigbench.studies.convergence.references import ExactFlow, ExactPath, FlowRK4, LineLaw
from sigbench.task import Task

Group = Literal["sde", "ode", "student"]
Maker = Callable[[Task, SDEProblem, Grid, torch.dtype], Sampler]

BLOCKS = 200  # independent blocks of paths, the units of the bootstrap
FINER = 3  # levels between the finest level and a reference that is not exact
MOST_CALLS = 2  # for each of the finest level's steps: a sampler that takes more is not walked at that level
REFERENCE_ORDER = 1.5  # the least strong order of a reference scheme
FLOW_PATHS = 2048  # deterministic samplers differ by their starts alone


@dataclass(frozen=True, slots=True)
class ConvergenceSettings:
    """The settings of a study. 0 paths and the empty list mean the defaults of task and laboratory.

    Levels have `coarsest`·2^k steps, k = 0 … levels−1. Where paths are thinned, `paths` are fine walks, each for
    CANDIDATES candidates. `sup` measures the strong error as the supremum over
    the times of the coarsest level in place of the end time. `grid` is a family of the
    problem; students walk the grid that they were made for.
    """

    task: str
    samplers: tuple[str, ...] = ()
    paths: int = 0
    levels: int = 7
    coarsest: int = 32
    grid: str = "uniform"
    sup: bool = False
    dtype: str = "float64"
    device: str = "auto"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Track:
    """A walker that is measured: the sampler's spec, its steps, and the key of the walker it is compared with."""

    key: str
    make: Maker
    steps: int
    against: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """One pass: a group's samplers on one fine grid, its levels, and the tracks to walk, references included.

    `pilot` names a simple scheme and two better ones, whose coarse walks choose the paths that are worth a fine one;
    it is empty where every path is walked.
    """

    group: Group
    grid: str
    fine_steps: int
    levels: tuple[int, ...]
    samplers: tuple[str, ...]
    references: dict[str, str]  # by sampler: the key of the track it is compared with
    checks: dict[str, str]  # by reference key: the key of the track that checks it
    kind: dict[str, str]  # by reference key: what it is, in words
    tracks: tuple[Track, ...]
    paths: int
    pilot: tuple[str, str, str] | None = None

    @property
    def pilot_levels(self) -> tuple[int, int]:
        """The two levels where the pilot walks: the second and the third, where modes are told apart."""
        return self.levels[1], self.levels[2]


def declared_order(sampler: Sampler, noise: NoiseType) -> float | None:
    """Returns the strong order that a sampler declares for a kind of noise, for a flow its order."""
    if noise == "additive" or sampler.family == "ode":
        return sampler.strong_order
    return sampler.strong_order_general


def declared_weak_order(sampler: Sampler, noise: NoiseType) -> float | None:
    """Returns the weak order that a sampler declares for a kind of noise."""
    return sampler.weak_order if noise == "additive" or sampler.family == "ode" else sampler.weak_order_general


def _registered(spec: str) -> Maker:
    """A maker of a sampler by its spec; a student is bound to its problem, so each pass makes its own."""

    def make(task: Task, problem: SDEProblem, grid: Grid, dtype: torch.dtype) -> Sampler:
        sampler = make_sampler(spec)
        sampler.prepare(task, problem, dtype)
        return sampler

    return make


def _exact(task: Task, problem: SDEProblem, grid: Grid, dtype: torch.dtype) -> Sampler:
    return ExactPath(problem, grid)


def _flow(task: Task, problem: SDEProblem, grid: Grid, dtype: torch.dtype) -> Sampler:
    return FlowRK4()


def _exact_flow(task: Task, problem: SDEProblem, grid: Grid, dtype: torch.dtype) -> Sampler:
    law = task.truth()
    assert isinstance(law, LineLaw)
    return ExactFlow(law)


def reference_schemes(noise: NoiseType) -> list[str]:
    """Returns the registered schemes fit to be a reference, fewest network calls first, then by name."""
    return [name for name, order in _schemes(noise) if order >= REFERENCE_ORDER]


def _schemes(noise: NoiseType) -> list[tuple[str, float]]:
    """The registered stochastic schemes and their strong orders, fewest network calls first, then by name."""
    found = []
    for name in sampler_names():
        try:
            cls = sampler_class(name)
        except SigbenchError:
            continue
        order = cls.strong_order if noise == "additive" else cls.strong_order_general
        if cls.family == "sde" and order is not None:
            found.append((cls.nfe_per_step, name, order))
    return [(name, order) for _, name, order in sorted(found)]


def level_steps(settings: ConvergenceSettings) -> tuple[int, ...]:
    """Returns the step counts of the levels, coarsest first."""
    return tuple(settings.coarsest * 2**k for k in range(settings.levels))


def _level_tracks(
    specs: Sequence[str], settings: ConvergenceSettings, task: Task, problem: SDEProblem, references: dict[str, str]
) -> list[Track]:
    """The tracks of samplers at the levels; one of many calls a step leaves out the finest, down to three of them."""
    levels = level_steps(settings)
    tracks = []
    for spec in specs:
        sampler = make_sampler(spec)
        sampler.prepare(task, problem, pick_dtype(settings.dtype))
        most = MOST_CALLS * levels[-1]
        walked = [n for k, n in enumerate(levels) if k < 3 or n * sampler.nfe_per_step <= most]
        tracks += [Track(f"{spec}@{n}", _registered(spec), n, references[spec]) for n in walked]
    return tracks


def grid_name(settings: ConvergenceSettings) -> str:
    """Returns the family of grids that the levels walk; raises BadInput for a list of times, or a computed grid."""
    name = settings.grid
    if is_list(name) or is_file(name):
        raise BadInput("orders need a family of grids, such as uniform or quadratic, not a list of times.")
    return name


def plan_sde(
    settings: ConvergenceSettings, task: Task, problem: SDEProblem, dtype: torch.dtype, specs: list[str]
) -> Plan:
    """Returns the pass of stochastic schemes, compared with the exact path or with a scheme of high order."""
    levels, grid = level_steps(settings), grid_name(settings)
    problem.grid(grid, levels[-1])
    if problem.exact_order(problem.horizon / levels[-1]) is not None:
        first, second = levels[-1], levels[-2]
        keys = (f"reference:exact@{first}", f"reference:exact@{second}")
        references = dict.fromkeys(specs, keys[0])
        tracks = [Track(keys[0], _exact, first, None), Track(keys[1], _exact, second, keys[0])]
        kind = {keys[0]: "exact path"}
        return Plan(
            "sde",
            grid,
            first,
            levels,
            tuple(specs),
            references,
            {keys[0]: keys[1]},
            kind,
            (*tracks, *_level_tracks(specs, settings, task, problem, references)),
            settings.paths,
        )
    schemes = reference_schemes(problem.noise_type)
    if len(schemes) < 2:
        raise BadInput(
            f"the task {task.name!r} has no reference: it knows no exact path, and fewer than two registered "
            f"schemes declare strong order {REFERENCE_ORDER:g} for {problem.noise_type} noise."
        )
    fine = levels[-1] * 2**FINER
    main, other = (f"reference:{scheme}@{fine}" for scheme in schemes[:2])
    references = {spec: other if split_spec(spec)[0] == schemes[0] else main for spec in specs}
    kind = {
        main: f"{schemes[0]} at {fine} steps, checked by {schemes[1]}",
        other: f"{schemes[1]} at {fine} steps, checked by {schemes[0]}",
    }
    tracks = [Track(main, _registered(schemes[0]), fine, other), Track(other, _registered(schemes[1]), fine, main)]
    simple = next(name for name, order in _schemes(problem.noise_type) if order < REFERENCE_ORDER)
    return Plan(
        "sde",
        grid,
        fine,
        levels,
        tuple(specs),
        references,
        {main: other, other: main},
        kind,
        (*tracks, *_level_tracks(specs, settings, task, problem, references)),
        settings.paths,
        (simple, schemes[0], schemes[1]),
    )


def plan_ode(
    settings: ConvergenceSettings, task: Task, problem: SDEProblem, dtype: torch.dtype, specs: list[str]
) -> Plan:
    """Returns the pass of deterministic samplers, compared with the probability flow."""
    levels, grid = level_steps(settings), grid_name(settings)
    problem.grid(grid, levels[-1])
    last = levels[-1]
    if isinstance(task.truth(), LineLaw):
        main, other, fine = f"reference:exact-flow@{levels[0]}", f"reference:flow@{last}", last
        makers, kind = (_exact_flow, _flow), f"exact flow, by distribution functions, checked by rk4 at {last} steps"
    else:
        main, other, fine = f"reference:flow@{2 * last}", f"reference:flow@{last}", 2 * last
        makers, kind = (_flow, _flow), f"exact flow, by rk4 at {fine} steps, checked at {last}"
    references = dict.fromkeys(specs, main)
    tracks = [
        Track(key, make, int(key.rpartition("@")[2]), against)
        for key, make, against in ((main, makers[0], None), (other, makers[1], main))
    ]
    tracks += _level_tracks(specs, settings, task, problem, references)
    paths = min(settings.paths, FLOW_PATHS)
    return Plan("ode", grid, fine, levels, tuple(specs), references, {main: other}, {main: kind}, tuple(tracks), paths)


def plan_students(
    settings: ConvergenceSettings, task: Task, problem: SDEProblem, dtype: torch.dtype, specs: list[str]
) -> Plan:
    """Returns the pass of students, compared with their teacher on the same path."""
    teacher = teacher_of(task)
    assert teacher is not None
    name = teacher.grid  # students are made for a grid
    served = {}
    for spec in specs:
        sampler = make_sampler(spec)
        sampler.prepare(task, problem, dtype)
        served[spec] = served_steps(sampler, problem, name)
    levels = tuple(sorted(set.union(*map(set, served.values()))))
    fine = levels[-1]
    while fine < teacher.steps:
        fine *= 2
    key = f"reference:teacher@{fine}"
    references = dict.fromkeys(specs, key)
    tracks = [
        Track(key, _registered(teacher.scheme), fine, None),
        *(Track(f"{spec}@{n}", _registered(spec), n, key) for spec in specs for n in served[spec]),
    ]
    return Plan(
        "student",
        name,
        fine,
        levels,
        tuple(specs),
        references,
        {},
        {key: f"its teacher, {teacher.scheme} at {fine} steps, on the same path"},
        tuple(tracks),
        settings.paths,
    )


def served_steps(sampler: Sampler, problem: SDEProblem, grid: str) -> list[int]:
    """The step counts 2, 4, 8, … that a student was made for."""
    served = []
    for k in range(1, 9):
        try:
            sampler.check(problem.grid(grid, 2**k))
        except BadInput:
            continue
        served.append(2**k)
    return served
