"""`sigbench run`: what it prints, what it keeps, and what happens to samplers that misbehave."""

import json
import os
import pty
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commandline import SMALL, Command, interrupt_when
from rich.cells import cell_len

from sigbench.measure.cell import plan_cells
from sigbench.measure.draw import draw_samples
from sigbench.measure.settings import Settings
from sigbench.registry import sampler_names, student_names

PLUGINS = Path(__file__).parent / "user_plugins.py"
SCORE = ("run", "--task", "gmm", "--steps", "3", *SMALL)

# The keys of design section 4, without which scripts break.
RECORD_KEYS = {
    "schema",
    "key",
    "task",
    "sampler",
    "spec",
    "role",
    "steps",
    "nfe",
    "samples",
    "repeats",
    "seed",
    "grid",
    "status",
    "metrics",
    "timing",
    "provenance",
}
METRIC_KEYS = {"value", "low", "high", "floor", "n", "better", "method"}
TIMING_KEYS = {"sample_s", "samples_per_s", "efficiency", "peak_memory_mb"}
PROVENANCE_KEYS = {"sigbench", "git", "torch", "device", "artifacts"}


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    return Path(shutil.copy(PLUGINS, tmp_path / "plugins.py"))


def stored(folder: Path) -> dict[str, dict[str, Any]]:
    """Returns the records in a store by the spec of their sampler; every file in the folder must be one."""
    files = list(folder.iterdir())
    found = [json.loads(file.read_text()) for file in files]
    assert sorted(file.name for file in files) == sorted(f"{record['key']}.json" for record in found)
    return {record["spec"]: record for record in found}


def test_json_is_lines_of_records_and_nothing_else(sigbench: Command, tmp_path: Path) -> None:
    done = sigbench("run", "--task", "gmm", "--sampler", "ddim,heun", "--steps", "2,3", *SMALL, "--seed", "4", "--json")
    assert done.code == 0
    assert done.err == ""
    records = done.records()
    assert [(r["sampler"], r["steps"], r["nfe"]) for r in records] == [
        ("ddim", 2, 2),
        ("ddim", 3, 3),
        ("heun", 2, 4),
        ("heun", 3, 6),
    ]
    for record in records:
        assert record.keys() >= RECORD_KEYS
        assert (record["schema"], record["task"], record["status"]) == (2, "gmm", "ok")
        assert (record["samples"], record["repeats"], record["seed"], record["grid"]) == (64, 2, 4, "quadratic")
        assert next(iter(record["metrics"])) == "w1"
        for metric in record["metrics"].values():
            assert metric.keys() >= METRIC_KEYS
            assert metric["low"] <= metric["value"] <= metric["high"]
            assert metric["better"] in ("lower", "higher", "zero")
        assert record["timing"].keys() >= TIMING_KEYS
        spread = record["timing"]["sample_s"]
        assert 0 < spread["low"] <= spread["value"] <= spread["high"]
        assert record["timing"]["samples_per_s"] == pytest.approx(1 / spread["value"])
        assert record["provenance"].keys() >= PROVENANCE_KEYS
        assert record["provenance"]["device"] == "cpu"
    assert len({record["key"] for record in records}) == 4
    kept = [json.loads(file.read_text()) for file in (tmp_path / ".sigbench" / "records").iterdir()]
    assert sorted(kept, key=lambda r: r["key"]) == sorted(records, key=lambda r: r["key"])


def test_one_repeat_has_no_interval(sigbench: Command) -> None:
    done = sigbench(*SCORE, "--sampler", "ddim", "--repeats", "1", "--json")
    (record,) = done.records()
    assert {(m["low"], m["high"]) for m in record["metrics"].values()} == {(None, None)}
    assert "[?]" in sigbench(*SCORE, "--sampler", "ddim", "--repeats", "1").out


def test_the_same_command_gives_the_same_numbers(sigbench: Command) -> None:
    first, again, other = (
        sigbench(*SCORE, "--sampler", "ddpm", "--seed", seed, "--json").records()[0] for seed in ("0", "0", "1")
    )
    assert first["metrics"] == again["metrics"]
    assert first["key"] == again["key"]
    assert first["metrics"] != other["metrics"]
    assert first["key"] != other["key"]


