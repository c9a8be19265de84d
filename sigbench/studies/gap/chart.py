"""The charts of a gap: error along the path, where it comes from, and the laws, over the log-SNR."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from sigbench.records.names import display_name
from sigbench.report.curves import GREY, color_of, legend_of, level, log_low, tips_of

_WIDTH, _HEIGHT = 330, 220
_TOTAL, _LOCAL = "along its own path", "one step from the teacher's state"
_DISTANCES = {"w1": "W1", "sliced-w2": "sliced W2"}


def gap_chart(gaps: Sequence[Mapping[str, Any]]) -> alt.TopLevelMixin:
    """Returns the panels of `gap_panels` as one picture."""
    panels = [panel.properties(width=_WIDTH, height=_HEIGHT, title=title) for title, panel in gap_panels(gaps).items()]
    first = gaps[0]
    teacher = first["teacher"]
    title = alt.Title(
        f"{first['task']}: the gap to the teacher",
        anchor="middle",
        fontSize=16,
        offset=12,
        subtitle=f"{teacher['sampler']}, {teacher['steps']} steps · {first['samples']:,} paths, laws of "
        f"{first['group']:,} states on each side, 95 % intervals",
    )
    rows = alt.vconcat(*(alt.hconcat(*panels[first : first + 2]) for first in range(0, len(panels), 2)))
    return rows.resolve_scale(color="shared").properties(title=title)


def names_of(gaps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns what the curves are called."""
    return [f"{display_name(gap)}, {len(gap['times'])} steps" for gap in gaps]


def gap_panels(gaps: Sequence[Mapping[str, Any]], *, legends: bool = True) -> dict[str, alt.LayerChart]:
    """Returns five charts by their titles, from the JSON objects of a study whose status is "ok".

    The error on the path and that of single steps, the share of each step in the squared error at the end, the
    distance of laws with its floor, MMD² above its own, and the ratio of variances; all with their 95 % intervals.
    """
    rows = [row for gap in gaps for row in _rows(gap)]
    color = color_of(legend_of(names_of(gaps)), shown=legends)
    x = alt.X(
        "log_snr:Q",
        title="log-SNR at the end of the step (noise → data)",
        axis=alt.Axis(grid=False),
        scale=alt.Scale(nice=False, padding=8),
    )
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, color=color)
    distance = _DISTANCES[gaps[0]["distance"]]
    laws = _layers(base, "distance", f"{distance} to the teacher's law", log=True)
    return {
        "Error on the path; dashed: one step from the teacher's state": _errors(rows, x, color),
        "Which step makes the error at the end": _layers(
            base, "share", "share of the squared error at the end", axis=alt.Axis(format="%")
        ),
        "Laws; grey: the teacher with itself": alt.LayerChart(layer=[_floor(rows, x), laws]),
        "MMD² above that of the teacher with itself": alt.LayerChart(
            layer=[
                level("none", 0.0),
                _layers(base, "mmd2_excess", "MMD² above its floor", axis=alt.Axis(format=".0e")),
            ]
        ),
        "Variance along its own path": alt.LayerChart(
            layer=[level("one", 1.0), _layers(base, "variance_ratio", "variance over the teacher's", log=True)]
        ),
    }


def _rows(gap: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows, (who,) = [], names_of([gap])
    for time in gap["times"]:
        row: dict[str, Any] = {"who": who, "step": time["step"], "t": time["t"], "log_snr": time["log_snr"]}
        for name, value in time.items():
            if isinstance(value, dict):
                row |= {f"{name}_{end}": value[end] for end in ("low", "high")} | {name: value["value"]}
        rows.append(row)
    return rows


def _errors(rows: Sequence[Mapping[str, Any]], x: alt.X, color: alt.Color) -> alt.LayerChart:
    long = [
        {**row, "kind": kind, "error": row[name], "error_low": row[f"{name}_low"], "error_high": row[f"{name}_high"]}
        for row in rows
        for kind, name in ((_TOTAL, "rmse"), (_LOCAL, "local_rmse"))
        if row[name] > 0
    ]
    dash = alt.StrokeDash("kind:N", scale=alt.Scale(domain=[_TOTAL, _LOCAL], range=[[1, 0], [4, 3]]), legend=None)
    base = alt.Chart(alt.Data(values=long)).encode(x=x, color=color)
    return _layers(base.encode(strokeDash=dash), "error", "RMSE against the teacher, a coordinate", log=True)


def _layers(base: alt.Chart, name: str, title: str, *, log: bool = False, axis: Any = alt.Undefined) -> alt.LayerChart:
    scale = alt.Scale(type="log", nice=False, padding=6) if log else alt.Scale()
    y = alt.Y(f"{name}:Q", title=title, axis=axis, scale=scale)
    intervals = base.mark_rule(strokeWidth=1.5)
    if log:  # an interval may reach 0, which a log axis cannot show
        intervals = intervals.transform_calculate(low_end=log_low(name))
    low = "low_end:Q" if log else f"{name}_low:Q"
    rules = intervals.encode(y=alt.Y(low), y2=f"{name}_high:Q", strokeDash=alt.value([1, 0]))
    tips = tips_of(name, alt.Tooltip("step:Q"), alt.Tooltip("t:Q", format=".3g"))
    points = base.mark_point(filled=True, size=35, opacity=1).encode(y=y, tooltip=tips)
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
