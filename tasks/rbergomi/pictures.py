"""Pictures of paths of (log S, log V) beside exact ones."""

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from sigbench.metrics.path_sample import PathSample
from sigbench.metrics.roughness import hurst_exponent, hurst_regression

Array = NDArray[np.float64]
SmileRow = tuple[str, float, float, float]

_LABELS = ("log S (log price)", "log V (log annual variance)")
_SAMPLES, _EXACT = "#4c78a8", "#e45756"
_WIDTH, _HEIGHT = 400, 230
_DIVERGING = ["#2166ac", "#f7f7f7", "#b2182b"]
_BINS = 60
_FEWEST_TIMES = 8  # of a regression of moments on lags
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_WHO = alt.Color(
    "who:N",
    title=None,
    scale=alt.Scale(domain=["samples", "exact"], range=[_SAMPLES, _EXACT]),
    legend=alt.Legend(orient="top", symbolType="stroke", symbolStrokeWidth=4, symbolOpacity=1),
)


def paths_picture(
    samples: Array,
    exact: Array,
    title: str,
    smile: Sequence[SmileRow] | None = None,
    times: Array | None = None,
) -> alt.TopLevelMixin:
    """Returns one chart of paths of shape (n, T, 2) beside exact paths, from log S = 0.

    `times` are those of the paths, 1/T, …, 1 where they are left out. Quantiles over time, densities at the last time
    (where all but a hundredth of the exact paths end), correlations of returns with log V, roughness where times are
    equally far apart, and the smile where its rows are given: ("samples" or "exact", maturity in years, log-strike,
    implied volatility, which is NaN where a price has none: it is left out and counted).
    """
    own, true = (PathSample(paths, (0.0, math.nan), 1 / paths.shape[1]) for paths in (samples, exact))
    times = np.arange(1, samples.shape[1] + 1) / samples.shape[1] if times is None else times
    equal = len(times) >= _FEWEST_TIMES and np.allclose(np.diff(times), times[0])
    last = [_roughness(samples[:, :, 1], exact[:, :, 1])] if equal else []
    if smile is not None:
        last.append(smile_chart(smile))
    rows = [
        _side_by_side([_fan(samples, exact, coordinate, times) for coordinate in (0, 1)]),
        _side_by_side([_density(samples[:, -1], exact[:, -1], coordinate, times[-1]) for coordinate in (0, 1)]),
        _side_by_side(_heatmaps(own.cross_correlation, true.cross_correlation)),
        *([_side_by_side(last)] if last else []),
    ]
    sizes = f"{len(samples):,} generated paths beside {len(exact):,} exact ones"
    heading = alt.Title(title, subtitle=sizes, anchor="middle", fontSize=17, subtitleFontSize=13, offset=16)
    return (
        alt.vconcat(*rows, spacing=30)
        .properties(title=heading)
        .configure_axis(labelFontSize=12, titleFontSize=13, titleFontWeight="normal")
        .configure_axisY(minExtent=32, maxExtent=32)
        .configure_legend(labelFontSize=12, titleFontSize=12, titleFontWeight="normal")
        .configure_title(fontSize=14)
    )


def _side_by_side(charts: Sequence[Any]) -> Any:
    return alt.hconcat(*charts, spacing=40).resolve_scale(color="independent", y="independent", x="independent")


def _rows(**columns: Any) -> alt.Data:
    """Data of equally long columns, numbers to five digits and null where they are not finite."""
    names = list(columns)
    values = zip(*(np.asarray(column).tolist() for column in columns.values()), strict=True)
    return alt.Data(values=[dict(zip(names, map(_short, row), strict=True)) for row in values])


