"""Sweep files: what a TOML file asks to be measured, checked with the line and the key of each mistake.

    tasks = ["gmm", "mnist"]             # names, or FILE.py:CLASS
    samplers = ["ddim", "teacher"]       # what `sigbench run --sampler` takes: NAME:option=value, NAME@STEPS, …
    steps = [5, 10]                      # left out: the task's own
    grids = ["quadratic", "uniform"]     # left out: the task's own
    seeds = [0]                          # left out: 0
    samples = 2000                       # and repeats, batch, nfe, device, dtype, label, guidance: as in `sigbench run`

    [task.mnist]                         # any of the above but tasks, for one task
    samplers = ["ddim"]
    samples = 500

    [sampler.ddim]                       # tasks, steps, grids and options for one sampler
    steps = [2, 5]
    options = { eta = [0.0, 0.5] }       # every combination is measured

What is said of a sampler goes before what is said of a task, and that before what is said of all.
"""

import itertools
import math
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sigbench.errors import BadInput, unknown_name
from sigbench.experiments.cell import MAX_SAMPLES, Settings, pick_device, pick_dtype
from sigbench.experiments.sweep_lines import KeyPath, lines_of
from sigbench.registry import make_sampler, split_spec, task_class
from sigbench.sde.grid import FAMILIES, check_steps, parse_times

SETTINGS = ("samples", "repeats", "batch", "nfe", "device", "dtype", "label", "guidance")
AXES = ("steps", "grids", "seeds")
TOP_KEYS = ("tasks", "samplers", *AXES, *SETTINGS, "task", "sampler")
TASK_KEYS = ("samplers", *AXES, *SETTINGS)
SAMPLER_KEYS = ("tasks", "steps", "grids", "options")

Table = Mapping[str, Any]


@dataclass(frozen=True)
class SweepFile:
    """A sweep as its file asks for it: every name exists and every value has its type and range."""

    tasks: tuple[str, ...]
    common: Table
    of_task: Mapping[str, Table]
    of_sampler: Mapping[str, Table]

    def samplers(self, task: str) -> Iterator[tuple[str, Table]]:
        """Yields (spec, what is said of the sampler) for a task, a spec for each combination of options."""
        asked = self.of_task.get(task, {}).get("samplers", self.common.get("samplers", ()))
        for spec in dict.fromkeys(asked):
            said = self.of_sampler.get(_name(spec), {})
            if task in said.get("tasks", self.tasks):
                for variant in _variants(spec, said.get("options", {})):
                    yield variant, said

    def axis(self, name: str, task: str, said: Table) -> Sequence[Any] | None:
        """Returns the values of "steps", "grids" or "seeds" for a task and what is said of a sampler; None: no word."""
        for table in (said, self.of_task.get(task, {}), self.common):
            if name in table:
                values: Sequence[Any] = table[name]
                return values
        return None

    def settings(self, task: str, seed: int, grid: str | None) -> Settings:
        """Returns the settings of a task's cells."""
        table = {**self.common, **self.of_task.get(task, {})}
        chosen = {name: table[name] for name in SETTINGS if name in table}
        return Settings(task=task, seed=seed, grid=grid, **chosen)


def read_sweep(file: Path) -> SweepFile:
    """Returns the sweep that a file asks for; raises BadInput that names every mistake with its line and key."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"the sweep {file} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"the sweep {file} is not UTF-8 text: {error.reason} at byte {error.start}.") from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"the sweep {file} is not TOML: {error}.") from error
    mistakes = list(_mistakes(table))
    if mistakes:
        raise BadInput(_report(file, lines_of(text.replace("\r\n", "\n")), mistakes))
    return SweepFile(
        tasks=tuple(dict.fromkeys(table["tasks"])),
        common={key: value for key, value in table.items() if key not in ("task", "sampler")},
        of_task=table.get("task", {}),
        of_sampler=table.get("sampler", {}),
    )


Mistake = tuple[KeyPath, str]


def _report(file: Path, lines: Mapping[KeyPath, int], mistakes: Sequence[Mistake]) -> str:
    def line(path: KeyPath) -> int:
        while path and path not in lines:
            path = path[:-1]
        return lines.get(path, 1)

    ordered = sorted(mistakes, key=lambda mistake: line(mistake[0]))
    told = [f"line {line(path)}, {_dotted(path)}: {message}" for path, message in ordered]
    if len(told) == 1:
        return f"{file}, {told[0]}"
    return "\n".join([f"{file} has {len(told)} mistakes:", *(f"  {each}" for each in told)])


def _dotted(path: KeyPath) -> str:
    """The path as a reader of TOML writes it: sampler.ddim.steps[1]."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = part.replace("-", "").replace("_", "").isalnum() and part.isascii()
            text += f"{'.' if text else ''}{part if plain else repr(part)}"
    return text or "the file"


