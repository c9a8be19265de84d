"""Ablation files: which students are trained, checked with the line and the key of each mistake.

task = "gmm"
iterations = 3000          # the budget of every student; also teacher_paths, width and depth
samples = 100_000          # how each is judged: also repeats, seed, batch and dtype, as in `sigbench run`
add_metrics = ["lost-pixel-variance"]  # judge beside the task's own, as in `sigbench run --add-metric`

[student]                  # what all are, where nothing else is said; these are the defaults
order = 2
steps = 5                  # at which it is judged, and for which alone it is trained
serves = [5, 10]           # but where it is trained for several, of which `steps` are some
grid = "quadratic"         # left out: the task's own
loss = "local"
memory = 0
base = "exponential"
training_seed = 0

[[vary]]                   # every combination of these lists is trained; there may be several of such tables
order = [1, 2, 3, 4]
steps = [2, 5, 10, 20]     # under one `serves` these are of one student, which is trained once
serves = [2, 5, 10, 20]    # what all of this table are trained for, no axis

[[vary]]
loss = ["local", "global", "both"]
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, get_args

from sigbench.errors import BadInput, unknown_name
from sigbench.measure.settings import MAX_SAMPLES, MAX_SEED, Settings, pick_dtype
from sigbench.registry import make_metric, task_class
from sigbench.sde.grids.find import family_grid
from sigbench.sde.signature import MAX_ORDER
from sigbench.sigdeg.distillation.kinds import StudentChoices
from sigbench.sigdeg.distillation.plan import Loss
from sigbench.sigdeg.generators.student import MAX_MEMORY, Base
from sigbench.sigdeg.generators.vectors import MAX_DEPTH, MAX_WIDTH
from sigbench.studies.ablation.result import Variant
from sigbench.sweep.toml_checks import (
    Check,
    Mistake,
    Table,
    as_dict,
    as_list,
    kind_of,
    list_of,
    read_checked,
    single,
    text,
    unknown_keys,
    whole,
)
from sigbench.sweep.toml_lines import KeyPath


def _one_of(what: str, names: tuple[str, ...]) -> Check:
    def named(name: str) -> None:
        if name not in names:
            raise unknown_name(what, name, names)

    return text(named)


AXES: dict[str, Check] = {
    "order": whole(1, MAX_ORDER),
    "steps": whole(1, None),
    "grid": text(family_grid),
    "loss": _one_of("loss", get_args(Loss)),
    "memory": whole(0, MAX_MEMORY),
    "base": _one_of("base step", get_args(Base)),
    "training_seed": whole(0, MAX_SEED),
}
BUDGET: dict[str, Check] = {
    "iterations": whole(1, None),
    "teacher_paths": whole(1, None),
    "width": whole(1, MAX_WIDTH),
    "depth": whole(0, MAX_DEPTH),
}
JUDGED: dict[str, Check] = {
    "samples": whole(2, MAX_SAMPLES),
    "repeats": whole(2, 1000),
    "seed": whole(-MAX_SEED, MAX_SEED),
    "batch": whole(1, MAX_SAMPLES),
    "dtype": text(pick_dtype),
}
SERVES, ADDED = "serves", "add_metrics"
MOST_STUDENTS = 2_000
TOP_KEYS = ("task", *BUDGET, *JUDGED, ADDED, "student", "vary")


@dataclass(frozen=True)
class AblationFile:
    """An ablation as its file asks for it: the student that others are compared with, and all of them, each once."""

    task: str
    usual: Variant
    variants: tuple[Variant, ...]
    budget: Mapping[str, int]
    judged: Mapping[str, Any]
    added_metrics: tuple[str, ...] = ()

    def choices(self, variant: Variant) -> StudentChoices:
        """Returns how a variant is trained; students of a network share the teacher's paths, whatever their seed."""
        return StudentChoices(
            order=variant.order,
            grid=variant.grid,
            steps=variant.serves or (variant.steps,),
            loss=variant.loss,
            memory=variant.memory,
            base=variant.base,
            seed=variant.training_seed,
            paths_seed=0,
            iterations=self.budget.get("iterations"),
            teacher_paths=self.budget.get("teacher_paths"),
            width=self.budget.get("width"),
            depth=self.budget.get("depth"),
        )

    def settings(self, variant: Variant) -> Settings:
        """Returns how a variant is judged."""
        return Settings(task=self.task, grid=variant.grid, device="cpu", metrics=self.added_metrics, **self.judged)


