"""How commands end where the system refuses, and what is bounded before any work begins."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commandline import PROGRAM, SMALL, Command

from sigbench.cli.ending import in_few_lines
from sigbench.records.checks import parse_record

RUN = ("run", "--task", "gmm", "--sampler", "ddim", "--steps", "2", *SMALL)
LONG = "n" * 300


def shell(folder: Path, *arguments: str, streams: str = "") -> tuple[int, str, str]:
    """Runs a command in a shell that redirects its streams."""
    line = f'exec "$0" -c "$1" "${{@:2}}" {streams}'
    command = ["bash", "-c", line, sys.executable, PROGRAM, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, "COLUMNS": "80"})
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("streams", ["2>&-", ">&-", "2>&- >&-", "<&-", "2>/dev/full"])
def test_closed_streams_cost_nothing(tmp_path: Path, streams: str) -> None:
    code, _, err = shell(tmp_path, *RUN, streams=streams)
    assert code == 0
    assert "Traceback" not in err
    (file,) = (tmp_path / ".sigbench" / "records").glob("*.json")
    assert parse_record(file.read_bytes())["status"] == "ok"


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [("list",), ("--version",), RUN])
def test_a_full_stdout_is_a_sentence(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    code, _, err = shell(tmp_path, *arguments, streams=">/dev/full")
    assert (code, err) == (2, "sigbench: what was asked for cannot be done: No space left on device.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        (*RUN, "--store", LONG),
        (*RUN, "--save-samples", LONG),
        (*RUN, "--plot", f"{LONG}.png"),
        (*RUN, "--sampler-file", LONG),
        (*RUN, "--grid", f"{LONG}.json"),
        ("run", "--task", f"{LONG}.py:X", "--sampler", "ddim"),
        ("run", "--task", "gmm", "--sampler", f"{LONG}.py:X"),
        ("run", "--task", "gmm", "--sampler", f"sigdeg:artifact={LONG}"),
        ("sweep", LONG),
        ("ablate", LONG),
        ("check", "--baseline", LONG),
        ("check", "--summary", LONG),
        ("check", "--junit", LONG),
        ("leaderboard", "show", "--task", "gmm", "--records", LONG),
        ("leaderboard", "show", "--task", "gmm", "--folder", LONG),
        ("leaderboard", "build", "--out", f"{LONG}.html"),
        ("leaderboard", "add", LONG),
        ("leaderboard", "verify", "x", "--folder", LONG),
        ("train", "--task", "gmm", "--out", LONG),
        ("floors", "--task", "gmm", "--out", LONG),
        ("grid", "--task", "gmm", "--sampler", "ddim", "--steps", "3", "--out", f"{LONG}.json"),
        ("gap", "--task", "gmm", "--plot", f"{LONG}.png"),
        ("convergence", "--task", "gmm", "--plot", f"{LONG}.png"),
    ],
    ids=lambda arguments: " ".join(each for each in arguments[:4] if len(each) < 20),
)
def test_names_that_no_system_takes(sigbench: Command, arguments: tuple[str, ...]) -> None:
    done = sigbench(*arguments)
    assert done.code == 2
    assert done.sentence()


@pytest.mark.parametrize("file", ["/dev/zero", "/dev/full", "/dev/null", "pipe"])
@pytest.mark.parametrize(
    "command",
    [
        ("sweep",),
        ("ablate",),
        ("check", "--baseline"),
        ("leaderboard", "add"),
        ("leaderboard", "show", "--task", "gmm", "--records"),
        ("run", "--task", "gmm", "--sampler-file"),
    ],
)
def test_what_never_ends_is_not_read(sigbench: Command, tmp_path: Path, command: tuple[str, ...], file: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = sigbench(*command, file)
    assert done.code == 2
    assert "and no regular file" in done.sentence()


def test_a_pipe_in_a_store_hangs_nothing(sigbench: Command, tmp_path: Path) -> None:
    assert sigbench(*RUN, "--store", "store").code == 0
    os.mkfifo(tmp_path / "store" / "aaaaaaaaaaaaaaaaaaaa.json")
    done = sigbench("leaderboard", "show", "--task", "gmm", "--records", "store", "--folder", "none", "--json")
    assert done.code == 0
    assert len(done.out.splitlines()) == 1
    assert "it is a pipe" in done.err


@pytest.mark.parametrize(
    ("text", "command", "words"),
    [
        ('tasks=["gmm"]\nsamplers=["ddim"]\nseeds=[SEEDS]', "sweep", "asks for 200,000 cells"),
        ('tasks=["gmm"]\nsamplers=["ddim"]\nseeds=[0,1,2]\nsteps=[STEPS]', "sweep", "asks for 30,000 cells"),
        (
            'task="gmm"\niterations=3\n[[vary]]\norder=[1,2]\ntraining_seed=[SEEDS]',
            "ablate",
            "asks for 400,000 students",
        ),
        ('task="gmm"\niterations=3\nvary=[]', "ablate", "is an empty list"),
        ('task="gmm"\niterations=3\nwidth=30000\n[[vary]]\norder=[1]', "ablate", "must be between 1 and 16384"),
    ],
)
def test_products_are_counted_before_they_are_made(
    sigbench: Command, tmp_path: Path, text: str, command: str, words: str
) -> None:
    numbers = {"SEEDS": ",".join(map(str, range(200_000))), "STEPS": ",".join(map(str, range(1, 10_001)))}
    for name, each in numbers.items():
        text = text.replace(name, each)
    (tmp_path / "file.toml").write_text(text)
    began = time.monotonic()
    done = sigbench(command, "file.toml", "--dry-run")
    assert done.code == 2
    assert words in done.sentence()
    assert time.monotonic() - began < 30


def test_many_mistakes_are_few_lines(sigbench: Command, tmp_path: Path) -> None:
    (tmp_path / "file.toml").write_text('tasks=["gmm"]\nsamplers=["ddim"]\nsteps=[\n' + '"x",\n' * 50_000 + "]\n")
    done = sigbench("sweep", "file.toml")
    assert done.code == 2
    assert len(done.err.splitlines()) == 5
    assert done.err.splitlines()[-1] == "  and 997 more."


@pytest.mark.parametrize(("option", "value"), [("--width", "30000"), ("--depth", "1000000"), ("--width", "16384")])
def test_students_that_no_machine_holds(
    sigbench: Command, monkeypatch: pytest.MonkeyPatch, option: str, value: str
) -> None:
    monkeypatch.setattr("sigbench.records.machine.free_memory", lambda: 10**9)
    done = sigbench("train", "--task", "gmm", option, value)
    assert done.code == 2
    assert "lies between" in (sentence := done.sentence()) or "at least" in sentence


def test_an_ablation_that_is_only_planned_is_json(sigbench: Command, tmp_path: Path) -> None:
    (tmp_path / "file.toml").write_text('task="gmm"\niterations=3\n[[vary]]\norder=[1,2]\n')
    done = sigbench("ablate", "file.toml", "--dry-run", "--json")
    assert done.code == 0
    assert [line["variant"]["order"] for line in done.records()] == [1, 2]


FORGETFUL = """
from sigbench_tasks.mixture.task import GMM

class Odd(GMM):
    name = {name!r}

    def picture(self, samples, title, labels=None):
        raise SystemExit(0)
"""


@pytest.mark.parametrize("name", ["x[/y]", "../../pwn/x", "[bold]x", "a b;$(touch pwned)"])
def test_a_task_of_any_name_writes_where_it_was_asked_to(sigbench: Command, tmp_path: Path, name: str) -> None:
    inner = tmp_path / "inner" / "folder"
    inner.mkdir(parents=True)
    (tmp_path / "odd.py").write_text(FORGETFUL.format(name=name))
    done = sigbench(
        "run", "--task", "odd.py:Odd", "--sampler", "ddim", "--steps", "2", *SMALL, "--save-samples", str(inner)
    )
    assert name in done.out
    assert done.code == 1  # the picture: its task leaves the program when it draws
    assert "cannot be drawn: SystemExit: 0" in done.err
    (file,) = inner.iterdir()
    assert np.load(file).shape[0] == 64
    assert {each.name for each in tmp_path.iterdir()} == {"inner", "odd.py", ".sigbench"}


def test_samples_of_records_that_were_there(sigbench: Command, tmp_path: Path) -> None:
    first = sigbench(*RUN, "--save-samples", "one")
    again = sigbench(*RUN, "--save-samples", "two", "--resume")
    assert (first.code, again.code) == (0, 0)
    assert "0 records written to .sigbench/records, 1 was there before" in again.err
    one, two = (np.load(tmp_path / name / "gmm-ddim-2.npy") for name in ("one", "two"))
    assert np.array_equal(one, two)


def test_the_record_is_kept_where_the_samples_cannot_be(
    sigbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    done = sigbench(*RUN, "--save-samples", "samples")
    assert done.code == 2
    assert "No space left on device" in done.err
    assert len(list((tmp_path / ".sigbench" / "records").glob("*.json"))) == 1
    assert list((tmp_path / "samples").iterdir()) == []


def test_a_store_that_vanishes_is_made_again(sigbench: Command, tmp_path: Path) -> None:
    (tmp_path / "gone.py").write_text(
        "import shutil\nfrom sigbench_baselines.ddim import DDIM\n\nclass Gone(DDIM):\n    name = 'gone'\n"
        "    def walk(self, *given):\n        shutil.rmtree('.sigbench', ignore_errors=True)\n"
        "        yield from super().walk(*given)\n"
    )
    done = sigbench("run", "--task", "gmm", "--sampler", "gone.py:Gone,ddim", "--steps", "2", *SMALL)
    assert done.code == 0
    assert len(list((tmp_path / ".sigbench" / "records").glob("*.json"))) == 2


def test_a_page_overwrites_no_readme_that_is_not_its_own(sigbench: Command, tmp_path: Path) -> None:
    done = sigbench(*RUN, "--json")
    (tmp_path / "records.jsonl").write_text(done.out)
    build = ("leaderboard", "build", "--records", "records.jsonl", "--out", "page.html")
    (tmp_path / "README.md").write_text("# My project\n")
    refused = sigbench(*build)
    assert refused.code == 2
    assert "README.md is no leaderboard, and would be overwritten" in refused.sentence()
    assert (tmp_path / "README.md").read_text() == "# My project\n"
    assert not (tmp_path / "page.html").exists()
    (tmp_path / "README.md").unlink()
    assert sigbench(*build).code == sigbench(*build).code == 0


def broken_package(folder: Path) -> None:
    """An installed package whose plug-ins of every kind fail when they are imported."""
    about = folder / "broken-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    groups = ("tasks", "samplers", "metrics", "adapters", "grids")
    (about / "entry_points.txt").write_text(
        "".join(f"[sigbench.{each}]\nbroken-{each} = brokenmod:X\n" for each in groups)
    )
    (folder / "brokenmod.py").write_text("raise SystemExit(0)\n")


@pytest.mark.slow
def test_a_broken_plug_in_is_reported_and_costs_nothing_else(tmp_path: Path) -> None:
    broken_package(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "200"}
    command = [sys.executable, "-c", PROGRAM]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True)

    listed, doctor = run("list", "--json"), run("doctor", "--json")
    assert listed.returncode == 0
    assert {"gmm", "ddim", "w1"} <= {json.loads(line)["name"] for line in listed.stdout.splitlines()}
    assert len(listed.stderr.splitlines()) == 6  # tasks are asked for twice: for their metrics, too
    assert doctor.returncode == 1
    problems = [plug_in["name"] for plug_in in json.loads(doctor.stdout)["plugins"] if plug_in["problem"]]
    assert problems == ["broken-tasks", "broken-samplers", "broken-adapters"]
    assert run(*RUN).returncode == 0


@pytest.mark.slow
def test_sigterm_ends_as_ctrl_c_does(tmp_path: Path, spawn: Callable[..., "subprocess.Popen[str]"]) -> None:
    shutil.copy(Path(__file__).parent / "user_plugins.py", tmp_path / "plugins.py")
    (tmp_path / "slow").touch()
    process = spawn("run", "--task", "gmm", "--sampler", "plugins.py:Slow", "--steps", "2", *SMALL)
    deadline = time.monotonic() + 120
    while not (tmp_path / "walking").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 4
    assert err == "sigbench: interrupted: 0 of 1 cells are finished.\n"


FINALIZER = """
import gc, os, signal, sys, time
from sigbench.cli import app

