"""One colour a sampler on all charts, legible on both grounds; shapes and dashes tell curves of one colour apart."""

from importlib.metadata import entry_points

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigbench.report.palette import COLORS, DASHES, GREY, SHAPES, TEACHER, color_of, curves_of

PROPERTY = settings(deadline=None, derandomize=True, database=None)
NAMES = st.text(st.characters(codec="ascii", categories=["Ll", "Nd"]), min_size=1, max_size=8)


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("color", [*COLORS, TEACHER, GREY])
@pytest.mark.parametrize("ground", ["#ffffff", "#fbfbfa", "#1b1f23", "#14171a"])
def test_colours_are_legible_in_light_and_dark(color: str, ground: str) -> None:
    dark, light = sorted((luminance(color), luminance(ground)))
    assert (light + 0.05) / (dark + 0.05) >= 3


def test_installed_samplers_have_colours_of_their_own() -> None:
    names = sorted({point.name for point in entry_points(group="sigbench.samplers")})
    colors = [color_of(name) for name in names]
    assert len(set(colors)) == min(len(names), len(COLORS))
    assert TEACHER not in colors


@PROPERTY
@given(name=NAMES, installed=st.lists(NAMES, max_size=30), option=NAMES)
def test_a_colour_is_a_function_of_names_alone(name: str, installed: list[str], option: str) -> None:
    color = color_of(name, installed)
    assert color == color_of(name, list(reversed(installed))) == color_of(f"{name}:{option}=1", installed)
    assert color in COLORS
    assert color_of(f"teacher ({name})", installed) == TEACHER
    if name not in installed:
        assert color == color_of(name, [])


@PROPERTY
@given(
    names=st.lists(NAMES, min_size=1, max_size=6, unique=True),
    steps=st.lists(st.integers(1, 99), min_size=1, max_size=6, unique=True),
)
def test_curves_of_one_colour_differ_in_shape_and_dash(names: list[str], steps: list[int]) -> None:
    curves = curves_of((f"{name}, {count} steps", name) for name in names[:1] for count in steps)
    assert [curve.color for curve in curves] == [color_of(names[0])] * len(steps)
    assert len({curve.shape for curve in curves}) == len({curve.dash for curve in curves}) == len(steps)
    for curve in curves_of(((name, name) for name in names), dashed=False):
        assert curve.color == color_of(curve.name)
        assert curve.dash == (1, 0)


def test_a_sampler_has_its_shape_on_every_chart() -> None:
    alone, among = curves_of([("x", "heun")]), curves_of([("a", "ddim"), ("b", "heun"), ("c", "teacher (heun)")])
    assert (alone[0].color, alone[0].shape) == (among[1].color, among[1].shape)
    assert among[2].color == TEACHER


def test_there_are_as_many_shapes_as_dashes() -> None:
    assert len(set(SHAPES)) == len(set(DASHES)) == len(SHAPES)
