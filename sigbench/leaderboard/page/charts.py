"""The charts of the page, as specifications by Altair; the page hands them its rows."""

from typing import Any

import altair as alt

from sigbench.report.curves import axis
from sigbench.report.palette import GREY

ROWS, FLOOR, FRONT, TEACHER, BEST, SPAN = "rows", "floor", "front", "teacher", "best", "span"
CALLS, VALUES, TIMES = -1, -2, -3  # the page puts ticks for its rows in their places
_UNITS = (("1e-6", "1e9", "ns"), ("1e-3", "1e6", "µs"), ("1", "1e3", "ms"))
_DURATION = (
    " : ".join(
        f"datum.value < {end} ? format(datum.value * {scale}, '.3~r') + ' {unit}'" for end, scale, unit in _UNITS
    )
    + " : format(datum.value, '.3~r') + ' s'"
)
_TIPS = {
    "sampler": "sampler",
    "family": "family",
    "grid": "grid",
    "steps": "steps",
    "NFE": "NFE",
    "value_text": "value [95 %]",
    "floor_text": "floor [95 %]",
    "time_text": "time a sample",
    "efficiency": "efficiency",
    "memory": "memory",
    "size": "samples × repeats",
    "standing": "standing",
    "machine": "machine",
    "versions": "versions",
    "date": "date",
    "key": "key",
}


def page_charts() -> dict[str, dict[str, Any]]:
    """Returns the Vega-Lite specifications of the page by name: "quality" and "pareto", on log and linear ordinates.

    Their named data are left to the page: rows and the floor; for quality the teacher's level, the best of all families
    with no more calls, and the span that all panels share; else the front. The page also says what the ordinate is
    called; colours and shapes are taken from the rows as they are.
    """
    return {
        f"{name}-{scale}": make(scale).to_dict()
        for name, make in (("quality", _quality), ("pareto", _pareto))
        for scale in ("log", "linear")
    }


def _tooltips() -> list[alt.Tooltip]:
    return [alt.Tooltip(f"{field}:N", title=title) for field, title in _TIPS.items()]


def _y(field: str, scale: str) -> alt.Y:
    return alt.Y(
        f"{field}:Q",
        title="METRIC",
        scale=alt.Scale(type="log", nice=False, padding=18) if scale == "log" else alt.Scale(zero=False, padding=18),
        axis=axis(values=[VALUES]) if scale == "log" else axis(),
    )


def _floor(scale: str) -> list[alt.Chart]:
    base = alt.Chart(alt.NamedData(FLOOR))
    band = base.mark_rect(opacity=0.18, color=GREY).encode(y=_y("low", scale), y2="high:Q")
    rule = base.mark_rule(strokeDash=[6, 4], color=GREY, strokeWidth=1.5).encode(y=_y("value", scale))
    label = base.mark_text(align="left", baseline="top", x=6, dy=4, color=GREY, fontSize=11).encode(
        y=_y("low", scale), text="label:N"
    )
    return [band, rule, label]


def _teacher(scale: str) -> alt.Chart:
    base = alt.Chart(alt.NamedData(TEACHER)).encode(y=_y("value", scale))
    return base.mark_rule(strokeDash=[1, 3], color=GREY, strokeWidth=1.8)


def _points(scale: str, x: alt.X) -> list[alt.Chart]:
    """The points, and over them larger ones that nobody sees, which are easier to hit."""
    near = alt.selection_point(name="near", on="pointerover", empty=False, clear="pointerout")
    base = alt.Chart(alt.NamedData(ROWS)).encode(x=x, y=_y("value", scale))
    seen = base.mark_point(filled=True, opacity=1).encode(
        color=alt.Color("colour:N", scale=None, legend=None),
        shape=alt.Shape("shape:N", scale=None, legend=None),
        size=alt.condition(near, alt.value(190), alt.value(60)),
    )
    touched = base.mark_point(filled=True, opacity=0, size=320).encode(tooltip=_tooltips()).add_params(near)
    return [seen, touched]


def _quality(scale: str) -> alt.LayerChart:
    x = alt.X(
        "NFE:Q",
        title="network calls a sample (NFE)",
        scale=alt.Scale(type="log", nice=False, padding=14),
        axis=axis(grid=False, values=[CALLS]),
    )
    colour = alt.Color("colour:N", scale=None, legend=None)
    base = alt.Chart(alt.NamedData(ROWS)).encode(x=x, color=colour, detail="entry:N")
    bands = base.mark_area(opacity=0.16, line=False).encode(y=_y("low", scale), y2="high:Q")
    lines = base.mark_line(strokeWidth=1.8, opacity=0.85).encode(y=_y("value", scale))
    bars = base.mark_rule(strokeWidth=1.2, opacity=0.7).encode(y=_y("low", scale), y2="high:Q")
    best = alt.Chart(alt.NamedData(BEST)).mark_line(interpolate="step-after", strokeWidth=1, color=GREY, opacity=0.9)
    span = alt.Chart(alt.NamedData(SPAN)).mark_point(opacity=0, size=0).encode(x=x, y=_y("value", scale))
    drawn = [best.encode(x=x, y=_y("value", scale)), bands, lines, bars]
    layers = [span, *_floor(scale), _teacher(scale), *drawn, *_points(scale, x)]
    return alt.LayerChart(layer=layers).properties(width="container", height=300)


def _pareto(scale: str) -> alt.LayerChart:
    x = alt.X(
        "seconds:Q",
        title="time a sample",
        scale=alt.Scale(type="log", nice=False, padding=14),
        axis=axis(grid=False, labelExpr=_DURATION, values=[TIMES]),
    )
    front = alt.Chart(alt.NamedData(FRONT)).mark_line(interpolate="step-after", color=GREY, strokeWidth=2, opacity=0.8)
    colour = alt.Color("colour:N", scale=None, legend=None)
    bars = alt.Chart(alt.NamedData(ROWS)).mark_rule(strokeWidth=1.2, opacity=0.55).encode(x=x, color=colour)
    layers = [
        *_floor(scale),
        front.encode(x=x, y=_y("value", scale)),
        bars.encode(y=_y("low", scale), y2="high:Q"),
        *_points(scale, x),
    ]
    return alt.LayerChart(layer=layers).properties(width="container", height=340)
