"""The chart of a convergence study: error over step size, log-log, with the floors drawn as lines."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import altair as alt

from sigbench.report.charts import save_chart

KINDS = (("strong", "strong error (mean absolute)"), ("weak", "weak error (RMS over test functions, in sd)"))
MONTE_CARLO, REFERENCE = "Monte Carlo floor: 3 standard errors of the median sampler", "reference's own error"


def convergence_chart(results: Sequence[dict[str, Any]]) -> alt.TopLevelMixin:
    """Returns strong and weak error side by side from the JSON objects of a study, samplers in their order.

    Filled points count for the order, hollow ones do not. Dashed lines are the Monte Carlo floor (of the
    median sampler at each level) and the error of the reference (the largest of those in use).
    """
    names = [result["sampler"] for result in results]
    strong, weak = (_panel(results, names, kind, title) for kind, title in KINDS)
    return alt.hconcat(strong, weak).resolve_scale(color="shared", shape="shared")


def save_convergence_chart(results: Sequence[dict[str, Any]], file: Path) -> list[Path]:
    """Writes the chart as PNG and as SVG beside each other, whichever ending `file` has; returns both files."""
    chart = convergence_chart(results)
    files = [file.with_suffix(ending) for ending in (".png", ".svg")]
    for path in files:
        save_chart(chart, path)
    return files


def _panel(results: Sequence[dict[str, Any]], names: Sequence[str], kind: str, title: str) -> alt.LayerChart:
    points = _points(results, kind)
    x = alt.X("h:Q", scale=alt.Scale(type="log"), title="mean step size h", axis=alt.Axis(grid=False, format="~g"))
    y = alt.Y("error:Q", scale=alt.Scale(type="log"), title=title, axis=alt.Axis(format=".0e"))
    legend = alt.Legend(orient="top", columns=5, symbolStrokeWidth=2)  # one legend, since both encodings share it
    colour = alt.Color(
        "sampler:N",
        sort=list(names),
        title=None,
        legend=legend,
        scale=alt.Scale(domain=list(names), scheme="tableau20"),
    )
    base = alt.Chart(alt.Data(values=points)).encode(x=x, color=colour)
    shape = alt.Shape(  # in print and for the colour-blind
        "sampler:N", sort=list(names), title=None, legend=legend, scale=alt.Scale(domain=list(names))
    )
    lines = base.mark_line(strokeWidth=1.2).encode(y=y)
    bars = base.mark_rule(strokeWidth=1).encode(y="low:Q", y2="high:Q")
    used = base.transform_filter("datum.used").mark_point(filled=True, size=40, opacity=1).encode(y=y, shape=shape)
    unused = base.transform_filter("!datum.used").mark_point(filled=False, size=40, opacity=1).encode(y=y, shape=shape)
    floors = (
        alt.Chart(alt.Data(values=_floors(results, kind)))
        .mark_line(color="#555555", strokeWidth=1.5)
        .encode(
            x=x,
            y="error:Q",
            strokeDash=alt.StrokeDash(
                "floor:N",
                title=None,
                legend=alt.Legend(orient="bottom", labelLimit=400),
                scale=alt.Scale(domain=[MONTE_CARLO, REFERENCE], range=[[6, 4], [2, 2]]),
            ),
        )
    )
    chart: alt.LayerChart = alt.LayerChart(layer=[floors, bars, lines, unused, used])
    return chart.properties(width=380, height=340)


def _points(results: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    rows = []
    for result in results:
        for level in result[kind]["levels"]:
            if level["error"]:  # log axes know no zero
                tiny = level["error"] * 1e-2
                low = max(level["low"] or 0.0, tiny)
                high = level["high"] if level["high"] is not None else level["error"]
                row = {"sampler": result["sampler"], "h": level["h"], "used": level["used"]}
                rows.append({**row, "error": level["error"], "low": low, "high": high})
    return rows


def _floors(results: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    key = {"strong": "error", "weak": "weak_error"}[kind]
    noise: dict[float, list[float]] = {}
    for result in results:
        for level in result[kind]["levels"]:
            if level["standard_error"] is not None:
                noise.setdefault(level["h"], []).append(3.0 * level["standard_error"])
    middle = {h: float(median(values)) for h, values in sorted(noise.items())}
    rows = [{"h": h, "error": value, "floor": MONTE_CARLO} for h, value in middle.items() if value > 0]
    own = max((result["reference"][key] for result in results), default=0.0)
    if own > 0:
        rows += [{"h": h, "error": own, "floor": REFERENCE} for h in (min(noise), max(noise))]
    return rows
