"""What a sampler is called, and how two of one name are told apart."""

import pytest

from sigbench.records.names import display_name, display_names, name_and_role, spec_of


@pytest.mark.parametrize(
    ("record", "name", "spec"),
    [
        ({"sampler": "ddim"}, "ddim", "ddim"),
        ({"sampler": "ddim", "spec": "ddim:eta=0.5", "role": "sampler"}, "ddim:eta=0.5", "ddim:eta=0.5"),
        ({"sampler": "mine", "spec": "./m.py:Mine:x=1"}, "mine:x=1", "./m.py:Mine:x=1"),
        (
            {"sampler": "euler-maruyama", "spec": "euler-maruyama", "role": "teacher"},
            "teacher (euler-maruyama)",
            "teacher",
        ),
    ],
)
def test_a_name_holds_options_and_role(record: dict[str, str], name: str, spec: str) -> None:
    assert display_name(record) == name
    assert spec_of(record) == spec


def test_samplers_of_one_name_from_two_files_are_told_apart() -> None:
    first, second, other = (
        {"sampler": "mine", "spec": "a/first.py:Mine"},
        {"sampler": "mine", "spec": "second.py:Mine"},
        {"sampler": "ddim", "spec": "ddim"},
    )
    assert display_names([first, second, other, first]) == [
        "mine (first.py)",
        "mine (second.py)",
        "ddim",
        "mine (first.py)",
    ]
    assert display_names([first, other]) == ["mine", "ddim"]


@pytest.mark.parametrize(
    ("label", "spec", "found"),
    [
        ("ddim:eta=0.5", None, ("ddim", "ddim:eta=0.5", "sampler")),
        ("teacher (euler-maruyama)", None, ("euler-maruyama", "euler-maruyama", "teacher")),
        ("teacher (ddim:eta=1)", "ddim:eta=1", ("ddim", "ddim:eta=1", "teacher")),
        ("./mine.py:Mine", "./mine.py:Mine", ("Mine", "./mine.py:Mine", "sampler")),
    ],
)
def test_labels_of_older_records_are_taken_apart(label: str, spec: str | None, found: tuple[str, str, str]) -> None:
    assert name_and_role(label, spec) == found