@pytest.mark.slow
@pytest.mark.parametrize("task", ["gmm", "gmm2d"])
def test_tables_fit_80_columns(sigbench: Command, plugins: Path, task: str) -> None:
    """All samplers with the longest names, one that diverges, options, a file and a step count of three digits."""
    names = [*(name for name in sampler_names() if name not in student_names()), "ddim:eta=0.123456789"]
    names += ["plugins.py:Good", "plugins.py:NaN", "plugins.py:Huge", "torchsde-reversible-heun@100", "ddim@100"]
    done = sigbench("run", "--task", task, "--sampler", ",".join(names), "--steps", "3", *SMALL, "--metrics", "all")
    assert done.code == 1
    lines = done.out.splitlines()
    assert max(map(cell_len, lines)) <= 80
    text = " ".join(lines)
    for word in ("torchsde-euler", "euler-maruyama", "diverged", "calls", "efficiency", "floor (the truth)"):
        assert word in text
    headline = "w1" if task == "gmm" else "sliced-w2"
    assert any(headline in line and "┃" in line for line in lines)
    assert "…" not in text


def test_the_best_is_marked_and_the_floor_is_shown(sigbench: Command) -> None:
    """On the same noise twenty repeats tell DDIM and Heun at two calls apart, and the teacher from nothing."""
    names = "teacher,ddim@2,heun@1"
    done = sigbench("run", "--task", "gmm", "--sampler", names, "--samples", "500", "--repeats", "20")
    assert done.code == 0
    assert "★ best of its calls" in done.out
    first_table = done.out.split("\n\n")[1].splitlines()
    rows = {line.split("│")[0].strip(): line for line in first_table if "│" in line}
    assert {"floor (the truth)", "ddim", "heun"} <= rows.keys()
    assert any(name.startswith("teacher") for name in rows)
    assert "★" in rows["ddim"]
    assert not set("★≈?=!") & set(rows["heun"])
    sentences = done.out.partition("∅ no calls")[2]
    assert "w1 at 2 calls: ddim is best, and the other is worse." in " ".join(sentences.split())


def test_teacher_and_own_step_counts(sigbench: Command) -> None:
    done = sigbench(*SCORE, "--sampler", "teacher,ddim@7,ddim:eta=0.5", "--json")
    assert [(r["role"], r["sampler"], r["spec"], r["steps"]) for r in done.records()] == [
        ("teacher", "euler-maruyama", "euler-maruyama", 300),
        ("sampler", "ddim", "ddim", 7),
        ("sampler", "ddim", "ddim:eta=0.5", 3),
    ]


def test_a_cell_named_twice_is_measured_once(sigbench: Command) -> None:
    done = sigbench(*SCORE, "--sampler", "ddim,heun,ddim,ddim@3", "--json")
    assert [(r["sampler"], r["steps"]) for r in done.records()] == [("ddim", 3), ("heun", 3)]


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_dtypes(sigbench: Command, student: Path, dtype: str) -> None:
    command = (*SCORE, "--sampler", f"ddim,sigdeg:artifact={student}", "--dtype", dtype, "--json")
    done = sigbench(*command)
    assert done.code == 0
    assert [r["provenance"]["dtype"] for r in done.records()] == [dtype, dtype]
    assert len({r["metrics"]["w1"]["value"] for r in done.records()}) == 2


def test_a_users_grid(sigbench: Command) -> None:
    done = sigbench("run", "--task", "gmm", "--sampler", "ddim", "--grid", "1,0.4,0.1,0.001", *SMALL, "--json")
    (record,) = done.records()
    assert record["steps"] == 3
    assert record["times"] == pytest.approx([0.0, 0.6, 0.9, 0.999])


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("NaN", "diverged", "1 of 64 samples are not finite"),
        ("Infinite", "diverged", "64 of 64 samples are not finite"),
        ("WrongShape", "failed", "yielded shape (63, 1) in torch.float32"),
        ("WrongDtype", "failed", "in torch.float16 on cpu, expected (64, 1) in torch.float32"),
        ("NoTensor", "failed", "yielded a ndarray, not a tensor"),
        ("TooFew", "failed", "yielded 1 states on a grid of 3 steps"),
        ("Endless", "failed", "yielded more than 3 states on a grid of 3 steps"),
        ("Nothing", "failed", "TypeError"),
        ("Raises", "failed", "ZeroDivisionError"),
        ("TooDeep", "failed", "signatures up to order 4, got 99"),
    ],
)
def test_a_sampler_that_misbehaves_is_recorded(
    sigbench: Command, tmp_path: Path, plugins: Path, name: str, status: str, words: str
) -> None:
    """Beside others it costs exit code 1, alone 4; the others are measured, and no gap is left."""
    done = sigbench(*SCORE, "--sampler", f"plugins.py:{name},euler-maruyama", "--store", "together", "--json")
    assert done.code == 1
    bad, good = done.records()
    assert (bad["status"], good["status"]) == (status, "ok")
    assert (bad["sampler"], bad["spec"]) == (name.lower(), f"plugins.py:{name}")
    assert words in bad["error"]
    assert bad["metrics"] == {}
    assert bad["timing"] is None
    assert "error" not in good
    assert good["metrics"]
    (line,) = done.err.splitlines()
    assert line.startswith(f"sigbench: {name.lower()} at 3 steps {status}: ")
    kept = stored(tmp_path / "together")
    assert kept[f"plugins.py:{name}"] == bad
    assert kept["euler-maruyama"] == good

    alone = sigbench(*SCORE, "--sampler", f"plugins.py:{name}", "--store", "alone")
    assert alone.code == 4
    assert status in alone.out
    assert "Traceback" not in alone.err
    assert stored(tmp_path / "alone")[f"plugins.py:{name}"]["status"] == status


