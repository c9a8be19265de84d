"""What a study of convergence compares with what: samplers in groups, each group with its reference.

Stochastic schemes are compared with the exact path where the problem knows it, else with two independent schemes
of high order, 4 levels finer than the finest level; deterministic ones with the probability flow from the same
start, by a fourth-order rule as fine; students with their teacher on the same path. The reference is never the
scheme under test alone, and its own error is the distance to a second one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from sigbench.abilities import teacher_of
from sigbench.errors import BadInput, SigbenchError
from sigbench.measure.cell import pick_device, pick_dtype
from sigbench.registry import make_sampler, make_task, sampler_class, sampler_names, split_spec
from sigbench.sampler import Sampler
from sigbench.sde.grid import MAX_STEPS, Grid
from sigbench.sde.problem import NoiseType, ReverseDiffusion, SDEProblem
from sigbench.studies.convergence.coupled import ExactPath, FlowRK4
from sigbench.task import Task

Group = Literal["sde", "ode", "student"]
Maker = Callable[[Task, SDEProblem, Grid, torch.dtype], Sampler]

BLOCKS = 200  # independent blocks of paths, the units of the bootstrap
MIN_PATHS = 2 * BLOCKS
MAX_PATHS = 10_000_000
FINER = 4  # levels between the finest level and a reference that is not exact
REFERENCE_ORDER = 1.5  # the least strong order of a reference scheme
FLOW_PATHS = 2048  # deterministic samplers have no noise to average away


@dataclass(frozen=True, slots=True)
class ConvergenceSettings:
    """What a study is asked to do. None and the empty list mean the defaults of task and laboratory.

    Levels have `coarsest`·2^k steps, k = 0 … levels−1. `sup` measures the strong error as the supremum over
    the times of the coarsest level in place of the end time. `grid` is a family of the
    problem; students walk the grid that they were made for.
    """

    task: str
    samplers: tuple[str, ...] = ()
    paths: int = 49_152
    levels: int = 6
    coarsest: int = 32
    grid: str = "uniform"
    sup: bool = False
    dtype: str = "float64"
    device: str = "auto"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A sampler that is not measured, and why."""

    sampler: str
    reason: str


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
    def pilot_levels(self) -> tuple[int, ...]:
        """The two levels in the middle, where the pilot walks."""
        middle = len(self.levels) // 2
        return self.levels[middle - 1 : middle + 1]


@dataclass(frozen=True)
class Study:
    """A planned study: the passes to run, the samplers left out, and what all passes share."""

    settings: ConvergenceSettings
    task: Task
    device: torch.device
    dtype: torch.dtype
    plans: tuple[Plan, ...]
    left_out: tuple[LeftOut, ...]


def plan_study(settings: ConvergenceSettings) -> Study:
    """Returns the study, checked as far as it can be before any path is walked.

    Samplers that are named must be measurable, or BadInput says why not; where none is named, every
    registered one is taken and those that cannot be measured are listed with the reason.
    """
    task = make_task(settings.task)
    _check(settings)
    device, dtype = pick_device(settings.device), pick_dtype(settings.dtype)
    if dtype == torch.bfloat16:
        raise BadInput("bfloat16 is too coarse to see an order: choose float64 or float32.")
    problem = task.problem(device, dtype)
    if not isinstance(problem, SDEProblem):
        raise BadInput(f"the task {task.name!r} is no stochastic equation, so nothing there has an order.")
    if not (hasattr(task.truth(), "mean") and hasattr(task.truth(), "covariance")):
        raise BadInput(
            f"the truth of the task {task.name!r} has no known mean and covariance, which place the test functions of "
            "weak orders: measure orders on gmm, gmm2d, ou or gbm."
        )
    problem.grid(_grid_name(settings), _level_steps(settings)[-1])
    chosen: dict[Group, list[str]] = {"sde": [], "ode": [], "student": []}
    left_out: list[LeftOut] = []
    for spec in dict.fromkeys(settings.samplers or sampler_names()):
        try:
            sampler = make_sampler(spec)
            reason = _obstacle(sampler, task, problem, dtype, settings)
        except SigbenchError as error:
            if settings.samplers:
                raise
            left_out.append(LeftOut(spec, str(error).rstrip(".")))
            continue
        if reason and settings.samplers:
            raise BadInput(f"{spec} cannot be measured on {task.name!r}: it {reason}.")
        if reason:
            left_out.append(LeftOut(spec, reason))
        else:
            chosen[sampler.family].append(spec)
    makers: dict[Group, Callable[..., Plan]] = {"sde": _plan_sde, "ode": _plan_ode, "student": _plan_students}
    plans = []
    for group, specs in chosen.items():
        if specs:
            plans.append(makers[group](settings, task, problem, dtype, specs))
    if not plans:
        raise BadInput(f"no sampler can be measured on {task.name!r}.")
    return Study(settings, task, device, dtype, tuple(plans), tuple(left_out))


