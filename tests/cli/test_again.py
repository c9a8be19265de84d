"""What is measured again although the store knows it, and what is said of it."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from commandline import SMALL, Command

MINE = """
from helper import FACTOR
from sigbench_baselines.euler import EulerMaruyama

class Mine(EulerMaruyama):
    name = "mine"
    def walk(self, problem, x, grid, brownian):
        for state in super().walk(problem, FACTOR * x, grid, brownian):
            yield state
"""
RUN = ("run", "--task", "gmm", "--sampler", "mine.py:Mine,ddim", "--steps", "2,3", *SMALL)
SWEEP = """
tasks = ["gmm"]
samplers = ["mine.py:Mine", "ddim"]
steps = [2, 3]
samples = 64
repeats = 2
device = "cpu"
"""


@pytest.fixture
def mine(sigbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a sampler and the file that it imports."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "mine.py").write_text(MINE)
    write_helper(tmp_path, 1.0)
    (tmp_path / "sweep.toml").write_text(SWEEP)
    yield tmp_path
    sys.modules.pop("helper", None)


def write_helper(folder: Path, factor: float) -> None:
    sys.modules.pop("helper", None)  # as in a new process
    (folder / "helper.py").write_text(f"FACTOR = {factor}\n")


def age(store: Path) -> None:
    """Makes the records of a store those of the first schema."""
    for file in store.glob("*.json"):
        file.write_text(json.dumps({**json.loads(file.read_text()), "schema": 1}))


def test_resume_measures_again_what_a_helper_changed_and_says_why(sigbench: Command, mine: Path) -> None:
    assert sigbench(*RUN).code == 0
    same = sigbench(*RUN, "--resume", "--json")
    assert same.err == ""
    write_helper(mine, 3.0)
    done = sigbench(*RUN, "--resume", "--json")
    assert done.err.splitlines() == ["sigbench: measured again (2 cells): helper.py of mine.py:Mine changed."]
    w1 = {(r["sampler"], r["steps"]): r["metrics"]["w1"]["value"] for r in same.records()}
    for record in done.records():
        was = w1[record["sampler"], record["steps"]]
        assert (record["metrics"]["w1"]["value"] == was) is (record["sampler"] == "ddim")
    assert sigbench(*RUN, "--resume", "--json").err == ""
    # The numbers of the first helper are still there, and are taken where it comes back.
    write_helper(mine, 1.0)
    assert sigbench(*RUN, "--resume", "--json").out == same.out


def test_a_sweep_says_why_too(sigbench: Command, mine: Path) -> None:
    assert sigbench("sweep", "sweep.toml", "--workers", "1").code == 0
    write_helper(mine, 3.0)
    for extra in (("--dry-run",), ("--workers", "1")):
        done = sigbench("sweep", "sweep.toml", *extra)
        assert "sigbench: measured again (2 cells): helper.py of mine.py:Mine changed." in done.err.splitlines()
    assert "2 of 4 cells measured" in done.err
    assert "measured again" not in sigbench("sweep", "sweep.toml", "--workers", "1").err


def test_what_was_asked_for_otherwise_needs_no_reason(sigbench: Command, mine: Path) -> None:
    assert sigbench(*RUN).code == 0
    for other in (("--seed", "1"), ("--grid", "uniform"), ("--batch", "7"), ("--dtype", "float64")):
        assert sigbench(*RUN, *other, "--resume", "--json").err == ""


@pytest.mark.parametrize("command", [(*RUN, "--resume", "--json"), ("sweep", "sweep.toml", "--workers", "1")])
def test_a_store_of_the_first_schema_is_not_taken_and_says_what_happens(
    sigbench: Command, mine: Path, command: tuple[str, ...]
) -> None:
    assert sigbench(*RUN).code == 0
    store = mine / ".sigbench" / "records"
    keys = {file.name for file in store.iterdir()}
    for file in list(store.iterdir()):
        file.rename(file.with_name("0" + file.name[1:]))  # the keys of the first schema were others
    age(store)
    done = sigbench(*command)
    assert done.code == 0
    assert "4 of the records in .sigbench/records are of an older schema" in done.err
    assert "what is asked for is measured again" in done.err
    assert keys <= {file.name for file in store.iterdir()}


def test_the_board_says_what_to_do_with_the_first_schema(sigbench: Command, mine: Path) -> None:
    assert sigbench(*RUN).code == 0
    store = mine / ".sigbench" / "records"
    fresh = sorted(store.iterdir())[0]
    text = fresh.read_text()
    age(store)
    show = ("leaderboard", "show", "--task", "gmm", "--records", store, "--json")
    refused = sigbench(*show)
    assert refused.code == 2
    assert "4 records are of an older schema" in refused.sentence()
    assert "measure the cells again, as `sigbench sweep FILE.toml --json`" in refused.sentence()
    fresh.write_text(text)
    shown = sigbench(*show)
    assert (shown.code, len(shown.records())) == (0, 1)
    (line,) = shown.err.splitlines()
    assert line.startswith("sigbench: 3 records are of an older schema")
