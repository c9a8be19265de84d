"""The charts of guidance: what label accuracy costs in variety within classes, by the weight of guidance."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from sigbench.report.curves import axis, color_by, dashed, level, log_axis, log_low, log_scale, shape_by, tips_of
from sigbench.report.palette import Curve, curves_of
from sigbench.studies.guidance.result import METRICS, Guided
from sigbench.studies.guidance.verdict import in_order


def guidance_curves(points: Sequence[Guided]) -> list[Curve]:
    """Returns how the curves are drawn, students first and teachers last."""
    return curves_of((point.curve, point.display_name) for point in in_order(points))


def guidance_panels(points: Sequence[Guided]) -> dict[str, alt.LayerChart]:
    """Returns three charts by their titles, from points of one task that differ in sampler, steps and guidance.

    Intra-class FCD against label accuracy, a point a weight; and intra-class FCD and recall against the weight.
    """
    rows, curves = [_row(point) for point in points], guidance_curves(points)
    base = alt.Chart(alt.Data(values=rows)).encode(color=color_by(curves))
    lines = dashed(base.mark_line(strokeWidth=1.5), curves).encode(order="guidance:Q")
    marks = base.mark_point(filled=True, size=50, opacity=1).encode(shape=shape_by(curves))
    weight = alt.X(
        "guidance:Q",
        title="guidance W",
        scale=alt.Scale(nice=False, padding=12),
        axis=axis(values=sorted({row["guidance"] for row in rows}), grid=False),
    )
    seen = [row[name] for row in rows for name in ("intra", "intra_floor")]
    intra = alt.Y("intra:Q", title="FCD within classes", scale=log_scale(padding=12), axis=log_axis(seen))
    accuracy = alt.X(
        "accuracy:Q",
        title="label accuracy",
        axis=axis("percent", grid=False),
        scale=alt.Scale(zero=False, nice=False, padding=14),
    )
    cut = base.transform_calculate(low_end=log_low("intra"), right_end="min(datum.accuracy_high, 1)")
    tips = tips_of("intra", alt.Tooltip("guidance:Q"), alt.Tooltip("accuracy:Q", format=".2%"))
    upright = cut.mark_rule(strokeWidth=1.2).encode(y=alt.Y("low_end:Q"), y2="intra_high:Q")
    trade = alt.LayerChart(
        layer=[
            lines.encode(x=accuracy, y=intra),
            upright.encode(x=accuracy),
            cut.mark_rule(strokeWidth=1.2).encode(x=alt.X("accuracy_low:Q"), x2="right_end:Q", y=intra),
            marks.encode(x=accuracy, y=intra, tooltip=tips),
        ]
    )
    within = alt.LayerChart(
        layer=[
            level("intra", rows[0]["intra_floor"]),
            lines.encode(x=weight, y=intra),
            upright.encode(x=weight),
            marks.encode(x=weight, y=intra, tooltip=tips),
        ]
    )
    recall = alt.Y("recall:Q", title="recall", scale=alt.Scale(nice=False, padding=8, zero=False), axis=axis("percent"))
    variety = alt.LayerChart(
        layer=[
            level("recall", rows[0]["recall_floor"]),
            lines.encode(x=weight, y=recall),
            base.mark_rule(strokeWidth=1.2).encode(x=weight, y=alt.Y("recall_low:Q"), y2="recall_high:Q"),
            marks.encode(x=weight, y=recall, tooltip=tips_of("recall", alt.Tooltip("guidance:Q"))),
        ]
    )
    return {
        "Label accuracy against FCD within classes, from W = 0 upwards": trade,
        "FCD within classes; dashed: its floor": within,
        "Recall; dashed: that of the data": variety,
    }


def _row(point: Guided) -> dict[str, Any]:
    row: dict[str, Any] = {"who": point.curve, "guidance": point.weight}
    for short in METRICS:
        metric = point.metric(short)
        row |= {short: metric["value"], f"{short}_floor": metric["floor"]}
        row |= {f"{short}_low": metric["value"] if metric["low"] is None else metric["low"]}
        row |= {f"{short}_high": metric["value"] if metric["high"] is None else metric["high"]}
    return row
