"""What a file means: remarks and layout change nothing, and every import is seen."""

from pathlib import Path

import pytest

import sigbench
from sigbench.measure.source.syntax import Import, read_code

CODE = b'''"""A module."""
import math


class A(object):
    """A class."""

    rate: float = 0.5

    def f(self, x, *, n=3):
        """A function."""
        if x > 0 and n:
            return [math.sqrt(y) for y in range(n)], f"{x:.2f}", "text", b"bytes", None, ...
        return -x
'''
SAME = {
    "a remark": CODE.replace(b"    rate", b"    # how fast\n    rate"),
    "blank lines": CODE.replace(b"\n\n", b"\n\n\n\n"),
    "other docstrings": CODE.replace(b"A ", b"The one and only "),
    "no docstrings": b"\n".join(line for line in CODE.split(b"\n") if b'"""' not in line),
    "other quotes": CODE.replace(b'"text"', b"'text'"),
    "line breaks": CODE.replace(b"x > 0 and n", b"(x > 0\n                and n)"),
    "another spelling of a number": CODE.replace(b"0.5", b"5e-1"),
}
OTHER = {
    "a number": CODE.replace(b"0.5", b"0.25"),
    "a whole number": CODE.replace(b"n=3", b"n=3.0"),
    "an operator": CODE.replace(b"x > 0", b"x >= 0"),
    "a word": CODE.replace(b"and n", b"or n"),
    "a name": CODE.replace(b"rate", b"rates"),
    "a text": CODE.replace(b'"text"', b'"texts"'),
    "a kind of text": CODE.replace(b'b"bytes"', b'"bytes"'),
    "a format": CODE.replace(b".2f", b".3f"),
    "a default that is gone": CODE.replace(b"n=3", b"n"),
    "a hint": CODE.replace(b"rate: float", b"rate: int"),
    "an order": CODE.replace(b"None, ...", b"..., None"),
    "a nesting": CODE.replace(b"        return -x", b"            return -x"),
    "an import": CODE.replace(b"import math", b"import cmath as math"),
}


@pytest.mark.parametrize("case", SAME)
def test_what_changes_nothing(case: str) -> None:
    assert SAME[case] != CODE
    assert read_code(SAME[case]).hash == read_code(CODE).hash


@pytest.mark.parametrize("case", OTHER)
def test_what_changes_the_meaning(case: str) -> None:
    assert OTHER[case] != CODE
    assert read_code(OTHER[case]).hash != read_code(CODE).hash


def test_every_import_is_seen() -> None:
    text = b"""
import a.b, c as d
from .e import f, g as h
def late():
    from ..i import j
    if j:
        import k
class L:
    from . import m
"""
    assert set(read_code(text).imports) == {
        Import(0, "a.b", ()),
        Import(0, "c", ()),
        Import(1, "e", ("f", "g")),
        Import(2, "i", ("j",)),
        Import(0, "k", ()),
        Import(1, "", ("m",)),
    }


@pytest.mark.parametrize("text", [b"def", b"\x00", b"\xff", b"x = 1\n  y = 2", b"(" * 1000])
def test_what_is_no_python_is_hashed_as_it_is(text: bytes) -> None:
    assert read_code(text).imports == ()
    assert read_code(text).hash != read_code(text + b" ").hash


def test_no_two_files_of_sigbench_mean_the_same() -> None:
    files = [file.read_bytes() for file in Path(sigbench.__file__).parent.rglob("*.py") if file.name != "__init__.py"]
    assert len({read_code(text).hash for text in files}) == len(files) > 100
