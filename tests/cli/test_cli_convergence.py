"""`sigbench convergence`: what it prints, its exit codes, and what it says of bad input."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commandline import Command

from sigbench.cli import app

SMALL = ["--paths", "1000", "--levels", "3", "--coarsest", "8"]


def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    """Runs the command line; returns exit code, stdout and stderr."""
    monkeypatch.setattr(sys, "argv", ["sigbench", "convergence", *args])
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as left:
        app.main()
    out, err = capsys.readouterr()
    assert isinstance(left.value.code, int)
    return left.value.code, out, err


def test_json_is_a_line_a_sampler_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ("--task", "ou", "--sampler", "euler-maruyama,shark", *SMALL, "--json")
    code, out, _ = call(monkeypatch, capsys, *args)
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [row["sampler"] for row in rows] == ["euler-maruyama", "shark"]
    for row in rows:
        assert row["task"] == "ou"
        assert {"kind", "error"} <= set(row["reference"])
        for part in ("strong", "weak"):
            assert {"order", "low", "high", "expected", "verdict", "levels"} <= set(row[part])
            assert row[part]["verdict"] in ("agrees", "disagrees", "not-resolved")
            for level in row[part]["levels"]:
                assert {"steps", "h", "error", "low", "high", "used"} <= set(level)
        assert [level["steps"] for level in row["strong"]["levels"]] == [8, 16, 32]
        assert (row["strong"]["from_steps"], row["strong"]["to_steps"]) == (8, 32)
    assert rows[0]["strong"]["low"] <= 1.0 <= rows[0]["strong"]["high"]
    assert rows[0]["strong"]["expected"] == 1.0


@pytest.mark.slow
def test_tables_fit_80_columns_and_name_who_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = call(monkeypatch, capsys, "--task", "gbm", *SMALL, "--levels", "6")
    assert code in (0, 1)
    assert max(map(len, out.splitlines())) <= 80
    for name in ("euler-maruyama", "milstein", "torchsde-srk", "torchsde-reversible-heun"):
        assert name in out
    assert re.search(r"left out: shark is for additive noise", err)
    assert re.search(r"left out: ddim needs a denoiser", err)
    assert re.search(r"left out: sigdeg needs a denoiser", err)


def test_the_chart_is_saved_as_png_and_svg(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    args = ("--task", "ou", "--sampler", "euler-maruyama", *SMALL, "--plot", str(tmp_path / "orders.svg"))
    call(monkeypatch, capsys, *args)
    assert (tmp_path / "orders.png").read_bytes().startswith(b"\x89PNG")
    svg = (tmp_path / "orders.svg").read_text()
    assert "Monte Carlo floor" in svg
    assert "own error" in svg


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--task", "oo"], r"unknown task 'oo': did you mean 'ou'"),
        (["--task", "ou", "--sampler", "sharkk"], r"unknown sampler 'sharkk': did you mean 'shark'"),
        (["--task", "ou", "--paths", "100"], r"--paths must lie between 400 and 10000000, got 100"),
        (["--task", "ou", "--levels", "1"], r"--levels must lie between 3 and 16, got 1"),
        (["--task", "ou", "--levels", "2"], r"--levels must lie between 3 and 16, got 2"),
        (["--task", "ou", "--coarsest", "67"], r"--coarsest must be a product of primes below 64, got 67"),
        (["--task", "ou", "--coarsest", "0"], r"--coarsest must lie between"),
        (["--task", "gmm", "--levels", "14"], r"need a reference of .* steps"),
        (["--task", "gmm", "--sampler", "ddpm"], r"ddpm cannot be measured on 'gmm': it declares no strong order"),
        (["--task", "gmm", "--sampler", "ddim:eta=0.5"], r"draws noise that no path determines"),
        (["--task", "gbm", "--sampler", "shark"], r"is for additive noise"),
        (["--task", "ou", "--sampler", "ddim"], r"needs a denoiser, and the task 'ou' has none"),
        (["--task", "ou", "--sampler", "sigdeg"], r"needs a denoiser, and the task 'ou' has none"),
        (["--task", "gmm", "--grid", "unform"], r"unknown grid 'unform': did you mean 'uniform'"),
        (["--task", "gmm", "--grid", "1,0.5,0.001"], r"a family of grids"),
        (["--task", "ou", "--dtype", "bfloat16"], r"bfloat16 is too coarse"),
        (["--task", "ou", "--plot", "orders.pdf"], r"saved as .png or .svg"),
    ],
)
def test_bad_input_is_one_clear_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], args: list[str], message: str
) -> None:
    code, out, err = call(monkeypatch, capsys, *args)
    assert code == 2
    assert out == ""
    assert re.search(message, err), err
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err


def test_a_sampler_slower_than_it_declares_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from sigbench_baselines.euler import EulerMaruyama\n"
        "class Boastful(EulerMaruyama):\n"
        "    name = 'boastful'\n"
        "    strong_order = 2.0\n"
    )
    code, out, _ = call(monkeypatch, capsys, "--task", "ou", "--sampler", f"{file}:Boastful", *SMALL, "--json")
    assert code == 1
    assert json.loads(out)["strong"]["verdict"] == "disagrees"


def a_runaway(folder: Path) -> str:
    """The spec of a sampler that diverges."""
    file = folder / "mine.py"
    file.write_text(
        "from sigbench_baselines.euler import EulerMaruyama\n"
        "class Runaway(EulerMaruyama):\n"
        "    name = 'runaway'\n"
        "    def walk(self, problem, x, grid, brownian):\n"
        "        for _ in grid:\n"
        "            x = x * 1e200\n"
        "            yield x\n"
    )
    return f"{file}:Runaway"


def test_nothing_resolved_is_exit_code_3_and_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, err = call(monkeypatch, capsys, "--task", "ou", "--sampler", a_runaway(tmp_path), *SMALL, "--json")
    row = json.loads(out)
    assert {row["strong"]["verdict"], row["weak"]["verdict"]} == {"not-resolved"}
    assert code == 3
    assert "no order is resolved: it diverges: take finer levels." in err


def test_a_sampler_that_diverges_has_a_row_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    samplers = f"{a_runaway(tmp_path)},euler-maruyama"
    code, out, err = call(monkeypatch, capsys, "--task", "ou", "--sampler", samplers, *SMALL)
    assert code == 0
    assert "Traceback" not in err
    assert re.search(r"runaway[^\n]*unresolved", out)
    assert re.search(r"euler-maruyama[^\n]*8–32[^\n]*agrees", out)
    assert "runaway, strong: it diverges: take finer levels." in out


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds worker processes in /proc")
def test_ctrl_c_ends_the_workers_at_once() -> None:
    """A chunk of paths takes half a minute; nobody waits for it."""
    command = [str(Path(sys.executable).parent / "sigbench"), "convergence", "--task", "gmm", "--sampler", "shark"]
    study = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    children = Path(f"/proc/{study.pid}/task/{study.pid}/children")
    deadline = time.monotonic() + 60
    while len(workers := children.read_text().split()) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(workers) == 2
    study.send_signal(signal.SIGINT)
    out, err = study.communicate(timeout=10)
    assert study.returncode == 4
    assert out == ""
    assert "interrupted: 0 samplers are finished" in err
    assert "Traceback" not in err
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)


@pytest.mark.parametrize("task", ["mnist", "rbergomi"])
def test_a_truth_without_known_moments_has_no_orders(sigbench: Command, task: str) -> None:
    refused = sigbench("convergence", "--task", task, "--sampler", "euler-maruyama", "--paths", "400")
    assert refused.code == 2
    assert "has no known mean and covariance" in refused.sentence()
