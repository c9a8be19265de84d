"""The charts of a spectrum: power over frequency, and its ratio to the truth's."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from sigbench.records.names import display_name
from sigbench.report.curves import GREY, color_of, legend_of, log_low, tips_of

_WIDTH, _HEIGHT = 360, 260


def names_of(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns what the curves are called."""
    return [f"{display_name(one)}, {one['steps']} steps" for one in found]


def spectrum_chart(found: Sequence[Mapping[str, Any]]) -> alt.TopLevelMixin:
    """Returns the panels of `spectrum_panels` as one picture."""
    panels = [
        panel.properties(width=_WIDTH, height=_HEIGHT, title=title) for title, panel in spectrum_panels(found).items()
    ]
    first = found[0]
    title = alt.Title(
        f"{first['task']}: spectrum of {first['of']}",
        anchor="middle",
        fontSize=16,
        offset=12,
        subtitle=f"{first['samples']:,} samples × {first['repeats']} repeats, 95 % intervals; grey: the truth",
    )
    return alt.hconcat(*panels).resolve_scale(color="shared").properties(title=title)


def spectrum_panels(found: Sequence[Mapping[str, Any]], *, legends: bool = True) -> dict[str, alt.LayerChart]:
    """Returns two charts by their titles, from the JSON objects of a study whose status is "ok"."""
    rows = [row for one in found for row in _rows(one)]
    color = color_of(legend_of(names_of(found)), shown=legends)
    x = alt.X(
        "frequency:Q", title=f"frequency ({found[0]['unit']})", scale=alt.Scale(nice=False), axis=alt.Axis(grid=False)
    )
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, color=color)
    truth = alt.Chart(alt.Data(values=_rows(found[0]))).encode(x=x)
    log = alt.Scale(type="log", nice=False, padding=6)
    power = alt.LayerChart(
        layer=[
            truth.mark_line(color=GREY, strokeWidth=5, opacity=0.45).encode(alt.Y("truth:Q", scale=log)),
            *_curve(base, "power", alt.Y("power:Q", title="mean power", scale=log, axis=alt.Axis(format=".0e"))),
        ]
    )
    ratio = alt.LayerChart(
        layer=[
            truth.mark_area(color=GREY, opacity=0.25).encode(alt.Y("floor_low:Q"), y2="floor_high:Q"),
            truth.mark_line(color=GREY, strokeDash=[6, 4]).encode(alt.Y("floor:Q")),
            *_curve(base, "ratio", alt.Y("ratio:Q", title="power over the truth's", scale=log)),
        ]
    )
    return {"Power": power, "Over the truth's; grey: other exact draws": ratio}


def _rows(one: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows, (who,) = [], names_of([one])
    for i, frequency in enumerate(one["frequencies"]):
        row: dict[str, Any] = {"who": who, "frequency": frequency}
        for name in ("power", "truth", "ratio", "floor"):
            interval = one[name][i]
            ends = {f"{name}_{end}": interval[end] for end in ("low", "high")}
            row |= {name: interval["value"], **{end: interval["value"] if v is None else v for end, v in ends.items()}}
        rows.append(row)
    return rows


def _curve(base: alt.Chart, name: str, y: alt.Y) -> list[alt.Chart]:
    tips = tips_of(name, alt.Tooltip("frequency:Q", format=".3g"))
    cut = base.transform_calculate(low_end=log_low(name))
    return [
        base.mark_line(strokeWidth=1.5).encode(y=y),
        cut.mark_rule(strokeWidth=1.2).encode(y=alt.Y("low_end:Q"), y2=f"{name}_high:Q"),
        base.mark_point(filled=True, size=22, opacity=1).encode(y=y, tooltip=tips),
    ]
