"""`sigbench sweep`: what it measures, what it leaves alone, how it ends, and two of them at once."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from commandline import Command
from sweep_killing import kill_at_random, session, wait_until_gone
from sweeping import comparable_store, stored

PLUGINS = Path(__file__).parent / "user_plugins.py"
HEAD = 'device = "cpu"\ntasks = ["gmm"]\nsamples = 64\nrepeats = 2\n'
ONE = ("--workers", "1", "--threads", "1")
Spawn = Callable[..., subprocess.Popen[str]]


def write(folder: Path, text: str) -> str:
    (folder / "sweep.toml").write_text(HEAD + text)
    return "sweep.toml"


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    return Path(shutil.copy(PLUGINS, tmp_path / "plugins.py"))


def test_a_repeated_command_does_only_what_is_missing(sigbench: Command, tmp_path: Path) -> None:
    file = write(tmp_path, 'samplers = ["ddim", "heun"]\nsteps = [2, 3]')
    store = tmp_path / ".sigbench" / "records"
    first = sigbench("sweep", file, *ONE, "--json")
    assert first.code == 0
    assert {(r["sampler"], r["steps"], r["status"]) for r in first.records()} == {
        (sampler, steps, "ok") for sampler in ("ddim", "heun") for steps in (2, 3)
    }
    assert stored(store) == {record["key"]: record for record in first.records()}
    assert "4 of 4 cells measured in" in first.err
    before = comparable_store(store)

    gone, cut = sorted(store.iterdir())[:2]
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:100])
    again = sigbench("sweep", file, *ONE, "--json")
    assert again.code == 0
    assert f"{cut.name} is measured again: not JSON" in again.err
    assert {record["key"] for record in again.records()} == {gone.stem, cut.stem}
    assert comparable_store(store) == before

    stamps = {file: file.stat().st_mtime_ns for file in store.iterdir()}
    nothing = sigbench("sweep", file)
    assert nothing.code == 0
    assert "0 of 4 cells measured in" in nothing.err
    assert "4 were there before" in nothing.err
    assert {file: file.stat().st_mtime_ns for file in store.iterdir()} == stamps
    row = next(line for line in nothing.out.splitlines() if "gmm" in line)
    assert [part.strip() for part in row.split("│")[:3]] == ["gmm", "4", "4"]

    resumed = sigbench(
        "run",
        "--task",
        "gmm",
        "--sampler",
        "ddim",
        "--steps",
        "2",
        "--samples",
        "64",
        "--repeats",
        "2",
        "--device",
        "cpu",
        "--resume",
        "--json",
    )
    assert resumed.records()[0] == next(r for r in stored(store).values() if (r["sampler"], r["steps"]) == ("ddim", 2))


# tqdm makes such a lock, and torch-fidelity imports tqdm.
LOCKING = """
import multiprocessing
from sigbench_baselines.euler import EulerMaruyama

lock = multiprocessing.RLock()


class Locking(EulerMaruyama):
    name = "locking"
"""

KILLER = """
import os
from sigbench_baselines.euler import EulerMaruyama


class Killer(EulerMaruyama):
    name = "killer"

    def walk(self, problem, x, grid, brownian):
        os.kill(os.getpid(), 9)
        yield x
