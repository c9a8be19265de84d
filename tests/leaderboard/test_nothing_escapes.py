"""What a claim, a study or a record says is text: no link of another scheme, no word of a shell, no markup."""

import copy
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from made_records import made

from sigbench.errors import BadInput
from sigbench.leaderboard.board import Entry, boards
from sigbench.leaderboard.claims import Answer, read_claims
from sigbench.leaderboard.command import command_of, shell_line
from sigbench.leaderboard.markdown import build_markdown
from sigbench.leaderboard.sections import find_sections
from sigbench.leaderboard.table import heading_of
from sigbench.report.text import printable

COMMITTED = Path(__file__).parents[2] / "leaderboard"
CLAIM = """[[claim]]
task = "gmm"
kind = "quality"
words = "w"
source = "s"
url = {url}
sampler = "a"
steps = 2
against = "b"
against_steps = 3
"""


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "//example.org",
        "file:///etc/passwd",
        "https://a b",
        "https://a\\nb",
        'https://a" onclick=',
        "https://a<script>",
        "https://",
        "",
        " https://a.org",
    ],
)
def test_links_of_claims_are_links(tmp_path: Path, url: str) -> None:
    (tmp_path / "claims.toml").write_text(CLAIM.format(url=json.dumps(url)))
    with pytest.raises(BadInput, match="the url of claim 1"):
        read_claims(tmp_path / "claims.toml")


@pytest.mark.parametrize("url", ["https://arxiv.org/abs/2508.16939", "http://a.org/x_(y)?a=b&c=d#e"])
def test_links_that_are(tmp_path: Path, url: str) -> None:
    (tmp_path / "claims.toml").write_text(CLAIM.format(url=json.dumps(url)))
    (claim,) = read_claims(tmp_path / "claims.toml")
    answer = Answer(claim.words, claim.source, claim.url, "Yes", "so", "")
    text = build_markdown(boards([Entry(made())]), titles={}, claims={"gmm": [answer]})
    assert f"[s](<{url}>)" in text


EVIL = "x; touch pwned $(id) `id` | & > ' \" \\ [/y] <b> \x1b[31m"


def test_commands_hold_no_more_than_their_words() -> None:
    record: Any = copy.deepcopy(made())
    record |= {"task_spec": EVIL, "spec": EVIL, "grid": EVIL}
    record["provenance"]["device"] = EVIL
    shown = EVIL.replace("\x1b", "\N{REPLACEMENT CHARACTER}")
    cell, settings = command_of(record)
    assert [word for word in shlex.split(f"{cell} {settings}") if word == shown] == [shown] * 4
    assert shlex.split(shell_line(["a", EVIL], [3, None])) == ["a", shown, "3", "None"]


@pytest.mark.parametrize("kind", ["orders", "gap", "spectrum"])
def test_commands_of_studies_hold_no_more_than_their_words(tmp_path: Path, kind: str) -> None:
    """A study whose grid and dtype are the beginning of another command."""
    (tmp_path / kind).mkdir()
    file = next(iter(sorted((COMMITTED / "studies" / kind).glob("*.jsonl"))))
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines:
        line["grid"] = "quadratic; touch pwned"
        if "dtype" in line:
            line["dtype"] = "$(id)"
    (tmp_path / kind / "gmm.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (section,) = find_sections(tmp_path)
    words = shlex.split(section.command)
    assert "quadratic; touch pwned" in words
    assert words[0] == "sigbench"
    assert words[-1] == "--json"


@pytest.mark.parametrize("odd", ["\u202e", "\u2066", "\x1b[2J", "\x00", "\u2028"])
def test_markdown_shows_what_would_turn_a_line_around(odd: str) -> None:
    record: Any = made()
    record["grid"] = f"a{odd}b"
    text = build_markdown(boards([Entry(record)]), titles={}, claims={})
    assert odd not in text
    assert f"a{printable(' '.join(odd.split()) or ' ')}b" in text.replace("\\", "")


def test_a_heading_is_text() -> None:
    record: Any = made()
    record["task"] = "x[/y][bold]z"
    (board,) = boards([Entry(record)])["x[/y][bold]z"]
    assert heading_of(board, "w1").plain.startswith("x[/y][bold]z · ")


STUDIES = [("gap", "conditions", []), ("gap", "samples", "x"), ("gap", "times", 10**400), ("orders", "paths", None)]
STUDIES += [
    ("orders", "strong", []),
    ("spectrum", "bands", "x"),
    ("spectrum", "repeats", [[]]),
    ("ablation", "variant", 5),
]


@pytest.mark.parametrize(("kind", "field", "value"), STUDIES)
def test_a_study_that_is_none_is_named_by_its_line(tmp_path: Path, kind: str, field: str, value: Any) -> None:
    (tmp_path / kind).mkdir()
    file = next(iter(sorted((COMMITTED / "studies" / kind).glob("*.jsonl"))))
    line = json.loads(file.read_text().splitlines()[0])
    line[field] = value
    (tmp_path / kind / "gmm.jsonl").write_text(json.dumps(line) + "\n")
    with pytest.raises(BadInput, match=r"gmm.jsonl, line 1: ") as refused:
        find_sections(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_study_of_brackets(tmp_path: Path) -> None:
    (tmp_path / "gap").mkdir()
    (tmp_path / "gap" / "gmm.jsonl").write_text('{"kind": ' + "[" * 100_000)
    with pytest.raises(BadInput, match=r"gmm.jsonl, line 1: "):
        find_sections(tmp_path)
