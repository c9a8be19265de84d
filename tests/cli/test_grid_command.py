"""`sigbench grid`: the file that it writes, what `--grid` does with it, and Ctrl-C."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from commandline import SMALL, Command, interrupt_when

from sigbench.measure.again import cell_of

SEARCH = ("grid", "--task", "gmm", "--sampler", "dpmpp-2m", "--steps", "3", "--points", "12", "--candidates", "30")
FEW = ("--samples", "200", "--repeats", "1", "--device", "cpu")
RUN = ("run", "--task", "gmm", *SMALL)


@pytest.fixture
def file(sigbench: Command, tmp_path: Path) -> Path:
    done = sigbench(*SEARCH, *FEW, "--out", "three.json")
    assert done.code == 0, done.err
    assert "measure it by --grid three.json" in done.err
    return tmp_path / "three.json"


def test_a_sampler_that_fails_is_told_as_run_tells_it(sigbench: Command, tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text("def f(model, x, sigmas, callback=None):\n    raise ValueError('oh')\n")
    command = ("grid", "--task", "gmm", "--samples", "100", "--candidates", "5", "--steps", "3", "--out", "found.json")
    done = sigbench(*command, "--sampler", "kdiffusion:./f.py:f")
    assert done.code == 2
    assert "ValueError: oh (f.py, line 2, in f)" in done.err
    assert "Traceback" not in done.err
    assert [file.name for file in tmp_path.iterdir() if "json" in file.name] == []


def test_what_is_written_is_walked(sigbench: Command, file: Path) -> None:
    found = json.loads(file.read_text())
    done = sigbench(*RUN, "--sampler", "dpmpp-2m:grid=three.json,dpmpp-2m,ddim@5", "--steps", "3", "--json")
    ours, *_ = done.records()
    assert ours["grid"] == f"trajectories-{found['hash'][:12]}"
    assert ours["times"] == pytest.approx([1.0 - time for time in found["times"]])
    (alone,) = sigbench(*RUN, "--sampler", "dpmpp-2m", "--grid", "three.json", "--json").records()
    assert (alone["steps"], alone["key"]) == (3, ours["key"])
    assert cell_of(alone).key == ours["key"]  # without the file, too
    shown = sigbench(*RUN, "--sampler", "dpmpp-2m:grid=three.json,dpmpp-2m", "--steps", "3")
    assert f"dpmpp-2m:grid={ours['grid']}" in "".join(line.partition("│")[0].strip() for line in shown.out.splitlines())


def test_the_same_search_finds_the_same_file(sigbench: Command, file: Path) -> None:
    first = file.read_text()
    (told,) = sigbench(*SEARCH, *FEW, "--out", "three.json", "--json").records()
    assert file.read_text() == first
    assert told == json.loads(first)
    other = json.loads(first)["seed"]
    sigbench(*SEARCH, *FEW, "--seed", "1", "--out", "three.json")
    assert json.loads(file.read_text())["seed"] != other


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--task", "gmm", "--sampler", "ddim", "--steps", "4"), "computed for 3 steps, not for 4"),
        (("--task", "gmm2d", "--sampler", "ddim"), "of the task 'gmm', and here is version"),
        (("--task", "gbm", "--sampler", "milstein"), "of the task 'gmm'"),
    ],
)
def test_where_it_is_refused(sigbench: Command, file: Path, arguments: tuple[str, ...], words: str) -> None:
    done = sigbench("run", *arguments, "--grid", "three.json")
    assert done.code == 2
    assert words in done.sentence()


@pytest.mark.parametrize("content", ["", "precious", '{"kind": "sigbench-baseline"}', "[]", "changed"])
def test_what_is_no_grid_is_not_written_over(sigbench: Command, file: Path, content: str) -> None:
    text = file.read_text().replace('"seed": ', '"seed": 1') if content == "changed" else content
    (file.parent / "other.json").write_text(text)
    done = sigbench(*SEARCH, *FEW, "--out", "other.json")
    assert done.code == 2
    assert "other.json would be overwritten" in done.sentence()
    assert (file.parent / "other.json").read_text() == text


def test_a_time_changed_by_hand_is_seen(sigbench: Command, file: Path) -> None:
    facts = json.loads(file.read_text())
    facts["times"][1] *= 0.99
    file.write_text(json.dumps(facts))
    done = sigbench(*RUN, "--sampler", "ddim", "--grid", "three.json")
    assert done.code == 2
    assert "was changed since it was computed" in done.sentence()


@pytest.mark.slow
def test_ctrl_c_leaves_nothing(spawn: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    process = spawn(
        *SEARCH[:-4], "--samples", "20000", "--candidates", "100000", "--out", "three.json", stderr=subprocess.PIPE
    )
    # The file is opened before the search begins, under another name.
    done = interrupt_when(process, lambda: any(tmp_path.iterdir()))
    assert done.code == 3
    assert "interrupted; nothing was left half-written" in done.err
    assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []
