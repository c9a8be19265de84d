"""What the gate measures: the cells of a baseline, and the curves of the first one."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

from sigbench.errors import BadInput, unknown_name
from sigbench.gate.baseline import BASELINE_SCHEMA, KIND, Baseline, CurveEntry, MarginEntry, PointEntry
from sigbench.measure.cell import Cell, Settings, plan_cells
from sigbench.registry import make_task, sampler_class, sampler_names, split_spec, task_class, task_names

ALPHA = 0.05
# Timings of one commit on two days differ by a third on a shared machine, calibration notwithstanding.
TIME_MARGIN = 0.5


@dataclass(frozen=True, slots=True)
class DefaultCurves:
    """The curves of one task in a baseline that is made from nothing."""

    samplers: tuple[str, ...]
    steps: tuple[int, ...]
    samples: int
    repeats: int
    margins: tuple[tuple[str, str, float], ...]  # metric, scale, size


# About two minutes on two cores, nearly all of it spent on students, sliced distances and images. Twenty repeats let
# a paired t-test see 20 % of W1 even at the floor, where a repeat's log-ratio scatters by as much.
DEFAULT_PLAN: dict[str, DefaultCurves] = {
    "gmm": DefaultCurves(
        samplers=("sigdeg", "euler-maruyama", "ddim", "heun", "shark"),
        steps=(5, 10, 20),
        samples=20_000,
        repeats=20,
        margins=(("w1", "relative", 0.1), ("lost-variance", "absolute", 0.05)),
    ),
    "gmm2d": DefaultCurves(
        samplers=("sigdeg", "euler-maruyama", "ddim", "sra1"),
        steps=(5, 10),
        samples=10_000,
        repeats=16,
        margins=(("sliced-w2", "relative", 0.1), ("mode-tv", "relative", 0.15)),
    ),
    "mnist": DefaultCurves(
        samplers=("sigdeg", "ddim"),
        steps=(5,),
        samples=200,
        repeats=8,
        margins=(("fcd", "relative", 0.1), ("sliced-w2", "relative", 0.1)),
    ),
}


@dataclass(frozen=True, slots=True)
class Filter:
    """The tasks and samplers that were asked for; an empty tuple means all of them."""

    tasks: tuple[str, ...] = ()
    samplers: tuple[str, ...] = ()

    def takes(self, curve: CurveEntry) -> bool:
        """Returns whether a curve was asked for."""
        return (not self.tasks or curve["task"] in self.tasks) and (
            not self.samplers or curve["sampler"] in self.samplers
        )

    def check(self, baseline: Baseline | None) -> None:
        """Raises BadInput for a task or a sampler that is neither registered nor in the baseline."""
        curves = baseline["curves"] if baseline is not None else []
        for name in self.tasks:
            known = {curve["task"] for curve in curves}
            if name not in known:
                if ".py:" not in name and name not in task_names():
                    raise unknown_name("task", name, {*known, *task_names()})
                task_class(name)
        for spec in self.samplers:
            known = {curve["sampler"] for curve in curves}
            if spec not in known:
                name, _ = split_spec(spec)
                if ".py:" not in name and name not in sampler_names():
                    raise unknown_name("sampler", spec, {*known, *sampler_names()})
                sampler_class(name)


def cells_of(baseline: Baseline, curve: CurveEntry) -> list[Cell]:
    """Returns the cells of a curve's points, in their order.

    Raises BadInput where they cannot be measured, or where the task's version is not the baseline's.
    """
    task = baseline["tasks"][curve["task"]]
    settings = Settings(
        task=curve["task"],
        samples=task["samples"],
        repeats=task["repeats"],
        seed=task["seed"],
        grid=task["grid"],
        device=task["device"],
        dtype=task["dtype"],
    )
    steps = [point["steps"] for point in curve["points"]]
    cells = plan_cells(settings, [curve["sampler"]], steps) if steps else []
    for cell in cells:
        if cell.task.version != task["version"]:
            raise BadInput(
                f"the baseline holds version {task['version']} of the task {curve['task']!r}, and this is version "
                f"{cell.task.version}, whose numbers differ: make a new baseline."
            )
        known = [metric.name for metric in cell.task.metrics()]
        for name in task["margins"]:
            if name not in known and not any(name in point["values"] for point in curve["points"]):
                raise unknown_name(f"metric of the task {curve['task']!r}", name, known)
    return cells


def check_complete(baseline: Baseline, curves: Sequence[CurveEntry], file: str) -> None:
    """Raises BadInput where a point was never measured, or not in as many repeats as its task asks for."""
    for curve in curves:
        repeats = baseline["tasks"][curve["task"]]["repeats"]
        for point in curve["points"]:
            where = f"{curve['sampler']} on {curve['task']} at {point['steps']} steps"
            counts = {len(values) for values in point["values"].values()}
            if not counts:
                raise BadInput(f"the baseline {file} holds no values for {where}: run `sigbench check --update`.")
            if counts != {repeats}:
                raise BadInput(
                    f"the baseline {file} holds {' and '.join(map(str, sorted(counts)))} values for {where}, and asks "
                    f"for {repeats} repeats: run `sigbench check --update`."
                )


def default_baseline(wanted: Filter) -> Baseline:
    """Returns a baseline whose points are yet to be measured: the default plan, or what was asked for of it.

    Samplers that were named take the place of the plan's.
    """
    baseline: Baseline = {
        "schema": BASELINE_SCHEMA,
        "kind": KIND,
        "alpha": ALPHA,
        "time_margin": TIME_MARGIN,
        "tasks": {},
        "curves": [],
    }
    for task in wanted.tasks or tuple(DEFAULT_PLAN):
        for sampler in wanted.samplers or plan_of(task).samplers:
            add_curve(baseline, task, sampler)
    return baseline


def extended(baseline: Baseline, wanted: Filter) -> Baseline:
    """Returns the baseline with the curves that were asked for and that it lacks, yet to be measured.

    A sampler that it holds nowhere is added to the tasks that were named, or to all of the baseline's; a task that
    it does not hold, with the samplers that were named or with its plan's.
    """
    grown = deepcopy(baseline)
    held = {(curve["task"], curve["sampler"]) for curve in baseline["curves"]}
    samplers = {sampler for _, sampler in held}
    for task in wanted.tasks or tuple(baseline["tasks"]):
        new = task not in baseline["tasks"]
        for sampler in wanted.samplers or (plan_of(task).samplers if new else ()):
            if (task, sampler) not in held and (new or wanted.tasks or sampler not in samplers):
                add_curve(grown, task, sampler)
    return grown


def plan_of(task: str) -> DefaultCurves:
    """Returns the task's default plan; a task that has none is guarded by its headline metric, at its own steps."""
    if task in DEFAULT_PLAN:
        return DEFAULT_PLAN[task]
    cls = task_class(task)
    return DefaultCurves(
        samplers=("euler-maruyama",),
        steps=cls.default_steps,
        samples=cls.default_samples,
        repeats=10,
        margins=((make_task(task).metrics()[0].name, "relative", 0.1),),
    )


def add_curve(baseline: Baseline, task: str, sampler: str) -> None:
    """Adds a curve by the task's default plan, its points yet to be measured, and the task where it is missing."""
    plan = plan_of(task)
    if task not in baseline["tasks"]:
        cls = task_class(task)
        baseline["tasks"][task] = {
            "version": cls.version,
            "samples": plan.samples,
            "repeats": plan.repeats,
            "seed": 0,
            "grid": cls.default_grid,
            "device": "cpu",
            "dtype": "float32",
            "margins": {metric: MarginEntry(scale=scale, margin=size) for metric, scale, size in plan.margins},
        }
    points = [PointEntry(steps=count, nfe=0, values={}, times=[]) for count in plan.steps]
    baseline["curves"].append(
        {"task": task, "sampler": sampler, "points": points, "machine": {}, "git": None, "date": "never"}
    )
