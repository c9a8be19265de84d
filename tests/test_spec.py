"""Specs: what is read of a line, that it is written as it can be read again, and every way to get one wrong."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sigbench.errors import BadInput
from sigbench.spec import Spec, number, parse_plug_in, parse_spec, quoted, split_list, whole_number

PROPERTY = settings(deadline=None, derandomize=True, database=None, max_examples=200)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("ddim", Spec("ddim")),
        ("ddim@5", Spec("ddim", {}, 5)),
        ("ddim:eta=0.5", Spec("ddim", {"eta": "0.5"})),
        ("ddim@5:eta=0.5", Spec("ddim", {"eta": "0.5"}, 5)),
        ("ddim:eta=0.5@5", Spec("ddim", {"eta": "0.5"}, 5)),
        ("dpmpp-2m@5:grid='karras:rho=5'", Spec("dpmpp-2m", {"grid": "karras:rho=5"}, 5)),
        ('dpmpp-2m:grid="karras:rho=5"@5', Spec("dpmpp-2m", {"grid": "karras:rho=5"}, 5)),
        ("x:grid='1,0.5,0.001':final=denoise", Spec("x", {"grid": "1,0.5,0.001", "final": "denoise"})),
        ("""x:grid="sigmas:values='3,2,1'\"""", Spec("x", {"grid": "sigmas:values='3,2,1'"})),
        ("x:a='@'", Spec("x", {"a": "@"})),
        ("x:a=", Spec("x", {"a": ""})),
        ("x:a=b=c", Spec("x", {"a": "b=c"})),
        ("./mine.py:Mine", Spec("./mine.py:Mine")),
        ("./mine.py:Mine@5:x=1", Spec("./mine.py:Mine", {"x": "1"}, 5)),
        ("/a@b/o'neil.py:Mine@5", Spec("/a@b/o'neil.py:Mine", {}, 5)),
        ("/a=b/mine.py:Mine", Spec("/a=b/mine.py:Mine")),
        ("library:Target:order=3", Spec("library:Target", {"order": "3"})),
        ("library:Target@10", Spec("library:Target", {}, 10)),
        ("library:mine.py:function:order=3", Spec("library:mine.py:function", {"order": "3"})),
        ("library:T:options='order=3:eta=0'", Spec("library:T", {"options": "order=3:eta=0"})),
    ],
)
def test_what_a_line_says(text: str, spec: Spec) -> None:
    assert parse_spec(text) == spec
    assert parse_spec(str(spec)) == spec


VALUES = st.text(st.characters(exclude_characters='"'), max_size=12)


@PROPERTY
@given(values=st.lists(VALUES, max_size=3), steps=st.none() | st.integers(0, 10**6))
@example(values=["'"], steps=5)
@example(values=["a'b:c", "@", ","], steps=None)
def test_what_is_written_can_be_read(values: list[str], steps: int | None) -> None:
    """Alone, and in a list beside another."""
    spec = Spec("name", {f"k{place}": value for place, value in enumerate(values)}, steps)
    assert parse_spec(str(spec)) == spec
    assert [parse_spec(part) for part in split_list(f"{spec},other")] in (
        [spec, Spec("other")],
        [parse_spec(str(spec).rstrip()), Spec("other")],  # a list's members are stripped
    )


def test_lists_are_cut_at_commas_outside_quotes() -> None:
    assert split_list("a, b:grid='1,0.5,0',c:x=\"y,'z\",,") == ["a", "b:grid='1,0.5,0'", 'c:x="y,\'z"']
    assert split_list("it's,that's") == ["it's", "that's"]
    assert split_list(",") == split_list("") == []


def test_a_value_is_quoted_only_where_it_must_be() -> None:
    assert [quoted(text) for text in ("0.5", "a b", "a:b", "a,b", "a@5", "'a", "o'neil")] == [
        "0.5",
        "a b",
        "'a:b'",
        "'a,b'",
        "'a@5'",
        '"\'a"',
        "o'neil",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ddim@x", "'x' in 'ddim@x' is not a number of steps"),
        ("ddim@", "'' in 'ddim@' is not a number of steps"),
        ("ddim@٣", "'٣' in 'ddim@٣' is not a number of steps, in the digits 0 to 9"),
        ("ddim@1_0", "is not a number of steps"),
        ("ddim@5.0", "is not a number of steps"),
        ("ddim@5:eta=0@6", "gives its number of steps twice"),
        ("ddim@5@6", "twice|not a number"),
        ("ddim:eta=0:eta=1", "gives eta twice"),
        ("ddim:eta=0:what", "'what' in .* is not option=value"),
        ("ddim:", "'' in 'ddim:' is not option=value"),
        ("ddim:=1", "'=1' in .* is not option=value"),
        ("x:grid='karras:rho=5", "the quote ' in .* is not closed"),
        ('x:grid="karras', 'the quote " in .* is not closed'),
        ("x:grid='karras'y", "the quoted 'karras' goes on with 'y'"),
        ("mine.py", "names a file but no class or function in it: write mine.py:NAME"),
        ("x:folder=/a@b/c", "a value with an @ of its own stands in quotes"),
    ],
)
def test_what_is_no_spec(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        parse_spec(text)


def test_a_plug_in_without_steps_may_have_an_at() -> None:
    assert parse_plug_in("fid:weights=/a@b/c.pt") == Spec("fid", {"weights": "/a@b/c.pt"})


def test_numbers_are_written_in_the_digits_0_to_9() -> None:
    assert [whole_number(text) for text in ("5", " 10 ", "-3", "٣", "1_0", "5.0", "", "9" * 30)] == [
        *(5, 10, -3),
        *[None] * 5,
    ]
    assert [number(text) for text in ("5", "1e-3", ".5", "-2.", "nan", "inf", "٣.٥", "1_0", "")] == [
        *(5.0, 1e-3, 0.5, -2.0),
        *[None] * 5,
    ]
