"""`sigbench.run`: the same records as the command line, of specs, classes and instances alike."""

import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from torch import Tensor

import sigbench
from sigbench.cli.app import main
from sigbench.errors import SigbenchError
from sigbench.metrics.metric import Metric
from sigbench.records.record import Record
from sigbench_tasks.mixture.task import GMM

SMALL: dict[str, Any] = {"samples": 64, "repeats": 2, "device": "cpu", "progress": False}


class Still(sigbench.Sampler):
    """Scales the state at each step."""

    name, citation, family = "still", "this file", "ode"
    signature_order = 0
    nfe_per_step = 0

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor

    def walk(self, problem: Any, x: Tensor, grid: Any, brownian: Any) -> Iterator[Tensor]:
        for _ in grid:
            x = self.factor * x
            yield x


class Wrong(Still):
    """Divides by zero."""

    name = "wrong"

    def walk(self, problem: Any, x: Tensor, grid: Any, brownian: Any) -> Iterator[Tensor]:
        yield x * (1 // 0)


class Leaves(Still):
    """Wants to end the process."""

    name = "leaves"

    def prepare(self, *of: Any) -> None:
        sys.exit(3)


class Factless(sigbench.Sampler):
    """Declares nothing."""

    def walk(self, problem: Any, x: Tensor, grid: Any, brownian: Any) -> Iterator[Tensor]:
        yield x


class World(GMM):
    """A task of a program."""

    name = "world"


class Broken(GMM):
    """A task that cannot be made."""

    name = "broken"

    def __init__(self) -> None:
        sys.exit(4)


class Mean(Metric):
    """The mean of the samples."""

    name, title, method = "mean", "mean", "of the samples"
    better: Literal["zero"] = "zero"

    def __call__(self, samples: Any, reference: Any) -> float:
        return float(np.mean(samples))


def of_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[Record]:
    monkeypatch.setattr(sys, "argv", ["sigbench", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_records_are_those_of_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Keys and digests, of which times are no part; the store serves both."""
    monkeypatch.chdir(tmp_path)
    specs = ["sigdeg", "dpmpp-2m@3:final=denoise", "ddim:eta=0.5"]
    command = ["run", "--task", "gmm", "--sampler", ",".join(specs), "--steps", "5", "--samples", "64"]
    command += ["--repeats", "2", "--device", "cpu", "--grid", "log-snr", "--store", "store", "--json"]
    theirs = of_command(monkeypatch, capsys, *command)
    ours = sigbench.run("gmm", specs, 5, grid="log-snr", **SMALL)
    assert [(r["key"], r["digest"]) for r in ours] == [(r["key"], r["digest"]) for r in theirs]
    again = sigbench.run("gmm", specs, 5, grid="log-snr", store="store", resume=True, **SMALL)
    assert json.loads(json.dumps(list(again))) == theirs  # taken, and not measured again: times and dates, too


def test_classes_and_instances_are_as_good_as_specs(tmp_path: Path) -> None:
    from sigbench_baselines.ddim import DDIM

    found = sigbench.run("gmm", ["ddim", DDIM, DDIM(eta=0.5), Still, Still(0.5)], (2, 3), store=tmp_path, **SMALL)
    assert [(r["spec"], r["steps"]) for r in found] == [
        (spec, steps)
        for spec in ("ddim", "ddim:eta=0.5", "object:Still", "object:Still:factor=0.5")
        for steps in (2, 3)
    ]
    assert [row["sampler"] for row in found.rows()].count("still:factor=0.5") == 2 * len(found.metrics)
    assert {file.stem for file in tmp_path.iterdir()} == {r["key"] for r in found}
    assert found[4]["code"]["plug_ins"][1]["files"].keys() == {"sigbench/sampler.py", "<memory>"}


def test_tasks_and_metrics_may_be_objects() -> None:
    for task in (World, World()):
        (found,) = sigbench.run(task, Still, 2, add_metrics=[Mean], **SMALL)
        assert (found["status"], found["task"], found["task_spec"]) == ("ok", "world", "object:World")
        assert "mean" in found["metrics"]
        assert [code["plug_in"] for code in found["code"]["plug_ins"] if "<memory>" in code["files"]] == [
            "task",
            "sampler",
            "mean",
        ]


NOTEBOOK = """
import sigbench
FACTOR = {factor}
def scaled(x):
    return FACTOR * x
class Mine(sigbench.Sampler):
    name, citation, family, signature_order, nfe_per_step = "mine", "a notebook", "ode", 0, 0
    def walk(self, problem, x, grid, brownian):
        for step in grid:
            x = scaled(x)
            yield x
"""


def of_notebook(factor: float = 1.0) -> Any:
    """A class that no file holds."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(NOTEBOOK.format(factor=factor), names)
    return names["Mine"]


def test_a_class_of_a_notebook_is_keyed_by_its_code(tmp_path: Path) -> None:
    """Resumed while it is the same, and measured again when a helper of another cell has changed."""
    asked: dict[str, Any] = {"store": tmp_path, "resume": True, **SMALL}
    (first,) = sigbench.run("gmm", of_notebook(), 2, **asked)
    (same,) = sigbench.run("gmm", of_notebook(), 2, **asked)
    (other,) = sigbench.run("gmm", of_notebook(0.5), 2, **asked)
    assert first["status"] == other["status"] == "ok"
    assert same == first
    assert other["key"] != first["key"]
    assert other["metrics"]["w1"]["value"] != first["metrics"]["w1"]["value"]
    both = sigbench.run("gmm", [of_notebook(), of_notebook(0.5)], 2, **asked)
    assert len(both) == 2
    assert both[1]["spec"].startswith("object:Mine:object=")


def test_what_cannot_be_known_is_never_taken_from_the_store(tmp_path: Path) -> None:
    sampler = of_notebook()()
    sampler.source = (x for x in ())
    with pytest.raises(sigbench.BadInput, match="cannot be copied, and each cell has one of its own"):
        sigbench.run("gmm", sampler, 2, **SMALL)
    cls = of_notebook()
    cls.source = (x for x in ())
    keys = set()
    for _ in range(2):
        with pytest.warns(UserWarning, match="the key of object:Mine cannot hold Mine.source"):
            keys |= {record["key"] for record in sigbench.run("gmm", cls, 2, store=tmp_path, resume=True, **SMALL)}
    assert len(keys) == 2


def test_hooks_hear_of_each_record_as_soon_as_it_is_kept(tmp_path: Path) -> None:
    heard: list[tuple[str, bool]] = []

    def hook(record: Record) -> None:
        heard.append((record["spec"], (tmp_path / f"{record['key']}.json").is_file()))

    sigbench.run("gmm", "ddim,heun", 2, store=tmp_path, on_record=hook, **SMALL)
    assert heard == [("ddim", True), ("heun", True)]
    sigbench.run("gmm", "ddim,heun,dpmpp-2m", 2, store=tmp_path, resume=True, on_record=[hook, hook], **SMALL)
    assert heard[2:] == [("dpmpp-2m", True)] * 2  # what was there is not told again


def test_a_cell_that_fails_is_a_record_and_a_warning() -> None:
    with pytest.warns(UserWarning, match="wrong at 2 steps failed: ZeroDivisionError") as told:
        found = sigbench.run("gmm", [Wrong, "ddim"], 2, **SMALL)
    assert told[0].filename == __file__
    assert [record["status"] for record in found] == ["failed", "ok"]
    rows = found.rows()
    assert (rows[0]["metric"], rows[0]["value"]) == (None, None)
    assert "ZeroDivisionError" in rows[0]["error"]
    assert repr(found) == "<2 records of gmm, 1 without numbers>"


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown task": ({"task": "gmmm"}, "unknown task 'gmmm': did you mean 'gmm'"),
    "no task": ({"task": None}, "a task is a spec such as 'gmm', or a class or an instance of sigbench.Task, not None"),
    "a task that leaves": ({"task": Broken}, "object:Broken cannot be made: SystemExit"),
    "an unknown sampler": ({"samplers": "dim"}, "unknown sampler 'dim'"),
    "no sampler": ({"samplers": []}, "name at least one sampler"),
    "another class": ({"samplers": dict}, "a sampler is a spec such as 'dpmpp-2m', or a class or an instance of"),
    "another object": ({"samplers": [3]}, "sigbench.Sampler, not 3"),
    "without facts": ({"samplers": Factless}, "Factless does not declare name, citation, family"),
    "an instance without facts": ({"samplers": [Factless()]}, "Factless does not declare name, citation, family"),
    "one that leaves": ({"samplers": Leaves}, "object:Leaves cannot be planned on the task 'gmm': SystemExit: 3"),
    "a task for a sampler": ({"samplers": GMM}, "a sampler is a spec"),
    "no whole steps": ({"steps": 2.5}, "steps takes whole numbers, such as 5; 2.5 is none"),
    "steps as text": ({"steps": "5,10"}, "steps takes whole numbers, such as 5; '5,10' is none"),
    "no samples": ({"samples": 1}, "samples must be between 2 and 10000000, got 1"),
    "samples as text": ({"samples": "64"}, "samples takes whole numbers, such as 5; '64' is none"),
    "no repeats": ({"repeats": None}, "repeats takes whole numbers, such as 5; None is none"),
    "too precise": ({"precision": 2.0, "repeats": 5}, "precision must lie above 0"),
    "precision as text": ({"precision": "5%"}, "precision takes a number, not '5%'"),
    "a kind of noise": ({"noise": "mine"}, "unknown kind of paths 'mine'"),
    "a device": ({"device": "tpu"}, "unknown device 'tpu'"),
    "no device": ({"device": None}, "device takes a text, not None"),
    "a grid": ({"grid": "qudratic"}, "unknown grid 'qudratic': did you mean 'quadratic'"),
    "few draws": ({"floor_draws": 1}, "floor_draws must be between 2 and 1000000, got 1"),
    "an engine": ({"engine": "cloud"}, "unknown engine 'cloud': valid are"),
    "nothing to resume from": ({"resume": True}, "resume takes records from a store: name its folder, store=DIR"),
    "a metric": ({"add_metrics": ["w1"]}, "'w1' is one of the metrics of the task 'gmm' already"),
    "a metric that is none": ({"add_metrics": [Still]}, "a metric is a spec such as 'fid'"),
    "an object of another program": ({"samplers": "object:Mine"}, "stood for a class of a running program"),
    "a store that is a file": ({"store": __file__}, "the store .* cannot be written"),
}


@pytest.mark.parametrize(("asked", "sentence"), BAD.values(), ids=BAD)
def test_bad_input_is_an_exception_of_one_sentence(asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(sigbench.BadInput, match=sentence) as told:
        sigbench.run(**{"task": "gmm", "samplers": "ddim", "steps": 2, **SMALL, **asked})
    assert str(told.value).endswith(".")
    assert "\n" not in str(told.value)
    assert "--" not in str(told.value)


def test_windows_is_refused_by_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from sigbench.errors import check_system

    check_system("linux")
    check_system("darwin")
    with pytest.raises(sigbench.BadInput, match="runs on Linux and macOS; on Windows run it in WSL"):
        check_system("win32")


def test_whole_numbers_of_numpy_are_numbers() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = sigbench.run("gmm", "ddim", np.array([2, 3]), **{**SMALL, "samples": np.int64(64)})
    assert [(r["steps"], r["samples"]) for r in found] == [(2, 64), (3, 64)]


def test_classes_of_one_name_are_told_apart_in_tables() -> None:
    class Other(Still):
        """Another class, which calls itself the same."""

    found = sigbench.run("gmm", [Still(0.5), Other(0.5)], 2, **SMALL)
    assert list(dict.fromkeys(row["sampler"] for row in found.rows())) == [
        "still:factor=0.5 (Still)",
        "still:factor=0.5 (Other)",
    ]


def test_nothing_is_written_where_no_store_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    sigbench.run("gmm", "ddim", 2, **SMALL)
    assert list(tmp_path.iterdir()) == []
    assert issubclass(sigbench.BadInput, SigbenchError)
