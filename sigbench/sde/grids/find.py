"""Grids by what they are asked for: NAME[:key=value…], FILE.py:FUNCTION, a computed grid's FILE.json, a list of times.

Families are plug-ins: whatever installed packages register under the entry point `sigbench.grids`, our own included.
"""

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np

from sigbench.errors import BadInput, unknown_name
from sigbench.plug_ins import arguments_of, entry_points, load, options_of
from sigbench.sde.grid import Grid, check_steps
from sigbench.sde.grids.computed import read_grid
from sigbench.sde.grids.ends import ENDS, cut
from sigbench.sde.grids.families import Family, Times
from sigbench.sde.grids.names import ENDING, GRIDS, grid_aliases, grid_names, is_computed_name, is_file, is_list
from sigbench.sde.schedule import Schedule, as_array
from sigbench.spec import Spec, number, parse_plug_in
from sigbench.user_code import load_file

_ENDS = 1e-9  # by how much the ends of a grid may miss the schedule's


def family_named(name: str) -> Family:
    """Returns the family of a name, or the function at FILE.py:FUNCTION; raises BadInput otherwise."""
    if ".py:" in name:
        path, _, function = name.rpartition(":")
        module = load_file(path)
        found = getattr(module, function, None)
        if not inspect.isfunction(found):
            raise unknown_name(f"function in {path}", function, _functions(module))
        return _family(found, name)
    own = grid_aliases().get(name, name)
    if own not in entry_points(GRIDS):
        if is_computed_name(name):
            raise BadInput(f"{name} is how records call a computed grid: name its file, FILE{ENDING}.")
        raise unknown_name("grid", name, grid_names())
    return _family(load(entry_points(GRIDS)[own]), name)


def family_options(family: Family) -> dict[str, Any]:
    """Returns the types of a family's options by their names: its arguments but the first two."""
    return dict(list(options_of(family).items())[2:])


def check_grid(text: str) -> None:
    """Raises BadInput where a text asks for no grid, whatever the schedule and the number of steps."""
    if is_list(text):
        if len(parse_times(text)) < 2:
            raise BadInput(f"the grid {text!r} lists one time: it takes two or more, such as 1,0.5,0.1,0.001.")
    elif is_file(text):
        read_grid(text)
    else:
        _read(text)


def family_grid(text: str) -> str:
    """Returns the one name of a family's grid, an alias's own and options without their defaults.

    Raises BadInput for a text that asks for no family: a list and a computed grid have one number of steps.
    """
    if is_list(text) or is_file(text):
        raise BadInput(f"{text!r} is one grid, and here stands a family, which has all numbers of steps.")
    return _canonical(_read(text))


def one_name(text: str) -> str:
    """Returns the name under which a grid is known, however it was asked for; a list and a file are their own."""
    return text if is_list(text) or is_file(text) else family_grid(text)


def listed_steps(text: str | None) -> int | None:
    """Returns the number of steps of a grid that has one of its own, a list or a computed one; None for others."""
    if text is not None and is_list(text):
        return len(parse_times(text)) - 1
    return read_grid(text).steps if text is not None and is_file(text) else None


def diffusion_grid(text: str, steps: int, schedule: Schedule) -> Grid:
    """Returns the grid that a text asks for, for a reverse diffusion.

    It runs over diffusion times t, which decrease from the schedule's t_start to its t_end, or between those that the
    text names. Raises BadInput for an
    unknown family or option, for steps outside 1…MAX_STEPS, for a list that does not decrease strictly, has other ends
    or another number of steps than `steps`, and for a computed grid that is of another schedule or was changed.
    """
    check_steps(steps)
    if is_list(text):
        return grid_of_times(text, _listed(text, steps), schedule)
    if is_file(text):
        found = read_grid(text)
        found.check_schedule(schedule, steps)
        return grid_of_times(found.name, as_array(found.times), schedule)
    asked = _read(text)
    inner = cut(schedule, asked.ends)
    try:
        with np.errstate(all="ignore"):  # what is not finite is said below
            times = as_array(asked.family(steps, inner, **asked.options))
    except BadInput:
        raise
    except Exception as error:
        raise BadInput(f"the grid {text} cannot be made: {type(error).__name__}: {error}.") from error
    if times.shape != (steps + 1,):
        raise BadInput(f"the grid {text} gave times of shape {times.shape}, not the {steps + 1} of {steps} steps.")
    if not np.isfinite(times).all():
        raise BadInput(f"the grid {text} gave times that are not finite: its options leave the range of numbers.")
    return grid_of_times(_canonical(asked), times, schedule, inner)


