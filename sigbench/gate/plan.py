"""What the gate measures: the cells of a baseline, and the curves of the first one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from sigbench.abilities import metrics_of
from sigbench.errors import BadInput, unknown_name
from sigbench.gate.baseline import KIND, SCHEMA, Baseline, MarginEntry
from sigbench.gate.curves import Curve, curves_of
from sigbench.measure.again import check_same, planned_again, settings_of
from sigbench.measure.cell import Cell, plan_cells
from sigbench.measure.settings import Settings
from sigbench.records.record import Record
from sigbench.registry import is_adapted, make_task, sampler_class, sampler_names, split_spec, task_class, task_names

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
    margins: tuple[tuple[str, float, float], ...]  # metric, share of the excess, share of the floor


# A tenth of the excess, or a hundredth of the floor: on the same noise the same quality is seen to be the same far
# below the spread of one measurement. Near copies and the weights of modes are counts, which a rounding changes.
_DISTANCE = (0.1, 0.01)
_COUNT = (0.1, 0.1)

# Fewer than 2,000 images leave a margin of FCD as wide as what a good sampler lies above the floor.
DEFAULT_PLAN: dict[str, DefaultCurves] = {
    "gmm": DefaultCurves(
        samplers=("sigdeg", "euler-maruyama", "ddim", "heun", "shark"),
        steps=(5, 10, 20),
        samples=20_000,
        repeats=20,
        margins=(("w1", *_DISTANCE), ("lost-variance", *_DISTANCE), ("duplicates", *_COUNT)),
    ),
    "gmm2d": DefaultCurves(
        samplers=("sigdeg", "euler-maruyama", "ddim", "sra1"),
        steps=(5, 10),
        samples=10_000,
        repeats=16,
        margins=(("sliced-w2", *_DISTANCE), ("mode-tv", *_COUNT), ("duplicates", *_COUNT)),
    ),
    "mnist": DefaultCurves(
        samplers=("sigdeg",),
        steps=(5,),
        samples=2_000,
        repeats=6,
        margins=(("fcd", *_DISTANCE), ("sliced-w2", *_DISTANCE), ("duplicates", *_COUNT)),
    ),
}


@dataclass(frozen=True, slots=True)
class Filter:
    """The tasks and samplers that were asked for; an empty tuple means all of them."""

    tasks: tuple[str, ...] = ()
    samplers: tuple[str, ...] = ()

    def takes(self, curve: Curve) -> bool:
        """Returns whether a curve was asked for."""
        return (not self.tasks or curve.task in self.tasks) and (not self.samplers or curve.sampler in self.samplers)

    def check(self, baseline: Baseline | None) -> None:
        """Raises BadInput for a task or a sampler that is neither registered nor in the baseline."""
        curves = curves_of(baseline["records"]) if baseline is not None else []
        for name in self.tasks:
            known = {curve.task for curve in curves}
            if name not in known:
                if ".py:" not in name and name not in task_names():
                    raise unknown_name("task", name, {*known, *task_names()})
                task_class(name)
        for spec in self.samplers:
            known = {curve.sampler for curve in curves}
            if spec not in known:
                name, options = split_spec(spec)
                if "grid" in options:
                    raise BadInput(f"{spec} names a grid, and a baseline holds every sampler on its task's.")
                if ".py:" not in name and not is_adapted(name) and name not in sampler_names():
                    raise unknown_name("sampler", spec, {*known, *sampler_names()})
                sampler_class(name)


def cells_of(baseline: Baseline, curve: Curve) -> list[Cell]:
    """Returns the cells of a curve's records, in their order, judged by what is guarded.

    Raises BadInput where they cannot be measured, or where the task's version is not the baseline's.
    """
    cells = []
    for record in curve.records:
        _check_device(curve, record)
        cell = planned_again(record, _settings(baseline, record))
        if cell.task.version != record["task_version"]:
            raise BadInput(
                f"the baseline holds version {record['task_version']} of the task {curve.task!r}, and this is version "
                f"{cell.task.version}, whose numbers differ: make a new baseline."
            )
        check_same(record, cell)
        cells.append(cell)
    return cells


def _check_device(curve: Curve, record: Record) -> None:
    device = str(record["provenance"]["device"])
    if device == "cuda" and not torch.cuda.is_available():
        raise BadInput(
            f"{curve.sampler} on {curve.task} was measured on a CUDA device, and there is none here: check on one "
            "that has it, or leave it out by --task and --sampler."
        )


def new_cells_of(baseline: Baseline, curve: Curve) -> list[Cell]:
    """Returns the cells that make a curve anew: those of its records, or of its task's default plan."""
    if curve.records:
        return [planned_again(record, _settings(baseline, record)) for record in curve.records]
    plan = plan_of(curve.task)
    guarded = tuple(entry["metric"] for entry in baseline["margins"] if entry["task"] == curve.task)
    settings = Settings(
        task=curve.task,
        samples=plan.samples,
        repeats=plan.repeats,
        device="cpu",
        dtype="float32",
        only=guarded,
        time_calls=False,  # nothing here reads the efficiency, and it would double the work
    )
    return plan_cells(settings, [curve.sampler], plan.steps)