def _check(settings: ConvergenceSettings) -> None:
    bounds = (
        ("--paths", settings.paths, MIN_PATHS, MAX_PATHS),
        ("--levels", settings.levels, 3, 16),
        ("--coarsest", settings.coarsest, 1, MAX_STEPS),
    )
    for name, value, low, high in bounds:
        if not low <= value <= high:
            raise BadInput(f"{name} must lie between {low} and {high}, got {value}.")
    finest = settings.coarsest * 2 ** (settings.levels - 1 + FINER)
    if finest > MAX_STEPS:
        raise BadInput(
            f"{settings.levels} levels from {settings.coarsest} steps need a reference of {finest} steps, "
            f"more than {MAX_STEPS}: take fewer levels."
        )


def _obstacle(
    sampler: Sampler, task: Task, problem: SDEProblem, dtype: torch.dtype, settings: ConvergenceSettings
) -> str:
    """Why a sampler has no order on this problem, "" where it has one; raises BadInput where it refuses a grid."""
    if sampler.needs == "denoiser" and not isinstance(problem, ReverseDiffusion):
        return f"needs a denoiser, and the task {task.name!r} has none"
    if sampler.additive_only and problem.noise_type != "additive":
        return f"is for additive noise, and that of {task.name!r} is {problem.noise_type}"
    if sampler.family == "student":
        if (teacher := teacher_of(task)) is None:
            return f"is a student, and the task {task.name!r} has no teacher"
        sampler.prepare(task, problem, dtype)
        if len(_served_steps(sampler, problem, teacher.grid)) < 3:
            return f"serves fewer than 3 of the step counts 2, 4, 8, … on the grid {teacher.grid!r}"
        return ""
    if sampler.family == "ode" and not isinstance(problem, ReverseDiffusion):
        return f"follows a probability flow, and the task {task.name!r} has none"
    if sampler.family == "ode" and sampler.signature_order > 0:
        return "draws noise that no path determines as it is set: neither a flow nor a scheme for the equation"
    if declared_order(sampler, problem.noise_type) is None:
        return f"declares no strong order for {problem.noise_type} noise: it has no pathwise meaning there"
    sampler.prepare(task, problem, dtype)
    for steps in _level_steps(settings):
        sampler.check(problem.grid(_grid_name(settings), steps))
    return ""


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


def _level_steps(settings: ConvergenceSettings) -> tuple[int, ...]:
    return tuple(settings.coarsest * 2**k for k in range(settings.levels))


def _level_tracks(specs: Sequence[str], levels: Sequence[int], references: dict[str, str]) -> list[Track]:
    return [Track(f"{spec}@{n}", _registered(spec), n, references[spec]) for spec in specs for n in levels]


def _grid_name(settings: ConvergenceSettings) -> str:
    name = settings.grid
    if "," in name:
        raise BadInput("orders need a family of grids, such as uniform or quadratic, not a list of times.")
    return name


def _plan_sde(
    settings: ConvergenceSettings, task: Task, problem: SDEProblem, dtype: torch.dtype, specs: list[str]
) -> Plan:
    levels, grid = _level_steps(settings), _grid_name(settings)
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
            (*tracks, *_level_tracks(specs, levels, references)),
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
        (*tracks, *_level_tracks(specs, levels, references)),
        settings.paths,
        (simple, schemes[0], schemes[1]),
    )


def _plan_ode(
    settings: ConvergenceSettings, task: Task, problem: SDEProblem, dtype: torch.dtype, specs: list[str]
) -> Plan:
    levels, grid = _level_steps(settings), _grid_name(settings)
    fine = levels[-1] * 2**FINER
    problem.grid(grid, levels[-1])
    main, other = f"reference:flow@{fine}", f"reference:flow@{fine // 2}"
    references = dict.fromkeys(specs, main)
    tracks = [Track(main, _flow, fine, None), Track(other, _flow, fine // 2, main)]
    return Plan(
        "ode",
        grid,
        fine,
        levels,
        tuple(specs),
        references,
        {main: other},
        {main: f"exact flow, by rk4 at {fine} steps, checked at {fine // 2}"},
        (*tracks, *_level_tracks(specs, levels, references)),
        min(settings.paths, FLOW_PATHS),
    )


def _plan_students(
    settings: ConvergenceSettings, task: Task, problem: SDEProblem, dtype: torch.dtype, specs: list[str]
) -> Plan:
    teacher = teacher_of(task)
    assert teacher is not None
    name = teacher.grid  # students are made for a grid
    served = {}
    for spec in specs:
        sampler = make_sampler(spec)
        sampler.prepare(task, problem, dtype)
        served[spec] = _served_steps(sampler, problem, name)
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


def _served_steps(sampler: Sampler, problem: SDEProblem, grid: str) -> list[int]:
    """The step counts 2, 4, 8, … that a student was made for."""
    served = []
    for k in range(1, 9):
        try:
            sampler.check(problem.grid(grid, 2**k))
        except BadInput:
            continue
        served.append(2**k)
    return served
