"""The charts of a convergence study: error over step size, log-log, with the floors drawn as lines."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Literal

import altair as alt

from sigbench.report.charts import save_chart
from sigbench.report.curves import color_by, log_axis, log_scale, shape_by
from sigbench.report.folding import MOST_CURVES, folded_sentence, twins
from sigbench.report.palette import GREY, Curve, curves_of
from sigbench.report.theme import heading, legend_above, stacked
from sigbench.studies.convergence.result import Orders

_FAR_BELOW = 1e-4  # of the least error: a reference so good would only squeeze the chart
Kind = Literal["strong", "weak"]
KINDS: dict[Kind, tuple[str, str]] = {
    "strong": ("Strong error", "mean absolute error"),
    "weak": ("Weak error", "RMS error of test functions (sd)"),
}
MONTE_CARLO, REFERENCE = "Monte Carlo floor: 3 standard errors of the median sampler", "reference's own error"


def orders_curves(results: Sequence[Orders]) -> list[Curve]:
    """Returns how the curves are drawn."""
    return curves_of(((result.display_name, result.display_name) for result in results), dashed=False)


def convergence_chart(results: Sequence[Orders]) -> alt.TopLevelMixin:
    """Returns the panels of `order_charts` as one picture, with a legend for every two of the same samplers."""
    folded, groups = _folded(results)
    pairs = [stacked(_sloped(name, group, legends=True), heading("")) for name, group in groups.items()]
    first = max(results, key=lambda one: one.paths)
    title = heading(
        f"{first.task}: orders of convergence",
        f"Up to {first.paths:,} Brownian paths that all samplers share, grid {first.grid}. Filled points count for the "
        "order, hollow ones do not. Thin dashed lines fall with the order that stands at their end.",
        folded,
    )
    return (
        alt.vconcat(*pairs, spacing=24).resolve_scale(color="independent", shape="independent").properties(title=title)
    )


def convergence_panels(results: Sequence[Orders], *, legends: bool = True) -> dict[str, alt.LayerChart]:
    """Returns strong and weak error by their titles, over the step size on log axes, samplers in their order.

    Filled points count for the order, hollow ones do not. Dashed lines are the Monte Carlo floor (of the median sampler
    at each level) over a grey band, dotted ones the error of the reference (the largest of those in use, where it lies
    less than four decades below the errors).
    """
    curves = orders_curves(results)
    explained = "" if legends else "; dashed: Monte Carlo floor, dotted: the reference's error where it is near"
    return {
        f"{name}{explained}": _panel(results, curves, kind, axis_title, legends=legends)
        for kind, (name, axis_title) in KINDS.items()
    }


def save_convergence_chart(results: Sequence[Orders], file: Path) -> list[Path]:
    """Writes the chart as PNG and as SVG beside each other, whichever ending `file` has; returns both files."""
    chart = convergence_chart(results)
    files = [file.with_suffix(ending) for ending in (".png", ".svg")]
    for path in files:
        save_chart(chart, path)
    return files


def _panel(
    results: Sequence[Orders], curves: Sequence[Curve], kind: Kind, title: str, *, legends: bool
) -> alt.LayerChart:
    legend = (
        legend_above([curve.name for curve in curves]) if legends else None
    )  # one legend, since both encodings share it
    rows, floors_rows = _points(results, kind), _floors(results, kind)
    x = alt.X("h:Q", scale=log_scale(), title="mean step size h", axis=log_axis((row["h"] for row in rows), grid=False))
    seen = [row["error"] for row in (*rows, *floors_rows)]
    y = alt.Y("error:Q", scale=log_scale(), title=title, axis=log_axis(seen))
    color = color_by(curves, legend=legend)

    def drawn_of(some: Sequence[dict[str, Any]]) -> alt.Chart:
        return alt.Chart(alt.Data(values=some)).encode(x=x, color=color)

    base = drawn_of(rows)
    shape = shape_by(curves, legend=legend)  # in print and for the colour-blind
    tips = [
        alt.Tooltip("who:N", title="sampler"),
        alt.Tooltip("steps:Q"),
        *(
            alt.Tooltip(f"{name}:Q", title=title, format=".3g")
            for name, title in (("error", "error"), ("low", "from"), ("high", "to"))
        ),
        alt.Tooltip("reason:N", title="left out for"),
    ]
    lines = base.mark_line(strokeWidth=1.2).encode(y=y)
    bars = base.mark_rule(strokeWidth=1).encode(y="low:Q", y2="high:Q")
    points = [
        drawn_of(part).mark_point(filled=filled, size=40, opacity=1).encode(y=y, shape=shape, tooltip=tips)
        for filled in (False, True)
        if (part := [row for row in rows if row["used"] == filled])
    ]
    floors = (
        alt.Chart(alt.Data(values=floors_rows))
        .mark_line(color=GREY, strokeWidth=1.5)
        .encode(
            x=x,
            y="error:Q",
            strokeDash=alt.StrokeDash(
                "floor:N",
                title=None,
                legend=alt.Legend(orient="bottom", labelLimit=400, columns=1) if legends else None,
                scale=alt.Scale(domain=[MONTE_CARLO, REFERENCE], range=[[6, 4], [2, 2]]),
            ),
        )
    )
    least = min((row["error"] for row in (*rows, *floors_rows)), default=1.0)
    under = [{**row, "least": least} for row in floors_rows if row["floor"] == MONTE_CARLO]
    band = alt.Chart(alt.Data(values=under)).mark_area(color=GREY, opacity=0.15).encode(x=x, y=y, y2="least:Q")
    return alt.LayerChart(layer=[band, floors, bars, lines, *points])


def _points(results: Sequence[Orders], kind: Kind) -> list[dict[str, Any]]:
    rows = []
    for result in results:
        for level in getattr(result, kind).levels:
            if level.error:  # log axes know no zero
                row = {"who": result.display_name, "steps": level.steps, "h": level.h, "used": level.used}
                row |= {"error": level.error, "reason": level.reason or "–"}
                row["low"] = max(level.low or 0.0, level.error * 1e-2)
                row["high"] = level.error if level.high is None else level.high
                rows.append(row)
    return rows


def _floors(results: Sequence[Orders], kind: Kind) -> list[dict[str, Any]]:
    noise: dict[float, list[float]] = {}
    for result in results:
        for level in getattr(result, kind).levels:
            if level.standard_error is not None:
                noise.setdefault(level.h, []).append(3.0 * level.standard_error)
    middle = {h: float(median(values)) for h, values in sorted(noise.items())}
    rows = [{"h": h, "error": value, "floor": MONTE_CARLO} for h, value in middle.items() if value > 0]
    errors = [result.reference.error if kind == "strong" else result.reference.weak_error for result in results]
    own = max(errors, default=0.0)
    least = min((row["error"] for row in _points(results, kind)), default=math.inf)
    if own > _FAR_BELOW * least and noise:
        rows += [{"h": h, "error": own, "floor": REFERENCE} for h in (min(noise), max(noise))]
    return rows


SLOPES: tuple[tuple[float, str], ...] = ((0.5, "½"), (1.0, "1"), (1.5, "1.5"), (2.0, "2"))


def order_charts(found: Sequence[Orders]) -> tuple[dict[str, alt.LayerChart], list[Curve], str]:
    """Returns the panels of a study by their titles, how their curves are drawn, and which are folded, in a sentence.

    Samplers with the same errors share a curve. Where more remain than a panel holds, those that declare a strong order
    above 1 have panels of their own, and so have those that declare none; what is still too much is cut in parts.
    """
    folded, groups = _folded(found)
    charts: dict[str, alt.LayerChart] = {}
    legend: list[Curve] = []
    for name, group in groups.items():
        legend += orders_curves(group)
        charts |= _sloped(name, group, legends=False)
    return charts, legend, folded


def _folded(found: Sequence[Orders]) -> tuple[str, dict[str, list[Orders]]]:
    """Which samplers share a curve, in a sentence, and those that have one of their own, by the titles of panels."""
    folded = twins(*_errors(found))
    return folded_sentence(folded, "the errors"), _groups([one for one in found if one.display_name not in folded])


def _sloped(name: str, group: Sequence[Orders], *, legends: bool) -> dict[str, alt.LayerChart]:
    panels = convergence_panels(group, legends=legends).values()
    charts = {}
    for (kind, (words, _)), panel in zip(KINDS.items(), panels, strict=True):
        points = [(level.h, level.error) for one in group for level in getattr(one, kind).levels if level.error]
        charts[f"{words}{name}"] = with_slopes(panel, points)
    return charts


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
