"""Which curves a chart shows at first: no more than can be told apart, and none that runs on another.

Two samplers are *twins* where they have the same values at every number of steps and grid that both were measured on:
they are the same scheme, as torchsde-euler is euler-maruyama. Twins are folded into one curve. Of those that remain, a
family shows the best, and the others stand behind their names until a reader asks for them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isclose

from sigbench.report.text import listed

Values = Mapping[object, Sequence[float]]
MOST_CURVES = 8
_SAME = 1e-4  # relative: what another order of float operations may change


@dataclass(frozen=True, slots=True)
class Shown:
    """The twins by name, each with the sampler that stands for it, and those that a chart leaves out at first."""

    twins: Mapping[str, str]
    behind: tuple[str, ...]


def twins(values: Mapping[str, Values], costs: Mapping[str, float] | None = None) -> dict[str, str]:
    """Returns, for each sampler that is the twin of another, the one that stands for it.

    `values` has for each sampler what it gave at each place (a number of steps and a grid); two without a common place
    are no twins. Of twins that with the smallest cost stands for the rest, then that of most places, then the first by
    name.
    """
    costs = costs or {}
    order = sorted(values, key=lambda name: (costs.get(name, 0.0), -len(values[name]), name))
    faces: list[str] = []
    found: dict[str, str] = {}
    for name in order:
        face = next((face for face in faces if _same(values[name], values[face])), None)
        if face is None:
            faces.append(name)
        else:
            found[name] = face
    return found


def shown_first(
    families: Mapping[str, str], folded: Mapping[str, str], places: Mapping[str, Sequence[int]], most: int = MOST_CURVES
) -> Shown:
    """Returns what a chart of one panel a family shows at first: of each family the `most` samplers of best places.

    `places` are the places of a sampler among those of as many calls, 1 for the best; its mean place decides.
    """
    left: dict[str, list[str]] = {}
    for name, family in families.items():
        if name not in folded:
            left.setdefault(family, []).append(name)
    behind: list[str] = []
    for names in left.values():
        names.sort(key=lambda name: (_mean(places.get(name, ())), name))
        behind += names[most:]
    return Shown(dict(folded), tuple(behind))


def _same(one: Values, other: Values) -> bool:
    common = one.keys() & other.keys()
    return bool(common) and all(_close(one[place], other[place]) for place in common)


def _close(one: Sequence[float], other: Sequence[float]) -> bool:
    return len(one) == len(other) and all(isclose(a, b, rel_tol=_SAME) for a, b in zip(one, other, strict=True))


def _mean(places: Sequence[int]) -> float:
    return sum(places) / len(places) if places else inf


def folded_sentence(folded: Mapping[str, str], what: str = "the values") -> str:
    """Returns which curves stand for others, in a sentence; "" where none does. `what` is what they have in common."""
    groups: dict[str, list[str]] = {}
    for name, face in sorted(folded.items()):
        groups.setdefault(face, []).append(name)
    parts = [
        f"{listed(names)} {'has' if len(names) == 1 else 'have'} {what} of {face}"
        for face, names in sorted(groups.items())
    ]
    return f"Folded into one curve, since step for step {'; '.join(parts)}." if parts else ""
