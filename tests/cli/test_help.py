"""Help of every command, over the tree of commands: a new one is tested by being there."""

import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from commandline import Command
from rich.cells import cell_len

from sigbench.cli.app import app


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yields every command and every group with the words that lead to it."""
    found = typer.main.get_command(app) if group is None else group
    yield path, found
    for name, command in getattr(found, "commands", {}).items():
        yield from commands(command, (*path, name))


TREE = dict(commands())
OPTIONS = [(path, param) for path, command in TREE.items() for param in command.params]
BORDER = re.compile(r"[╭╰│─╮╯|+-]")


def test_the_tree_is_whole() -> None:
    assert {("run",), ("leaderboard", "show"), ("doctor",), ("leaderboard",), ()} <= TREE.keys()
    assert len(TREE) >= 18
    assert len(OPTIONS) > 120


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("path", TREE, ids=" ".join)
def test_help_fits_the_terminal_and_is_wrapped_once(
    sigbench: Command, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...], width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    done = sigbench(*path, "--help")
    lines = [line.rstrip() for line in done.out.splitlines()]
    assert (done.code, done.err) == (0, "")
    assert max(map(cell_len, lines)) <= min(width, 100)
    assert "…" not in done.out.replace("=…", "")
    for paragraph in inspect.cleandoc(TREE[path].help).split("\n\n"):
        if not paragraph.startswith("\b"):
            wrapped = textwrap.wrap(
                " ".join(paragraph.split()), min(width, 100), break_on_hyphens=False, break_long_words=False
            )
            at = lines.index(wrapped[0])
            assert lines[at : at + len(wrapped)] == wrapped
    for param in TREE[path].params:
        if not param.hidden:
            name = param.metavar if param.param_type_name == "argument" else param.opts[0]
            assert any(name in line for line in lines), name


@pytest.mark.parametrize(("path", "param"), OPTIONS, ids=lambda value: getattr(value, "name", None) or " ".join(value))
def test_every_option_says_what_it_takes_in_capitals(path: tuple[str, ...], param: Any) -> None:
    assert (param.help or "").strip().endswith((".", ")")) or param.name in ("install_completion", "show_completion")
    if not getattr(param, "is_flag", False):
        assert re.fullmatch("[A-Z]+", param.metavar or ""), param.metavar


def test_the_options_of_run_stand_in_panels(sigbench: Command) -> None:
    out = sigbench("run", "--help").out
    titles = [re.sub("[╭─╮]", "", line).strip() for line in out.splitlines() if line.startswith("╭")]
    assert titles == [
        "What is measured",
        "How samplers walk",
        "What judges",
        "Machine",
        "Results",
        "Options",
    ]
    assert "<" not in out


def test_a_value_of_another_kind_is_named_with_what_was_wanted() -> None:
    """Options of numbers refuse a word, all in one form; `--batch x`, `--batch=x`. Nothing is run."""
    refused = set()
    for path, param in OPTIONS:
        name = param.opts[0]
        for given in ([name, "x-no-number"], [f"{name}=x-no-number"]):
            if param.param_type_name == "argument" or param.is_flag or "completion" in param.name:
                continue
            try:
                TREE[path].make_context("sigbench", given, parent=None)
            except typer.BadParameter.__base__ as error:  # type: ignore[misc]  # click's, wherever typer has it
                if not error.format_message().startswith("Missing"):
                    pattern = rf"{name} takes a (whole )?number, got 'x-no-number'\."
                    assert re.fullmatch(pattern, error.format_message())
                    refused.add((path, name))
    assert len(refused) >= 45
    for option in ("--batch", "--seed", "--nfe", "--guidance", "--samples"):
        assert (("run",), option) in refused


def test_a_refused_value_leaves_by_exit_code_2(sigbench: Command) -> None:
    done = sigbench("run", "--task", "gmm", "--sampler", "ddim", "--batch", "x")
    assert done.sentence() == "--batch takes a whole number, got 'x'."
    assert done.code == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run", "--task", "gmm", "--batch"), "Option '--batch' requires an argument."),
        (("sweep",), "Missing argument 'FILE'."),
        (("sweep", "a.toml", "b.toml"), "Got unexpected extra argument(s) (b.toml)"),
        (("run", "--json=3"), "Option '--json' does not take a value."),
    ],
)
def test_what_typer_refuses_is_one_sentence(sigbench: Command, arguments: tuple[str, ...], sentence: str) -> None:
    done = sigbench(*arguments)
    assert done.sentence() == sentence
    assert done.code == 2


def test_one_word_for_one_thing() -> None:
    """What an option is called, and what it takes, is the same in every command that has it."""
    takes: dict[str, set[str]] = {}
    for _, param in OPTIONS:
        if param.param_type_name == "option" and not param.is_flag:
            takes.setdefault(param.opts[0], set()).add(param.metavar)
    several = {name: kinds for name, kinds in takes.items() if len(kinds) > 1}
    # One sampler and one number of steps have a grid; a list, several; a grid and floors are files, students a folder.
    assert several == {
        "--sampler": {"NAME", "NAMES"},
        "--steps": {"COUNTS", "N"},
        "--out": {"FILE", "DIR"},
        "--task": {"TASK", "NAMES"},
        "--store": {"DIR", "PATH"},
    }
    names = {name for _, param in OPTIONS for name in param.opts}
    assert {"--nfe", "--max-nfe", "--store", "--records", "--board", "--folder", "--noise", "--metrics"} <= names
    for old, new in (
        ("--max-nfe", "--nfe"),
        ("--records", "--store"),
        ("--folder", "--board"),
        ("--only", "--metrics"),
    ):
        owners = [param for _, param in OPTIONS if old in param.opts]
        assert owners and all(param.opts[0] == new for param in owners)
    (noise,) = [param for path, param in OPTIONS if path == ("run",) and "--paths" in param.opts]
    assert noise.opts[0] == "--noise"  # a number of paths is what `convergence` takes under this word
