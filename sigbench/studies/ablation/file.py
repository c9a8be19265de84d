"""Ablation files: which students are trained, checked with the line and the key of each mistake.

task = "gmm"
iterations = 3000          # the budget of every student; also teacher_paths, width and depth
samples = 100_000          # how each is judged: also repeats, seed, batch and dtype, as in `sigbench run`

[student]                  # what all are, where nothing else is said; these are the defaults
order = 2
steps = 5
grid = "quadratic"         # left out: the task's own
loss = "local"
memory = 0
base = "exponential"
training_seed = 0

[[vary]]                   # every combination of these lists is trained; there may be several of such tables
order = [1, 2, 3, 4]
steps = [2, 5, 10, 20]

[[vary]]
loss = ["local", "global", "both"]
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from sigbench.errors import unknown_name
from sigbench.measure.cell import MAX_SAMPLES, MAX_SEED, Settings, pick_dtype
from sigbench.registry import task_class
from sigbench.sde.grid import FAMILIES
from sigbench.sde.signature import MAX_ORDER
from sigbench.sigdeg.distillation.fresh import Loss
from sigbench.sigdeg.distillation.training import StudentChoices
from sigbench.sigdeg.generators.vectors import MAX_MEMORY, Base
from sigbench.sweep.toml_checks import (
    Check,
    Mistake,
    Table,
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
    "grid": _one_of("grid", tuple(FAMILIES)),
    "loss": _one_of("loss", get_args(Loss)),
    "memory": whole(0, MAX_MEMORY),
    "base": _one_of("base step", get_args(Base)),
    "training_seed": whole(0, None),
}
BUDGET: dict[str, Check] = {
    "iterations": whole(1, None),
    "teacher_paths": whole(1, None),
    "width": whole(1, None),
    "depth": whole(0, None),
}
JUDGED: dict[str, Check] = {
    "samples": whole(2, MAX_SAMPLES),
    "repeats": whole(2, 1000),
    "seed": whole(-MAX_SEED, MAX_SEED),
    "batch": whole(1, MAX_SAMPLES),
    "dtype": text(pick_dtype),
}
TOP_KEYS = ("task", *BUDGET, *JUDGED, "student", "vary")


@dataclass(frozen=True, slots=True)
class Variant:
    """A student by what may be varied; it is trained for one number of steps."""

    order: int = 2
    steps: int = 5
    grid: str = "quadratic"
    loss: str = "local"
    memory: int = 0
    base: str = "exponential"
    training_seed: int = 0

    def __str__(self) -> str:
        plain = Variant(self.order, self.steps, self.grid)
        extra = [
            f"{name.replace('_', ' ')} {getattr(self, name)}"
            for name in ("loss", "memory", "base", "training_seed")
            if getattr(self, name) != getattr(plain, name)
        ]
        return ", ".join([f"order {self.order}", f"{self.steps} steps", self.grid, *extra])


@dataclass(frozen=True)
class AblationFile:
    """An ablation as its file asks for it: the student that others are compared with, and all of them, each once."""

    task: str
    usual: Variant
    variants: tuple[Variant, ...]
    budget: Mapping[str, int]
    judged: Mapping[str, Any]

    def choices(self, variant: Variant) -> StudentChoices:
        """Returns how a variant is trained; students of a network share the teacher's paths, whatever their seed."""
        return StudentChoices(
            order=variant.order,
            grid=variant.grid,
            steps=(variant.steps,),
            loss=variant.loss,
            memory=variant.memory,
            base=variant.base,
            seed=variant.training_seed,
            paths_seed=0,
            **self.budget,
        )

    def settings(self, variant: Variant) -> Settings:
        """Returns how a variant is judged."""
        return Settings(task=self.task, grid=variant.grid, device="cpu", **self.judged)


def read_ablation(file: Path) -> AblationFile:
    """Returns the ablation that a file asks for; raises BadInput that names every mistake with its line and key."""
    table = read_checked(file, "ablation", _mistakes)
    usual = Variant(**{"grid": task_class(table["task"]).default_grid, **table.get("student", {})})
    variants: dict[Variant, None] = {}
    for lists in table["vary"]:
        for values in itertools.product(*lists.values()):
            changed = {**_fields(usual), **dict(zip(lists, values, strict=True))}
            variants[Variant(**changed)] = None
    return AblationFile(
        table["task"],
        usual,
        tuple(variants),
        {name: table[name] for name in BUDGET if name in table},
        {name: table[name] for name in JUDGED if name in table},
    )


def _fields(variant: Variant) -> dict[str, Any]:
    return {name: getattr(variant, name) for name in AXES}


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
    yield from _axes(("student",), table.get("student", {}), single)
    vary = table.get("vary", [])
    if not isinstance(vary, list) or not all(isinstance(lists, dict) for lists in vary):
        yield ("vary",), "is a list of tables, each [[vary]]."
        return
    for index, lists in enumerate(vary):
        path: KeyPath = ("vary", index)
        if not lists:
            yield path, "says of nothing how it varies: order = [1, 2], say."
        yield from _axes(path, lists, list_of)


def _axes(
    path: KeyPath, table: Any, checked: Callable[[Check], Callable[[KeyPath, Any], Iterator[Mistake]]]
) -> Iterator[Mistake]:
    if not isinstance(table, dict):
        yield path, f"is a table, not {kind_of(table)}."
        return
    for key, value in table.items():
        if key in AXES:
            yield from checked(AXES[key])((*path, key), value)
        else:
            yield (*path, key), str(unknown_name("axis", key, tuple(AXES)))
