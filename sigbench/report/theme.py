"""How every picture looks: one ink, one ground, few thin lines, and letters that a telephone shows large enough.

A picture is at most `WIDTH` wide beside its axis, and panels stand one under the other: on a screen of 360 points no
letter is smaller than 8 of them. An SVG follows the reader's dark mode by itself.
"""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

import altair as alt

WIDTH, HEIGHT = 430, 230
INK, GROUND, LINE, TICK = "#24292f", "#ffffff", "#e4e7ea", "#8c939b"
_DARK = {INK: "#e4e7ea", GROUND: "#16191d", LINE: "#343a41", TICK: "#79818a"}
_LETTERS = 12
_ACROSS = 66  # characters of a subtitle's line

CONFIG: Mapping[str, Any] = {
    "background": GROUND,
    "view": {"stroke": None},
    "axis": {
        "gridColor": LINE,
        "domainColor": TICK,
        "tickColor": TICK,
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": _LETTERS,
        "titleFontSize": _LETTERS,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "tickCount": 5,
    },
    "axisX": {"grid": False},
    "legend": {
        "orient": "top",
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": _LETTERS,
        "titleFontSize": _LETTERS,
    },
    "title": {
        "color": INK,
        "subtitleColor": INK,
        "fontSize": 14,
        "subtitleFontSize": _LETTERS,
        "anchor": "start",
        "frame": "group",
        "offset": 10,
    },
}


def heading(title: str, *sentences: str) -> alt.TitleParams:
    """Returns a title with sentences under it, in lines that are no wider than the picture."""
    lines = [line for sentence in sentences if sentence for line in wrap(sentence, _ACROSS, break_on_hyphens=False)]
    return alt.TitleParams(title, subtitle=lines) if lines else alt.TitleParams(title)


def stacked(panels: Mapping[str, alt.LayerChart], title: alt.TitleParams) -> alt.VConcatChart:
    """Returns panels, by their titles, as one picture of one legend: one under the other."""
    drawn = [panel.properties(width=WIDTH, height=HEIGHT, title=heading(name)) for name, panel in panels.items()]
    whole = alt.vconcat(*drawn, spacing=24).resolve_scale(color="shared", shape="shared", strokeDash="shared")
    return whole.properties(title=title)


def themed(spec: dict[str, Any]) -> dict[str, Any]:
    """Returns a specification of Vega-Lite in this look; what it says of its own stays."""
    own: dict[str, Any] = dict(spec.get("config", {}))
    own.pop("view", None)  # altair's size, which every picture says itself
    merged = {
        key: {**CONFIG[key], **value} if isinstance(value, dict) and key in CONFIG else value
        for key, value in own.items()
    }
    return {**spec, "background": GROUND, "config": {**CONFIG, **merged}}


def for_both_modes(svg: str) -> str:
    """Returns an SVG with a style sheet that turns ink and ground round where its reader has chosen the dark mode."""
    svg = svg.replace('fill="white"', f'fill="{GROUND}"')
    rules = "".join(
        f'[{what}="{light}"]{{{what}:{dark}}}' for light, dark in _DARK.items() for what in ("fill", "stroke")
    )
    head, end, rest = svg.partition(">")
    return f"{head}{end}<style>@media (prefers-color-scheme: dark){{{rules}}}</style>{rest}"


def legend_above(names: Sequence[str]) -> alt.Legend:
    """Returns a legend of these names above the chart, in as many columns as fit; encodings that share it are one."""
    longest = max(map(len, names), default=0)
    columns = max(1, min(len(names), (WIDTH + 40) // (7 * longest + 30)))
    look: dict[str, Any] = {"symbolStrokeWidth": 2, "symbolSize": 80, "symbolDash": [1, 0], "symbolOpacity": 1}
    return alt.Legend(orient="top", title=None, columns=columns, labelLimit=400, **look)