"""


def test_a_cell_whose_worker_is_killed_is_left_missing(sigbench: Command, tmp_path: Path) -> None:
    (tmp_path / "killer.py").write_text(KILLER)
    file = write(tmp_path, 'samplers = ["killer.py:Killer", "ddim"]\nsteps = [2]')
    lost = "gmm · killer · 2 steps was lost: its worker process was killed by the system"
    first = sigbench("sweep", file, *ONE, "--json")
    assert first.code == 1
    assert [record["sampler"] for record in first.records()] == ["ddim"]
    assert lost in first.err

    again = sigbench("sweep", file, *ONE)
    assert again.code == 1
    assert lost in again.err
    row = next(line for line in again.out.splitlines() if "gmm" in line)
    assert [part.strip() for part in row.split("│")[:7]] == ["gmm", "2", "1", "", "", "", "1"]


def test_what_failed_is_kept_and_tried_again_only_when_asked(sigbench: Command, tmp_path: Path, plugins: Path) -> None:
    file = write(tmp_path, 'samplers = ["plugins.py:NaN", "ddim", "plugins.py:Raises"]\nsteps = [2]')
    first = sigbench("sweep", file, *ONE, "--json")
    assert first.code == 1
    assert {r["spec"]: r["status"] for r in first.records()} == {
        "plugins.py:NaN": "diverged",
        "ddim": "ok",
        "plugins.py:Raises": "failed",
    }
    assert "gmm · nan · 2 steps diverged: 1 of 64 samples are not finite." in first.err
    kept = sigbench("sweep", file, *ONE, "--json")
    assert (kept.code, kept.out) == (1, "")
    retried = sigbench("sweep", file, *ONE, "--retry-failed", "--json")
    assert retried.code == 1
    assert {record["spec"] for record in retried.records()} == {"plugins.py:NaN", "plugins.py:Raises"}
    assert len(stored(tmp_path / ".sigbench" / "records")) == 3

    alone = sigbench("sweep", write(tmp_path, 'samplers = ["plugins.py:NaN"]\nsteps = [2]'))
    assert alone.code == 4
    assert "Traceback" not in alone.err


def test_a_dry_run_measures_nothing_and_makes_nothing(sigbench: Command, tmp_path: Path) -> None:
    file = write(tmp_path, 'samplers = ["ddim", "sigdeg"]\nsteps = [5, 40]')
    done = sigbench("sweep", file, "--dry-run", "--json")
    assert done.code == 0
    assert [(line["sampler"], line["steps"], line["stored"], line["measure"]) for line in done.records()] == [
        ("ddim", 5, "missing", True),
        ("ddim", 40, "missing", True),
        ("sigdeg", 5, "missing", True),
    ]
    (line,) = done.err.splitlines()
    assert line.startswith("sigbench: skipped: gmm · sigdeg at 40 steps: this Sig-DEG student was trained for 2 to 20")
    table = sigbench("sweep", file, "--dry-run")
    assert max(map(len, table.out.splitlines())) <= 80
    assert "3 of 3 cells would be measured." in table.err
    assert [file.name for file in tmp_path.iterdir()] == ["sweep.toml"]


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ('samplers = ["dim"]', (), "sweep.toml, line 5, samplers[0]: unknown sampler 'dim': did you mean 'ddim'"),
        ('samplers = ["ddim"]', ("--workers", "0"), "--workers must be at least 1, got 0"),
        ('samplers = ["ddim"]', ("--threads", "-1"), "--threads must be at least 1, got -1"),
        ('samplers = ["sigdeg"]\nsteps = [40]', (), "no cell of the sweep can be measured: this Sig-DEG student"),
        ('samplers = ["ddim"]', ("--store", "sweep.toml"), "the store sweep.toml cannot be written"),
    ],
)
def test_bad_input(sigbench: Command, tmp_path: Path, text: str, options: tuple[str, ...], words: str) -> None:
    done = sigbench("sweep", write(tmp_path, text), *options)
    assert done.code == 2
    assert words in done.sentence()
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_end_workers_in_the_middle_of_a_cell(
    spawn: Spawn, sigbench: Command, tmp_path: Path, plugins: Path, stop: signal.Signals
) -> None:
    """The slow cell would take minutes. What is finished stays, nothing else does, and the same command goes on.

    The signal goes to the whole group, workers and all, as that of a terminal or of `timeout` does. One worker holds
    a lock of multiprocessing, about which nothing is said either.
    """
    (tmp_path / "slow").touch()
    (tmp_path / "locking.py").write_text(LOCKING)
    file = write(tmp_path, 'samplers = ["locking.py:Locking", "plugins.py:Slow"]\nsteps = [2]')
    store = tmp_path / "records"
    command = ("sweep", file, "--store", "records", "--workers", "2", "--threads", "1")
    process = spawn(*command, start_new_session=True)
    deadline = time.monotonic() + 120
    while not (store.is_dir() and any(store.glob("[!.]*.json"))):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, stop)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 3
    assert out == ""
    assert err == "sigbench: interrupted: 1 of 2 cells are in records; the same command goes on.\n"
    wait_until_gone(process.pid)
    assert [file.suffix for file in store.iterdir()] == [".json"]

    (tmp_path / "slow").unlink()
    resumed = sigbench(*command, "--json")
    assert resumed.code == 0
    assert [record["spec"] for record in resumed.records()] == ["plugins.py:Slow"]
    assert len(stored(store)) == 2


@pytest.mark.slow
def test_workers_end_with_a_killed_parent(spawn: Spawn, tmp_path: Path, plugins: Path) -> None:
    (tmp_path / "slow").touch()
    file = write(tmp_path, 'samplers = ["plugins.py:Slow"]\nsteps = [2, 3]')
    process = spawn("sweep", file, "--workers", "2", "--threads", "1", start_new_session=True)
    deadline = time.monotonic() + 120
    while len(session(process.pid)) < 3:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.communicate()
    wait_until_gone(process.pid)


def test_two_sweeps_at_once_share_the_work(spawn: Spawn, tmp_path: Path) -> None:
    file = write(tmp_path, 'samplers = ["ddim", "heun", "shark"]\nsteps = [2, 3, 4, 5, 6]')
    command = ("sweep", file, "--store", "records", *ONE, "--json")
    ended = [process.communicate(timeout=120) for process in [spawn(*command), spawn(*command)]]
    printed = [json.loads(line) for out, _ in ended for line in out.splitlines()]
    kept = stored(tmp_path / "records")
    assert {record["key"]: record for record in printed} == kept
    assert len(printed) == len(kept) == 15
    assert {record["status"] for record in printed} == {"ok"}
    assert [file.suffix for file in (tmp_path / "records").iterdir()] == [".json"] * 15


@pytest.mark.slow
def test_a_live_display_on_a_terminal(spawn: Spawn, tmp_path: Path) -> None:
    """Done, running, failed and the time left, on stderr; stdout holds the records alone."""
    file = write(tmp_path, 'samplers = ["ddim"]\nsteps = [2, 3, 4, 5]')
    ours, theirs = pty.openpty()
    process = spawn("sweep", file, *ONE, "--json", stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # how a terminal says that its last user is gone
            break
        shown += part
    os.close(ours)
    out = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    text = shown.decode()
    for words in ("4/4", "1 running", "0 failed", " left", "gmm · ddim · 3 steps", "4 of 4 cells measured in"):
        assert words in text
    assert {json.loads(line)["steps"] for line in out.splitlines()} == {2, 3, 4, 5}


def test_unsound_records_are_named_and_measured_again(sigbench: Command, tmp_path: Path) -> None:
    """Edited by hand, of another schema, of nothing but a key, nested without end, and a folder in a record's place."""
    file = write(tmp_path, 'samplers = ["ddim"]\nsteps = [2, 3, 4, 5, 6]')
    store = tmp_path / ".sigbench" / "records"
    assert sigbench("sweep", file, *ONE).code == 0
    before = comparable_store(store)
    edited, foreign, bare, deep, listed = sorted(store.glob("*.json"))
    record = json.loads(edited.read_text())
    record["metrics"]["w1"]["value"] = record["metrics"]["w1"]["low"]
    edited.write_text(json.dumps(record))
    foreign.write_text(json.dumps({**json.loads(foreign.read_text()), "schema": 99}))
    bare.write_text(json.dumps({"schema": 1, "key": bare.stem}))
    deep.write_text("[" * 100_000)
    listed.write_text(json.dumps({**json.loads(listed.read_text()), "status": ["ok"]}))
    done = sigbench("sweep", file, *ONE)
    assert done.code == 0
    assert "Traceback" not in done.err
    for name, why in ((edited, "contradict"), (foreign, "schema 99"), (bare, ""), (deep, "JSON"), (listed, "status")):
        (line,) = [line for line in done.err.splitlines() if f"{name.name} is measured again" in line]
        assert why in line
    assert "5 of 5 cells measured" in done.err
    assert comparable_store(store) == before


