"""What each value of a sweep file may be: names that exist, numbers in their ranges, options that samplers take."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from sigbench.errors import BadInput
from sigbench.measure.settings import MAX_SAMPLES, MAX_SEED, check_final, pick_device, pick_dtype
from sigbench.measure.variants import CELL_KEYS
from sigbench.registry import make_metric, make_sampler, task_class
from sigbench.sde.grid import MAX_STEPS, check_steps
from sigbench.sde.grids.find import check_grid
from sigbench.spec import Spec, parse_spec
from sigbench.sweep.elsewhere import check_device_name
from sigbench.sweep.toml_checks import (
    Check,
    Mistake,
    as_list,
    kind_of,
    list_of,
    message_of,
    single,
    text,
    whole,
)
from sigbench.sweep.toml_lines import KeyPath

ListCheck = Callable[[KeyPath, Any], Iterator[Mistake]]
ADDED = "add_metrics"


def option_mistakes(path: KeyPath, sampler: str, options: Any) -> Iterator[Mistake]:
    """Yields what is wrong with a table of a sampler's options and their values."""
    if not isinstance(options, dict):
        yield path, f"is a table of options and their values, not {kind_of(options)}."
        return
    if sampler == "teacher":
        yield path, "the teacher has no options: it is the task's own."
        return
    for option, values in options.items():
        if values == []:
            yield (*path, option), "is an empty list."
        for index, value in enumerate(as_list(values) or ([] if values == [] else [values])):
            where = (*path, option, index) if isinstance(values, list) else (*path, option)
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                yield where, f"is a number or a text, not {kind_of(value)}."
            else:
                message = _sampler_mistake(str(parse_spec(sampler).given({option: str(value)})))
                if message is not None and "unknown sampler" not in message:
                    yield where, message


def _steps(value: Any) -> str | None:
    return whole(None, None)(value) or message_of(check_steps, value)


def _guidance(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"is a number, not {kind_of(value)}."
    return None if 0 <= value < math.inf else f"must be a finite number, 0 or above, got {value:g}."


def _one_or_more(check: Check) -> Callable[[KeyPath, Any], Iterator[Mistake]]:
    one, several = single(check), list_of(check)
    return lambda path, value: (several if isinstance(value, list) else one)(path, value)


def _sampler_mistake(spec: str) -> str | None:
    try:
        asked = parse_spec(spec)
        if asked.steps is not None:
            check_steps(asked.steps)
        if "grid" in asked.options:
            check_grid(asked.options["grid"])
        check_final(asked.options.get("final", "none"))
        own = replace(asked.without(*CELL_KEYS), steps=None)
        if own != Spec("teacher"):
            make_sampler(str(own))
    except BadInput as error:
        return str(error)
    return None


def _sampler(spec: str) -> None:
    if (message := _sampler_mistake(spec)) is not None:
        raise BadInput(message)


CHECKS: dict[str, ListCheck] = {
    "tasks": list_of(text(task_class)),
    "samplers": list_of(text(_sampler)),
    "steps": list_of(_steps),
    "calls": list_of(whole(1, MAX_STEPS)),
    "grids": list_of(text(check_grid)),
    "seeds": list_of(whole(-MAX_SEED, MAX_SEED)),
    "samples": single(whole(2, MAX_SAMPLES)),
    "repeats": single(whole(1, 1000)),
    "batch": single(whole(1, MAX_SAMPLES)),
    "nfe": single(whole(1, None)),
    "device": single(text(pick_device)),
    "dtype": single(text(pick_dtype)),
    "label": single(whole(0, None)),
    "final": single(text(check_final)),
    "guidance": _one_or_more(_guidance),
    ADDED: list_of(text(make_metric)),
}
ELSEWHERE: dict[str, ListCheck] = {"device": single(text(check_device_name))}  # of a sweep on other machines
