"""The charts of a spectrum: power over frequency, and its ratio to the truth's."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from sigbench.report.curves import (
    axis,
    color_by,
    dashed,
    log_axis,
    log_low,
    log_scale,
    shape_by,
    tips_of,
)
from sigbench.report.palette import GREY, Curve, curves_of
from sigbench.report.theme import heading, legend_above, stacked
from sigbench.studies.spectrum.result import SpectrumGap


def spectrum_curves(found: Sequence[SpectrumGap]) -> list[Curve]:
    """Returns how the curves are drawn."""
    return curves_of((one.curve, one.display_name) for one in found)


def spectrum_chart(found: Sequence[SpectrumGap]) -> alt.TopLevelMixin:
    """Returns the panels of `spectrum_panels` as one picture."""
    first = found[0]
    size = f"{first.samples:,} samples × {first.repeats} repeats, 95 % intervals. Grey: the truth."
    return stacked(spectrum_panels(found), heading(f"{first.task}: spectrum of {first.of}", size))


def spectrum_panels(found: Sequence[SpectrumGap], *, legends: bool = True) -> dict[str, alt.LayerChart]:
    """Returns two charts by their titles, from spectra whose status is "ok"."""
    rows = [row for one in found for row in _rows(one)]
    curves = spectrum_curves(found)
    legend = legend_above([curve.name for curve in curves]) if legends else None
    x = alt.X("frequency:Q", title=f"frequency ({found[0].unit})", scale=alt.Scale(nice=False), axis=axis(grid=False))
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, color=color_by(curves, legend=legend))
    shape = shape_by(curves, legend=legend)
    truth = alt.Chart(alt.Data(values=_rows(found[0]))).encode(x=x)
    log = log_scale(padding=6)
    power = alt.LayerChart(
        layer=[
            truth.mark_line(color=GREY, strokeWidth=5, opacity=0.45).encode(alt.Y("truth:Q", scale=log)),
            *_curve(
                base,
                curves,
                shape,
                "power",
                alt.Y(
                    "power:Q",
                    title="mean power (squared data units)",
                    scale=log,
                    axis=log_axis(row["power"] for row in rows),
                ),
            ),
        ]
    )
    ratio = alt.LayerChart(
        layer=[
            truth.transform_calculate(low_end=log_low("floor"))
            .mark_area(color=GREY, opacity=0.25)
            .encode(alt.Y("low_end:Q"), y2="floor_high:Q"),
            truth.mark_line(color=GREY, strokeDash=[6, 4]).encode(alt.Y("floor:Q")),
            *_curve(
                base,
                curves,
                shape,
                "ratio",
                alt.Y(
                    "ratio:Q", title="power over the truth's", scale=log, axis=log_axis(row["ratio"] for row in rows)
                ),
            ),
        ]
    )
    return {"Power": power, "Over the truth's; grey: other exact draws": ratio}


def _rows(one: SpectrumGap) -> list[dict[str, Any]]:
    rows = []
    for i, frequency in enumerate(one.frequencies):
        row: dict[str, Any] = {"who": one.curve, "frequency": frequency}
        for name in ("power", "truth", "ratio", "floor"):
            interval = getattr(one, name)[i]
            ends = {f"{name}_low": interval.low, f"{name}_high": interval.high}
            row |= {name: interval.value, **{end: interval.value if v is None else v for end, v in ends.items()}}
        rows.append(row)
    return rows


def _curve(base: alt.Chart, curves: Sequence[Curve], shape: alt.Shape, name: str, y: alt.Y) -> list[alt.Chart]:
    tips = tips_of(name, alt.Tooltip("frequency:Q", format=".3g"))
    cut = base.transform_calculate(low_end=log_low(name))
    return [
        dashed(base.mark_line(strokeWidth=1.5).encode(y=y), curves),
        cut.mark_rule(strokeWidth=1.2).encode(y=alt.Y("low_end:Q"), y2=f"{name}_high:Q"),
        base.mark_point(filled=True, size=25, opacity=1).encode(y=y, shape=shape, tooltip=tips),
    ]