def test_a_lock_file_that_cannot_be_opened(sigbench: Command, tmp_path: Path) -> None:
    file = write(tmp_path, 'samplers = ["ddim"]\nsteps = [2]')
    (tmp_path / ".sigbench" / "records" / ".claims").mkdir(parents=True)
    done = sigbench("sweep", file, *ONE)
    assert done.code == 2
    assert "cannot be used: " in done.err
    assert "Is a directory" in done.err


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path: Path) -> None:
    """`python tests/sweep_killing.py --kills 50` does more of it."""
    tally = kill_at_random(tmp_path, kills=3, seed=7)
    assert tally.kills == 3
    assert tally.in_flight >= 1
    assert tally.stores >= 1


def test_candidates_are_measured_first_and_the_best_of_them_then(sigbench: Command, tmp_path: Path) -> None:
    """A dry run says how many; the records of what was chosen name the tuning, and a second run measures nothing."""
    file = tmp_path / "tuned.toml"
    file.write_text(
        'tasks = ["gmm"]\nsamplers = ["ddim", "sigdeg"]\ncalls = [3, 5]\nsamples = 64\nrepeats = 2\ndevice = "cpu"\n'
        '[tune]\ncalls = [5]\ngrids = ["uniform", "quadratic"]\n'
    )
    store = tmp_path / "records"
    dry = sigbench("sweep", file, "--store", store, "--dry-run")
    assert "2 of 2 candidates would be measured first" in dry.err
    assert "2 of 2 cells would be measured" in dry.err
    done = sigbench("sweep", file, "--store", store, "--json")
    assert done.code == 0, done.err
    choices = json.loads((tmp_path / "records-tuning" / "choices.json").read_text())
    (choice,) = choices["choices"]
    assert choice["spec"] == min(choice["scores"], key=lambda spec: choice["scores"][spec])
    told = {(record["sampler"], record["steps"]): record.get("tuning") for record in done.records()}
    note = {"candidates": 2, "calls": 5, "hash": choices["hashes"]["gmm"]}
    assert told == {("ddim", 3): note, ("ddim", 5): note, ("sigdeg", 3): None, ("sigdeg", 5): None}
    again = sigbench("sweep", file, "--store", store)
    assert "0 of 4 cells measured in" in again.err