def test_samples_too_large_for_a_metric_have_diverged(sigbench: Command, plugins: Path) -> None:
    """Finite in float64, but their squares are not: no infinity reaches a record."""
    done = sigbench(*SCORE, "--sampler", "plugins.py:Huge,ddim", "--dtype", "float64", "--json")
    assert done.code == 1
    huge, good = done.records()
    assert (huge["status"], good["status"]) == ("diverged", "ok")
    assert "so large that" in huge["error"]
    assert huge["metrics"] == {}


def test_a_bad_sampler_does_not_change_the_others(sigbench: Command, plugins: Path) -> None:
    together = sigbench(*SCORE, "--sampler", "plugins.py:NaN,ddpm", "--json").records()[1]
    alone = sigbench(*SCORE, "--sampler", "ddpm", "--json").records()[0]
    assert together["metrics"] == alone["metrics"]
    assert together["key"] == alone["key"]


def test_a_budget_is_enforced_and_recorded(sigbench: Command, tmp_path: Path) -> None:
    done = sigbench(*SCORE, "--sampler", "ddim,heun", "--nfe", "3", "--store", "records", "--json")
    assert done.code == 1
    within, over = done.records()
    assert (within["status"], within["nfe"]) == ("ok", 3)
    assert over["status"] == "over-budget"
    assert "more than its budget of 3 calls" in over["error"]
    assert stored(tmp_path / "records")["heun"]["status"] == "over-budget"
    alone = sigbench(*SCORE, "--sampler", "heun", "--nfe", "3")
    assert alone.code == 4
    assert "over-budget" in alone.out


def test_a_task_of_the_users(sigbench: Command, plugins: Path) -> None:
    """A problem without a network: no calls and no efficiency, in JSON and in the table."""
    command = ("run", "--task", "plugins.py:Growth", "--sampler", "milstein,torchsde-milstein,torchsde-srk")
    done = sigbench(*command, *SMALL, "--json")
    assert done.code == 0, done.err
    for record in done.records():
        assert (record["task"], record["nfe"], record["timing"]["efficiency"]) == ("growth", 0, None)
        assert record["metrics"]["mean-error"]["value"] < 0.5
    assert sigbench(*command, *SMALL).code == 0


@pytest.mark.parametrize(("task", "shape"), [("gmm", (64,)), ("gmm2d", (64, 2))])
def test_save_samples(sigbench: Command, tmp_path: Path, task: str, shape: tuple[int, ...]) -> None:
    done = sigbench(
        "run", "--task", task, "--steps", "3", *SMALL, "--sampler", "ddim,ddim:eta=0.5", "--save-samples", "deep/out"
    )
    assert done.code == 0
    folder = tmp_path / "deep" / "out"
    stems = [f"{task}-ddim-3", f"{task}-ddim_eta=0.5-3"]
    assert sorted(file.name for file in folder.iterdir()) == sorted(
        f"{stem}{ending}" for stem in stems for ending in (".npy", ".png")
    )
    array = np.load(folder / f"{task}-ddim-3.npy", allow_pickle=False)
    assert array.shape == shape
    assert array.dtype == np.float32
    (cell,) = plan_cells(Settings(task, samples=64, repeats=2, device="cpu"), ["ddim"], [3])
    assert np.array_equal(array, draw_samples(cell, 0).samples.numpy().reshape(shape))
    for stem in stems:
        assert (folder / f"{stem}.png").read_bytes().startswith(b"\x89PNG\r\n")


@pytest.mark.parametrize(("name", "start"), [("chart.png", b"\x89PNG\r\n"), ("chart.svg", b"<svg")])
def test_plot(sigbench: Command, tmp_path: Path, name: str, start: bytes) -> None:
    done = sigbench("run", "--task", "gmm", "--sampler", "ddim,heun", "--steps", "2,3", *SMALL, "--plot", name)
    assert done.code == 0
    assert (tmp_path / name).read_bytes().startswith(start)


def test_plot_of_nothing(sigbench: Command, tmp_path: Path, plugins: Path) -> None:
    done = sigbench(*SCORE, "--sampler", "plugins.py:NaN", "--plot", "chart.png")
    assert done.code == 4
    assert "Traceback" not in done.err
    assert not (tmp_path / "chart.png").exists()


