"""The key of a cell: a table of what must change it, and of what must not."""

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import sigbench.measure.cell as cell_module
from sigbench.measure.cell import plan_cells
from sigbench.measure.settings import Settings
from sigbench.measure.source import plug_ins as code
from sigbench.measure.source.plug_ins import package_code
from sigbench.records.changes import changes
from sigbench.records.key import Determinants
from sigbench.sampler import Sampler

PARTS_OF_SIGBENCH = [*code.PARTS, "cli", "report", "leaderboard", "records", "studies", "gate", "sweep"]
FILES = {
    "mine.py": """
from helper import by_how_much
from base import Base

class Mine(Base):
    name = "mine"
    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor
    def late(self):
        import later
        return later.NUMBER

class Other(Mine):
    name = "mine"

class Third(Base):
    name = "third"
""",
    "base.py": """
from sigbench_baselines.euler import EulerMaruyama
import beneath

class Base(EulerMaruyama):
    citation = "this file"
""",
    "helper.py": "from parts.inner import NUMBER\ndef by_how_much(): return NUMBER\n",
    "beneath.py": "NUMBER = 1\n",
    "later.py": "NUMBER = 1\n",
    "parts/__init__.py": "",
    "parts/inner.py": "from . import deep\nNUMBER = 1\n",
    "parts/deep.py": "NUMBER = 1\n",
    "parts/unread.py": "NUMBER = 1\n",
    "unread.py": "NUMBER = 1\n",
    "judge.py": """
from sigbench.metrics.metric import Metric

class Mean(Metric):
    name, title, method = "mean", "mean", "of the samples"
    def __call__(self, samples, reference):
        return float(samples.mean())
""",
    "world.py": """
from law import SHIFT
from sigbench_tasks.mixture.task import GMM

class World(GMM):
    name = "world"
""",
    "law.py": "SHIFT = 0\n",
}
USUAL: dict[str, Any] = {"task": "world.py:World", "metrics": ("judge.py:Mean",), "samples": 100, "device": "cpu"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Plug-ins in files, the working directory among them, and a copy of sigbench and its baselines to be changed."""
    place = tmp_path / "plugins"
    for name, text in FILES.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    for part in PARTS_OF_SIGBENCH:
        source, target = code._ROOT / part, tmp_path / "sigbench" / part
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "template"))
        else:
            shutil.copy(source, target)
    monkeypatch.setattr(cell_module, "package_code", lambda: package_code(tmp_path / "sigbench"))
    monkeypatch.chdir(place)
    before = set(sys.modules)
    yield place
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in {"helper", "base", "beneath", "later", "parts", "law"}:
            del sys.modules[name]


def determinants(sampler: str = "mine.py:Mine", steps: int = 3, **changed: Any) -> Determinants:
    package_code.cache_clear()
    (cell,) = plan_cells(Settings(**{**USUAL, **changed}), [sampler], [steps])
    found = cell.determinants()
    assert cell.key == cell_module.key_of(found)
    return found


def appended(name: str, text: str = "ADDED = 1\n") -> Callable[[Path], dict[str, Any]]:
    """Adds a line to a file of the plug-ins, or of sigbench where the name says so."""

    def change(folder: Path) -> dict[str, Any]:
        file = folder.parent / name if name.startswith("sigbench/") else folder / name
        file.write_text(file.read_text() + text)
        return {}

    return change


def asked(**changed: Any) -> Callable[[Path], dict[str, Any]]:
    return lambda folder: changed


def removed(name: str) -> Callable[[Path], dict[str, Any]]:
    return lambda folder: (folder / name).unlink() or {}


CHANGES: dict[str, tuple[Callable[[Path], dict[str, Any]], str]] = {
    "the sampler's file": (appended("mine.py"), "mine.py of mine.py:Mine changed"),
    "what it imports": (appended("helper.py"), "helper.py of mine.py:Mine changed"),
    "what that imports": (appended("parts/inner.py"), "parts/inner.py of mine.py:Mine changed"),
    "by a relative import": (appended("parts/deep.py"), "parts/deep.py of mine.py:Mine changed"),
    "its package": (appended("parts/__init__.py"), "parts/__init__.py of mine.py:Mine changed"),
    "inside of a function": (appended("later.py"), "later.py of mine.py:Mine changed"),
    "the base class": (appended("base.py"), "base.py of mine.py:Mine changed"),
    "what the base class imports": (appended("beneath.py"), "beneath.py of mine.py:Mine changed"),
    "a file that is gone": (removed("later.py"), "later.py of mine.py:Mine is gone"),
    "another import": (appended("mine.py", "import unread\n"), "unread.py of mine.py:Mine is new"),
    "the task's file": (appended("world.py"), "world.py of the task world changed"),
    "what the task imports": (appended("law.py"), "law.py of the task world changed"),
    "the metric's file": (appended("judge.py"), "judge.py of the metric mean changed"),
    "the class": (asked(sampler="mine.py:Other"), "sampler differs"),
    "the mathematics": (appended("sigbench/sde/grid.py"), "the code of sigbench/sde changed"),
    "a metric of sigbench": (appended("sigbench/metrics/transport.py"), "the code of sigbench/metrics changed"),
    "networks": (appended("sigbench/networks/unet.py"), "the code of sigbench/networks changed"),
    "how cells are measured": (appended("sigbench/measure/draw.py"), "the code of sigbench/measure changed"),
    "what tasks can do": (appended("sigbench/abilities.py"), "the code of sigbench/abilities.py changed"),
    "the grid": (asked(grid="uniform"), "times differs"),
    "the times": (asked(grid="1,0.7,0.3,0.001"), "times differs"),
    "the steps": (asked(steps=4), "times differs"),
    "samples": (asked(samples=101), "samples differs"),
    "repeats": (asked(repeats=6), "asked differs"),
    "the seed": (asked(seed=1), "seed differs"),
    "the dtype": (asked(dtype="float64"), "asked differs"),
    "the batch": (asked(batch=50), "asked differs"),
    "the budget": (asked(nfe=9), "asked differs"),
    "other metrics": (asked(metrics=()), "asked differs"),
    "fewer metrics": (asked(only=("w1",)), "asked differs"),
    "fresh noise": (asked(paths="fresh"), "the noise changed"),
    "an option": (asked(sampler="mine.py:Mine:factor=2"), "sampler differs"),
}
SAME: dict[str, Callable[[Path], dict[str, Any]]] = {
    "a remark": appended("helper.py", "# a remark\n"),
    "a docstring": lambda folder: (
        (folder / "helper.py").write_text(FILES["helper.py"].replace("(): return", "():\n    'How much.'\n    return"))
        and {}
    ),
    "a remark in sigbench": appended("sigbench/metrics/transport.py", "# a remark\n"),
    "the command line": appended("sigbench/cli/run.py"),
    "reports": appended("sigbench/report/numbers.py"),
    "the leaderboard": appended("sigbench/leaderboard/board.py"),
    "how records are read": appended("sigbench/records/reading.py"),
    "studies": appended("sigbench/studies/reading.py"),
    "the gate": appended("sigbench/gate/judge.py"),
    "sweeps": appended("sigbench/sweep/plan.py"),
    "a file that is not imported": appended("unread.py"),
    "a file of a package that is not imported": appended("parts/unread.py"),
    "a new file": lambda folder: (folder / "new.py").write_text("NUMBER = 1\n") and {},
    "the spelling of the path": asked(sampler="./mine.py:Mine"),
    "the default number of steps, asked for": asked(steps=3),
    "the default grid, asked for": asked(grid="quadratic"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_changes_the_key(folder: Path, case: str) -> None:
    change, words = CHANGES[case]
    before = determinants()
    now = determinants(**change(folder))
    assert cell_module.key_of(now) != cell_module.key_of(before)
    assert words in changes(before, now)


@pytest.mark.parametrize("case", SAME)
def test_what_does_not_change_the_key(folder: Path, case: str) -> None:
    before = determinants()
    now = determinants(**SAME[case](folder))
    assert changes(before, now) == []
    assert cell_module.key_of(now) == cell_module.key_of(before)


def test_neither_the_folder_nor_the_working_directory_is_in_the_key(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = determinants()
    moved = shutil.copytree(folder, tmp_path / "elsewhere" / "again")
    monkeypatch.chdir(tmp_path)
    sampler, task, metric = (f"{moved}/{spec}" for spec in ("mine.py:Mine", "world.py:World", "judge.py:Mean"))
    now = determinants(sampler, task=task, metrics=(metric,))
    # What is imported by name still comes from the first folder, where Python has found it.
    assert changes(before, now) == []
    assert cell_module.key_of(now) == cell_module.key_of(before)
    assert str(tmp_path) not in str(now)


def test_two_files_of_one_name_are_told_apart(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.py").write_text(FILES["mine.py"] + "MORE = 1\n")
    for name in ("helper.py", "base.py", "beneath.py", "later.py"):
        shutil.copy(folder / name, other)
    shutil.copytree(folder / "parts", other / "parts")
    package_code.cache_clear()
    first, second = plan_cells(Settings(**USUAL), ["mine.py:Mine", f"{other}/mine.py:Mine"], [3])
    assert first.key == cell_module.key_of(determinants())
    assert first.key != second.key


@pytest.mark.parametrize("name", ["matmul", "cudnn"])
def test_tf32_is_in_the_key(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    flags: Any = {"matmul": torch.backends.cuda.matmul, "cudnn": torch.backends.cudnn}[name]
    before = determinants()
    was = flags.allow_tf32
    try:
        flags.allow_tf32 = not was
        now = determinants()
    finally:
        flags.allow_tf32 = was
    assert before["asked"]["tf32"][name] is was
    assert cell_module.key_of(now) != cell_module.key_of(before)


def test_the_final_step_is_in_the_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = determinants()
    monkeypatch.setattr(Sampler, "final_step", "one step without noise")
    assert cell_module.key_of(determinants()) != cell_module.key_of(before)


@pytest.mark.parametrize("of", [{}, {"label": 3}, {"label": 4}, {"guidance": 1.0}, {"label": 3, "guidance": 1.0}])
def test_label_and_guidance_are_in_the_key(of: dict[str, Any]) -> None:
    (plain,) = plan_cells(Settings("mnist", device="cpu", label=3, guidance=2.0), ["ddim"], [2])
    (cell,) = plan_cells(Settings("mnist", device="cpu", **of), ["ddim"], [2])
    assert cell.key != plain.key


def test_artifacts_are_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    (cell,) = plan_cells(Settings("gmm", device="cpu"), ["sigdeg"], [5])
    before, key = cell.determinants(), cell.key
    monkeypatch.setattr(type(cell.sampler), "artifact_hashes", lambda self: {"sigdeg": "other"})
    other = replace(cell)  # a cell says once what it depends on
    assert other.key != key == cell.key
    assert changes(before, other.determinants()) == ["the artifact sigdeg changed"]


def test_the_files_of_ours_are_named_by_their_packages() -> None:
    (cell,) = plan_cells(Settings("mnist", device="cpu"), ["sigdeg"], [5])
    task, sampler = cell.known()["code"]["plug_ins"]
    assert {"sigbench/task.py", "sigbench_tasks/mnist/task.py", "sigbench_tasks/mnist/truth.py"} <= task["files"].keys()
    assert {"sigbench/sampler.py", "sigbench/sigdeg/generators/student.py"} <= sampler["files"].keys()
    assert not any("distillation" in name or "report" in name or "errors" in name for name in sampler["files"])