def grid_of_times(name: str, t: Times, schedule: Schedule, within: Schedule | None = None) -> Grid:
    """Returns the grid of diffusion times, from and to the ends of `within`, the schedule's own by default.

    Raises BadInput for other ends, and where the times do not decrease.
    """
    within = within or schedule
    if len(t) < 2 or not (np.diff(t) < 0).all():
        raise BadInput(f"the grid {name!r} is not strictly decreasing in the diffusion time t.")
    if not np.allclose([t[0], t[-1]], [within.t_start, within.t_end], rtol=0, atol=_ENDS):
        raise BadInput(
            f"the grid must run from t={within.t_start:g} to t={within.t_end:g}, but runs from {t[0]:g} to {t[-1]:g}."
        )
    s = schedule.reverse_time(t)
    s[0], s[-1] = schedule.t_start - within.t_start, schedule.t_start - within.t_end
    return Grid(name, tuple(s.tolist()), schedule.t_start)


def parse_times(text: str) -> list[float]:
    """Returns the numbers of a comma-separated list; raises BadInput where one is none."""
    found = [number(part) for part in text.split(",")]
    if (bad := next((part for part, value in zip(text.split(","), found, strict=True) if value is None), None)) is None:
        return [value for value in found if value is not None]
    if bad.strip().lower().lstrip("+-") in ("nan", "inf", "infinity"):
        raise BadInput(f"times must be finite, got {text!r}.")
    if any(value is not None for value in found):
        raise BadInput(f"{bad.strip()!r} in the grid {text!r} is no time: write numbers in the digits 0 to 9.")
    raise unknown_name("grid", text, grid_names())


def _listed(text: str, steps: int) -> Times:
    t = as_array(parse_times(text))
    if len(t) > 1 and (np.diff(t) > 0).all():
        turned = ",".join(part.strip() for part in reversed(text.split(",")))
        raise BadInput(
            f"the grid {text!r} runs the wrong way: diffusion times decrease, from noise to data; write {turned}."
        )
    if not (np.diff(t) < 0).all():
        raise BadInput(f"the grid {text!r} is not strictly decreasing in the diffusion time t.")
    if len(t) - 1 != steps:
        raise BadInput(f"the grid lists {len(t)} times, which make {len(t) - 1} steps, not {steps}.")
    return t


@dataclass(frozen=True, slots=True)
class _Asked:
    """A family as it is asked for: its own options, and the ends that were named beside them."""

    spec: Spec
    family: Family
    options: dict[str, Any]
    ends: dict[str, float]


def _read(text: str) -> _Asked:
    spec = parse_plug_in(text)
    if ":" in spec.name and ".py:" not in spec.name:
        raise BadInput(f"{spec.name.partition(':')[2]!r} in the grid {text!r} is not option=value.")
    family = family_named(spec.name)
    own = family_options(family)
    found = arguments_of(family, spec, dict.fromkeys(ENDS, float) | own)
    ends = {name: found.pop(name) for name in ENDS if name in found and name not in own}
    return _Asked(spec, family, found, ends)


def _canonical(asked: _Asked) -> str:
    """One name for one grid: an alias's own, and options only where they differ from their defaults."""
    defaults = inspect.signature(asked.family).parameters
    given = {name: asked.options[name] for name in family_options(asked.family) if name in asked.options}
    told = {name: _plain(value) for name, value in given.items() if value != defaults[name].default}
    ends = {name: _plain(value) for name, value in sorted(asked.ends.items(), reverse=True)}
    return str(Spec(grid_aliases().get(asked.spec.name, asked.spec.name), told | ends))


def _plain(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _family(found: Any, name: str) -> Family:
    """The function where it takes steps and a schedule, and its options by name."""
    try:
        first = list(inspect.signature(found).parameters.values())[:2]
    except (TypeError, ValueError):
        first = []
    if len(first) < 2 or any(each.kind not in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD) for each in first):
        raise BadInput(f"the grid {name} is no function of (steps, schedule), with its options by name behind them.")
    return found


def _functions(module: Any) -> list[str]:
    return [name for name, value in vars(module).items() if inspect.isfunction(value)]
