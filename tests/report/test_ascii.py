"""What stands for characters that an encoding lacks."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigbench.report.ascii import shown
from sigbench.report.marks import AT_FLOOR, BELOW_FLOOR, BEST, EQUIVALENT, LEGEND, NO_CALLS, UNRESOLVED


@pytest.mark.parametrize(
    ("text", "ascii_form"),
    [
        ("1.01 ±0.04", "1.01 +/-0.04"),
        ("gmm · 5 – 10 × √t ≤ ½", "gmm - 5 - 10 x sqrt t <= 1/2"),
        ("log(α/σ), λ′, ∫∫dW, Δt, MMD², 24.3 µs", "log(alpha/sigma), lambda', int int dW, Deltat, MMD2, 24.3 us"),
        ("Ornstein–Uhlenbeck, Itô, Pál", "Ornstein-Uhlenbeck, Ito, Pal"),
        ("中\udcff", "??"),
        ("plain", "plain"),
    ],
)
def test_signs_read_alike(text: str, ascii_form: str) -> None:
    assert shown(text, "ascii") == ascii_form
    assert shown(text, "utf-8") == text


def test_what_an_encoding_has_it_keeps() -> None:
    assert shown("± · ★ σ", "iso8859-1") == "± · * sigma"
    assert shown("± σ", "no such encoding") == "+/- sigma"


def test_marks_stay_apart() -> None:
    marks = [shown(mark, "ascii") for mark in (BEST, EQUIVALENT, UNRESOLVED, AT_FLOOR, BELOW_FLOOR, NO_CALLS)]
    assert len(set(marks)) == len(marks)
    assert all(len(mark) == 1 for mark in marks)  # as wide as what they stand for: tables stay upright
    assert max(map(len, shown(LEGEND, "ascii").splitlines())) <= 80


@settings(deadline=None, derandomize=True, database=None)
@given(st.text())
def test_every_text_has_an_ascii_form(text: str) -> None:
    assert shown(text, "ascii").isascii()
