"""The command line as a user meets it: in this process where that is enough, else in one of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from sigbench.cli.app import main
from sigbench.networks.recipe import train_artifact
from sigbench.registry import make_task
from sigbench.sigdeg.distillation.kinds import StudentChoices
from sigbench.sigdeg.distillation.students import student_recipe

# A shell that starts tests in the background lets children ignore Ctrl-C; these ask for it again.
PROGRAM = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\nfrom sigbench.cli.app import main; main()"
)


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def records(self) -> list[dict[str, Any]]:
        """Returns the JSON Lines on stdout; every line must be one strict JSON object."""

        def refuse(constant: str) -> None:
            raise AssertionError(f"{constant} is no JSON")

        return [json.loads(line, parse_constant=refuse) for line in self.out.splitlines()]

    def sentence(self) -> str:
        """Returns the one line on stderr, where a refusal must be one sentence and stdout empty."""
        assert self.out == ""
        assert "Traceback" not in self.err
        (line,) = self.err.splitlines()
        assert line.startswith("sigbench: ")
        return line.removeprefix("sigbench: ")


Command = Callable[..., Outcome]


@pytest.fixture
def sigbench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Runs `sigbench ARGUMENTS` in this process, in an empty folder, on a terminal of 80 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str | Path) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["sigbench", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return Outcome(end.value.code, captured.out, captured.err)

    return run


@pytest.fixture
def spawn(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts `sigbench ARGUMENTS` in a process of its own, in an empty folder."""

    def start(*arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
        environment = {**os.environ, "COLUMNS": "80", "OMP_NUM_THREADS": str(torch.get_num_threads())}
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *map(str, arguments)],
            **{
                "cwd": tmp_path,
                "env": environment,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
                **options,
            },
        )

    return start


def interrupt_when(process: subprocess.Popen[str], ready: Callable[[], bool], seconds: float = 120.0) -> Outcome:
    """Waits until `ready`, sends Ctrl-C, and returns how the process ended."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "the process never got as far"
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return Outcome(process.returncode, out or "", err or "")


@pytest.fixture(scope="session")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hardly trained student of gmm for 2 and 3 steps, order 2; tests that change it work on a copy."""
    folder = tmp_path_factory.mktemp("student")
    task = make_task("gmm")
    recipe = student_recipe(task, StudentChoices(order=2, steps=(2, 3), iterations=3))
    train_artifact(task, recipe, folder, command="a test")
    return folder


SMALL = ("--samples", "64", "--repeats", "2", "--device", "cpu")
