"""Charts of records, by Altair; PNG and SVG by vl-convert, so that no browser is needed."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert
from PIL.Image import Image

from sigbench.errors import BadInput
from sigbench.records.names import display_names
from sigbench.records.record import Record
from sigbench.records.store import check_writable, replacing
from sigbench.report.curves import axis, color_by, log_axis, log_scale, shape_by
from sigbench.report.palette import GREY, curves_of


def quality_chart(records: Sequence[Record], metric: str) -> alt.TopLevelMixin:
    """Returns the step-vs-quality chart of a metric: error bars, and the floor as a dashed line; log axes."""
    rows: list[dict[str, Any]] = [
        {
            "sampler": name,
            "NFE": r["nfe"],
            "value": m["value"],
            "low": m["low"] if m["low"] is not None else m["value"],
            "high": m["high"] if m["high"] is not None else m["value"],
            "floor": m["floor"],
        }
        for r, name in zip(records, display_names(records, grids=True), strict=True)
        if r["status"] == "ok" and (m := r["metrics"].get(metric)) is not None
    ]
    if not rows:
        raise BadInput(f"no record holds the metric {metric!r}.")
    least = 0.5 * min(min(row["value"], row["floor"]) for row in rows if min(row["value"], row["floor"]) > 0)
    for row in rows:
        row["low"] = max(row["low"], least)  # an interval may reach 0, which a log axis cannot show
    curves = curves_of((row["sampler"], row["sampler"]) for row in rows)
    calls = sorted({row["NFE"] for row in rows})
    x = alt.X(
        "NFE:Q",
        scale=alt.Scale(type="log", domain=[calls[0] / 1.15, calls[-1] * 1.15], nice=False),
        title="network calls a sample (NFE)",
        axis=axis(values=calls, grid=False),
    )
    legend = alt.Legend(orient="right", title=None, symbolStrokeWidth=2)
    color = color_by(curves, field="sampler", legend=legend)
    shape = shape_by(curves, field="sampler", legend=legend)
    seen = [row[name] for row in rows for name in ("low", "high", "floor")]
    y = alt.Y("value:Q", scale=log_scale(), axis=log_axis(seen), title=f"{metric} (95 % interval)")
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, color=color)
    lines = base.mark_line(strokeWidth=1.5, opacity=0.7).encode(y=y)
    points = base.mark_point(filled=True, size=55, opacity=1).encode(y=y, shape=shape)
    bars = base.mark_rule(strokeWidth=1.5).encode(y="low:Q", y2="high:Q")
    # The words stand where no points are: in the middle of the widest gap between numbers of calls.
    left, right = max(pairwise(calls), key=lambda pair: pair[1] / max(pair[0], 1), default=(calls[0], calls[0]))
    floor_rows = [{"floor": rows[0]["floor"], "NFE": (left * right) ** 0.5, "label": "floor: exact draws of the truth"}]
    floor = alt.Chart(alt.Data(values=floor_rows)).encode(y="floor:Q")
    rule = floor.mark_rule(strokeDash=[6, 4], color=GREY)
    label = floor.mark_text(align="center", baseline="bottom", dy=-3, color=GREY).encode(x=x, text="label:N")
    return alt.layer(rule, label, lines, bars, points).properties(width=560, height=340)


def check_picture(file: Path) -> None:
    """Raises BadInput where a picture cannot be written to `file`: another ending, no such folder, no permission."""
    if file.suffix not in (".png", ".svg"):
        raise BadInput(f"a picture is saved as .png or .svg, not as {file.name!r}.")
    check_writable(file, "picture")


def save_chart(chart: alt.TopLevelMixin, file: Path) -> None:
    """Writes a chart as PNG or SVG, whichever the file's ending says; raises BadInput where it cannot."""
    check_picture(file)
    spec = chart.to_dict()
    spec["background"] = "white"
    as_png = file.suffix == ".png"
    drawn = vl_convert.vegalite_to_png(spec, scale=2) if as_png else vl_convert.vegalite_to_svg(spec).encode()
    with replacing(file) as temporary:
        temporary.write_bytes(drawn)


def save_picture(picture: alt.TopLevelMixin | Image, file: Path) -> None:
    """Writes a chart, or an image as PNG; raises BadInput where it cannot."""
    if not isinstance(picture, Image):
        save_chart(picture, file)
        return
    check_picture(file)
    try:
        with replacing(file) as temporary:
            picture.save(temporary, optimize=True)
    except ValueError as error:
        raise BadInput(f"the picture {file} cannot be written: {error}.") from error
