"""What every picture has: a title, named axes, the floor as a band, few gridlines, and a dark mode."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made_records import made, metric

from sigbench.errors import BadInput
from sigbench.report.charts import quality_chart, save_chart
from sigbench.report.theme import GROUND, INK, WIDTH, for_both_modes, heading, legend_above, themed

RECORDS = [made(name, steps) for name in ("ddim", "sa-solver", "heun") for steps in (5, 10)]


def layers(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the parts of a specification that have a mark."""
    inner = [one for key in ("layer", "vconcat", "hconcat") for one in spec.get(key, ())]
    for one in inner:
        yield from layers(one)
    if not inner:
        yield spec


def axes(spec: dict[str, Any], channel: str) -> list[dict[str, Any]]:
    found = (layer["encoding"].get(channel, {}) for layer in layers(spec))
    return [encoding for encoding in found if encoding.get("title")]


def rows_of(spec: dict[str, Any], mark: str) -> list[dict[str, Any]]:
    marks = [layer for layer in layers(spec) if layer["mark"]["type"] == mark]
    return [row for layer in marks for row in layer["data"]["values"]]


def test_the_chart_says_what_it_shows() -> None:
    spec = quality_chart(RECORDS, "w1").to_dict()
    assert spec["title"]["text"] == "gmm: w1 against network calls"
    words = " ".join(spec["title"]["subtitle"])
    assert "1,000 samples × 5 repeats, 95 % intervals" in words and "floor" in words
    assert axes(spec, "x")[0]["title"] == "network calls a sample (NFE)"
    assert axes(spec, "y")[0]["title"] == "w1 (lower is better)"
    assert axes(spec, "x")[0]["axis"]["grid"] is False
    assert spec["width"] <= WIDTH


def test_the_floor_is_a_band_that_ends_the_axis_where_less_is_better() -> None:
    spec = quality_chart(RECORDS, "w1").to_dict()
    (band,) = rows_of(spec, "rect")
    low, high = axes(spec, "y")[0]["scale"]["domain"]
    floor = RECORDS[0]["metrics"]["w1"]
    assert band == {"low": low, "high": floor["floor_high"]}
    assert low < floor["floor_low"] < high
    higher = [made("ddim", 5, {"recall": metric(0.5, 0.01, floor=0.6, better="higher")})]
    spec = quality_chart(higher, "recall").to_dict()
    (band,) = rows_of(spec, "rect")
    assert band == {end: higher[0]["metrics"]["recall"][f"floor_{end}"] for end in ("low", "high")}  # type: ignore[literal-required]
    assert axes(spec, "y")[0]["title"] == "recall (higher is better)"


def test_samplers_of_as_many_calls_stand_beside_one_another() -> None:
    points = rows_of(quality_chart(RECORDS, "w1").to_dict(), "point")
    for calls in (5, 10):
        at = [row["at"] for row in points if row["calls"] == calls]
        assert len(set(at)) == 3
        assert max(at) / min(at) < 1.1
        assert min(at) < calls < max(at)


def test_values_of_zero_and_below_have_a_linear_axis() -> None:
    records = [made("ddim", n, {"lost": metric(-0.2, 0.1, floor=0.001, better="zero")}) for n in (5, 10)]
    scale = axes(quality_chart(records, "lost").to_dict(), "y")[0]["scale"]
    assert scale.get("type") != "log"
    assert scale["domain"][0] < -0.2


def test_what_has_no_point_is_refused_and_what_called_no_network_left_out() -> None:
    with pytest.raises(BadInput, match="no record holds the metric 'w2'"):
        quality_chart(RECORDS, "w2")
    points = rows_of(quality_chart([*RECORDS, made("milstein", 3, nfe=0)], "w1").to_dict(), "point")
    assert {row["sampler"] for row in points} == {"ddim", "sa-solver", "heun"}


@pytest.mark.parametrize("ending", [".png", ".svg"])
def test_pictures_are_written(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"chart{ending}"
    save_chart(quality_chart(RECORDS, "w1"), file)
    data = file.read_bytes()
    assert data.startswith(b"\x89PNG" if ending == ".png" else b"<svg")
    if ending == ".svg":
        text = data.decode()
        assert "·" in text or "×" in text  # as UTF-8, whatever the locale says
        assert "@media (prefers-color-scheme: dark)" in text
        assert text.count(f'fill="{INK}"') > 10
        assert f'fill="{GROUND}"' in text


def contrast(one: str, other: str) -> float:
    """The contrast of two colours by WCAG 2.1."""

    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_letters_are_readable_in_both_modes() -> None:
    svg = for_both_modes('<svg><rect fill="white"/></svg>')
    dark = dict(re.findall(r'\[fill="(#\w+)"\]\{fill:(#\w+)\}', svg))
    assert contrast(INK, GROUND) > 7
    assert contrast(dark[INK], dark[GROUND]) > 7
    assert svg.startswith("<svg><style>")
    assert f'<rect fill="{GROUND}"/>' in svg


def test_a_legend_is_no_wider_than_the_picture() -> None:
    for names in (["a"], ["ddim", "heun", "sigdeg"], ["diffusers:DPMSolverMultistepScheduler"] * 3):
        columns = legend_above(names).to_dict()["columns"]
        assert columns == 1 or columns * (7 * max(map(len, names)) + 30) <= WIDTH + 40


def test_headings_are_cut_into_lines_and_an_own_look_stays() -> None:
    lines = heading("t", "word " * 40, "").to_dict()["subtitle"]
    assert len(lines) > 2 and max(map(len, lines)) <= 66
    spec = themed({"config": {"axis": {"labelFontSize": 20}, "view": {"continuousWidth": 300}}})
    assert (spec["config"]["axis"]["labelFontSize"], spec["config"]["axis"]["labelColor"]) == (20, INK)
    assert spec["config"]["view"] == {"stroke": None}
