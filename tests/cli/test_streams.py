"""Terminals that lack characters, colours or width: ASCII, NO_COLOR and 40 columns, and never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from commandline import SMALL, Command

from sigbench.cli.printing import print_json

# One process for all of these: main() as a user calls it, on streams of another encoding.
PROGRAM = """
import json, sys
from sigbench.cli.app import main
for line in json.loads(sys.argv[1]):
    sys.argv = ["sigbench", *line]
    try:
        main()
    except SystemExit as end:
        print(f"code {end.code}")
"""
SCORE = ("run", "--task", "gmm", "--sampler", "sigdeg,ddim", "--steps", "5")
STUDIES = (
    ("gap", "--task", "gmm", "--steps", "2", "--samples", "80", "--device", "cpu"),
    ("floors", "--task", "gmm", "--samples", "50", "--metrics", "mean-error", "--others", "3"),
    ("convergence", "--task", "gbm", "--sampler", "milstein", "--paths", "400", "--levels", "3", "--coarsest", "2"),
    ("grid", "--task", "gmm", "--sampler", "ddim", "--steps", "2", "--samples", "64", "--out", "two.json"),
    ("leaderboard", "show", "--task", "gmm", "--rows", "4"),
)
LISTS = (("list",), ("list", "--long"), ("list", "metrics", "--long"), ("doctor",), ("--help",), ("run", "--help"))


def spoken(commands: tuple[tuple[str, ...], ...], folder: Path, **environment: str) -> tuple[bytes, bytes]:
    """What commands say in one process, as bytes."""
    command = [sys.executable, "-c", PROGRAM, json.dumps(commands)]
    settings = {**os.environ, "COLUMNS": "80", **environment}
    done = subprocess.run(command, cwd=folder, env=settings, capture_output=True)
    assert done.stdout.count(b"code ") == len(commands), done.stderr[-2000:]
    return done.stdout, done.stderr


@pytest.mark.slow
def test_every_command_prints_in_ascii_where_there_is_no_more(tmp_path: Path) -> None:
    commands = ((*SCORE, *SMALL, "--metrics", "all"), *STUDIES, *LISTS)
    out, err = spoken(commands, tmp_path, LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert out.isascii() and err.isascii()
    assert b"Traceback" not in err and b"UnicodeEncodeError" not in err
    assert b"code 2" not in out and b"code 70" not in out
    text = out.decode()
    assert "64 samples x 2 repeats" in text
    assert "* best of its calls   ~ equivalent to it" in text
    assert "+/-" in text  # of the gap's tables
    assert "?" not in [word for word in text.split() if "best" in word]
    table = text[text.index("sampler ") :].splitlines()[:7]
    assert len({line.index("|") for line in table if "|" in line}) == 1  # columns stay upright


def test_help_and_refusals_in_ascii(tmp_path: Path) -> None:
    commands = (("run", "--help"), ("gap", "--help"), ("--help",), (*SCORE[:3], "--sampler", "σ·★"))
    out, err = spoken(commands, tmp_path, LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert out.isascii() and err.isascii()
    assert "(1 + W)-D(class) - W-D(none)" in " ".join(out.decode().replace("|", " ").split())
    assert b"unknown sampler" in err and b"Traceback" not in err


def test_an_encoding_that_has_some_of_the_characters_keeps_them(tmp_path: Path) -> None:
    out, _ = spoken((("gap", "--help"), ("run", "--help")), tmp_path, PYTHONIOENCODING="latin-1")
    text = out.decode("latin-1")
    assert "·" in text  # latin-1 has it
    assert "MMD²" in text


def test_json_keeps_its_characters_as_escapes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    value = {"a": "σ ★ 𝛼", "b": [1, None]}
    with (tmp_path / "out").open("w", encoding="ascii") as file:
        monkeypatch.setattr(sys, "stdout", file)
        print_json(json.dumps(value, ensure_ascii=False))
        monkeypatch.undo()
    assert json.loads((tmp_path / "out").read_bytes()) == value
    assert (tmp_path / "out").read_bytes().isascii()


def test_no_color_beside_force_color_gives_no_escapes(tmp_path: Path) -> None:
    commands = (("run", "--help"), ("list", "grids"), ("--help",), ("run", "--task", "gmn", "--sampler", "ddim"))
    out, err = spoken((*commands, (*SCORE, *SMALL)), tmp_path, NO_COLOR="1", FORCE_COLOR="1")
    assert b"\x1b" not in out + err
    coloured, _ = spoken(commands[:1], tmp_path, FORCE_COLOR="1", NO_COLOR="")
    assert b"\x1b[" in coloured  # what is asked for alone is done


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_column_is_cut(sigbench: Command, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    sampler = "euler-maruyama,dpmpp-2m:grid='karras:rho=5':lower_order_final=false"
    done = sigbench(*SCORE[:3], "--sampler", sampler, "--steps", "2", *SMALL, "--metrics", "all")
    assert done.code == 0
    assert "…" not in done.out
    assert max(map(len, done.out.splitlines())) <= width
    for number in ("lower_order_final", "var-error", "time a sample", "efficiency", "memory"):
        assert number in done.out.replace("\n", "")
    for words in (("list",), ("list", "metrics"), ("list", "adapters")):
        listed = sigbench(*words)
        assert "…" not in listed.out.replace("diffusers:…", "").replace("kdiffusion:…", "")
        assert max(map(len, listed.out.splitlines())) <= width


def test_the_list_stands_on_one_screen(sigbench: Command) -> None:
    """80 × 24, the prompt included; of a kind one line a name, and more with --long."""
    names = sigbench("list").out
    assert len(names.splitlines()) <= 23
    assert {"gmm", "sigdeg", "euler-maruyama", "fcd", "karras"} <= set(names.replace(",", " ").split())
    brief, long = (sigbench("list", "metrics", *more).out for more in ((), ("--long",)))
    assert len(long.splitlines()) > 2 * len(brief.splitlines())


@pytest.mark.slow
def test_the_first_command_prints_at_most_40_lines(sigbench: Command) -> None:
    """The README's, on fewer samples: the headline, times, and who wins; --metrics all prints the rest."""
    first = (*SCORE[:3], "--sampler", "sigdeg,euler-maruyama,ddim", "--steps", "5,10,20", *SMALL)
    done = sigbench(*first)
    assert len(done.out.splitlines()) + len(done.err.splitlines()) <= 40
    for words in ("w1", "time a sample", "w1 at 5 calls: ", "w1 at 20 calls: ", "--metrics all prints 8 more metrics"):
        assert words in done.out
    assert "mode-tv" not in done.out
    everything = sigbench(*first, "--resume", "--metrics", "all")
    for words in ("mode-tv", "mmd2", "efficiency", "memory"):
        assert words in everything.out
    some = sigbench(*first, "--resume", "--metrics", "ks,w2").out
    assert "ks" in some and "w2" in some and "mode-tv" not in some
