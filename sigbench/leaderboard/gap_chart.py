"""The chart of a gap: error along the path, where it comes from, and the laws, over the log-SNR."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

_WIDTH, _HEIGHT = 330, 220
_GREY = "#666666"
_TOTAL, _LOCAL = "along its own path", "one step from the teacher's state"


def gap_chart(gaps: Sequence[Mapping[str, Any]]) -> alt.TopLevelMixin:
    """Returns four panels from the JSON objects of a study whose status is "ok", all with their 95 % intervals.

    The error on the path and that of single steps, the share of each step in the squared error at the end, the
    distance of laws with its floor, and the ratio of variances.
    """
    names = [_name(gap) for gap in gaps]
    rows = [row for gap in gaps for row in _rows(gap)]
    color = alt.Color(
        "who:N", title=None, scale=alt.Scale(domain=names, scheme="tableau10"),
        legend=alt.Legend(orient="top", columns=4, labelLimit=240, symbolStrokeWidth=3),
    )  # fmt: skip
    x = alt.X(
        "log_snr:Q", title="log-SNR at the end of the step (noise → data)", axis=alt.Axis(grid=False),
        scale=alt.Scale(nice=False, padding=8),
    )  # fmt: skip
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, color=color)
    distance = {"w1": "W1", "sliced-w2": "sliced W2"}[gaps[0]["distance"]]
    top = alt.hconcat(_errors(rows, x, color), _panel(base, "share", "share of the squared error at the end", "%"))
    floor = _floor(rows, x)
    laws = alt.LayerChart(layer=[floor, _layers(base, "distance", f"{distance} to the teacher's law", log=True)])
    ratio = alt.Chart(alt.Data(values=[{"one": 1}])).mark_rule(color=_GREY, strokeDash=[6, 4]).encode(y="one:Q")
    spread = alt.LayerChart(layer=[ratio, _layers(base, "variance_ratio", "variance over the teacher's", log=True)])
    below = alt.hconcat(
        _sized(laws, "Laws; grey: the teacher with itself"), _sized(spread, "Variance along its own path")
    )
    first = gaps[0]
    teacher = first["teacher"]
    title = alt.Title(
        f"{first['task']}: the gap to the teacher", anchor="middle", fontSize=16, offset=12,
        subtitle=f"{teacher['sampler']}, {teacher['steps']} steps · {first['samples']:,} paths, 95 % intervals",
    )  # fmt: skip
    return alt.vconcat(top, below).resolve_scale(color="shared").properties(title=title)


def _name(gap: Mapping[str, Any]) -> str:
    return f"{gap['sampler']}, {len(gap['times'])} steps"


def _rows(gap: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for time in gap["times"]:
        row: dict[str, Any] = {"who": _name(gap), "log_snr": time["log_snr"]}
        for name, value in time.items():
            if isinstance(value, dict):
                row |= {f"{name}_{end}": value[end] for end in ("low", "high")} | {name: value["value"]}
        rows.append(row)
    return rows


def _errors(rows: Sequence[Mapping[str, Any]], x: alt.X, color: alt.Color) -> alt.LayerChart:
    long = [
        {**row, "kind": kind, "error": row[name], "error_low": row[f"{name}_low"], "error_high": row[f"{name}_high"]}
        for row in rows for kind, name in ((_TOTAL, "rmse"), (_LOCAL, "local_rmse")) if row[name] > 0
    ]  # fmt: skip
    dash = alt.StrokeDash(
        "kind:N", title=None, scale=alt.Scale(domain=[_TOTAL, _LOCAL], range=[[1, 0], [4, 3]]),
        legend=alt.Legend(
            orient="top", columns=1, labelLimit=240, symbolType="stroke", symbolSize=400, symbolStrokeWidth=2,
            symbolStrokeColor=_GREY,
        ),
    )  # fmt: skip
    base = alt.Chart(alt.Data(values=long)).encode(x=x, color=color)
    layers = _layers(base.encode(strokeDash=dash), "error", "RMSE against the teacher, a coordinate", log=True)
    return _sized(layers, "Error on the path")


def _panel(base: alt.Chart, name: str, title: str, unit: str) -> alt.LayerChart:
    return _sized(_layers(base, name, title, axis=alt.Axis(format=unit)), "Which step makes the error at the end")


def _layers(base: alt.Chart, name: str, title: str, *, log: bool = False, axis: Any = alt.Undefined) -> alt.LayerChart:
    y = alt.Y(
        f"{name}:Q", title=title, axis=axis, scale=alt.Scale(type="log", nice=False, padding=6) if log else alt.Scale()
    )
    intervals = base.mark_rule(strokeWidth=1.5, clip=True)
    if log:
        intervals = intervals.transform_calculate(low_end=f"max(datum.{name}_low, 0.2 * datum.{name})")
    low = "low_end:Q" if log else f"{name}_low:Q"
    rules = intervals.encode(y=alt.Y(low), y2=f"{name}_high:Q", strokeDash=alt.value([1, 0]))
    points = base.mark_point(filled=True, size=35, opacity=1).encode(y=y)
    return alt.LayerChart(layer=[base.mark_line(strokeWidth=1.5).encode(y=y), rules, points])


def _floor(rows: Sequence[Mapping[str, Any]], x: alt.X) -> alt.LayerChart:
    seen = {row["log_snr"]: row for row in rows}
    values = [
        {"log_snr": at, "floor": row["distance_floor"], "high": row["distance_floor_high"],
         "low": max(row["distance_floor_low"], 0.2 * row["distance_floor"])}
        for at, row in sorted(seen.items())
    ]  # fmt: skip
    base = alt.Chart(alt.Data(values=values)).encode(x=x)
    band = base.mark_area(color=_GREY, opacity=0.2).encode(y="low:Q", y2="high:Q")
    return alt.LayerChart(layer=[band, base.mark_line(color=_GREY, strokeDash=[6, 4]).encode(y="floor:Q")])


def _sized(chart: alt.LayerChart, title: str) -> alt.LayerChart:
    return chart.properties(width=_WIDTH, height=_HEIGHT, title=title)
