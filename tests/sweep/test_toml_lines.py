"""Where keys stand in a TOML text: every path that tomllib knows has its line."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sigbench.sweep.toml_lines import KeyPath, lines_of

ROOT = Path(__file__).parents[2]

# Everything in TOML that could lead a search for keys astray.
TEXT = '''# tasks = ["in a comment"]
tasks = ["gmm", # "no, ]"
  'mnist',
  """a
samplers = 1""", "x"]
steps = [2,
 5]
a.b = { c = [1, 2], "d e" = 1.5 }
[task.gmm]
samples = 3_000  # [task.mnist]
[sampler."./mine.py:X"]
options = { eta = [0.0,
   0.5] }
[[z]]
k = 1979-05-27T07:32:00.5Z
[[z]]
k = 2
[z.y]
q = """a "quoted" \\""" = ["z]""""
'w' = +inf
'''


def paths(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Yields the path of everything in a parsed TOML text."""
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, below in parts:
        yield from paths(below, (*path, name))


def test_every_key_and_element_has_the_line_where_it_stands() -> None:
    lines = lines_of(TEXT)
    assert lines == {
        ("tasks",): 2,
        ("tasks", 0): 2,
        ("tasks", 1): 3,
        ("tasks", 2): 4,
        ("tasks", 3): 5,
        ("steps",): 6,
        ("steps", 0): 6,
        ("steps", 1): 7,
        ("a",): 8,
        ("a", "b"): 8,
        ("a", "b", "c"): 8,
        ("a", "b", "c", 0): 8,
        ("a", "b", "c", 1): 8,
        ("a", "b", "d e"): 8,
        ("task",): 9,
        ("task", "gmm"): 9,
        ("task", "gmm", "samples"): 10,
        ("sampler",): 11,
        ("sampler", "./mine.py:X"): 11,
        ("sampler", "./mine.py:X", "options"): 12,
        ("sampler", "./mine.py:X", "options", "eta"): 12,
        ("sampler", "./mine.py:X", "options", "eta", 0): 12,
        ("sampler", "./mine.py:X", "options", "eta", 1): 13,
        ("z",): 14,
        ("z", 0): 14,
        ("z", 0, "k"): 15,
        ("z", 1): 16,
        ("z", 1, "k"): 17,
        ("z", 1, "y"): 18,
        ("z", 1, "y", "q"): 19,
        ("z", 1, "y", "w"): 20,
    }
    assert set(lines) == set(paths(tomllib.loads(TEXT))) - {()}


def test_a_large_file() -> None:
    """Every path of the project's own build file is found, in a line that shows its name."""
    text = (ROOT / "pyproject.toml").read_text()
    lines = lines_of(text)
    assert set(lines) == set(paths(tomllib.loads(text))) - {()}
    written = text.splitlines()
    assert all(path[-1] in written[line - 1] for path, line in lines.items() if isinstance(path[-1], str))
