"""Charts of records, by Altair; PNG and SVG by vl-convert, so that no browser is needed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert
from PIL.Image import Image

from sigbench.errors import BadInput
from sigbench.records.names import display_names
from sigbench.records.record import Record
from sigbench.records.store import check_picture, replacing
from sigbench.report.curves import axis, color_by, dashed, floor_band, log_axis, log_scale, shape_by
from sigbench.report.palette import curves_of
from sigbench.report.theme import HEIGHT, WIDTH, for_both_modes, heading, legend_above, themed

_BESIDE = 1.02  # by what factor two samplers of as many calls stand apart
_ROOM = 1.08  # between the outermost interval and the frame of a log axis
_BETTER = {"lower": "lower is better", "higher": "higher is better", "zero": "0 is best"}


def quality_chart(records: Sequence[Record], metric: str) -> alt.TopLevelMixin:
    """Returns the chart of a metric against network calls: 95 % intervals, and the floor as a band; log axes.

    Samplers of as many calls stand a little beside one another, so that each interval is seen. A metric that has values
    of 0 and below has a linear axis.
    """
    rows = _rows(records, metric)
    if not rows:
        raise BadInput(f"no record holds the metric {metric!r}.")
    curves = curves_of((row["sampler"], row["sampler"]) for row in rows)
    names = [curve.name for curve in curves]
    for row in rows:
        row["at"] = row["calls"] * _BESIDE ** (names.index(row["sampler"]) - 0.5 * (len(names) - 1))
    calls, width = sorted({row["calls"] for row in rows}), 1.1 * _BESIDE ** (0.5 * len(names))
    x = alt.X(
        "at:Q",
        scale=alt.Scale(type="log", domain=[calls[0] / width, calls[-1] * width], nice=False),
        title="network calls a sample (NFE)",
        axis=axis(values=calls, grid=False),
    )
    better = next(record["metrics"][metric]["better"] for record in records if metric in record["metrics"])
    title = f"{metric} ({_BETTER[better]})"
    known = [min(row["value"], row["floor"]) for row in rows]
    if min(known) > 0:
        for row in rows:  # an interval may reach 0, which a log axis cannot show
            row |= {end: max(row[end], 0.5 * min(known)) for end in ("low", "floor_low")}
    seen = [row[name] for row in rows for name in ("low", "high", "floor_low", "floor_high")]
    if min(known) > 0:
        ends = [min(seen) / _ROOM, max(seen) * _ROOM]
        y = alt.Y("value:Q", title=title, scale=log_scale(domain=ends, padding=0), axis=log_axis(seen))
    else:
        room = 0.05 * (max(seen) - min(seen))
        ends = [min(seen) - room, max(seen) + room]
        y = alt.Y("value:Q", title=title, scale=alt.Scale(domain=ends, nice=False), axis=axis())
    legend = legend_above(names)
    color = color_by(curves, field="sampler", legend=legend)
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, color=color)
    lines = dashed(base.mark_line(strokeWidth=1.5, opacity=0.7).encode(y=y), curves, field="sampler")
    points = base.mark_point(filled=True, size=55, opacity=1).encode(
        y=y, shape=shape_by(curves, field="sampler", legend=legend)
    )
    bars = base.mark_rule(strokeWidth=1.5).encode(y="low:Q", y2="high:Q")
    # Where less is better, everything down to the axis is what exact draws score, or better than they do.
    band = [rows[0]["floor_low"], rows[0]["floor_high"]]
    floor = floor_band("value", rows[0]["floor"], ends[0] if better == "lower" else band[0], band[1])
    chart = alt.layer(*floor, lines, bars, points).properties(width=WIDTH, height=HEIGHT + 40)
    return chart.properties(title=_title(records, metric))


def _title(records: Sequence[Record], metric: str) -> alt.TitleParams:
    first = records[0]
    repeats = sorted({record["repeats"] for record in records})
    times = str(repeats[0]) if len(repeats) == 1 else f"{repeats[0]} to {repeats[-1]}"
    return heading(
        f"{first['task']}: {metric} against network calls",
        f"{first['samples']:,} samples × {times} repeats, 95 % intervals. Dashed, grey: the floor, what exact draws of "
        "the truth score.",
    )


def _rows(records: Sequence[Record], metric: str) -> list[dict[str, Any]]:
    """The points of a metric; where there is no interval its ends are the value."""
    found = []
    for record, name in zip(records, display_names(records, grids=True), strict=True):
        m = record["metrics"].get(metric)
        if record["status"] == "ok" and record["nfe"] and m is not None:
            row: dict[str, Any] = {"sampler": name, "calls": record["nfe"], "value": m["value"], "floor": m["floor"]}
            row |= {"low": m["value"] if m["low"] is None else m["low"]}
            row |= {"high": m["value"] if m["high"] is None else m["high"]}
            row |= {"floor_low": m["floor"] if m["floor_low"] is None else m["floor_low"]}
            found.append(row | {"floor_high": m["floor"] if m["floor_high"] is None else m["floor_high"]})
    return found


def save_chart(chart: alt.TopLevelMixin, file: Path) -> None:
    """Writes a chart as PNG or SVG, whichever the file's ending says; raises BadInput where it cannot.

    An SVG follows the reader's dark mode; a PNG has the light ground.
    """
    check_picture(file)
    if file.suffix == ".png":
        drawn = vl_convert.vegalite_to_png(themed(chart.to_dict()), scale=2)
    else:
        drawn = svg_of(chart).encode()
    with replacing(file) as temporary:
        temporary.write_bytes(drawn)


def svg_of(chart: alt.TopLevelMixin) -> str:
    """Returns a chart as SVG, which follows the reader's dark mode."""
    return for_both_modes(vl_convert.vegalite_to_svg(themed(chart.to_dict())))


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
