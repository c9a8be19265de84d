"""Pictures of paths: all panels are there, they show what they should, and the chart stays small."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sigbench.metrics.path_sample import PathSample
from sigbench.metrics.roughness import hurst_exponent
from sigbench.report.charts import save_picture
from sigbench_tasks.rbergomi.pictures import SmileRow, paths_picture

PANELS = [
    "Quantiles of log S over time",
    "Quantiles of log V over time",
    "Density of log S at t = 1",
    "Density of log V at t = 1",
    "Correlation of returns with log V, samples",
    "Correlation of returns with log V, exact",
    "Roughness of log V",
]
LIMIT = 2_000_000
SMILE: list[SmileRow] = [
    (who, maturity, strike, 0.2 - 0.1 * strike + (0.01 if who == "samples" else 0.0))
    for who in ("exact", "samples")
    for maturity in (0.25, 0.5, 1.0)
    for strike in (-0.2, -0.1, 0.0, 0.1)
]


def paths(n: int, seed: int, times: int = 64) -> NDArray[np.float64]:
    noise = np.random.default_rng(seed).standard_normal((2, n, times)) / math.sqrt(times)
    log_s = 0.235 * np.cumsum(noise[0], axis=1)
    return np.stack([log_s, -2.9 - 3 * noise[0] + np.cumsum(noise[1], axis=1)], axis=-1)


SAMPLES, EXACT = paths(2000, 0), paths(2000, 1)
FEW, FEW_EXACT = paths(100, 0, times=16), paths(100, 1, times=16)


def panels(spec: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The panels of a chart by their titles."""
    for row in spec["vconcat"]:
        for panel in row["hconcat"]:
            title = panel["title"]
            yield title if isinstance(title, str) else title["text"], panel


def values(spec: dict[str, Any], layer: dict[str, Any]) -> list[dict[str, Any]]:
    data = layer["data"]
    found: list[dict[str, Any]] = data["values"] if "values" in data else spec["datasets"][data["name"]]
    return found


@pytest.fixture(scope="module")
def picture() -> alt.TopLevelMixin:
    return paths_picture(SAMPLES, EXACT, "a title", SMILE)


@pytest.fixture(scope="module")
def full(picture: alt.TopLevelMixin) -> dict[str, Any]:
    spec: dict[str, Any] = picture.to_dict()
    return spec


def test_all_panels(full: dict[str, Any]) -> None:
    assert full["title"]["text"] == "a title"
    assert [title for title, _ in panels(full)] == [*PANELS, "Implied volatility"]
    without = paths_picture(FEW, FEW_EXACT, "a title").to_dict()
    assert [title for title, _ in panels(without)] == PANELS


def test_every_axis_is_named(full: dict[str, Any]) -> None:
    for _, panel in panels(full):
        for layer in panel.get("layer", [panel]):
            for axis in ("x", "y"):
                assert layer["encoding"][axis]["title"]


@pytest.mark.slow
def test_size_does_not_grow_with_the_samples(full: dict[str, Any]) -> None:
    many = paths_picture(paths(4_000, 2), paths(4_000, 3), "a title", SMILE)
    assert len(many.to_json()) < LIMIT
    assert len(json.dumps(many.to_dict())) == pytest.approx(len(json.dumps(full)), rel=0.02)


def test_fan_shows_quantiles(full: dict[str, Any]) -> None:
    fan = dict(panels(full))["Quantiles of log V over time"]
    outer, inner, median, *exact = fan["layer"]
    last = [values(full, layer)[-1] for layer in (outer, inner, median, *exact)]
    found = [last[0]["value"], last[1]["value"], last[2]["value"], last[1]["high"], last[0]["high"]]
    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    np.testing.assert_allclose(found, np.quantile(SAMPLES[:, -1, 1], levels), rtol=1e-4)
    np.testing.assert_allclose([row["value"] for row in last[3:]], np.quantile(EXACT[:, -1, 1], levels), rtol=1e-4)
    assert last[0]["t"] == 1.0
    assert values(full, outer)[0]["t"] == pytest.approx(1 / 64, rel=1e-4)


