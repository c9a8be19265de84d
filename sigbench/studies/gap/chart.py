"""The charts of a gap: error along the path, where it comes from, and the laws, over the log-SNR."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import altair as alt

from sigbench.metrics.estimate import Interval
from sigbench.report.curves import axis, color_by, level, log_axis, log_low, log_scale, shape_by, tips_of
from sigbench.report.palette import GREY, Curve, curves_of
from sigbench.report.theme import heading, legend_above, stacked
from sigbench.studies.gap.result import DISTANCES, Gap

_TOTAL, _LOCAL = "along its own path", "one step from the teacher's state"


def gap_chart(gaps: Sequence[Gap]) -> alt.TopLevelMixin:
    """Returns the panels of `gap_panels` as one picture."""
    first = gaps[0]
    title = heading(
        f"{first.task}: the gap to the teacher",
        f"Teacher: {first.teacher.sampler}, {first.teacher.steps} steps. {first.samples:,} paths, laws of "
        f"{first.group:,} states on each side, 95 % intervals.",
    )
    return stacked(gap_panels(gaps), title)


def gap_curves(gaps: Sequence[Gap]) -> list[Curve]:
    """Returns how the curves are drawn."""
    return curves_of(((gap.curve, gap.display_name) for gap in gaps), dashed=False)


def gap_panels(gaps: Sequence[Gap], *, legends: bool = True) -> dict[str, alt.LayerChart]:
    """Returns five charts by their titles, from gaps whose status is "ok".

    The error on the path and that of single steps, the share of each step in the squared error at the end, the
    distance of laws with its floor, MMD² above its own, and the ratio of variances; all with their 95 % intervals.
    """
    rows = [row for gap in gaps for row in _rows(gap)]
    curves, legend = gap_curves(gaps), legend_above([curve.name for curve in gap_curves(gaps)]) if legends else None
    look = {"color": color_by(curves, legend=legend), "shape": shape_by(curves, legend=legend)}
    x = alt.X(
        "log_snr:Q",
        title="log-SNR at the end of the step (noise → data)",
        axis=axis(grid=False),
        scale=alt.Scale(nice=False, padding=8),
    )
    base = alt.Chart(alt.Data(values=rows)).encode(x=x)

    def seen(*names: str) -> list[float]:
        return [row[name] for row in rows for name in names]

    distance = DISTANCES[gaps[0].distance]
    laws = _layers(base, look, "distance", f"{distance} to the teacher's law", log=seen("distance", "distance_floor"))
    return {
        "Error on the path; dashed: one step from the teacher's state": _errors(rows, x, look),
        "Which step makes the error at the end": _layers(
            base, look, "share", "share of the squared error at the end", kind="percent"
        ),
        "Laws; grey: the teacher with itself": alt.LayerChart(layer=[_floor(rows, x), laws]),
        "MMD² above that of the teacher with itself": alt.LayerChart(
            layer=[
                level("none", 0.0),
                _layers(base, look, "mmd2_excess", "MMD² above its floor"),
            ]
        ),
        "Variance along its own path": alt.LayerChart(
            layer=[
                level("one", 1.0),
                _layers(base, look, "variance_ratio", "variance over the teacher's", log=seen("variance_ratio")),
            ]
        ),
    }


def _rows(gap: Gap) -> list[dict[str, Any]]:
    rows = []
    for step in gap.times:
        row: dict[str, Any] = {"who": gap.curve}
        for field in fields(step):
            value = getattr(step, field.name)
            if isinstance(value, Interval):
                row |= {field.name: value.value, f"{field.name}_low": value.low, f"{field.name}_high": value.high}
            else:
                row[field.name] = value
        rows.append(row)
    return rows


def _errors(rows: Sequence[Mapping[str, Any]], x: alt.X, look: Mapping[str, Any]) -> alt.LayerChart:
    long = [
        {**row, "kind": kind, "error": row[name], "error_low": row[f"{name}_low"], "error_high": row[f"{name}_high"]}
        for row in rows
        for kind, name in ((_TOTAL, "rmse"), (_LOCAL, "local_rmse"))
        if row[name] > 0
    ]
    dash = alt.StrokeDash("kind:N", scale=alt.Scale(domain=[_TOTAL, _LOCAL], range=[[1, 0], [4, 3]]), legend=None)
    base = alt.Chart(alt.Data(values=long)).encode(x=x, strokeDash=dash)
    return _layers(base, look, "error", "RMSE against the teacher, a coordinate", log=[row["error"] for row in long])


def _layers(
    base: alt.Chart,
    look: Mapping[str, Any],
    name: str,
    title: str,
    *,
    log: Sequence[float] | None = None,
    kind: str = "plain",
) -> alt.LayerChart:
    scale = log_scale(padding=6) if log else alt.Scale()
    y = alt.Y(f"{name}:Q", title=title, axis=axis(kind) if log is None else log_axis(log), scale=scale)
    base = base.encode(color=look["color"])
    intervals = base.mark_rule(strokeWidth=1.5)
    if log:  # an interval may reach 0, which a log axis cannot show
        intervals = intervals.transform_calculate(low_end=log_low(name))
    low = "low_end:Q" if log else f"{name}_low:Q"
    rules = intervals.encode(y=alt.Y(low), y2=f"{name}_high:Q", strokeDash=alt.value([1, 0]))
    tips = tips_of(name, alt.Tooltip("step:Q"), alt.Tooltip("t:Q", format=".3g"))
    points = base.mark_point(filled=True, size=40, opacity=1).encode(
        y=y, shape=look["shape"], strokeDash=alt.value([1, 0]), tooltip=tips
    )
    return alt.LayerChart(layer=[base.mark_line(strokeWidth=1.5).encode(y=y), rules, points])


def _floor(rows: Sequence[Mapping[str, Any]], x: alt.X) -> alt.LayerChart:
    seen = {row["log_snr"]: row for row in rows}
    values = [
        {
            "log_snr": at,
            "floor": row["distance_floor"],
            "high": row["distance_floor_high"],
            "low": max(row["distance_floor_low"], 0.2 * row["distance_floor"]),
        }
        for at, row in sorted(seen.items())
    ]
    base = alt.Chart(alt.Data(values=values)).encode(x=x)
    band = base.mark_area(color=GREY, opacity=0.2).encode(y="low:Q", y2="high:Q")
    return alt.LayerChart(layer=[band, base.mark_line(color=GREY, strokeDash=[6, 4]).encode(y="floor:Q")])
