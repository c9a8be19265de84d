"""Numbers as text: no interval excludes its estimate, times in their largest unit, no minus zero, no "3.7e+03"."""

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigbench.report.numbers import (
    digits,
    duration,
    duration_interval,
    exponent,
    interval,
    number,
    percent,
    percent_half,
    percent_interval,
    ratio,
    rounded_up,
    signed_digits,
    with_half,
    with_interval,
)

PROPERTY = settings(deadline=None, derandomize=True, database=None, max_examples=300)
SIZES = st.integers(-12, 9)
PARTS = st.floats(-10, 10)
NUMBER = re.compile(r"[-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:e-?\d+)?")
SECONDS = {"h": 3600.0, "min": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}


def read(text: str) -> list[float]:
    """The numbers in a text."""
    return [float(found.replace(",", "")) for found in NUMBER.findall(text)]


@st.composite
def intervals(draw: st.DrawFn) -> tuple[float, float, float]:
    """A value with ends around it, of any sizes."""
    value = draw(PARTS) * 10.0 ** draw(SIZES)
    below, above = (abs(draw(PARTS)) * 10.0 ** draw(SIZES) for _ in range(2))
    return value, value - below, value + above


@pytest.mark.parametrize(
    "write",
    [
        interval,
        lambda *ends: interval(*ends, brief=True),
        with_interval,
        lambda *ends: with_interval(*ends, 2),
        percent_interval,
    ],
)
@PROPERTY
@given(ends=intervals())
def test_an_interval_never_excludes_its_estimate(write, ends: tuple[float, float, float]) -> None:  # type: ignore[no-untyped-def]
    text = write(*ends)
    value, low, high = read(text)
    assert low <= value <= high, text
    assert not re.search(r"-0(\.0*)?(?![\d.])", text), text
    assert "e+" not in text


@PROPERTY
@given(ends=intervals())
def test_a_half_width_is_that_of_the_interval(ends: tuple[float, float, float]) -> None:
    value, low, high = ends
    text = with_half(*ends)
    own, half = read(text.replace("±", " "))
    if high > low:
        assert half == pytest.approx(0.5 * (high - low), rel=0.51)
        assert own == pytest.approx(value, abs=0.51 * half if half else None)


@PROPERTY
@given(part=st.floats(1, 10), size=st.integers(-9, 6))
def test_times_are_written_in_the_largest_unit_in_which_they_are_at_least_1(part: float, size: int) -> None:
    seconds = part * 10.0**size
    text, unit = duration(seconds).split()
    (count,) = read(text)
    assert count >= 1
    assert count * SECONDS[unit] == pytest.approx(seconds, rel=6e-3)
    larger = [each for each in SECONDS.values() if each > SECONDS[unit]]
    assert all(float(f"{seconds / each:.3g}") < 1 for each in larger)
    assert "e" not in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3.7e-3, "3.7 ms"),
        (999.6e-6, "1 ms"),
        (0.4567, "457 ms"),
        (59.4, "59.4 s"),
        (3621.0, "1.01 h"),
        (90.0, "1.5 min"),
        (1e-10, "0.1 ns"),
    ],
)
def test_times(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_time_and_its_ends_share_a_unit() -> None:
    assert duration_interval(3.7e-3, 0.9e-3, 4.1e-3) == "3.7 (0.9–4.1) ms"
    assert duration_interval(3.7e-3, None, None) == "3.7 ms"


@pytest.mark.parametrize(
    ("ends", "text", "brief"),
    [
        ((0.0084, 0.0054, 0.0146), "0.0084 [0.0054, 0.0146]", "0.0084 [.0054, .0146]"),
        ((9.8, 9.78, 9.84), "9.800 [9.780, 9.840]", "9.800 [9.780, 9.840]"),
        ((0.98, 0.96, 1.02), "0.980 [0.960, 1.020]", "0.980 [.960, 1.020]"),
        ((-4.6e-7, -5.6e-4, 5.6e-4), "-4.6e-7 [-5.6e-4, 5.6e-4]", "-4.6e-7 [-5.6e-4, 5.6e-4]"),
        ((0.0, 0.0, 0.0), "0.0000 [0.0000, 0.0000]", "0.0000 [.0000, .0000]"),
        ((0.2, None, None), "0.2000 [?]", "0.2000 [?]"),
        ((-0.00001, -0.002, 0.002), "0.0000 [-0.0020, 0.0020]", "0.0000 [-.0020, .0020]"),
    ],
)
def test_intervals_in_tables(ends: tuple[float, float | None, float | None], text: str, brief: str) -> None:
    assert interval(*ends) == text
    assert interval(*ends, brief=True) == brief


def test_numbers_in_tables_and_sentences() -> None:
    assert [number(value) for value in (None, 0.0, 0.5, 2.0, 1.5e5, 2e-5)] == [
        "?",
        "0.0000",
        "0.5000",
        "2.000",
        "1.5e5",
        "2.0e-5",
    ]
    assert [digits(value) for value in (1000.0, 1234.0, 999.6, 0.0001, 2.0, 1.23e-5, 4e7)] == [
        "1,000",
        "1,230",
        "1,000",
        "0.0001",
        "2",
        "1.23e-5",
        "4e7",
    ]
    assert with_half(1.0123, 0.97, 1.05) == "1.01 ±0.04"
    assert with_half(-4.1e-6, -1.95e-5, 1.13e-5, signed=True) == "-4e-6 ±2e-5"
    assert with_half(0.5, 0.5, 0.5) == "0.5 ±0"
    assert with_half(0.5, None, None) == "0.5 ±?"
    assert [exponent(value) for value in (0.00123, 0.0, math.inf, math.nan)] == ["1.2e-3", "0", "∞", "?"]
    assert [ratio(value) for value in (2.0, 0.251, 9.996, 81.26)] == ["2.00", "0.25", "10", "81.3"]
    assert [rounded_up(value) for value in (150_001.0, 99.0, 98_500.0)] == ["160,000", "99", "99,000"]


def test_shares_and_changes() -> None:
    assert percent(0.9596) == "96.0 %"
    assert percent_half(0.964, 0.95, 0.98) == "96.4 ±1.5 %"
    assert percent_interval(0.999, 0.994, 1.0) == "99.9 % [99.4, 100.0]"
    assert percent_interval(12.0, 11.0, 13.0) == "1200 % [1100, 1300]"
    assert signed_digits(-0.2) == "-0.2"