def _short(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return float(f"{value:.5g}") if math.isfinite(value) else None


def _fan(samples: Array, exact: Array, coordinate: int, times: Array) -> Any:
    own, true = (np.quantile(paths[:, :, coordinate], _QUANTILES, axis=0) for paths in (samples, exact))
    kinds = ["samples: 5–95 %", "25–75 %", "median", "exact"]
    legend = alt.Legend(title=None, orient="top", columns=4, symbolType="stroke", symbolStrokeWidth=4, labelLimit=200)
    color = alt.Color(
        "what:N", legend=legend, scale=alt.Scale(domain=kinds, range=["#cfdeed", "#93b5d6", "#1f4e79", _EXACT])
    )
    x = alt.X("t:Q", title="time t (years)", scale=alt.Scale(domain=[0, float(times[-1])], nice=False))
    y = alt.Y("value:Q", title=_LABELS[coordinate], scale=alt.Scale(zero=False))
    layers: list[Any] = []
    for low, high, what in ((0, 4, kinds[0]), (1, 3, kinds[1])):
        data = _rows(t=times, value=own[low], high=own[high], what=[what] * len(times))
        layers.append(alt.Chart(data).mark_area(opacity=1).encode(x=x, y=y, y2="high:Q", color=color))
    median = _rows(t=times, value=own[2], what=[kinds[2]] * len(times))
    layers.append(alt.Chart(median).mark_line(strokeWidth=1.8).encode(x=x, y=y, color=color))
    for level in true:
        data = _rows(t=times, value=level, what=[kinds[3]] * len(times))
        layers.append(alt.Chart(data).mark_line(strokeWidth=1.3, strokeDash=[5, 3]).encode(x=x, y=y, color=color))
    name = _LABELS[coordinate].partition(" (")[0]
    return alt.layer(*layers).properties(width=_WIDTH, height=_HEIGHT, title=f"Quantiles of {name} over time")


def _density(samples: Array, exact: Array, coordinate: int, last: float) -> Any:
    own, true = samples[:, coordinate], exact[:, coordinate]
    low, high = np.quantile(true, (0.005, 0.995))
    margin = 0.1 * (high - low)
    charts: list[Any] = []
    x = alt.X("x:Q", title=f"{_LABELS[coordinate]} at t = {last:g}", scale=alt.Scale(nice=False, zero=False))
    y = alt.Y("density:Q", title="probability density")
    for values, who in ((own, "samples"), (true, "exact")):
        counts, edges = np.histogram(values, bins=_BINS, range=(low - margin, high + margin))
        data = _rows(
            x=(edges[:-1] + edges[1:]) / 2, density=counts / (len(values) * np.diff(edges)), who=[who] * len(counts)
        )
        chart = alt.Chart(data)
        marked = (
            chart.mark_area(interpolate="step", opacity=0.45, line={"color": _SAMPLES, "strokeWidth": 1})
            if who == "samples"
            else chart.mark_line(interpolate="step", strokeWidth=1.6)
        )
        charts.append(marked.encode(x=x, y=y, color=_WHO))
    name = _LABELS[coordinate].partition(" (")[0]
    return alt.layer(*charts).properties(width=_WIDTH, height=_HEIGHT, title=f"Density of {name} at t = {last:g}")


def _heatmaps(own: Array, true: Array) -> list[Any]:
    reach = float(np.nanmax(np.abs([own, true]), initial=0.0)) or 1.0
    times = len(own)
    i, j = (index.ravel() + 1 for index in np.indices((times, times)))
    ticks = alt.Axis(
        values=[1, *range(times // 4, times + 1, times // 4)] if times >= 4 else [1], format="d", labelAngle=0
    )
    color = alt.Color(
        "r:Q",
        title="correlation",
        scale=alt.Scale(domain=[-reach, 0, reach], range=_DIVERGING),
        legend=alt.Legend(format=".2f", gradientLength=_WIDTH * 0.6),
    )
    charts: list[Any] = []
    for matrix, who in ((own, "samples"), (true, "exact")):
        shown = color if who == "exact" else color.legend(None)
        chart = (
            alt.Chart(_rows(i=i, j=j, r=matrix.ravel()))
            .mark_rect()
            .encode(
                x=alt.X("j:O", title="log V at time step j", axis=ticks),
                y=alt.Y("i:O", title="return over time step i", axis=ticks),
                color=shown,
            )
        )
        title = f"Correlation of returns with log V, {who}"
        charts.append(chart.properties(width=_WIDTH, height=_WIDTH, title=title))
    return charts


def _roughness(samples: Array, exact: Array) -> Any:
    found = [hurst_regression(paths) for paths in (samples, exact)]
    orders = [f"{order:g}" for order in found[0].orders]
    tables = [
        _rows(lag=np.tile(f.lags, len(orders)), m=f.moments.ravel(), q=np.repeat(orders, len(f.lags))) for f in found
    ]
    color = alt.Color(
        "q:N",
        title="order q",
        scale=alt.Scale(domain=orders, scheme="tableau10"),
        legend=alt.Legend(orient="top", symbolType="circle", titleOrient="left"),
    )
    x = alt.X(
        "lag:Q",
        title="lag Δ (time steps, log scale)",
        scale=alt.Scale(type="log", nice=False, padding=10),
        axis=alt.Axis(values=[1, 2, 4, 8, 16, 32], format="d", grid=False),
    )
    y = alt.Y(
        "m:Q",
        title="m(q, Δ) of log V (log scale)",
        scale=alt.Scale(type="log", nice=False, padding=10),
        axis=alt.Axis(values=[2.0**k for k in range(-10, 11)], format="~g"),
    )
    points = alt.Chart(tables[0]).mark_point(filled=True, size=35, opacity=1).encode(x=x, y=y, color=color)
    lines = alt.Chart(tables[1]).mark_line(strokeWidth=1.3).encode(x=x, y=y, color=color)
    estimates = f"Ĥ = {hurst_exponent(samples):.3f} (samples), {hurst_exponent(exact):.3f} (exact)"
    title = alt.Title("Roughness of log V", subtitle=f"points: samples, lines: exact; {estimates}")
    return alt.layer(lines, points).properties(width=_WIDTH, height=_HEIGHT, title=title)


def smile_chart(rows: Sequence[SmileRow], title: str = "Implied volatility") -> Any:
    """Returns the chart of a smile, a colour a maturity: lines for the rows of "exact", points for "samples"."""
    known = [row for row in rows if math.isfinite(row[3])]
    missing = len(rows) - len(known)
    maturities = [f"{maturity:.3g}" for maturity in sorted({row[1] for row in rows})]
    color = alt.Color(
        "maturity:N",
        title="maturity (years)",
        scale=alt.Scale(domain=maturities, scheme="dark2"),
        legend=alt.Legend(orient="top", symbolType="circle", titleOrient="left"),
    )
    x = alt.X(
        "strike:Q", title="log-strike log(K/S0)", scale=alt.Scale(zero=False, padding=10), axis=alt.Axis(tickCount=6)
    )
    y = alt.Y("vol:Q", title="implied volatility (annual)", scale=alt.Scale(zero=False), axis=alt.Axis(format=".0%"))

    def chart(who: str) -> Any:
        own = [row for row in known if row[0] == who]
        data = _rows(
            maturity=[f"{row[1]:.3g}" for row in own], strike=[row[2] for row in own], vol=[row[3] for row in own]
        )
        return alt.Chart(data).encode(x=x, y=y, color=color)

    lines = chart("exact").mark_line(strokeWidth=1.5)
    points = chart("samples").mark_point(filled=True, size=50, opacity=1)
    left_out = f"; prices without a volatility: {missing}" if missing else ""
    heading = alt.Title(title, subtitle=f"points: samples, lines: exact{left_out}")
    return alt.layer(lines, points).properties(width=_WIDTH, height=_HEIGHT, title=heading)