class Loud:
    def __del__(self):
        os.kill(os.getpid(), SIGNAL)
        for _ in range(1000):  # a signal is heard between two steps of the program
            pass

def work(*given):
    Loud()
    time.sleep(20)

import sigbench.cli.listing as listing
listing._ROWS["tasks"] = work
sys.argv = ["sigbench", "list"]
app.main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", ["signal.SIGTERM", "signal.SIGINT"])
def test_a_signal_in_a_finalizer_is_heard_a_moment_later(tmp_path: Path, number: str) -> None:
    """Python itself raises nothing there: it would print a traceback and go on."""
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    program += FINALIZER.replace("SIGNAL", number)
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (3, "sigbench: interrupted; nothing was left half-written.\n")
    assert time.monotonic() - began < 15


@pytest.mark.slow
def test_an_internal_error_on_a_full_disk_is_still_one(tmp_path: Path) -> None:
    program = (
        "import sigbench.cli.ending as ending; from sigbench.cli import app\n"
        "ending.write_traceback = lambda error: ''\n"
        "def fail(*given): raise ZeroDivisionError\n"
        "import sys; import sigbench.cli.listing as listing; listing._ROWS['tasks'] = fail\n"
        "sys.argv = ['sigbench', 'list']; app.main()"
    )
    for stderr in ("/dev/full", str(tmp_path / "said")):
        with Path(stderr).open("w") as file:
            assert subprocess.run([sys.executable, "-c", program], cwd=tmp_path, stderr=file).returncode == 70
    assert "ZeroDivisionError" in (tmp_path / "said").read_text()


