"""What finding plug-ins of any kind takes: entry points, and options that are read by their type hints."""

import importlib.metadata
import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar, Literal, get_args, get_origin

import msgspec

from sigbench.errors import BadInput, unknown_name
from sigbench.guard import guarded, one_line
from sigbench.spec import Spec

_LONGEST_NAME = 100


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
    """Returns what an entry point leads to; raises BadInput where it cannot be loaded, whatever its module does."""
    with guarded(f"the plug-in {point.name!r} ({point.value}) cannot be loaded"):
        return point.load()


def check_facts(thing: Any, hints: Mapping[str, Any], whose: str) -> None:
    """Raises BadInput where a fact that a plug-in declares is not of its kind; `hints` are types by the facts' names.

    A class may leave a fact to its instances, as a property: there it is checked of these. What `name` is shows in
    tables and files, and is a line of at most a hundred characters that can be printed.
    """
    for fact, hint in hints.items():
        with guarded(f"{whose} cannot say what its {fact} is"):
            value = getattr(thing, fact)
        if isinstance(thing, type) and hasattr(type(value), "__get__") and not callable(value):
            continue
        kind = get_args(hint)[0] if get_origin(hint) is ClassVar else hint
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError:
            raise BadInput(f"the {fact} of {whose} is {_written(kind)}, not {one_line(repr(value))}.") from None
        except Exception:
            if isinstance(value, str):  # with half a character, at which the check itself gives up
                raise BadInput(f"the {fact} of {whose} is {_written(kind)}, not {one_line(repr(value))}.") from None
            continue  # a type that only Python knows
        if isinstance(value, str) and not value.isprintable():
            raise BadInput(f"the {fact} of {whose} is a line of text, not {one_line(repr(value))}.")
        if fact == "name" and not 0 < len(value.strip()) <= _LONGEST_NAME:
            raise BadInput(f"the name of {whose} has 1 to {_LONGEST_NAME} characters, not {len(value)}.")


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
