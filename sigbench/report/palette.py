"""One colour a sampler, the same on every chart, and a shape and a dash that tell curves of one colour apart."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points

from sigbench.records.names import is_teacher

# Hues 18 degrees apart in OKLCH, of lightness 0.55 and 0.64 in turn: each has a contrast of at least 3 both on white
# and on the page's dark ground. Neighbours in this list lie far apart on the circle.
COLORS = (
    "#c92e39",
    "#0da849",
    "#565fde",
    "#e65813",
    "#0d8564",
    "#936ff3",
    "#a85b01",
    "#12a195",
    "#9447c1",
    "#b97f00",
    "#128189",
    "#c859c4",
    "#86700a",
    "#139bbd",
    "#ba3287",
    "#8e9403",
    "#077ab0",
    "#e44d7d",
    "#518200",
    "#3289fc",
)
TEACHER = "#7b8591"  # a task's teacher, whichever sampler serves as one
GREY = "#7a7a7a"  # floors, levels and bands
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
DASHES: tuple[tuple[int, ...], ...] = ((1, 0), (6, 3), (2, 2), (8, 3, 2, 3), (10, 4), (4, 2, 1, 2))


@dataclass(frozen=True, slots=True)
class Curve:
    """How a curve is drawn: what it is called, its colour, the shape of its points and the dash of its line."""

    name: str
    color: str
    shape: str
    dash: tuple[int, ...]


def color_of(sampler: str, installed: Sequence[str] | None = None) -> str:
    """Returns the colour of a sampler by its display name, a pure function of it and of the installed samplers' names.

    Options change no colour. Installed samplers have different ones, in the order of their names, as far as there are
    enough; others have one by the hash of their name, and teachers their grey.
    """
    if is_teacher(sampler):
        return TEACHER
    name = sampler.partition(":")[0]
    known = sorted(_installed() if installed is None else installed)
    if name in known:
        return COLORS[known.index(name) % len(COLORS)]
    digest = hashlib.blake2b(name.encode(errors="replace"), digest_size=8).digest()
    return COLORS[int.from_bytes(digest) % len(COLORS)]


def curves_of(names: Iterable[tuple[str, str]], *, dashed: bool = True) -> list[Curve]:
    """Returns how the curves of one chart are drawn, each given by its name and its sampler's display name.

    Of curves of one colour each has a shape of its own, up to six, and where they are `dashed` a dash.
    """
    curves, drawn = [], Counter[str]()
    for name, sampler in dict(names).items():
        color = color_of(sampler)
        place = drawn[color]
        dash = DASHES[place % len(DASHES) if dashed else 0]
        curves.append(Curve(name, color, SHAPES[place % len(SHAPES)], dash))
        drawn[color] += 1
    return curves


@cache
def _installed() -> tuple[str, ...]:
    """The names of the installed samplers, read from what packages declare; nothing of them is loaded."""
    return tuple(point.name for point in entry_points(group="sigbench.samplers"))
