"""What a study of convergence measures: which samplers have an order on a task, and which are left out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sigbench.abilities import teacher_of
from sigbench.errors import BadInput, SigbenchError
from sigbench.measure.settings import pick_device, pick_dtype
from sigbench.registry import make_sampler, make_task, sampler_names
from sigbench.sampler import Sampler
from sigbench.sde.brownian import FreshBrownian
from sigbench.sde.grid import MAX_STEPS, Grid
from sigbench.sde.noise import NoiseStream, seed_of
from sigbench.sde.problem import ReverseDiffusion, SDEProblem
from sigbench.sigdeg.trained import TrainedStudent
from sigbench.studies.convergence.nested import primes_of
from sigbench.studies.convergence.passes import (
    BLOCKS,
    FINER,
    ConvergenceSettings,
    Group,
    Plan,
    declared_order,
    grid_name,
    level_steps,
    plan_ode,
    plan_sde,
    plan_students,
    served_steps,
)
from sigbench.task import Task

MIN_PATHS = 2 * BLOCKS
PATHS, THINNED_PATHS = 32_768, 8_192  # by default, where the exact path is known and where a reference is walked
LARGEST_PRIME = 64  # the coarsest steps are cut out of the whole time prime by prime
MAX_PATHS = 10_000_000
_TWINS_PATHS = 16
_LIKE_ROUNDING = 1e-9  # of float64, relative to the states: two schemes differ by far more after a few coarse steps


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A sampler that is not measured, and why."""

    sampler: str
    reason: str


@dataclass(frozen=True)
class ConvergenceStudy:
    """A planned study: the passes to run, the samplers left out, and what all passes share."""

    settings: ConvergenceSettings
    task: Task
    device: torch.device
    dtype: torch.dtype
    plans: tuple[Plan, ...]
    left_out: tuple[LeftOut, ...]


def plan_study(settings: ConvergenceSettings) -> ConvergenceStudy:
    """Returns the study, checked as far as it can be before any path is walked.

    Samplers that are named must be measurable, or BadInput says why not; where none is named, every registered scheme
    is taken once, and samplers that cannot be measured or repeat another one are listed with the reason.
    """
    task = make_task(settings.task)
    device, dtype = pick_device(settings.device), pick_dtype(settings.dtype)
    if dtype == torch.bfloat16:
        raise BadInput("bfloat16 is too coarse to see an order: choose float64 or float32.")
    problem = task.problem(device, dtype)
    if not isinstance(problem, SDEProblem):
        raise BadInput(f"the task {task.name!r} is no stochastic equation, so nothing there has an order.")
    if settings.paths == 0:
        exact = problem.exact_order(problem.horizon) is not None
        settings = replace(settings, paths=PATHS if exact else THINNED_PATHS)
    _check(settings)
    if not (hasattr(task.truth(), "mean") and hasattr(task.truth(), "covariance")):
        raise BadInput(
            f"the truth of the task {task.name!r} has no known mean and covariance, which place the test functions of "
            "weak orders: measure orders on gmm, gmm2d, ou or gbm."
        )
    problem.grid(grid_name(settings), level_steps(settings)[-1])
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
    if not settings.samplers:
        _leave_out_twins(settings, task, chosen, left_out)
    makers: dict[Group, Callable[..., Plan]] = {"sde": plan_sde, "ode": plan_ode, "student": plan_students}
    plans = []
    for group, specs in chosen.items():
        if specs:
            plans.append(makers[group](settings, task, problem, dtype, specs))
    if not plans:
        raise BadInput(f"no sampler can be measured on {task.name!r}.")
    return ConvergenceStudy(settings, task, device, dtype, tuple(plans), tuple(left_out))


def _leave_out_twins(
    settings: ConvergenceSettings, task: Task, chosen: dict[Group, list[str]], left_out: list[LeftOut]
) -> None:
    """Takes one of each scheme that is registered under several names; students are none."""
    problem = task.problem(torch.device("cpu"), torch.float64)
    grid = problem.grid(grid_name(settings), settings.coarsest)
    for group in ("sde", "ode"):
        twins = twins_of(chosen[group], task, problem, grid)
        chosen[group] = [spec for spec in chosen[group] if spec not in twins]
        left_out += [
            LeftOut(spec, f"walks the states of {other} here: name it to measure it") for spec, other in twins.items()
        ]


def _check(settings: ConvergenceSettings) -> None:
    bounds = (
        ("--paths", settings.paths, MIN_PATHS, MAX_PATHS),
        ("--levels", settings.levels, 3, 16),
        ("--coarsest", settings.coarsest, 1, MAX_STEPS),
    )
    for name, value, low, high in bounds:
        if not low <= value <= high:
            raise BadInput(f"{name} must lie between {low} and {high}, got {value}.")
    if primes_of(settings.coarsest)[-1:] > [LARGEST_PRIME]:
        raise BadInput(f"--coarsest must be a product of primes below {LARGEST_PRIME}, got {settings.coarsest}.")
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
        if isinstance(sampler, TrainedStudent) and not sampler.follows_path:
            return "is a student that does not follow its teacher's path, and so has no strong order"
        sampler.prepare(task, problem, dtype)
        if len(served_steps(sampler, problem, teacher.grid)) < 3:
            return f"serves fewer than 3 of the step counts 2, 4, 8, … on the grid {teacher.grid!r}"
        return ""
    if sampler.family == "ode" and not isinstance(problem, ReverseDiffusion):
        return f"follows a probability flow, and the task {task.name!r} has none"
    if sampler.family == "ode" and sampler.signature_order > 0:
        return "draws noise that no path determines as it is set: neither a flow nor a scheme for the equation"
    if declared_order(sampler, problem.noise_type) is None:
        return f"declares no strong order for {problem.noise_type} noise: it has no pathwise meaning there"
    sampler.prepare(task, problem, dtype)
    for steps in level_steps(settings):
        sampler.check(problem.grid(grid_name(settings), steps))
    return ""


def twins_of(specs: Sequence[str], task: Task, problem: SDEProblem, grid: Grid) -> dict[str, str]:
    """Returns, for each sampler that walks the states of another one, the one that stands for both.

    That is the one of fewest network calls, then the first by name. A sampler that fails on `grid` is no twin. States
    are float64; in float32 rounding would not be told from a difference.
    """
    walked: list[tuple[int, str, Tensor]] = []
    for spec in specs:
        sampler = make_sampler(spec)
        sampler.prepare(task, problem, torch.float64)
        start, noise = (
            NoiseStream(seed_of(study="twins", purpose=purpose), problem.shape, dtype=torch.float64)
            for purpose in ("initial", "path")
        )
        x = problem.initial(start.normal(0, _TWINS_PATHS, 0))
        driver = FreshBrownian(noise, 0, _TWINS_PATHS, max(4, sampler.signature_order))
        try:
            with torch.no_grad():
                *_, last = sampler.walk(problem, x, grid, driver)
        except Exception:  # the study itself says how it fails
            continue
        walked.append((sampler.calls(problem, grid), spec, last.flatten()))
    twins: dict[str, str] = {}
    standing: list[tuple[str, Tensor]] = []
    for _, spec, last in sorted(walked, key=lambda each: each[:2]):
        same = [
            name for name, other in standing if torch.allclose(last, other, rtol=_LIKE_ROUNDING, atol=_LIKE_ROUNDING)
        ]
        if same:
            twins[spec] = same[0]
        else:
            standing.append((spec, last))
    return twins