def test_densities_are_densities(full: dict[str, Any]) -> None:
    """What lies outside the axis, less than a hundredth, is missing."""
    for name, coordinate in (("log S", 0), ("log V", 1)):
        panel = dict(panels(full))[f"Density of {name} at t = 1"]
        for layer, drawn in zip(panel["layer"], (SAMPLES, EXACT), strict=True):
            rows = values(full, layer)
            x, density = (np.array([row[key] for row in rows]) for key in ("x", "density"))
            width = (x[-1] - x[0]) / (len(x) - 1)
            assert density.sum() * width == pytest.approx(1.0, abs=0.01)
            mean = (x * density).sum() / density.sum()
            assert mean == pytest.approx(drawn[:, -1, coordinate].mean(), abs=0.1 * drawn[:, -1, coordinate].std())


def test_heatmaps_share_a_scale_with_zero_in_its_middle(full: dict[str, Any]) -> None:
    domains = []
    for who, drawn in (("samples", SAMPLES), ("exact", EXACT)):
        panel = dict(panels(full))[f"Correlation of returns with log V, {who}"]
        shown = np.array([row["r"] for row in values(full, panel)]).reshape(64, 64)
        np.testing.assert_allclose(shown, PathSample(drawn, (0.0, 0.0), 1 / 64).cross_correlation, rtol=1e-4)
        domains.append(panel["encoding"]["color"]["scale"]["domain"])
        assert (panel["encoding"]["color"]["legend"] is None) == (who == "samples")
    assert domains[0] == domains[1]
    low, middle, high = domains[0]
    assert (low, middle) == (-high, 0)


def test_roughness_names_both_exponents(full: dict[str, Any]) -> None:
    title = dict(panels(full))["Roughness of log V"]["title"]
    own, true = hurst_exponent(SAMPLES[:, :, 1]), hurst_exponent(EXACT[:, :, 1])
    assert f"Ĥ = {own:.3f} (samples), {true:.3f} (exact)" in title["subtitle"]


def test_a_volatility_that_does_not_exist_is_left_out_and_counted() -> None:
    smile = [(who, t, k, math.nan if who == "samples" and k > 0 else vol) for who, t, k, vol in SMILE]
    spec = paths_picture(FEW, FEW_EXACT, "a title", smile).to_dict()
    panel = dict(panels(spec))["Implied volatility"]
    lines, points = (values(spec, layer) for layer in panel["layer"])
    assert (len(lines), len(points)) == (12, 9)
    assert all(math.isfinite(row["vol"]) for row in points)
    assert panel["title"]["subtitle"].endswith("prices without a volatility: 3")


@pytest.mark.slow
def test_no_volatility_at_all(tmp_path: Path) -> None:
    smile = [(who, t, k, math.nan) for who, t, k, _ in SMILE]
    save_picture(paths_picture(FEW, FEW_EXACT, "a title", smile), tmp_path / "empty.png")
    assert (tmp_path / "empty.png").stat().st_size > 0


def test_paths_that_do_not_move(tmp_path: Path) -> None:
    """No correlation, no exponent: the chart is valid JSON and can still be drawn."""
    picture = paths_picture(np.zeros_like(FEW), FEW_EXACT, "a title")
    assert "NaN" not in json.dumps(picture.to_dict())
    save_picture(picture, tmp_path / "constant.png")
    assert (tmp_path / "constant.png").stat().st_size > 0


@pytest.mark.slow
def test_the_picture_is_large_enough_to_print(picture: alt.TopLevelMixin, tmp_path: Path) -> None:
    save_picture(picture, tmp_path / "paths.png")
    with Image.open(tmp_path / "paths.png") as image:
        assert min(image.size) > 1800
