"""The charts of orders on the page: panels of as many curves as can be told apart, and slopes to read them by.

Slopes of ½, 1, 1.5 and 2 are lines on log axes, behind the errors over step sizes.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import altair as alt

from sigbench.leaderboard.folding import MOST_CURVES, folded_sentence, twins
from sigbench.report.palette import GREY, Curve
from sigbench.studies.convergence.chart import KINDS, convergence_panels, orders_curves
from sigbench.studies.convergence.result import Orders

SLOPES: tuple[tuple[float, str], ...] = ((0.5, "½"), (1.0, "1"), (1.5, "1.5"), (2.0, "2"))


def order_charts(found: Sequence[Orders]) -> tuple[dict[str, alt.LayerChart], list[Curve], str]:
    """Returns the panels of a study by their titles, how their curves are drawn, and which are folded, in a sentence.

    Samplers with the same errors share a curve. Where more remain than a panel holds, those that declare a strong order
    above 1 have panels of their own, and so have those that declare none; what is still too much is cut in parts.
    """
    folded = twins(*_errors(found))
    left = [one for one in found if one.display_name not in folded]
    charts: dict[str, alt.LayerChart] = {}
    legend: list[Curve] = []
    for name, group in _groups(left).items():
        legend += orders_curves(group)
        for (kind, (words, _)), panel in zip(
            KINDS.items(), convergence_panels(group, legends=False).values(), strict=True
        ):
            points = [(level.h, level.error) for one in group for level in getattr(one, kind).levels if level.error]
            charts[f"{words}{name}"] = with_slopes(panel, points)
    return charts, legend, folded_sentence(folded, "the errors")


def _groups(found: Sequence[Orders]) -> dict[str, list[Orders]]:
    if len(found) <= MOST_CURVES:
        return {"": list(found)}
    groups: dict[str, list[Orders]] = {}
    for one in found:
        groups.setdefault(_group(one.strong.expected), []).append(one)
    return {title: part for name in sorted(groups, key=_GROUPS.index) for title, part in _parts(name, groups[name])}


def _parts(name: str, group: Sequence[Orders]) -> list[tuple[str, list[Orders]]]:
    """A group in as few equal parts as panels hold, by their titles."""
    count = -(-len(group) // MOST_CURVES)
    ends = [round(k * len(group) / count) for k in range(count + 1)]
    parts = [list(group[start:end]) for start, end in pairwise(ends)]
    return [(name if count == 1 else f"{name} ({k} of {count})", part) for k, part in enumerate(parts, start=1)]


_GROUPS = (": declared order at most 1", ": declared order above 1", ": no declared order")


def _group(declared: float | None) -> str:
    return _GROUPS[2] if declared is None else _GROUPS[1] if declared > 1 else _GROUPS[0]


def _errors(found: Sequence[Orders]) -> tuple[dict[str, Mapping[object, Sequence[float]]], dict[str, float]]:
    """The errors of each sampler by steps, and its calls a step."""
    values: dict[str, Mapping[object, Sequence[float]]] = {}
    costs: dict[str, float] = {}
    for one in found:
        levels = [level for level in one.strong.levels if level.error]
        values[one.display_name] = {level.steps: [level.error or 0.0] for level in levels}
        costs[one.display_name] = min((level.nfe / level.steps for level in levels), default=0.0)
    return values, costs


def slope_rows(points: Sequence[tuple[float, float]]) -> list[dict[str, Any]]:
    """Returns the two ends of each line for points (step size, error), and at which end its label stands.

    All lines start where the step size and the error are largest, and end where either is smallest.
    """
    known = [(h, error) for h, error in points if h > 0 and error > 0]
    if not known:
        return []
    h_low, h_high = min(h for h, _ in known), max(h for h, _ in known)
    low, high = min(error for _, error in known), max(error for _, error in known)
    if not (h_low < h_high and low < high):
        return []
    rows = []
    for slope, label in SLOPES:
        h_end = max(h_low, h_high * (low / high) ** (1 / slope))
        ends = ((h_high, high, ""), (h_end, high * (h_end / h_high) ** slope, label))
        rows += [{"h": h, "error": error, "slope": slope, "label": text} for h, error, text in ends]
    return rows


def with_slopes(panel: alt.LayerChart, points: Sequence[tuple[float, float]]) -> alt.LayerChart:
    """Returns a chart of errors over step sizes with thin dashed lines of the usual orders behind it, each labelled."""
    rows = slope_rows(points)
    if not rows:
        return panel
    base = alt.Chart(alt.Data(values=rows)).encode(x="h:Q", y="error:Q")
    lines = base.mark_line(strokeDash=[4, 3], strokeWidth=0.9, opacity=0.8, color=GREY).encode(detail="slope:N")
    labels = base.mark_text(align="left", baseline="bottom", dx=3, dy=-2, fontSize=11, color=GREY).encode(
        text="label:N"
    )
    return alt.LayerChart(layer=[lines, labels, *panel.layer])
