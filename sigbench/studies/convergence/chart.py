"""The charts of a convergence study: error over step size, log-log, with the floors drawn as lines."""

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Literal

import altair as alt

from sigbench.report.charts import save_chart
from sigbench.report.curves import color_by, legend_above, log_axis, log_scale, shape_by
from sigbench.report.palette import GREY, Curve, curves_of
from sigbench.studies.convergence.result import Orders

_WIDTH, _HEIGHT = 400, 340
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
    """Returns the panels of `convergence_panels` as one picture."""
    panels = [
        panel.properties(width=_WIDTH, height=_HEIGHT, title=title)
        for title, panel in convergence_panels(results).items()
    ]
    return alt.hconcat(*panels).resolve_scale(color="shared", shape="shared")


def convergence_panels(results: Sequence[Orders], *, legends: bool = True) -> dict[str, alt.LayerChart]:
    """Returns strong and weak error by their titles, over the step size on log axes, samplers in their order.

    Filled points count for the order, hollow ones do not. Dashed lines are the Monte Carlo floor (of the
    median sampler at each level), dotted ones the error of the reference (the largest of those in use, where it lies
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
    legend = legend_above(5) if legends else None  # one legend, since both encodings share it
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
                legend=alt.Legend(orient="bottom", labelLimit=400) if legends else None,
                scale=alt.Scale(domain=[MONTE_CARLO, REFERENCE], range=[[6, 4], [2, 2]]),
            ),
        )
    )
    return alt.LayerChart(layer=[floors, bars, lines, *points])


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