CLOSING = """
import sys
from sigbench.sampler import Sampler

class Closing(Sampler):
    name, citation, family = "closing", "a test", "sde"

    def walk(self, problem, x, grid, brownian):
        for stream in STREAMS:
            stream.close()
        for step in grid:
            yield x + step.h * problem.drift(step.start, x)
"""


@pytest.mark.slow
@pytest.mark.parametrize("streams", ["[sys.stderr]", "[sys.stdout]", "[sys.stdout, sys.stderr]"])
def test_a_plug_in_that_closes_streams(tmp_path: Path, streams: str) -> None:
    (tmp_path / "mine.py").write_text(CLOSING.replace("STREAMS", streams))
    code, _, err = shell(tmp_path, "run", "--task", "gmm", "--sampler", "mine.py:Closing", "--steps", "2", *SMALL)
    assert code in (0, 2)
    assert "lost sys.stderr" not in err
    assert "Traceback" not in err
    assert list((tmp_path / ".sigbench" / "records").glob("*.json"))


@pytest.mark.parametrize(
    "options",
    [
        ("--summary", "x.md", "--junit", "x.md"),
        ("--summary", "x.md", "--junit", "./x.md"),
        ("--summary", "x.md", "--junit", "link.md"),
        ("--plot", "x.svg", "--junit", "x.svg"),
        ("--summary", "base.json"),
    ],
)
def test_two_files_of_one_name_are_one_lost(sigbench: Command, tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "base.json").write_text("precious")
    (tmp_path / "link.md").symlink_to("x.md")
    done = sigbench("check", "--baseline", "base.json", *options)
    assert done.code == 2
    assert "name the same file" in done.sentence()
    assert (tmp_path / "base.json").read_text() == "precious"


@pytest.mark.parametrize(
    ("message", "lines"),
    [("one", 1), ("a\nb\nc\nd\ne", 5), ("a\nb\nc\nd\ne\nf", 5), ("x\n" * 10**5, 5), ("x" * 10**6, 1), ("", 0)],
)
def test_what_is_said_of_bad_input_is_few_lines(message: str, lines: int) -> None:
    found = in_few_lines(message).splitlines()
    assert len(found) == lines
    assert all(len(line) <= 4_000 for line in found)
    assert found[:4] == message.splitlines()[:4] or len(message) > 10**5
