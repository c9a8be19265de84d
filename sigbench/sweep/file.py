"""Sweep files: what a TOML file asks to be measured, checked with the line and the key of each mistake.

    tasks = ["gmm", "mnist"]             # names, or FILE.py:CLASS
    samplers = ["ddim", "teacher"]       # what `sigbench run --sampler` takes: NAME:option=value, NAME@STEPS, …
    steps = [5, 10]                      # left out: the task's own
    calls = [5, 10]                      # or in their place: as many steps as so many network calls allow
    grids = ["quadratic", "uniform"]     # left out: the task's own
    seeds = [0]                          # left out: 0
    guidance = [0.0, 1.0]                # or one number; left out: 0
    samples = 2000                       # and repeats, batch, nfe, device, dtype, label, final: as in `sigbench run`
    add_metrics = ["fid:weights=FILE"]   # as `sigbench run --add-metric`; left out: none

    [task.mnist]                         # any of the above but tasks, for one task
    samplers = ["ddim"]
    samples = 500

    [sampler.ddim]                       # tasks, steps, grids and options for one sampler
    steps = [2, 5]
    options = { eta = [0.0, 0.5] }       # every combination is measured

What is said of a sampler goes before what is said of a task, and that before what is said of all. A table [tune] has
each training-free sampler measured on its best grid and options: see `tune_file.py`.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

from sigbench.errors import BadInput, unknown_name
from sigbench.measure.settings import Settings
from sigbench.measure.variants import CELL_KEYS
from sigbench.registry import split_spec
from sigbench.spec import parse_spec
from sigbench.sweep.file_checks import ADDED, CHECKS, ELSEWHERE, ListCheck, option_mistakes
from sigbench.sweep.toml_checks import (
    Mistake,
    Table,
    as_dict,
    as_list,
    kind_of,
    list_of,
    read_checked,
    tables,
    unknown_keys,
)
from sigbench.sweep.toml_lines import KeyPath
from sigbench.sweep.tune_file import TuneFile, tune_file, tune_mistakes

SETTINGS = ("samples", "repeats", "batch", "nfe", "device", "dtype", "label", "final")
MOST_CELLS = 20_000
AXES = ("steps", "calls", "grids", "seeds", "guidance")
TOP_KEYS = ("tasks", "samplers", *AXES, *SETTINGS, ADDED, "task", "sampler", "tune")
TASK_KEYS = ("samplers", *AXES, *SETTINGS, ADDED)
SAMPLER_KEYS = ("tasks", "steps", "calls", "grids", "options")


@dataclass(frozen=True)
class SweepFile:
    """A sweep as its file asks for it: every name exists and every value has its type and range."""

    tasks: tuple[str, ...]
    common: Table
    of_task: Mapping[str, Table]
    of_sampler: Mapping[str, Table]
    tune: TuneFile | None = None

    def samplers(self, task: str) -> Iterator[tuple[str, Table]]:
        """Yields (spec, what is said of the sampler) for a task, a spec for each combination of options."""
        specs = self.of_task.get(task, {}).get("samplers", self.common.get("samplers", ()))
        for spec in dict.fromkeys(specs):
            own = self.of_sampler.get(_name(spec), {})
            if task in own.get("tasks", self.tasks):
                for variant in _variants(spec, own.get("options", {})):
                    yield variant, own

    def axis(self, name: str, task: str, own: Table) -> Sequence[Any] | None:
        """Returns the values of one of AXES for a task and what is said of a sampler; None where nothing is said."""
        for table in (own, self.of_task.get(task, {}), self.common):
            if name in table:
                return as_list(table[name]) or [table[name]]
        return None

    def counts(self, task: str, own: Table) -> tuple[str, Sequence[int]] | None:
        """Returns "steps" or "calls" with their numbers, whichever is said nearest to a sampler; None for neither."""
        for table in (own, self.of_task.get(task, {}), self.common):
            for name in ("steps", "calls"):
                if name in table:
                    return name, table[name]
        return None

    def only(self, tasks: Sequence[str]) -> "SweepFile":
        """Returns the sweep of some of its tasks; raises BadInput for one that it has not."""
        for task in tasks:
            if task not in self.tasks:
                raise unknown_name("task of the sweep", task, self.tasks)
        return replace(self, tasks=tuple(task for task in self.tasks if task in tasks))

    @property
    def count(self) -> int:
        """How many cells it asks for, without making one: some of them may be the same, or be left out."""
        return sum(self._count(task) for task in self.tasks)

    def _count(self, task: str) -> int:
        shared = prod(len(self.axis(name, task, {}) or "1") for name in ("seeds", "guidance"))
        specs = self.of_task.get(task, {}).get("samplers", self.common.get("samplers", ()))
        cells = 0
        for spec in dict.fromkeys(specs):
            own = self.of_sampler.get(_name(spec), {})
            if task in own.get("tasks", self.tasks):
                of_own = prod(len(as_list(values) or "1") for values in own.get("options", {}).values())
                counts = self.counts(task, own)
                cells += of_own * len(self.axis("grids", task, own) or "1") * len(counts[1] if counts else "1")
        return shared * cells

    def on(self, device_for: Callable[[str], str]) -> "SweepFile":
        """Returns the sweep with the devices that `device_for` gives for those that it names, or for "auto"."""

        def resolved(table: Table) -> Table:
            return {**table, "device": device_for(table["device"])} if "device" in table else table

        common = resolved({"device": "auto", **self.common})
        return replace(self, common=common, of_task={task: resolved(table) for task, table in self.of_task.items()})

    def settings(self, task: str, **of_cell: Any) -> Settings:
        """Returns the settings of a task's cells; `of_cell` are those that differ from cell to cell."""
        table = {**self.common, **self.of_task.get(task, {})}
        chosen = {name: table[name] for name in SETTINGS if name in table}
        return Settings(task=task, metrics=tuple(table.get(ADDED, ())), **of_cell, **chosen)


