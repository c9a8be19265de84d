"""A file of a small rough Bergomi model, and a network that is hardly trained."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sigbench.networks.recipe import train_artifact
from sigbench.registry import make_task
from sigbench_tasks.rbergomi.own.task import RoughBergomiOfFile
from sigbench_tasks.rbergomi.teacher_training import PathPlan, TeacherRecipe

FILE = """
name = "mine"
[rbergomi]
hurst = 0.12
eta = 1.6
rho = -0.7
xi = { times = [0.25, 0.5], values = [0.04, 0.06] }
horizon = 0.5
points = 8
fine_steps = 32
[judge]
samples = 60
[payoffs]
european = { strikes = [0.95, 1.0], maturities = [0.25, 0.5] }
asian = { strikes = [1.0], maturities = [0.5] }
barrier = { side = "down-and-out", barrier = 0.9, strikes = [1.0], maturities = [0.5] }
vix = { times = [0.25], window = 0.0833 }
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIGBENCH_CACHE", str(tmp_path / "cache"))
    written = tmp_path / "mine.toml"
    written.write_text(FILE)
    return written


def train_teacher(file: Path) -> None:
    """Trains the network of a file for three minibatches."""
    task = make_task(str(file))
    assert isinstance(task, RoughBergomiOfFile)
    recipe = task.recipes()["teacher"]
    assert isinstance(recipe, TeacherRecipe)
    quick = replace(recipe, paths=PathPlan(paths=256, batch=32)).shortened(3)
    train_artifact(task, quick, file.parent / "mine-teacher", command="sigbench train")


@pytest.fixture
def teach(file: Path) -> Callable[[], None]:
    """Returns what trains the file's network."""
    return lambda: train_teacher(file)


@pytest.fixture
def trained(file: Path) -> Path:
    train_teacher(file)
    return file


@pytest.fixture
def changed(file: Path) -> Callable[[str, str], str]:
    """Returns what changes one thing of the file, and gives its path."""

    def change(old: str, new: str) -> str:
        text = file.read_text()
        assert text.count(old) == 1, old
        file.write_text(text.replace(old, new))
        return str(file)

    return change
