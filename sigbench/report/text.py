"""Text as terminals show it."""

import os
from collections.abc import Iterable, Sequence
from typing import Any


def plain_console(**options: Any) -> dict[str, Any]:
    """Returns options of a rich console without any escape sequence of colour or weight where NO_COLOR is set.

    rich itself leaves bold and dim then, and FORCE_COLOR would bring them into a file.
    """
    return {**options, "color_system": None} if os.environ.get("NO_COLOR") else options


def printable(text: str) -> str:
    """Returns text whose control characters are shown and do nothing: names in records may hold anything."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def listed(names: Sequence[str]) -> str:
    """Returns names in a sentence: a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def counts_in_words(counts: Iterable[int]) -> str:
    """Returns counts in their order, a run of them by its ends: 2 to 20, or 5, 10."""
    several = sorted(counts)
    if len(several) > 1 and several == list(range(several[0], several[-1] + 1)):
        return f"{several[0]} to {several[-1]}"
    return ", ".join(map(str, several))