def read_sweep(file: Path, *, elsewhere: bool = False) -> SweepFile:
    """Returns the sweep that a file asks for; raises BadInput that names every mistake with its line and key.

    One that runs `elsewhere` may name a device that this machine lacks.
    """
    table = read_checked(file, "sweep", partial(_mistakes, checks=CHECKS | (ELSEWHERE if elsewhere else {})))
    found = SweepFile(
        tasks=tuple(dict.fromkeys(table["tasks"])),
        common={key: value for key, value in table.items() if key not in ("task", "sampler", "tune")},
        of_task=table.get("task", {}),
        of_sampler=table.get("sampler", {}),
        tune=tune_file(table),
    )
    if (count := found.count) > MOST_CELLS:
        raise BadInput(f"{file} asks for {count:,} cells, and a sweep takes {MOST_CELLS:,} at most: make it several.")
    return found


def _mistakes(table: Table, checks: Mapping[str, ListCheck]) -> Iterator[Mistake]:
    yield from unknown_keys(table, TOP_KEYS, ())
    if "tasks" not in table:
        yield (), 'name at least one task: tasks = ["gmm"].'
    for key in table:
        if key in checks:
            yield from checks[key]((key,), table[key])
    listed = [name for name in as_list(table.get("tasks")) if isinstance(name, str)]
    specs = [spec for spec in as_list(table.get("samplers")) if isinstance(spec, str)]
    missing = "samplers" not in table
    for name, below in tables(table, "task"):
        path: KeyPath = ("task", name)
        if not isinstance(below, dict):
            yield path, f"is a table, [task.{name}], not {kind_of(below)}."
            continue
        if name not in listed:
            yield path, str(unknown_name("task in tasks", name, listed))
        yield from unknown_keys(below, TASK_KEYS, path)
        for key in below:
            if key in TASK_KEYS:
                yield from checks[key]((*path, key), below[key])
        specs += [spec for spec in as_list(below.get("samplers")) if isinstance(spec, str)]
    if missing and not all("samplers" in as_dict(as_dict(table.get("task")).get(name)) for name in listed or [""]):
        yield (), 'name at least one sampler: samplers = ["ddim"].'
    yield from _sampler_mistakes(table, listed, specs)
    yield from _steps_and_calls(table)
    if "tune" in table:
        yield from tune_mistakes(table["tune"], listed, sorted({_name(spec) for spec in specs}), option_mistakes)
    for kind in ("task", "sampler"):
        if not isinstance(table.get(kind, {}), dict):
            yield (kind,), f"is a table of tables, [{kind}.NAME], not {kind_of(table[kind])}."


def _steps_and_calls(table: Table) -> Iterator[Mistake]:
    named = [((kind, name), below) for kind in ("task", "sampler") for name, below in tables(table, kind)]
    for path, below in [((), table), *named]:
        if {"steps", "calls"} <= as_dict(below).keys():
            yield (*path, "calls"), "stands in the place of steps: name one of them."


def _sampler_mistakes(table: Table, listed: Sequence[str], specs: Sequence[str]) -> Iterator[Mistake]:
    names = {_name(spec) for spec in specs}
    for name, below in tables(table, "sampler"):
        path: KeyPath = ("sampler", name)
        if not isinstance(below, dict):
            yield path, f"is a table, [sampler.{name}], not {kind_of(below)}."
            continue
        if name not in names:
            yield path, str(unknown_name("sampler in samplers", name, names))
        yield from unknown_keys(below, SAMPLER_KEYS, path)
        for key in ("steps", "calls", "grids"):
            if key in below:
                yield from CHECKS[key]((*path, key), below[key])
        if "tasks" in below:
            yield from list_of(lambda task: _among(task, listed))((*path, "tasks"), below["tasks"])
        if "options" in below:
            yield from option_mistakes((*path, "options"), name, below["options"])


def _among(task: Any, listed: Sequence[str]) -> str | None:
    if not isinstance(task, str):
        return f"is a text in quotes, not {kind_of(task)}."
    return None if task in listed else str(unknown_name("task in tasks", task, listed))


def _name(spec: str) -> str:
    """The sampler's name in a spec, without its options and its step count."""
    try:
        return split_spec(spec)[0]
    except BadInput:
        return spec


def _variants(spec: str, options: Table) -> Iterator[str]:
    """The spec once for each combination of options; one that has options of its own stays as it is."""
    asked = parse_spec(spec)
    if not options or asked.without(*CELL_KEYS).options:
        yield spec
        return
    choices = [[(name, str(value)) for value in (as_list(values) or [values])] for name, values in options.items()]
    for chosen in itertools.product(*choices):
        yield str(asked.given(dict(chosen)))
