"""The charts of an ablation: quality against signature order and number of steps, and what each costs."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from sigbench.records.names import display_name
from sigbench.report.curves import (
    axis,
    color_by,
    dashed,
    floor_band,
    log_axis,
    log_low,
    log_scale,
    shape_by,
    tips_of,
)
from sigbench.report.palette import Curve, curves_of
from sigbench.report.theme import heading, legend_above, stacked
from sigbench.studies.ablation.result import AblationResult
from sigbench.studies.ablation.verdict import headline_of, usual_but_for_order


def ablation_curves(results: Sequence[AblationResult]) -> list[Curve]:
    """Returns how the curves are drawn: all are of the student, one a number of steps."""
    steps = sorted({row.variant.steps for row in usual_but_for_order(results)})
    return curves_of((f"{count} steps", display_name(results[0].record)) for count in steps)


def ablation_chart(results: Sequence[AblationResult]) -> alt.TopLevelMixin:
    """Returns the panels of `ablation_panels` as one picture."""
    first = results[0]
    record = first.record
    title = heading(
        f"{first.task}: what the signature is worth",
        f"{first.budget['iterations']:,} iterations a student, {record['samples']:,} samples × {record['repeats']} "
        "repeats, 95 % intervals.",
    )
    return stacked(ablation_panels(results), title)


def ablation_panels(results: Sequence[AblationResult], *, legends: bool = True) -> dict[str, alt.LayerChart]:
    """Returns charts by their titles: the headline metric, and the seconds of training where known, against the order.

    Of the students that differ from the usual one in order and number of steps only; one curve a number of steps.
    """
    rows, name, curves = _rows(results), headline_of(results), ablation_curves(results)
    legend = legend_above([curve.name for curve in curves]) if legends else None
    orders = sorted({row["order"] for row in rows})
    x = alt.X(
        "order:Q",
        title="signature order",
        axis=axis(values=orders, grid=False),
        scale=alt.Scale(nice=False, padding=15, zero=False),
    )
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, color=color_by(curves, legend=legend))
    lines = dashed(base.mark_line(strokeWidth=1.5), curves)
    points = base.mark_point(filled=True, size=50, opacity=1).encode(shape=shape_by(curves, legend=legend))
    seen = [row[name] for row in rows for name in ("value", "value_high", "floor")]
    y = alt.Y("value:Q", title=f"{name} (95 % interval)", scale=log_scale(), axis=log_axis(seen))
    tips = tips_of(
        "value",
        alt.Tooltip("order:Q"),
        alt.Tooltip("seconds:Q", title="training (s)", format=".0f"),
        alt.Tooltip("sample_s:Q", title="seconds a sample", format=".2e"),
    )
    quality = alt.LayerChart(
        layer=[
            *floor_band("value", rows[0]["floor"], rows[0]["floor_low"], rows[0]["floor_high"]),
            lines.encode(y=y),
            base.transform_calculate(low_end=log_low("value"))
            .mark_rule(strokeWidth=1.5)
            .encode(y=alt.Y("low_end:Q"), y2="value_high:Q"),
            points.encode(y=y, tooltip=tips),
        ]
    )
    panels = {f"{name} against signature order; grey: the floor": quality}
    if all(row["seconds"] is None for row in rows):
        return panels
    seconds = alt.Y("seconds:Q", title="training (s)", scale=alt.Scale(zero=True), axis=axis())
    cost = alt.LayerChart(
        layer=[
            lines.encode(y=seconds),
            points.encode(y=seconds, tooltip=tips),
        ]
    )
    return panels | {"What a student costs": cost}


def _rows(results: Sequence[AblationResult]) -> list[dict[str, Any]]:
    name, rows = headline_of(results), []
    for result in usual_but_for_order(results):
        metric, timing = result.record["metrics"][name], result.record["timing"]
        rows.append(
            {
                "who": f"{result.variant.steps} steps",
                "order": result.variant.order,
                "value": metric["value"],
                "value_low": metric["value"] if metric["low"] is None else metric["low"],
                "value_high": metric["value"] if metric["high"] is None else metric["high"],
                **{end: metric[end] for end in ("floor", "floor_low", "floor_high")},
                "seconds": result.training_s,
                "sample_s": None if timing is None else timing["sample_s"]["value"],
            }
        )
    return rows
