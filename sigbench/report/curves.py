"""What charts of several curves share: colours, legend, levels to compare with, and how numbers are told."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

GREY = "#7a7a7a"
COLORS = (  # of Tableau 10
    "#4c78a8",
    "#f58518",
    "#e45756",
    "#72b7b2",
    "#54a24b",
    "#b79a20",
    "#b279a2",
    "#d67195",
    "#9d755d",
    "#79706e",
)
Legend = list[tuple[str, str]]


def legend_of(names: Sequence[str]) -> Legend:
    """Returns the name and the colour of every curve."""
    return [(name, COLORS[index % len(COLORS)]) for index, name in enumerate(names)]


def color_of(legend: Legend, *, shown: bool) -> alt.Color:
    """Returns the colour of a curve by its field "who", with a legend above the chart where it is `shown`."""
    names, colors = zip(*legend, strict=True)
    above = alt.Legend(orient="top", columns=3, labelLimit=240, symbolStrokeWidth=3)
    return alt.Color("who:N", title=None, scale=alt.Scale(domain=names, range=colors), legend=above if shown else None)


def tips_of(name: str, *places: alt.Tooltip) -> list[alt.Tooltip]:
    """Returns what hovering tells: whose point it is, where, its value and the ends of its interval."""
    ends = [
        alt.Tooltip(f"{name}{end}:Q", title=title, format=".4g")
        for end, title in (("", "value"), ("_low", "from"), ("_high", "to"))
    ]
    return [alt.Tooltip("who:N", title="curve"), *places, *ends]


def log_low(name: str) -> str:
    """Returns the Vega expression of an interval's lower end on a log axis, which cannot show that it reaches 0."""
    return f"max(datum.{name}_low, 0.2 * datum.{name})"


def level(field: str, value: float) -> alt.Chart:
    """Returns a dashed horizontal line at a value of the field that a chart has for its y."""
    return alt.Chart(alt.Data(values=[{field: value}])).mark_rule(strokeDash=[6, 4], color=GREY).encode(y=f"{field}:Q")


def told(metric: Mapping[str, Any], ends: str = "") -> str:
    """Returns a value with its interval in words; `ends` stands before the names "low" and "high"."""
    return f"{metric['value']:.3g} [{metric[f'{ends}low']:.3g}, {metric[f'{ends}high']:.3g}]"


def tie(a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
    """Returns what a sentence that compares two metrics adds where their intervals overlap."""
    return "; the intervals overlap" if a["low"] <= b["high"] and b["low"] <= a["high"] else ""