def _mistakes(table: Table) -> Iterator[Mistake]:
    yield from _unknown_keys(table, TOP_KEYS, ())
    if "tasks" not in table:
        yield (), 'name at least one task: tasks = ["gmm"].'
    for key in table:
        if key in CHECKS:
            yield from CHECKS[key]((key,), table[key])
    listed = [name for name in _list(table.get("tasks")) if isinstance(name, str)]
    specs = [spec for spec in _list(table.get("samplers")) if isinstance(spec, str)]
    missing = "samplers" not in table
    for name, below in _tables(table, "task"):
        path: KeyPath = ("task", name)
        if not isinstance(below, dict):
            yield path, f"is a table, [task.{name}], not {_kind(below)}."
            continue
        if name not in listed:
            yield path, str(unknown_name("task in tasks", name, listed))
        yield from _unknown_keys(below, TASK_KEYS, path)
        for key in below:
            if key in TASK_KEYS:
                yield from CHECKS[key]((*path, key), below[key])
        specs += [spec for spec in _list(below.get("samplers")) if isinstance(spec, str)]
    if missing and not all("samplers" in _dict(_dict(table.get("task")).get(name)) for name in listed or [""]):
        yield (), 'name at least one sampler: samplers = ["ddim"].'
    yield from _sampler_mistakes(table, listed, specs)
    for kind in ("task", "sampler"):
        if not isinstance(table.get(kind, {}), dict):
            yield (kind,), f"is a table of tables, [{kind}.NAME], not {_kind(table[kind])}."


def _sampler_mistakes(table: Table, listed: Sequence[str], specs: Sequence[str]) -> Iterator[Mistake]:
    names = {_name(spec) for spec in specs}
    for name, below in _tables(table, "sampler"):
        path: KeyPath = ("sampler", name)
        if not isinstance(below, dict):
            yield path, f"is a table, [sampler.{name}], not {_kind(below)}."
            continue
        if name not in names:
            yield path, str(unknown_name("sampler in samplers", name, names))
        yield from _unknown_keys(below, SAMPLER_KEYS, path)
        for key in ("steps", "grids"):
            if key in below:
                yield from CHECKS[key]((*path, key), below[key])
        if "tasks" in below:
            yield from _check_list(lambda task: _among(task, listed))((*path, "tasks"), below["tasks"])
        if "options" in below:
            yield from _option_mistakes((*path, "options"), name, below["options"])


def _option_mistakes(path: KeyPath, sampler: str, options: Any) -> Iterator[Mistake]:
    if not isinstance(options, dict):
        yield path, f"is a table of options and their values, not {_kind(options)}."
        return
    if sampler == "teacher":
        yield path, "the teacher has no options: it is the task's own."
        return
    for option, values in options.items():
        if values == []:
            yield (*path, option), "is an empty list."
        for index, value in enumerate(_list(values) or ([] if values == [] else [values])):
            where = (*path, option, index) if isinstance(values, list) else (*path, option)
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                yield where, f"is a number or a text, not {_kind(value)}."
            else:
                message = _sampler_mistake(f"{sampler}:{option}={value}")
                if message is not None and "unknown sampler" not in message:
                    yield where, message


def _unknown_keys(table: Table, valid: Sequence[str], path: KeyPath) -> Iterator[Mistake]:
    for key in table:
        if key not in valid:
            yield (*path, key), str(unknown_name("key", key, valid))


# What is wrong with one value, None where nothing is.
Check = Callable[[Any], str | None]