def _settings(baseline: Baseline, record: Record) -> Settings:
    """The settings of a record, its metrics those that are guarded; one that the task has lost is left out."""
    task = record["task_spec"]
    guarded = [entry["metric"] for entry in baseline["margins"] if entry["task"] == task]
    known = [metric.name for metric in metrics_of(make_task(task))]
    for name in guarded:
        if name not in known and name not in record["metrics"]:
            raise unknown_name(f"metric of the task {task!r}", name, known)
    only = tuple(name for name in guarded if name in known)
    return replace(settings_of(record), only=only, time_calls=False)


def plan_baseline(old: Baseline | None, wanted: Filter) -> tuple[Baseline, list[Curve]]:
    """Returns a baseline to be measured and its curves, those that are new without records.

    Where there is no old one, they are the default plan's, or what was asked for of it: samplers that were named take
    the place of the plan's. An old one keeps its curves, and gains those that were asked for and that it lacks: a
    sampler that it holds nowhere joins the tasks that were named, or all of the baseline's; a task that it does not
    hold, with the samplers that were named or with its plan's.
    """
    planned: Baseline = {
        "schema": SCHEMA,
        "kind": KIND,
        "alpha": ALPHA if old is None else old["alpha"],
        "time_margin": TIME_MARGIN if old is None else old["time_margin"],
        "margins": [] if old is None else list(old["margins"]),
        "curves": [],  # sealed when it is written
        "records": [] if old is None else list(old["records"]),
    }
    curves = curves_of(planned["records"])
    held = {(curve.task, curve.sampler) for curve in curves}
    tasks, samplers = {task for task, _ in held}, {sampler for _, sampler in held}
    for task in wanted.tasks or tuple(DEFAULT_PLAN if old is None else dict.fromkeys(curve.task for curve in curves)):
        new = task not in tasks
        for sampler in wanted.samplers or (plan_of(task).samplers if new else ()):
            if (task, sampler) not in held and (new or wanted.tasks or sampler not in samplers):
                curves.append(Curve(task, sampler))
        if not any(entry["task"] == task for entry in planned["margins"]):
            planned["margins"] += [
                MarginEntry(task=task, metric=metric, excess=excess, floor=floor)
                for metric, excess, floor in plan_of(task).margins
            ]
    return planned, curves


def plan_of(task: str) -> DefaultCurves:
    """Returns the task's default plan; a task that has none is guarded by its headline and by copies."""
    if task in DEFAULT_PLAN:
        return DEFAULT_PLAN[task]
    cls = task_class(task)
    headline, *others = (metric.name for metric in metrics_of(make_task(task)))
    copies = [("duplicates", *_COUNT)] if "duplicates" in others else []
    return DefaultCurves(
        samplers=("euler-maruyama",),
        steps=cls.default_steps,
        samples=cls.default_samples,
        repeats=10,
        margins=((headline, *_DISTANCE), *copies),
    )


def guarded_tasks(curves: Sequence[Curve]) -> list[str]:
    """Returns the tasks of curves, each once."""
    return list(dict.fromkeys(curve.task for curve in curves))
