"""Specs: how samplers, metrics and grids are asked for in a line of text, NAME[@STEPS][:key=value…].

    dpmpp-2m                                  a registered name
    ddim@10:eta=0.5                           with a number of steps of its own, and an option
    ./mine.py:MySampler:strength=2            a class of a file
    library:Target:key=value                  what a plug-in finds elsewhere
    "dpmpp-2m@5:grid='karras:rho=5'"          a value in quotes may hold : , @ and quotes of the other kind

A quote opens right after the equals sign alone, so that an apostrophe in a name is one. This is the one place where
specs are read and written.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sigbench.errors import BadInput

_QUOTES = "'\""
_WHOLE, _NUMBER = re.compile(r"[+-]?[0-9]{1,18}"), re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Spec:
    """A spec that was read: what is asked for, with the texts of its options and the number of steps of its own."""

    name: str
    options: Mapping[str, str] = field(default_factory=dict)
    steps: int | None = None

    def __str__(self) -> str:
        """The spec as it is written: values in quotes where they need them."""
        steps = "" if self.steps is None else f"@{self.steps}"
        return ":".join([self.name + steps, *(f"{key}={quoted(value)}" for key, value in self.options.items())])

    def without(self, *keys: str) -> "Spec":
        """Returns it without some of its options."""
        return replace(self, options={key: value for key, value in self.options.items() if key not in keys})

    def given(self, options: Mapping[str, str]) -> "Spec":
        """Returns it with further options, each in the place of one of its name."""
        return replace(self, options={**self.options, **options})


def parse_spec(text: str) -> Spec:
    """Returns the spec that a text is; raises BadInput for what is none.

    `@STEPS` stands behind the name or at the end.
    """
    head, *options = _pieces(text)
    name, steps = _without_steps(head, text)
    if options:
        options[-1], last = _without_steps(options[-1], text)
        if steps is not None and last is not None:
            raise BadInput(f"{text!r} gives its number of steps twice.")
        steps = last if steps is None else steps
    return Spec(name, _options(options, text), steps)


def parse_plug_in(text: str) -> Spec:
    """Returns the spec of what has no steps, a metric or a grid: an @ is a character like others there."""
    name, *options = _pieces(text)
    return Spec(name, _options(options, text))


def split_outside_quotes(text: str, separator: str) -> list[str]:
    """Returns the parts of a text between separators outside of quotes; raises BadInput for a quote left open."""
    parts, start, quote = [], 0, ""
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in _QUOTES and text[place - 1 : place] == "=":
            quote = character
        elif character == separator:
            parts.append(text[start:place])
            start = place + 1
    if quote:
        raise BadInput(f"the quote {quote} in {text!r} is not closed.")
    return [*parts, text[start:]]


def split_list(text: str) -> list[str]:
    """Returns the non-empty members of a list that commas outside of quotes separate."""
    return [part.strip() for part in split_outside_quotes(text, ",") if part.strip()]


def quoted(value: str) -> str:
    """Returns an option's value as a spec holds it: in quotes where it could not be read back without."""
    if not value.startswith(tuple(_QUOTES)) and not any(mark in value for mark in ":,@"):
        return value
    quote = '"' if "'" in value else "'"
    return f"{quote}{value}{quote}"


def whole_number(text: str) -> int | None:
    """Returns the whole number that a text of the digits 0 to 9 is, None for any other text."""
    return int(text) if _WHOLE.fullmatch(text.strip()) else None


def number(text: str) -> float | None:
    """Returns the number that a text of the digits 0 to 9 is, None for any other text, "nan" and "1_0" among them."""
    return float(text) if _NUMBER.fullmatch(text.strip()) else None


def _pieces(text: str) -> list[str]:
    """The name and the options: what follows the name without an equals sign belongs to it."""
    parts = split_outside_quotes(text, ":")
    taken = 1
    if parts[0].endswith(".py"):
        if len(parts) == 1:
            raise BadInput(f"{text!r} names a file but no class or function in it: write {text}:NAME.")
        taken = 2
    while taken < len(parts) and parts[taken] and "=" not in parts[taken]:
        taken += 1
    return [":".join(parts[:taken]), *parts[taken:]]


def _options(parts: list[str], text: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals or not key:
            raise BadInput(f"{part!r} in {text!r} is not option=value.")
        if key in options:
            raise BadInput(f"{text!r} gives {key} twice.")
        options[key] = _unquoted(value, text)
    return options


def _unquoted(value: str, text: str) -> str:
    if not value.startswith(tuple(_QUOTES)):
        return value
    inner, rest = value[1:].split(value[0], 1)
    if rest:
        raise BadInput(f"in {text!r} the quoted {inner!r} goes on with {rest!r}: a quote holds a whole value.")
    return inner


def _without_steps(part: str, text: str) -> tuple[str, int | None]:
    """The name or the option without its @STEPS, and these; a file's path may have an @ in it."""
    file, dot, last = part.rpartition(".py:")
    pieces = split_outside_quotes(last, "@")
    if len(pieces) == 1:
        return part, None
    steps = whole_number(pieces[-1])
    if steps is None:
        raise BadInput(
            f"{pieces[-1]!r} in {text!r} is not a number of steps, in the digits 0 to 9; a value with an @ of its own "
            "stands in quotes."
        )
    if len(pieces) > 2:
        raise BadInput(f"{text!r} gives its number of steps twice.")
    return file + dot + pieces[0], steps