def _check_list(check: Check) -> Callable[[KeyPath, Any], Iterator[Mistake]]:
    def mistakes(path: KeyPath, values: Any) -> Iterator[Mistake]:
        if not isinstance(values, list):
            yield path, f"is a list, [ … ], not {_kind(values)}."
        elif not values:
            yield path, "is an empty list."
        else:
            for index, value in enumerate(values):
                if (message := check(value)) is not None:
                    yield (*path, index), message

    return mistakes


def _check_value(check: Check) -> Callable[[KeyPath, Any], Iterator[Mistake]]:
    def mistakes(path: KeyPath, value: Any) -> Iterator[Mistake]:
        if (message := check(value)) is not None:
            yield path, message

    return mistakes


def _whole(low: int | None, high: int | None) -> Check:
    def check(value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int):
            return f"is a whole number, not {_kind(value)}."
        if (low is not None and value < low) or (high is not None and value > high):
            return f"must be {f'at least {low}' if high is None else f'between {low} and {high}'}, got {value}."
        return None

    return check


def _text(raising: Callable[[str], object]) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return f"is a text in quotes, not {_kind(value)}."
        return _message_of(raising, value)

    return check


def _message_of(raising: Callable[[Any], object], value: Any) -> str | None:
    try:
        raising(value)
    except BadInput as error:
        return str(error)
    return None


def _steps(value: Any) -> str | None:
    return _whole(None, None)(value) or _message_of(check_steps, value)


def _grid(name: str) -> None:
    if name not in FAMILIES:
        parse_times(name)
        if "," not in name:
            raise unknown_name("grid", name, FAMILIES)


def _guidance(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"is a number, not {_kind(value)}."
    return None if 0 <= value < math.inf else f"must be a finite number, 0 or above, got {value:g}."


def _sampler_mistake(spec: str) -> str | None:
    name, at, own = spec.rpartition("@")
    if at:
        if not own.isdecimal():
            return f"{own!r} in {spec!r} is not a number of steps."
        spec = name
        if (message := _steps(int(own))) is not None:
            return message
    return None if spec == "teacher" else _message_of(make_sampler, spec)


def _sampler(spec: str) -> None:
    if (message := _sampler_mistake(spec)) is not None:
        raise BadInput(message)


def _among(task: Any, listed: Sequence[str]) -> str | None:
    if not isinstance(task, str):
        return f"is a text in quotes, not {_kind(task)}."
    return None if task in listed else str(unknown_name("task in tasks", task, listed))


CHECKS: dict[str, Callable[[KeyPath, Any], Iterator[Mistake]]] = {
    "tasks": _check_list(_text(task_class)),
    "samplers": _check_list(_text(_sampler)),
    "steps": _check_list(_steps),
    "grids": _check_list(_text(_grid)),
    "seeds": _check_list(_whole(None, None)),
    "samples": _check_value(_whole(2, MAX_SAMPLES)),
    "repeats": _check_value(_whole(1, 1000)),
    "batch": _check_value(_whole(1, MAX_SAMPLES)),
    "nfe": _check_value(_whole(1, None)),
    "device": _check_value(_text(pick_device)),
    "dtype": _check_value(_text(pick_dtype)),
    "label": _check_value(_whole(0, None)),
    "guidance": _check_value(_guidance),
}


def _kind(value: Any) -> str:
    names = {
        bool: "true or false",
        int: "a whole number",
        float: "a number with a point",
        str: "a text",
        list: "a list",
    }
    return f"{names.get(type(value), 'a table' if isinstance(value, dict) else 'a date or time')} ({value!r:.40})"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _tables(table: Table, kind: str) -> Iterator[tuple[str, Any]]:
    yield from _dict(table.get(kind)).items()


def _name(spec: str) -> str:
    """The sampler's name in a spec, without its options and its step count."""
    try:
        return split_spec(spec.rpartition("@")[0] if "@" in spec else spec)[0]
    except BadInput:
        return spec


def _variants(spec: str, options: Table) -> Iterator[str]:
    """The spec once for each combination of options; one that has options of its own stays as it is."""
    bare, at, own = spec.rpartition("@")
    bare = bare or own
    if not options or bare != _name(spec):
        yield spec
        return
    choices = [[f":{name}={value}" for value in (_list(values) or [values])] for name, values in options.items()]
    for chosen in itertools.product(*choices):
        yield "".join([bare, *chosen, f"@{own}" if at else ""])
