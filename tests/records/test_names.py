"""What a sampler is called, and how two of one name are told apart."""

import pytest
from made_records import made

from sigbench.records.names import (
    bare_spec,
    chosen,
    display_name,
    display_names,
    identity,
    name_of,
    namer,
    row_of,
    spec_of,
    tuned_line,
)


@pytest.mark.parametrize(
    ("record", "name", "spec"),
    [
        ({"sampler": "ddim", "spec": "ddim", "role": "sampler"}, "ddim", "ddim"),
        ({"sampler": "ddim", "spec": "ddim:eta=0.5", "role": "sampler"}, "ddim:eta=0.5", "ddim:eta=0.5"),
        ({"sampler": "mine", "spec": "./m.py:Mine:x=1", "role": "sampler"}, "mine:x=1", "./m.py:Mine:x=1"),
        (
            {"sampler": "euler-maruyama", "spec": "euler-maruyama", "role": "teacher"},
            "teacher (euler-maruyama)",
            "teacher",
        ),
        (
            {"sampler": "ddim", "spec": "ddim:final=denoise", "role": "teacher"},
            "teacher (ddim:final=denoise)",
            "teacher:final=denoise",
        ),
    ],
)
def test_a_name_holds_options_and_role(record: dict[str, str], name: str, spec: str) -> None:
    assert display_name(record) == name
    assert spec_of(record) == spec


def test_samplers_of_one_name_from_two_files_are_told_apart() -> None:
    first, second, other = (
        {"sampler": "mine", "spec": "a/first.py:Mine", "role": "sampler"},
        {"sampler": "mine", "spec": "second.py:Mine", "role": "sampler"},
        {"sampler": "ddim", "spec": "ddim", "role": "sampler"},
    )
    assert display_names([first, second, other, first]) == [
        "mine (first.py)",
        "mine (second.py)",
        "ddim",
        "mine (first.py)",
    ]
    assert display_names([first, other]) == ["mine", "ddim"]


def test_grids_of_one_sampler_are_told_apart_where_they_stand_side_by_side() -> None:
    quadratic, karras, other, denoised = (
        {"sampler": name, "spec": spec, "role": "sampler", "grid": grid}
        for name, spec, grid in (
            ("ddim", "ddim", "quadratic"),
            ("ddim", "ddim", "karras:rho=5"),
            ("heun", "heun", "uniform"),
            ("ddim", "ddim:final=denoise", "uniform"),
        )
    )
    assert display_names([quadratic, karras, other, denoised], grids=True) == [
        "ddim:grid=quadratic",
        "ddim:grid='karras:rho=5'",
        "heun",
        "ddim:final=denoise",
    ]
    assert display_names([quadratic, other], grids=True) == ["ddim", "heun"]
    assert display_names([quadratic, karras]) == ["ddim", "ddim"]
    assert namer([quadratic, karras])(karras) == "ddim:grid='karras:rho=5'"


def test_options_in_quotes_are_one_part_of_a_name() -> None:
    assert name_of("mine", "m.py:Mine:a='x:y=1':b=2") == "mine:a='x:y=1':b=2"


@pytest.mark.parametrize(
    ("spec", "bare"),
    [
        ("ddim:eta=0.5", "ddim:eta=0.5"),
        ("mine.py:Mine", "mine.py:Mine"),
        ("./mine.py:Mine:x=1", "mine.py:Mine:x=1"),
        ("kdiffusion:/some/where/mine.py:f:x=1", "kdiffusion:mine.py:f:x=1"),
        ("/some/where/mine.py:Mine:of=a/b.py:c", "mine.py:Mine:of=a/b.py:c"),
    ],
)
def test_a_bare_spec_has_no_folder(spec: str, bare: str) -> None:
    assert bare_spec(spec) == bare


def test_a_tuned_sampler_goes_by_its_bare_name_and_says_what_was_chosen() -> None:
    """One row, whatever grid and options were best at each budget; two files' classes of one name stay two."""
    note = {"candidates": 12, "calls": 5, "hash": "0" * 12}
    five = made("unipc:order=2:final=denoise", 5, grid="karras", tuning=note)
    ten = made("unipc", 10, grid="log-snr", tuning=note)
    plain = made("unipc:order=2", 5)
    assert [display_name(record) for record in (five, ten, plain)] == ["unipc", "unipc", "unipc:order=2"]
    assert row_of(five) == row_of(ten) != row_of(plain)
    assert identity(five) != identity(ten)
    assert [chosen(record) for record in (five, ten, plain)] == ["karras order=2 final=denoise", "log-snr", "quadratic"]
    assert display_names([five, ten], grids=True) == ["unipc", "unipc"]
    assert tuned_line(plain) == ""
    assert tuned_line(five) == "Tuned at 5 calls, best of 12 on other noise: karras order=2 final=denoise."
    mine = made("unipc", 5, tuning=note) | {"spec": "mine.py:UniPC:order=3"}
    assert len(set(display_names([five, mine]))) == 2