def test_resume_measures_only_what_is_missing(sigbench: Command) -> None:
    first = sigbench(*SCORE, "--sampler", "ddim", "--json").records()[0]
    both = sigbench(*SCORE, "--sampler", "heun,ddim", "--resume", "--json").records()
    assert [record["sampler"] for record in both] == ["heun", "ddim"]
    assert both[1] == first
    again = sigbench(*SCORE, "--sampler", "ddim", "--json").records()[0]
    assert again["timing"] != first["timing"]
    assert again["metrics"] == first["metrics"]


def test_resume_does_not_trust_a_file_that_was_changed(sigbench: Command, plugins: Path) -> None:
    """A user edits the sampler between two runs: the old record is not its measurement."""
    command = (*SCORE, "--sampler", "plugins.py:Good", "--resume", "--json")
    first = sigbench(*command).records()[0]
    assert sigbench(*command).records()[0] == first
    plugins.write_text(plugins.read_text().replace("x + step.h", "x + 1.1 * step.h"))
    changed = sigbench(*command).records()[0]
    assert changed["key"] != first["key"]
    assert changed["metrics"] != first["metrics"]


def test_resume_measures_a_truncated_record_again(sigbench: Command, tmp_path: Path) -> None:
    first = sigbench(*SCORE, "--sampler", "ddim", "--json").records()[0]
    (file,) = (tmp_path / ".sigbench" / "records").iterdir()
    file.write_text(file.read_text()[:100])
    done = sigbench(*SCORE, "--sampler", "ddim", "--resume", "--json")
    assert done.code == 0
    assert done.records()[0]["metrics"] == first["metrics"]
    assert json.loads(file.read_text())["key"] == first["key"]


@pytest.mark.slow
def test_ctrl_c_half_way(
    spawn: Callable[..., subprocess.Popen[str]], sigbench: Command, tmp_path: Path, plugins: Path
) -> None:
    """Exit 3, one sentence, the finished cell kept whole and nothing else; --resume goes on from there."""
    (tmp_path / "slow").touch()
    store = tmp_path / "records"
    command = (*SCORE, "--sampler", "euler-maruyama,plugins.py:Slow,ddim", "--store", "records", "--json")
    done = interrupt_when(spawn(*command), (tmp_path / "walking").exists)  # the second cell's
    assert done.code == 3
    assert done.err == ("sigbench: interrupted: 1 of 3 cells are finished and kept in records; --resume goes on.\n")
    (printed,) = done.records()
    assert stored(store) == {"euler-maruyama": printed}

    (tmp_path / "slow").unlink()
    resumed = sigbench(*command, "--resume")
    assert resumed.code == 0
    assert [record["status"] for record in resumed.records()] == ["ok", "ok", "ok"]
    assert resumed.records()[0] == printed
    assert len(stored(store)) == 3


@pytest.mark.slow
def test_ctrl_c_before_anything_is_measured(
    spawn: Callable[..., subprocess.Popen[str]], tmp_path: Path, plugins: Path
) -> None:
    (tmp_path / "slow").touch()
    process = spawn(*SCORE, "--sampler", "plugins.py:Slow", "--store", "records")
    done = interrupt_when(process, (tmp_path / "walking").exists)
    assert done.code == 4
    assert "interrupted: 0 of 1 cells" in done.err
    assert "Traceback" not in done.err
    assert list((tmp_path / "records").iterdir()) == []


@pytest.mark.slow
def test_a_reader_that_goes_away(spawn: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    """`sigbench run … --json | head -1`: no traceback, and what was measured is kept."""
    process = spawn(*SCORE, "--sampler", "ddim,heun,ddpm,shark,sra1", "--store", "records", "--json")
    assert process.stdout is not None
    assert process.stderr is not None
    first = json.loads(process.stdout.readline())
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(timeout=60) == 0
    assert "Traceback" not in err
    assert "BrokenPipe" not in err
    assert stored(tmp_path / "records")["ddim"] == first


def test_json_goes_to_stdout_beside_a_live_display(spawn: Callable[..., subprocess.Popen[str]]) -> None:
    """A terminal for stderr, a pipe for stdout: the display must not take the records along."""
    ours, theirs = pty.openpty()
    process = spawn("run", "--task", "gmm", "--sampler", "ddim", "--steps", "2,3", *SMALL, "--json", stderr=theirs)
    os.close(theirs)
    out = process.communicate(timeout=120)[0]
    os.close(ours)
    assert process.returncode == 0
    assert [json.loads(line)["steps"] for line in out.splitlines()] == [2, 3]
