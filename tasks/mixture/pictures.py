"""Pictures of samples of the mixture tasks."""

import altair as alt
import numpy as np
from numpy.typing import NDArray


def line_density_chart(
    samples: NDArray[np.float64], x: NDArray[np.float64], density: NDArray[np.float64], title: str
) -> alt.TopLevelMixin:
    """Returns a histogram of one-dimensional samples under the true density, given at the points `x`."""
    low, high = float(x.min()), float(x.max())
    heights, edges = np.histogram(samples, bins=120, range=(low, high))
    heights = heights / (len(samples) * np.diff(edges))
    bars = [
        {"x": a, "x2": b, "density": h}
        for a, b, h in zip(edges[:-1].tolist(), edges[1:].tolist(), heights.tolist(), strict=True)
    ]
    curve = [{"x": a, "density": d, "what": "true density"} for a, d in zip(x.tolist(), density.tolist(), strict=True)]
    histogram = (
        alt.Chart(alt.Data(values=bars))
        .mark_rect(opacity=0.55, color="#4c78a8")
        .encode(
            x=alt.X("x:Q", title="x (data units)"),
            x2="x2:Q",
            y=alt.Y("density:Q", title="probability density"),
        )
    )
    line = (
        alt.Chart(alt.Data(values=curve))
        .mark_line(strokeWidth=1.5)
        .encode(x="x:Q", y="density:Q", color=alt.Color("what:N", title=None, scale=alt.Scale(range=["#e45756"])))
    )
    return alt.layer(histogram, line).properties(width=560, height=260, title=title)


def plane_scatter_chart(samples: NDArray[np.float64], centres: NDArray[np.float64], title: str) -> alt.TopLevelMixin:
    """Returns a scatter of at most 5,000 two-dimensional samples with the true modes as crosses."""
    points = [{"x": a, "y": b} for a, b in samples[:5000].tolist()]
    crosses = [{"x": a, "y": b, "what": "true mode"} for a, b in centres.tolist()]
    scatter = (
        alt.Chart(alt.Data(values=points))
        .mark_circle(size=6, opacity=0.4, color="#4c78a8")
        .encode(
            x=alt.X("x:Q", title="first coordinate (data units)"),
            y=alt.Y("y:Q", title="second coordinate (data units)"),
        )
    )
    modes = (
        alt.Chart(alt.Data(values=crosses))
        .mark_point(shape="cross", size=60, filled=True)
        .encode(x="x:Q", y="y:Q", color=alt.Color("what:N", title=None, scale=alt.Scale(range=["#e45756"])))
    )
    return alt.layer(scatter, modes).properties(width=420, height=420, title=title)
