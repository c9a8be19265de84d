"""The chart of what moved: every change with its interval, in units of its margin."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from sigbench.gate.verdict import PointVerdict
from sigbench.report.curves import axis
from sigbench.report.palette import GREY, VERDICTS
from sigbench.report.theme import WIDTH, heading

_TICKS = [-20, -5, -1, 0, 1, 5, 20]
_BREAK = "; "  # where the name of a row goes on in a second line
_FAR = 20.0  # margins; what lies beyond is drawn at the edge


def gate_chart(points: Sequence[PointVerdict]) -> alt.TopLevelMixin:
    """Returns a row for every guarded metric of every point, the worst first; the band is the margin.

    To the right is worse. A sampler that failed stands at the right edge as a cross.
    """
    rows = sorted(_rows(points), key=lambda row: -row["change"])
    order = [row["what"] for row in rows]
    edge = max([2.0, *(1.1 * abs(row[end]) for row in rows for end in ("low", "change", "high"))])
    x = alt.X(
        "change:Q",
        title="change in units of the margin: worse →",
        scale=alt.Scale(type="symlog", constant=1, domain=[-edge, edge], nice=False),
        axis=axis(values=[tick for tick in _TICKS if abs(tick) <= edge], grid=True),
    )
    y = alt.Y(
        "what:N",
        sort=order,
        title=None,
        axis=alt.Axis(labelLimit=300, grid=False, labelOffset=-7, labelExpr=f"split(datum.label, '{_BREAK}')"),
    )
    words = [word for word in VERDICTS if any(row["verdict"] == word for row in rows)]
    color = alt.Color(
        "verdict:N",
        title=None,
        scale=alt.Scale(domain=words, range=[VERDICTS[word] for word in words]),
        legend=alt.Legend(orient="top", symbolType="circle"),
    )
    base = alt.Chart(alt.Data(values=rows)).encode(y=y, color=color)
    band = alt.Chart(alt.Data(values=[{"low": -1, "high": 1}])).mark_rect(color=GREY, opacity=0.15)
    zero = alt.Chart(alt.Data(values=[{"change": 0}])).mark_rule(color=GREY).encode(x=x)
    intervals = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q")
    shape = alt.Shape("failed:N", legend=None, scale=alt.Scale(domain=[False, True], range=["circle", "cross"]))
    dots = base.mark_point(filled=True, size=60, opacity=1).encode(x=x, shape=shape)
    title = heading("What moved against the baseline", "95 % intervals; the grey band is the margin.")
    title.frame = "bounds"  # the rows' names are long
    return alt.layer(band.encode(x="low:Q", x2="high:Q"), zero, intervals, dots).properties(
        width=WIDTH - 130, height=alt.Step(34), title=title
    )


def _rows(points: Sequence[PointVerdict]) -> list[dict[str, Any]]:
    rows = []
    for point in points:
        for name, metric in point["metrics"].items():
            ends = [metric["change"], metric["low"], metric["high"]]
            failed, margin = None in ends, metric["margin"] or 1.0
            scaled = [_FAR if end is None else max(-_FAR, min(_FAR, end / margin)) for end in ends]
            rows.append(
                {
                    "what": f"{point['task']}, {point['sampler']}{_BREAK}{point['steps']} steps: {name}",
                    "change": scaled[0],
                    "low": scaled[1],
                    "high": scaled[2],
                    "failed": failed,
                    "verdict": metric["verdict"],
                }
            )
    return rows