def test_budgets_that_allow_the_same_steps_share_their_candidates(sigbench: Command, tmp_path: Path) -> None:
    """Two calls a step: 4 and 5 calls are two steps of heun, measured once and chosen for both."""
    file = tmp_path / "tuned.toml"
    file.write_text(
        'tasks = ["gmm"]\nsamplers = ["stochastic-heun"]\ncalls = [4, 5]\nsamples = 64\nrepeats = 2\ndevice = "cpu"\n'
        '[tune]\ncalls = [4, 5]\ngrids = ["uniform", "quadratic"]\n'
    )
    done = sigbench("sweep", file, "--store", tmp_path / "records")
    assert done.code == 0, done.err
    assert "tuning: 2 of 2 candidates" in done.err
    assert "1 of 1 cells measured" in done.err
    choices = json.loads((tmp_path / "records-tuning" / "choices.json").read_text())
    assert [choice["calls"] for choice in choices["choices"]] == [4, 5]


def test_a_forecast_says_how_long_and_keeps_nothing(sigbench: Command, tmp_path: Path) -> None:
    file = tmp_path / "tuned.toml"
    file.write_text(
        'tasks = ["gmm"]\nsamplers = ["ddim", "heun"]\ncalls = [1, 4]\nsamples = 64\nrepeats = 4\ndevice = "cpu"\n'
        '[tune]\ncalls = [4]\ngrids = ["uniform", "quadratic"]\n'
    )
    store = tmp_path / "records"
    told = sigbench("sweep", file, "--store", store, "--forecast")
    assert told.code == 0, told.err
    assert re.search(r"gmm +│ +4 │ +3 │ +about \d+ s", told.out), told.out
    assert "skipped: gmm · heun: one step takes more calls than the 1 that are allowed." in told.err
    assert re.search(r"about \d+ s on \d workers?, if nothing else", told.err)
    assert sorted(tmp_path.iterdir()) == [file]
    (row,) = sigbench("sweep", file, "--store", store, "--forecast", "--json").records()
    assert {"task": "gmm", "candidates": 4, "cells": 3, "known": True}.items() <= row.items()
    assert row["seconds"] > 0
    assert sigbench("sweep", file, "--store", store).code == 0
    assert "nothing is missing" in sigbench("sweep", file, "--store", store, "--forecast").err
