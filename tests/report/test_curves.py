"""Axes: ticks of log scales are few, within the values, and no two of them read alike."""

import json
from itertools import pairwise
from typing import Any

import altair as alt
import pytest
import vl_convert
from hypothesis import given, settings
from hypothesis import strategies as st

from sigbench.report.curves import axis, log_axis, log_scale, log_ticks

PROPERTY = settings(deadline=None, derandomize=True, database=None)


@PROPERTY
@given(low=st.floats(1e-15, 1e6), factor=st.floats(1.001, 1e12))
def test_ticks_are_few_and_lie_within(low: float, factor: float) -> None:
    high = low * factor
    ticks = log_ticks(low, high)
    assert 1 <= len(ticks) <= 9
    assert all(low / 1.051 <= tick <= high * 1.051 for tick in ticks)
    assert all(a < b for a, b in pairwise(ticks))


@pytest.mark.parametrize(
    ("ends", "ticks"),
    [
        ((0.004, 0.3), [0.005, 0.01, 0.02, 0.05, 0.1, 0.2]),
        ((1e-6, 1.0), [1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1.0]),
        ((0.6, 1.1), [0.6, 0.7, 0.8, 0.9, 1.0, 1.1]),
        ((0.5, 1.66), [0.6, 0.8, 1.0, 1.2, 1.4, 1.6]),
        ((0.981, 1.012), [0.985, 0.99, 0.995, 1.0, 1.005, 1.01]),
        ((3.1, 14.2), [4, 6, 8, 10, 12, 14]),
        ((5.0, 5.0), [5.0]),
    ],
)
def test_ticks(ends: tuple[float, float], ticks: list[float]) -> None:
    assert log_ticks(*ends) == pytest.approx(ticks)


def labels(values: list[float], scale: alt.Scale, own: alt.Axis) -> list[str]:
    """The labels of an axis as Vega draws them."""
    data: list[dict[str, Any]] = [{"v": value} for value in values]
    chart = alt.Chart(alt.Data(values=data)).mark_point().encode(y=alt.Y("v:Q", title=None, scale=scale, axis=own))
    scene = json.loads(json.dumps(vl_convert.vegalite_to_scenegraph(chart.to_dict())))
    found: list[str] = []

    def walk(node: Any, inside: bool) -> None:
        if isinstance(node, dict):
            inside = inside or node.get("role") == "axis-label"
            if inside and node.get("text") and node.get("opacity", 1) != 0:
                found.append(node["text"])
            for child in node.values():
                walk(child, inside)
        elif isinstance(node, list):
            for child in node:
                walk(child, inside)

    walk(scene, False)
    return found


@pytest.mark.parametrize(
    "values", [[1.2e-4, 3.9e-4], [0.98, 1.012], [3e-9, 0.5], [0.0031, 0.0034], [2.0, 7.0], [0.95, 41.0]]
)
def test_no_two_labels_are_alike(values: list[float]) -> None:
    for scale, own in (
        (log_scale(), log_axis(values)),
        (alt.Scale(zero=False), axis()),
        (alt.Scale(zero=False), axis("percent")),
    ):
        found = labels(values, scale, own)
        assert len(found) >= 2
        assert len(set(found)) == len(found), found