def read_ablation(file: Path) -> AblationFile:
    """Returns the ablation that a file asks for; raises BadInput that names every mistake with its line and key."""
    table = read_checked(file, "ablation", _mistakes)
    student = {"grid": task_class(table["task"]).default_grid, **table.get("student", {})}
    variants: dict[Variant, None] = {}
    _check_product(table["vary"])
    for lists in table["vary"]:
        fixed = {**student, **({SERVES: lists[SERVES]} if SERVES in lists else {})}
        axes = {name: values for name, values in lists.items() if name != SERVES}
        for values in itertools.product(*axes.values()):
            variants[_variant({**fixed, **dict(zip(axes, values, strict=True))})] = None
    return AblationFile(
        table["task"],
        _variant(student),
        tuple(variants),
        {name: table[name] for name in BUDGET if name in table},
        {name: table[name] for name in JUDGED if name in table},
        tuple(table.get(ADDED, ())),
    )


def _check_product(vary: Sequence[Table]) -> None:
    """Raises BadInput for more combinations than anybody trains, before they are made."""
    count = sum(prod(len(values) for name, values in lists.items() if name != SERVES) for lists in vary)
    if count > MOST_STUDENTS:
        raise BadInput(f"the ablation asks for {count:,} students, and takes {MOST_STUDENTS:,} at most.")


def _variant(values: Mapping[str, Any]) -> Variant:
    """The variant of these values; one that serves its own steps alone is written without `serves`."""
    variant = Variant(**{**values, SERVES: tuple(sorted(set(values.get(SERVES, ()))))})
    return replace(variant, serves=()) if variant.serves == (variant.steps,) else variant


def _mistakes(table: Table) -> Iterator[Mistake]:
    yield from unknown_keys(table, TOP_KEYS, ())
    for key in ("task", "iterations", "vary"):
        if key not in table:
            example = {"task": 'task = "gmm"', "iterations": "iterations = 3000", "vary": "[[vary]] with lists in it"}
            yield (), f"the key {key} is missing: {example[key]}."
    if "task" in table:
        yield from single(text(task_class))(("task",), table["task"])
    for key, check in (BUDGET | JUDGED).items():
        if key in table:
            yield from single(check)((key,), table[key])
    if ADDED in table:
        yield from list_of(text(make_metric))((ADDED,), table[ADDED])
    yield from _axes(("student",), table.get("student", {}), single)
    vary = table.get("vary", [])
    if vary == []:
        if "vary" in table:
            yield ("vary",), "is an empty list."
        return
    if not isinstance(vary, list) or not all(isinstance(lists, dict) for lists in vary):
        yield ("vary",), "is a list of tables, each [[vary]]."
        return
    for index, lists in enumerate(vary):
        path: KeyPath = ("vary", index)
        if not lists:
            yield path, "says of nothing how it varies: order = [1, 2], say."
        yield from _axes(path, lists, list_of)
    yield from _unserved(as_dict(table.get("student")), vary)


def _unserved(student: Table, vary: Sequence[Table]) -> Iterator[Mistake]:
    """Step counts that a student is judged at and not trained for."""
    own, usual = student.get("steps", Variant().steps), as_list(student.get(SERVES))
    if usual and own not in usual:
        yield ("student", "steps" if "steps" in student else SERVES), _not_served(own, usual)
    for index, lists in enumerate(vary):
        serves = as_list(lists.get(SERVES)) or usual
        for place, steps in enumerate(as_list(lists.get("steps"))):
            if serves and steps not in serves:
                yield ("vary", index, "steps", place), _not_served(steps, serves)
        if SERVES in lists and "steps" not in lists and own not in serves:
            yield ("vary", index, SERVES), _not_served(own, serves)


def _not_served(steps: Any, serves: Sequence[Any]) -> str:
    return f"a student that is trained for {', '.join(map(str, serves))} steps serves no {steps} steps."


def _axes(
    path: KeyPath, table: Any, checked: Callable[[Check], Callable[[KeyPath, Any], Iterator[Mistake]]]
) -> Iterator[Mistake]:
    if not isinstance(table, dict):
        yield path, f"is a table, not {kind_of(table)}."
        return
    for key, value in table.items():
        if key == SERVES:
            yield from list_of(AXES["steps"])((*path, key), value)
        elif key in AXES:
            yield from checked(AXES[key])((*path, key), value)
        else:
            yield (*path, key), str(unknown_name("axis", key, (*AXES, SERVES)))
