"""`sigbench run` with what users bring: metrics and samplers of their own, tracebacks, and the two clocks of a step."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commandline import SMALL, Command

SCORE = ("run", "--task", "gmm", "--sampler", "ddim", "--steps", "3", *SMALL)
METRICS = '''
import numpy as np

from sigbench.metrics.metric import KnownModes, Metric


class Spread(Metric):
    """The range of the samples."""

    name, title, method, better = "spread", "spread", "largest less smallest, times `factor`", "zero"
    reads = (None, 1)

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor

    def __call__(self, samples, reference):
        return self.factor * float(np.ptp(samples))


class Images(Spread):
    """Reads images of 16 × 16."""

    name, reads = "images", (None, 256)


class Modes(Spread):
    """Cannot do without modes."""

    name, reads, needs = "modes", (None, None), KnownModes


class W1(Spread):
    """Takes a name that is there already."""

    name = "w1"


class Endless(Spread):
    """Gives no number."""

    name = "endless"

    def __call__(self, samples, reference):
        return float("inf")


class Vector(Spread):
    """Gives an array."""

    name = "vector"

    def __call__(self, samples, reference):
        return samples.std(0)


class Broken(Spread):
    """Fails within numpy."""

    name = "broken"

    def __call__(self, samples, reference):
        return np.linalg.inv(np.zeros((2, 2)))[0, 0]
'''
SAMPLERS = '''
from typing import Any

import torch

from sigbench.sampler import Sampler


class MixedClocks(Sampler):
    """Hands reversed time to the denoiser."""

    name, citation, family, needs, signature_order = "mixed-clocks", "this file", "ode", "denoiser", 0

    def walk(self, problem, x, grid, brownian):
        for step in grid:
            x = problem.denoiser.x0(step.start, x)
            yield x


class BothClocks(Sampler):
    """DDIM in its few lines, by the denoiser's clock."""

    name, citation, family, needs, signature_order = "both-clocks", "this file", "ode", "denoiser", 0

    def walk(self, problem, x, grid, brownian):
        schedule = problem.schedule
        for step in grid:
            a, s = float(schedule.alpha(step.t)), float(schedule.sigma(step.t))
            eps = problem.denoiser.eps(step.t, x)
            x = float(schedule.alpha(step.t_next)) * (x - s * eps) / a + float(schedule.sigma(step.t_next)) * eps
            yield x


class WrongDoor(BothClocks):
    """Asks for the diffusion time of a problem without one."""

    name, needs = "wrong-door", "drift"

    def walk(self, problem, x, grid, brownian):
        for step in grid:
            yield x + step.t * problem.drift(step.start, x)


class Torn(Sampler):
    """Multiplies what cannot be multiplied, in a function of its own, within torch."""

    name, citation, family = "torn", "this file", "sde"

    def walk(self, problem, x, grid, brownian):
        for step in grid:
            yield product(x)


def product(x):
    return torch.nn.functional.linear(x, torch.ones(3, 3))
