"""In a notebook: the tutorial runs, progress is shown under the cell, and the documents' hooks do what they say."""

import json
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from sigbench.api.progress import Bar, in_notebook
from sigbench.progress import Progress

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "guide" / "tutorial.ipynb"
PAGE = (ROOT / "docs" / "guide" / "python.md").read_text()


def outputs(notebook: dict[str, Any]) -> list[str]:
    """What the cells show, each as the richest that it is."""
    found = []
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            data = {**output.get("data", {}), "stream": output.get("text", ())}
            kinds = ("image/svg+xml", "text/html", "stream")
            found += ["".join(data[kind]) for kind in kinds if data.get(kind)]
    return found


@pytest.mark.slow
def test_the_tutorial_runs_on_a_small_budget(tmp_path: Path) -> None:
    """By the same program that keeps its outputs; what it shows is of the kinds that the page shows."""
    out = tmp_path / "done.ipynb"
    program = [sys.executable, ROOT / "docs" / "notebooks.py", TUTORIAL, "--budget", "samples, repeats = 200, 3"]
    done = subprocess.run([*program, "--out", out], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    shown, kept = outputs(json.loads(out.read_text())), outputs(json.loads(TUTORIAL.read_text()))
    assert [text[:5] for text in shown if "warn" not in text] == [text[:5] for text in kept]
    assert "200 samples × 3 repeats" in next(text for text in shown if text.startswith("<svg"))


@pytest.mark.slow
def test_a_notebook_whose_cell_fails_is_told(tmp_path: Path) -> None:
    broken = json.loads(TUTORIAL.read_text())
    broken["cells"][1]["source"] = ["1 // 0"]
    (tmp_path / "broken.ipynb").write_text(json.dumps(broken))
    program = [sys.executable, ROOT / "docs" / "notebooks.py", tmp_path / "broken.ipynb"]
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.returncode != 0
    assert "cell 2 fails: ZeroDivisionError" in done.stderr


def test_the_tutorial_is_kept_with_its_outputs() -> None:
    notebook = json.loads(TUTORIAL.read_text())
    kept = outputs(notebook)
    assert sum(text.startswith("<svg") for text in kept) == 1
    assert any("floor (the truth)" in text for text in kept)
    assert not any("/tmp" in text or "/root" in text for text in kept)
    tags = [cell["metadata"].get("tags") for cell in notebook["cells"]]
    assert tags.count(["budget"]) == 1


class Handle:
    """What `display` returns: it keeps what is shown in it."""

    def __init__(self) -> None:
        self.shown: list[dict[str, str]] = []

    def update(self, data: dict[str, str], raw: bool) -> None:
        assert raw
        self.shown.append(data)


@pytest.fixture
def handle(monkeypatch: pytest.MonkeyPatch) -> Handle:
    """A notebook's kernel, as far as a bar asks for it."""
    import IPython
    import IPython.display

    made = Handle()

    def display(data: dict[str, str], *, raw: bool, display_id: bool) -> Handle:
        assert display_id
        made.update(data, raw)
        return made

    monkeypatch.setattr(IPython, "get_ipython", lambda: types.SimpleNamespace(kernel=object()))
    monkeypatch.setattr(IPython.display, "display", display)
    monkeypatch.setattr("sigbench.api.progress._PAUSE_S", 0.0)
    return made


def test_progress_is_a_bar_under_the_cell(handle: Handle) -> None:
    assert in_notebook()
    with Bar("starting", "cells") as bar:
        bar.show(Progress("<ddim> · 5 steps", 1, 4))
    first, second, last = handle.shown
    assert "starting" in first["text/plain"]
    assert second["text/html"] == '<progress value="0.2500"></progress> 1/4 cells · &lt;ddim&gt; · 5 steps'
    assert last == {"text/plain": "", "text/html": ""}


def test_a_run_shows_its_progress_there(handle: Handle, tmp_path: Path) -> None:
    """Of the cells that it measures; where all are there, none."""
    import sigbench

    asked: dict[str, Any] = {"samples": 64, "repeats": 2, "device": "cpu", "store": tmp_path, "resume": True}
    sigbench.run("gmm", "ddim", 2, **asked)
    assert any("ddim · 2 steps · repeat 2/2" in shown["text/plain"] for shown in handle.shown)
    count = len(handle.shown)
    sigbench.run("gmm", "ddim", [2, 3], **asked)
    assert [text for shown in handle.shown[count:] if "/2 cells" in (text := shown["text/plain"])] == []
    count = len(handle.shown)
    sigbench.run("gmm", "ddim", [2, 3], **asked)
    assert len(handle.shown) == count + 2  # the empty bar, and nothing of it


def test_outside_of_a_notebook_there_is_none() -> None:
    assert not in_notebook()


class Run:
    """A run of Weights & Biases, or of MLflow, that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.summary: dict[str, Any] = {}

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *details: object) -> None:
        pass

    def log(self, values: dict[str, Any], step: int | None = None) -> None:
        self.told.append(values)


def program(name: str) -> str:
    (found,) = re.findall(rf"^```python\n(# {name}\n.*?)^```$", PAGE, flags=re.M | re.S)
    return str(found)


def test_the_example_for_wandb_logs_each_record(monkeypatch: pytest.MonkeyPatch) -> None:
    run, asked = Run(), dict[str, Any]()
    wandb = types.ModuleType("wandb")
    wandb.init = lambda **options: asked.update(options) or run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    exec(program("to_wandb.py").replace("2_000", "200"), {"__name__": "__main__"})
    assert asked == {"project": "samplers", "config": {"task": "gmm", "samples": 200}}
    assert [told["calls"] for told in run.told] == [5, 10, 5, 10]
    specs = ["dpmpp-2m"] * 2 + ["unipc"] * 2
    assert all(isinstance(told[f"{spec}/w1"], float) for spec, told in zip(specs, run.told, strict=True))
    assert run.summary == {"failed": 0}


def test_the_example_for_mlflow_has_a_run_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    names, params, metrics, tags = [], [], [], []
    mlflow = types.ModuleType("mlflow")
    told: dict[str, Any] = {
        "set_experiment": lambda name: names.append(name),
        "start_run": lambda run_name: names.append(run_name) or Run(),
        "log_params": params.append,
        "log_metrics": lambda values, step: metrics.append((step, values)),
        "set_tag": lambda name, value: tags.append((name, value)),
    }
    vars(mlflow).update(told)
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    exec(program("to_mlflow.py").replace("2_000", "200"), {"__name__": "__main__"})
    assert names[:3] == ["samplers", "dpmpp-2m at 5 steps", "dpmpp-2m at 10 steps"]
    assert [each["spec"] for each in params] == ["dpmpp-2m"] * 2 + ["unipc"] * 2
    assert [(step, "w1" in values) for step, values in metrics] == [(5, True), (10, True)] * 2
    assert tags == [("status", "ok")] * 4
