"""Checking TOML files: every mistake is told at once, with its line and its key."""

import itertools
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sigbench.errors import BadInput, unknown_name
from sigbench.files import read_text
from sigbench.sweep.toml_lines import KeyPath, lines_of

Table = Mapping[str, Any]
Mistake = tuple[KeyPath, str]

_MOST_BYTES = 4 << 20
_SHOWN, _MOST_MISTAKES = 3, 1_000

# What is wrong with one value, None where nothing is.
Check = Callable[[Any], str | None]


def read_checked(file: Path, what: str, mistakes_in: Callable[[Table], Iterator[Mistake]]) -> Table:
    """Returns the table of a TOML file without mistakes; raises BadInput that names all of them.

    `what` says what the file is: "sweep".
    """
    content = read_text(file, f"the {what}", _MOST_BYTES)
    try:
        table = tomllib.loads(content)
    except (ValueError, RecursionError) as error:  # too many digits, and too deep, are no TOMLDecodeError
        raise BadInput(f"the {what} {file} is not TOML: {error}.") from error
    mistakes = list(itertools.islice(mistakes_in(table), _MOST_MISTAKES))
    if mistakes:
        raise BadInput(_sentence(file, lines_of(content.replace("\r\n", "\n")), mistakes))
    return table


def _sentence(file: Path, lines: Mapping[KeyPath, int], mistakes: Sequence[Mistake]) -> str:
    def line(path: KeyPath) -> int:
        while path and path not in lines:
            path = path[:-1]
        return lines.get(path, 1)

    ordered = sorted(mistakes, key=lambda mistake: line(mistake[0]))
    numbered = [f"line {line(path)}, {_dotted(path)}: {message}" for path, message in ordered]
    if len(numbered) == 1:
        return f"{file}, {numbered[0]}"
    whole = len(numbered) <= _SHOWN + 1  # as many lines as with the sentence that there are more
    shown = [f"  {each}" for each in (numbered if whole else numbered[:_SHOWN])]
    count = f"at least {_MOST_MISTAKES:,}" if len(numbered) == _MOST_MISTAKES else str(len(numbered))
    more = [] if whole else [f"  and {len(numbered) - _SHOWN:,} more."]
    return "\n".join([f"{file} has {count} mistakes:", *shown, *more])


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


def unknown_keys(table: Table, valid: Sequence[str], path: KeyPath) -> Iterator[Mistake]:
    """Yields a mistake for each key that is none of the valid ones, with the nearest names."""
    for key in table:
        if key not in valid:
            yield (*path, key), str(unknown_name("key", key, valid))


def list_of(check: Check) -> Callable[[KeyPath, Any], Iterator[Mistake]]:
    """Returns a check that every element of a list passes `check`."""

    def mistakes(path: KeyPath, values: Any) -> Iterator[Mistake]:
        if not isinstance(values, list):
            yield path, f"is a list, [ … ], not {kind_of(values)}."
        elif not values:
            yield path, "is an empty list."
        else:
            for index, value in enumerate(values):
                if (message := check(value)) is not None:
                    yield (*path, index), message

    return mistakes


def single(check: Check) -> Callable[[KeyPath, Any], Iterator[Mistake]]:
    """Returns a check of one value."""

    def mistakes(path: KeyPath, value: Any) -> Iterator[Mistake]:
        if (message := check(value)) is not None:
            yield path, message

    return mistakes


def whole(low: int | None, high: int | None) -> Check:
    """Returns a check for whole numbers between `low` and `high`, None meaning no bound."""

    def check(value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int):
            return f"is a whole number, not {kind_of(value)}."
        if (low is not None and value < low) or (high is not None and value > high):
            return f"must be {f'at least {low}' if high is None else f'between {low} and {high}'}, got {value}."
        return None

    return check


def text(raising: Callable[[str], object]) -> Check:
    """Returns a check for texts that `raising` takes without BadInput."""

    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return f"is a text in quotes, not {kind_of(value)}."
        return message_of(raising, value)

    return check


def message_of(raising: Callable[[Any], object], value: Any) -> str | None:
    """Returns the message of the BadInput that `raising(value)` raises, None where it raises none."""
    try:
        raising(value)
    except BadInput as error:
        return str(error)
    return None


def kind_of(value: Any) -> str:
    """Returns what a TOML value is, in words, with the value."""
    names = {
        bool: "true or false",
        int: "a whole number",
        float: "a number with a point",
        str: "a text",
        list: "a list",
    }
    return f"{names.get(type(value), 'a table' if isinstance(value, dict) else 'a date or time')} ({value!r:.40})"


def as_list(value: Any) -> list[Any]:
    """Returns a list as it is and [] for anything else."""
    return value if isinstance(value, list) else []


def as_dict(value: Any) -> dict[str, Any]:
    """Returns a table as it is and {} for anything else."""
    return value if isinstance(value, dict) else {}


def tables(table: Table, kind: str) -> Iterator[tuple[str, Any]]:
    """Yields the (name, content) of the tables [kind.NAME]."""
    yield from as_dict(table.get(kind)).items()
