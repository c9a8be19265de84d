"""What charts of several curves share: how they are told apart, axes, levels to compare with, and tooltips."""

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

import altair as alt

from sigbench.report.palette import GREY, Curve

# Trimmed formats of d3, with as many digits as a tick needs: fixed decimals would print two ticks alike.
_LABELS = {
    "plain": "datum.value == 0 ? '0' : format(datum.value, abs(datum.value) < 0.001 ? '~e' : '~g')",
    "percent": "format(datum.value, '~%')",
}
_MOST_TICKS = 9


def axis(kind: str = "plain", **options: Any) -> alt.Axis:
    """Returns an axis whose labels are all different and do not overlap; its kind is plain or percent."""
    count = {} if "values" in options else {"tickCount": 5}  # Vega thins out ticks of its own choice and ours alike
    return alt.Axis(**{"labelExpr": _LABELS[kind], "labelOverlap": "greedy", **count, **options})


def log_axis(values: Iterable[float | None], **options: Any) -> alt.Axis:
    """Returns the axis of a log scale for these values, with ticks as `log_ticks` says."""
    known = [value for value in values if value is not None and value > 0]
    return axis(values=log_ticks(min(known), max(known)) if known else [], **options)


def log_ticks(low: float, high: float) -> list[float]:
    """Returns ticks for a log axis between two positive values: 1, 2 and 5 times powers of ten, or the powers alone.

    Where these are fewer than three, about five even steps.
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for leading in ((1, 2, 5), (1,)):
        ticks = _leading(leading, first, last, low, high)
        if len(ticks) <= _MOST_TICKS:
            break
    if len(ticks) < 3:
        ticks = _even(low, high)
    return ticks[:: math.ceil(len(ticks) / _MOST_TICKS)]


def _even(low: float, high: float) -> list[float]:
    """About five multiples of 1, 2 or 5 times a power of ten between two ends, the lower end where they are one."""
    if not high > low:
        return [low]
    power = math.floor(math.log10((high - low) / 5))
    size = (high - low) / 5 / 10.0**power
    step = float(
        f"{next(digit for digit, most in ((1, 1.5), (2, 3.5), (5, 7.5), (10, math.inf)) if size < most)}e{power}"
    )
    found = [float(f"{k * step:.12g}") for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return [tick for tick in found if tick > 0]


def _leading(digits: Iterable[int], first: int, last: int, low: float, high: float) -> list[float]:
    """The numbers with these leading digits between two ends, which may lie a little inside of the outer ones."""
    numbers = [float(f"{digit}e{power}") for power in range(first, last + 1) for digit in digits]
    return [number for number in numbers if low / 1.05 <= number <= high * 1.05]


def log_scale(**options: Any) -> alt.Scale:
    """Returns a log scale that ends where the values do, with a little room."""
    return alt.Scale(**{"type": "log", "nice": False, "padding": 8, **options})


def color_by(curves: Sequence[Curve], *, field: str = "who", legend: alt.Legend | None = None) -> alt.Color:
    """Returns the colours of curves by the field that names them; without a legend where none is given."""
    return alt.Color(f"{field}:N", title=None, legend=legend, scale=_scale(curves, [c.color for c in curves]))


def shape_by(curves: Sequence[Curve], *, field: str = "who", legend: alt.Legend | None = None) -> alt.Shape:
    """Returns the shapes of curves' points by the field that names them."""
    return alt.Shape(f"{field}:N", title=None, legend=legend, scale=_scale(curves, [c.shape for c in curves]))


def dashed(lines: alt.Chart, curves: Sequence[Curve], *, field: str = "who") -> alt.Chart:
    """Returns lines in the dashes of their curves; without a scale, or the legend's symbols would be dashed too."""
    dashes = json.dumps({curve.name: curve.dash for curve in curves})
    return lines.transform_calculate(dashed=f"({dashes})[datum.{field}]").encode(
        strokeDash=alt.StrokeDash("dashed:N", legend=None, scale=None)
    )


def _scale(curves: Sequence[Curve], values: Sequence[Any]) -> alt.Scale:
    return alt.Scale(domain=[curve.name for curve in curves], range=[_plain(value) for value in values])


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


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


def floor_band(field: str, value: float, low: float | None, high: float | None) -> list[alt.Chart]:
    """Returns the floor of a chart whose y is `field`: a grey band over its interval, and a dashed line in it."""
    ends = {"low": value if low is None else low, "high": value if high is None else high}
    band = alt.Chart(alt.Data(values=[ends])).mark_rect(color=GREY, opacity=0.22).encode(y="low:Q", y2="high:Q")
    return [band, level(field, value)]
