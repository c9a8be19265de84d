"""Commands that need the repository's files, far from it: they take the copies that are installed, and say so."""

from pathlib import Path

import pytest
from commandline import Command

from sigbench.cli import committed
from sigbench.cli.committed import here_or_copy

COPY = "taken is the copy that came with sigbench"


def test_the_board_is_shown_from_anywhere(sigbench: Command, tmp_path: Path) -> None:
    done = sigbench("leaderboard", "show", "--task", "gmm", "--rows", "3")
    assert done.code == 0
    assert f"there is no leaderboard here: {COPY}" in done.err
    assert done.err.count(COPY) == 1
    assert done.out.startswith("gmm · ")
    assert not list(tmp_path.iterdir())  # nothing is written beside the user's files


@pytest.mark.slow
def test_the_sweep_and_the_ablations_are_planned_from_anywhere(sigbench: Command) -> None:
    for arguments in (
        ("sweep", "leaderboard/sweep.toml", "--dry-run"),
        ("ablate", "leaderboard/studies/ablation/gmm.toml", "--dry-run"),
    ):
        done = sigbench(*arguments)
        assert done.code == 0
        assert f"there is no {arguments[1]} here: {COPY}" in done.err


def test_a_page_of_the_copy_needs_a_place_of_its_own(sigbench: Command, tmp_path: Path) -> None:
    done = sigbench("leaderboard", "build")
    assert done.code == 2
    assert "for a page of the installed copy name --out FILE.html" in done.sentence()
    assert not list(tmp_path.iterdir())


def test_what_is_here_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    sweep = Path("leaderboard/sweep.toml")
    assert here_or_copy(sweep) != sweep
    sweep.parent.mkdir()
    sweep.write_text("")
    assert here_or_copy(sweep) == sweep
    for elsewhere in (Path("mine.toml"), tmp_path / "leaderboard" / "none.toml", Path("leaderboard/none.toml")):
        assert here_or_copy(elsewhere) == elsewhere


def test_without_a_copy_the_path_itself_is_what_is_missing(sigbench: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committed, "_COPIES", ())
    shown = sigbench("leaderboard", "show", "--task", "gmm")
    assert "there is no folder leaderboard here: name records with --store PATH, or another --board" in shown.sentence()
    assert "leaderboard/sweep.toml cannot be read" in sigbench("sweep", "leaderboard/sweep.toml").sentence()
