"""Quality against what samples cost in all: training once, and then so much a sample."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from sigbench.errors import BadInput
from sigbench.leaderboard.documents.rivals import FREE, option_of
from sigbench.records.record import Record
from sigbench.report.curves import color_by, dashed, floor_band, log_axis, log_scale, shape_by
from sigbench.report.palette import curves_of
from sigbench.report.theme import HEIGHT, WIDTH, heading, legend_above

_HOURS = 3600.0


def cost_chart(records: Sequence[Record], metric: str, samples: int, times: Sequence[Record] = ()) -> alt.TopLevelMixin:
    """Returns the chart of a metric against the hours that so many samples take, training included; log axes.

    A line is a student's, or that of the best training-free samplers, from few calls to many; of the latter those are
    left out beside which another is better in less time. Times are those of `times` where it holds the same samplers
    and calls. Raises BadInput where no record has times that can be trusted.
    """
    rows: list[dict[str, Any]] = []
    for record in records:
        option, own = option_of(record, times), record["metrics"][metric]
        if option is None:
            continue
        hours = (option.training_s + samples * option.sample_s) / _HOURS
        who = record["sampler"] if record["role"] != "teacher" else f"teacher, {record['nfe']} calls"
        rows.append({"who": who, "hours": hours, "value": own["value"], "calls": record["nfe"]})
    free = [row for row in rows if row["who"] == FREE]
    rows = [row for row in rows if row not in free or not any(_beats(other, row) for other in free)]
    if not rows:
        raise BadInput("no record has times that can be trusted.")
    curves = curves_of((str(row["who"]), str(row["who"])) for row in rows)
    first = records[0]["metrics"][metric]
    values = [*(row["value"] for row in rows), first["floor"]]
    hours_taken = [row["hours"] for row in rows]
    x = alt.X(
        "hours:Q",
        title=f"hours for {samples:,} samples, training included",
        scale=log_scale(),
        axis=log_axis(hours_taken, grid=False),
    )
    y = alt.Y("value:Q", title=metric, scale=log_scale(), axis=log_axis(values))
    legend = legend_above([curve.name for curve in curves])
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, y=y, color=color_by(curves, legend=legend))
    lines = dashed(base.mark_line(strokeWidth=1.5, opacity=0.7).encode(order="calls:Q"), curves)
    points = base.mark_point(filled=True, size=55, opacity=1).encode(shape=shape_by(curves, legend=legend))
    labels = base.mark_text(dx=7, dy=-7, fontSize=10).encode(text="calls:Q")
    floor = floor_band("value", first["floor"], first["floor_low"], first["floor_high"])
    title = heading(
        f"{records[0]['task']}: {metric} against what {samples:,} samples cost",
        "Numbers are network calls a sample. Dashed, grey: the floor, what exact draws of the truth score.",
    )
    return alt.layer(*floor, lines, points, labels).properties(width=WIDTH, height=HEIGHT + 40, title=title)


def _beats(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether a point is the better one in less time."""
    return bool(one["value"] < other["value"] and one["hours"] < other["hours"])
