"""What a sampler is called, and how two of one name are told apart."""

import pytest

from sigbench.records.names import bare_spec, display_name, display_names, name_of, namer, spec_of


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
