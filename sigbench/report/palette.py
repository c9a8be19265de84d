"""One colour a sampler, the same on every chart, and a shape and a dash that tell curves of one colour apart."""

import hashlib
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
# What the gate found, for the worse and for the better; contrast as above.
VERDICTS = {"regressed": "#c92e39", "inconclusive": "#b97f00", "improved": "#0d8564", "equivalent": GREY}
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
    return TEACHER if is_teacher(sampler) else COLORS[_place(sampler, installed) % len(COLORS)]


def curves_of(names: Iterable[tuple[str, str]], *, dashed: bool = True) -> list[Curve]:
    """Returns how the curves of one chart are drawn, each given by its name and its sampler's display name.

    A sampler has a shape as it has a colour, in print and for the colour-blind. Where a chart has several curves of one
    colour, each next one takes the next shape, up to six, and where they are `dashed` the next dash.
    """
    curves: list[Curve] = []
    for name, sampler in dict(names).items():
        color = color_of(sampler)
        drawn = [curve.shape for curve in curves if curve.color == color]
        first = 0 if is_teacher(sampler) else _place(sampler) % len(SHAPES)
        turned = (*SHAPES[first:], *SHAPES[:first])
        shape = next((shape for shape in turned if shape not in drawn), turned[0])
        curves.append(Curve(name, color, shape, DASHES[len(drawn) % len(DASHES) if dashed else 0]))
    return curves


def _place(sampler: str, installed: Sequence[str] | None = None) -> int:
    """The place of a sampler among the installed ones, a hash of its name for others."""
    name = ":".join(part for part in sampler.split(":") if "=" not in part)  # an adapter's target is of its name
    known = sorted(set(_installed() if installed is None else installed))
    if name in known:
        return known.index(name)
    return int.from_bytes(hashlib.blake2b(name.encode(errors="replace"), digest_size=8).digest())


@cache
def _installed() -> tuple[str, ...]:
    """The names of the installed samplers, read from what packages declare; nothing of them is loaded."""
    return tuple(point.name for point in entry_points(group="sigbench.samplers"))
