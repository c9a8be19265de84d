"""What finding plug-ins of any kind takes: entry points, and options that are read by their type hints."""

import importlib.metadata
import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal, get_args, get_origin

import msgspec

from sigbench.errors import BadInput, unknown_name
from sigbench.spec import Spec


@cache
def entry_points(group: str) -> Mapping[str, importlib.metadata.EntryPoint]:
    """Returns what installed packages register in a group, by its names; raises BadInput where two take one name."""
    found: dict[str, importlib.metadata.EntryPoint] = {}
    for point in importlib.metadata.entry_points(group=group):
        if point.name in found and found[point.name].value != point.value:
            raise BadInput(
                f"two packages register {point.name!r} in {group}: {found[point.name].value} and {point.value}."
            )
        found[point.name] = point
    return found


def aliases(group: str, of: str) -> dict[str, str]:
    """Returns the names of a group of aliases, each with the name in the group `of` that means the same."""
    named = {point.value: name for name, point in entry_points(of).items()}
    return {alias: named[point.value] for alias, point in entry_points(group).items() if point.value in named}


def load(point: importlib.metadata.EntryPoint) -> Any:
    """Returns what an entry point leads to; raises BadInput where it cannot be loaded."""
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise BadInput(f"the plug-in {point.name!r} ({point.value}) cannot be loaded: {error}.") from error


def options_of(made: Callable[..., Any]) -> dict[str, Any]:
    """Returns the types of a plug-in's options by their names: the arguments that it takes by name.

    A hint that names what is imported for type checkers alone is no type here: such an option takes any value.
    """
    maker = made.__init__ if isinstance(made, type) else made  # type: ignore[misc]  # it is only looked at
    names = getattr(maker, "__globals__", {})  # none for a constructor that is not written in Python
    kinds: dict[str, Any] = {}
    for option in inspect.signature(made).parameters.values():
        if option.kind in (option.POSITIONAL_ONLY, option.VAR_POSITIONAL, option.VAR_KEYWORD):
            continue
        kind = option.annotation
        if kind is option.empty:
            kind = Any if option.default in (option.empty, None) else type(option.default)
        if isinstance(kind, str):
            try:
                kind = eval(kind, names)  # as typing.get_type_hints does, one hint at a time
            except Exception:
                kind = Any
        kinds[option.name] = kind
    return kinds


def arguments_of(made: Callable[..., Any], spec: Spec, kinds: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of a spec's options, by the types of those that there are: what is made takes, or more.

    Raises BadInput for an unknown option, a value of the wrong kind, and one that is missing.
    """
    arguments: dict[str, Any] = {}
    for option, text in spec.options.items():
        if option not in kinds:
            raise unknown_name(f"option of {spec.name}", option, kinds)
        arguments[option] = _value(text, kinds[option], f"{spec.name}:{option}")
    parameters = inspect.signature(made).parameters
    missing = [
        option
        for option in kinds
        if option in parameters and option not in arguments and parameters[option].default is inspect.Parameter.empty
    ]
    if missing:
        wanted = ":".join([str(spec), *(f"{option}=…" for option in missing)])
        raise BadInput(f"{spec.name} needs {', '.join(missing)}: write {wanted}.")
    return arguments


def _value(text: str, kind: Any, where: str) -> Any:
    """The value that a text stands for, by its option's type hint; without one a number if it can be, else a text."""
    for wanted in (int, float, str) if kind is Any else (kind,):
        try:
            return msgspec.convert(text, wanted, strict=False, dec_hook=lambda own, value: own(value))
        except (msgspec.ValidationError, TypeError, ValueError):
            continue
    raise BadInput(f"{where} takes {_written(kind)}, got {text!r}.")


def _written(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(repr, get_args(kind)))}"
    return kind.__name__ if isinstance(kind, type) else str(kind)