'''


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "mymetrics.py").write_text(METRICS)
    (tmp_path / "mysamplers.py").write_text(SAMPLERS)
    return tmp_path


def line_of(text: str, words: str) -> int:
    """Returns the number of the line of a file that holds these words."""
    (found,) = [number for number, line in enumerate(text.splitlines(), 1) if words in line]
    return found


def test_a_metric_of_the_users_judges_beside_the_tasks_own(sigbench: Command, files: Path) -> None:
    plain = sigbench(*SCORE, "--json").records()[0]
    command = (*SCORE, "--add-metric", "mymetrics.py:Spread:factor=2", "--save-samples", "out", "--json")
    done = sigbench(*command)
    assert done.code == 0, done.err
    (record,) = done.records()
    assert list(record["metrics"]) == [*plain["metrics"], "spread"]
    assert {name: record["metrics"][name] for name in plain["metrics"]} == plain["metrics"]
    added = record["metrics"]["spread"]
    assert added["low"] <= added["value"] <= added["high"]
    assert (added["better"], added["n"], added["method"]) == ("zero", 64, "largest less smallest, times `factor`")
    assert added["floor"] > 2 * 4  # of the truth, whose modes lie between −2 and 2.5
    first = np.ptp(np.load(files / "out" / "gmm-ddim-3.npy"))
    assert added["low"] <= 2 * first <= added["high"]
    assert record["key"] != plain["key"]
    assert record["asked"]["metrics"] == {**plain["asked"]["metrics"], "spread": added["method"]}
    kept = json.loads((files / ".sigbench" / "records" / f"{record['key']}.json").read_text())
    assert kept == record
    assert "spread" in sigbench(*command[:-1]).out


def test_several_metrics_are_added_in_their_order(sigbench: Command, files: Path) -> None:
    specs = [part for name in ("Modes", "Spread") for part in ("--add-metric", f"mymetrics.py:{name}")]
    (record,) = sigbench(*SCORE, *specs, "--json").records()
    assert list(record["metrics"])[-2:] == ["modes", "spread"]
    plug_ins = {code["plug_in"]: code for code in record["code"]["plug_ins"]}
    assert list(plug_ins) == ["task", "sampler", "modes", "spread"]  # the task's own metrics are sigbench's
    assert (plug_ins["modes"]["name"], list(plug_ins["modes"]["files"])) == ("Modes", ["mymetrics.py"])


def test_a_changed_metric_is_another_measurement(sigbench: Command, files: Path) -> None:
    command = (*SCORE, "--add-metric", "mymetrics.py:Spread", "--resume", "--json")
    first = sigbench(*command).records()[0]
    assert sigbench(*command).records()[0] == first
    (files / "mymetrics.py").write_text(METRICS.replace("np.ptp(samples)", "np.var(samples)"))
    changed = sigbench(*command).records()[0]
    assert changed["key"] != first["key"]
    assert changed["metrics"]["spread"]["value"] != first["metrics"]["spread"]["value"]


@pytest.mark.parametrize(
    ("task", "spec", "words"),
    [
        ("gmm", "mymetrics.py:Images", "images reads samples of shape (n, 256), and these are of shape (n, 1)."),
        ("gmm", "lost-pixel-variance", "lost-pixel-variance reads images, and samples of this task are none."),
        ("gmm2d", "mymetrics.py:Spread", "spread reads samples of shape (n, 1), and these are of shape (n, 2)."),
        ("mnist", "mymetrics.py:Spread", "spread reads samples of shape (n, 1), and these are ImageSamples."),
        ("rbergomi", "lost-pixel-variance", "lost-pixel-variance reads images, and samples of this task are none."),
        ("ou", "mymetrics.py:Modes", "modes needs a truth with known modes, which this task's has not."),
        ("gmm", "mymetrics.py:W1", "the task 'gmm' would have two metrics called 'w1'."),
        ("gmm", "lost-pixel-varianc", "unknown metric 'lost-pixel-varianc': did you mean 'lost-pixel-variance'"),
        ("gmm", "w1", "'w1' is one of the metrics of the task 'gmm' already."),
        ("gmm", "fid", "fid needs weights: write fid:weights=…."),
        ("gmm", "mymetrics.py:Spread:factor=much", "mymetrics.py:Spread:factor takes float, got 'much'."),
        ("gmm", "mymetrics.py:Spred", "unknown metric class in mymetrics.py 'Spred': did you mean 'Spread'"),
        ("gmm", "nowhere.py:Spread", "there is no file 'nowhere.py'."),
    ],
)
def test_a_metric_that_cannot_judge_is_refused_by_name(
    sigbench: Command, files: Path, task: str, spec: str, words: str
) -> None:
    sampler = "euler-maruyama" if task == "ou" else "ddim"
    done = sigbench("run", "--task", task, "--sampler", sampler, "--steps", "2", "--add-metric", spec)
    assert words in done.sentence()
    assert done.code == 2
    assert not list(files.rglob("*.json"))


def test_the_same_metric_twice_is_refused(sigbench: Command, files: Path) -> None:
    twice = ("--add-metric", "mymetrics.py:Spread", "--add-metric", "mymetrics.py:Spread:factor=2")
    done = sigbench(*SCORE, *twice)
    assert done.sentence() == "the task 'gmm' would have two metrics called 'spread'."
    assert done.code == 2


def test_metrics_that_fail_are_recorded_with_their_place(sigbench: Command, files: Path) -> None:
    done = sigbench(*SCORE, "--add-metric", "mymetrics.py:Broken", "--json")
    assert done.code == 4
    (record,) = done.records()
    where = f"mymetrics.py, line {line_of(METRICS, 'np.linalg.inv')}, in __call__"
    assert record["error"] == f"LinAlgError: Singular matrix ({where})"
    assert (record["status"], record["metrics"]) == ("failed", {})

    endless = sigbench(*SCORE, "--add-metric", "mymetrics.py:Endless", "--json").records()[0]
    assert endless["status"] == "diverged"
    assert "endless cannot be computed" in endless["error"]

    vector = sigbench(*SCORE, "--add-metric", "mymetrics.py:Vector", "--json").records()[0]
    assert vector["status"] == "failed"
    assert "the metric 'vector' returned an array of shape (1,), not a number" in vector["error"]


def test_metrics_that_can_be_added_are_listed(sigbench: Command) -> None:
    rows = {row["name"]: row for row in sigbench("list", "metrics", "--json").records()}
    assert {name for name, row in rows.items() if row["tasks"] == "by --add-metric"} == {"fid", "lost-pixel-variance"}


def failed(sigbench: Command, sampler: str, *arguments: str, task: str = "gmm") -> Any:
    done = sigbench(
        "run", "--task", task, "--sampler", f"mysamplers.py:{sampler}", "--steps", "3", *SMALL, "--json", *arguments
    )
    assert done.code == 4
    (record,) = done.records()
    assert record["status"] == "failed"
    return record, done.err


def test_the_record_names_the_innermost_frame_of_the_plug_in(sigbench: Command, files: Path) -> None:
    """Not torch's, where the error was raised: there its author can do nothing."""
    record, err = failed(sigbench, "Torn")
    where = f"mysamplers.py, line {line_of(SAMPLERS, 'functional.linear')}, in product"
    assert record["error"].endswith(f"({where})")
    assert record["error"].startswith("RuntimeError: ")
    assert err.splitlines()[0].startswith("sigbench: torn at 3 steps failed: RuntimeError: ")
    assert "Traceback" not in err


def test_debug_shows_the_traceback(sigbench: Command, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On stderr, down to where torch raised; stdout holds the record alone, and it is the same one."""
    monkeypatch.setattr("sigbench.cli.printing.tracebacks", False)  # and set back to what it was
    quiet, _ = failed(sigbench, "Torn")
    record, err = failed(sigbench, "Torn", "--debug")
    assert record["error"] == quiet["error"]
    assert record["key"] == quiet["key"]
    assert "Traceback (most recent call last)" in err
    assert 'mysamplers.py", line' in err
    assert "return torch.nn.functional.linear(x, torch.ones(3, 3))" in err
    assert err.rstrip().splitlines()[-1].startswith("sigbench: torn at 3 steps failed: ")


def test_debug_shows_where_input_was_refused(sigbench: Command, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sigbench.cli.printing.tracebacks", False)
    (files / "raises.py").write_text("def deep():\n    return 1 / 0\n\n\ndeep()\n")
    command = ("run", "--task", "gmm", "--sampler", "raises.py:Any", "--steps", "2")
    assert "Traceback" not in sigbench(*command).err
    done = sigbench(*command, "--debug")
    assert done.code == 2
    assert "raises.py" in done.err
    assert "line 2, in deep" in done.err


def test_reversed_time_handed_to_the_denoiser_is_asked_about(sigbench: Command, files: Path) -> None:
    record, err = failed(sigbench, "MixedClocks")
    sentence = (
        "the denoiser was asked at t=0, outside [0.001, 1]: did you pass reversed time? "
        "The denoiser takes step.t and step.t_next, the drift step.start and step.end."
    )
    assert record["error"] == sentence
    assert sentence in err


def test_the_denoisers_clock_gives_ddim(sigbench: Command, files: Path) -> None:
    """The sampler that a reader of the README would write, beside the suite's own."""
    command = ("run", "--task", "gmm", "--steps", "3", *SMALL, "--dtype", "float64", "--json")
    ours, theirs = sigbench(*command, "--sampler", "ddim,mysamplers.py:BothClocks").records()
    for name, metric in ours["metrics"].items():
        assert theirs["metrics"][name]["value"] == pytest.approx(metric["value"], abs=1e-9), name


def test_the_diffusion_time_of_a_problem_without_one(sigbench: Command, files: Path) -> None:
    record, _ = failed(sigbench, "WrongDoor", task="ou")
    assert record["error"] == ("this problem has no denoiser, and so no diffusion time: use step.start and step.end.")
