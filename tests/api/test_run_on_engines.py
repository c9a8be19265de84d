"""`sigbench.run` on an engine of sweeps: the same records as in this process, classes of a notebook among them."""

import pickle
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
import torch

import sigbench
from sigbench.sweep.engines.engine import Engine, Outcome, Refusal
from sigbench.sweep.engines.work import Job, measure_job
from sigbench.sweep.plan import PlannedCell

SMALL: dict[str, Any] = {"samples": 64, "repeats": 2, "device": "cpu", "progress": False}
NOTEBOOK = """
import sigbench
FACTOR = 0.5
def scaled(x):
    return FACTOR * x
class Mine(sigbench.Sampler):
    name, citation, family, signature_order, nfe_per_step = "mine", "a notebook", "ode", 0, 0
    def __init__(self, strength: float = 1.0) -> None:
        self.strength = strength
    def walk(self, problem, x, grid, brownian):
        for step in grid:
            x = self.strength * scaled(x)
            yield x
"""


class Here(Engine):
    """Measures cells in this process, as a worker does; what it `refuses` has no record."""

    def __init__(self, refuses: str) -> None:
        self.refuses = refuses
        self.left = False

    def workers_for(self, cells: Sequence[PlannedCell]) -> int:
        return 1

    def begin(self, cells: Sequence[PlannedCell]) -> None:
        pickle.dumps([cell for cell in cells if not cell.settings.given])  # they travel

    @property
    def room(self) -> int:
        return 1

    def submit(self, cell: PlannedCell) -> Future[Outcome]:
        done: Future[Outcome] = Future()
        refused = self.refuses and self.refuses in cell.sampler
        done.set_result(Refusal("it is too far") if refused else measure_job(Job(cell, 1, torch.get_num_threads())))
        return done

    def end(self) -> None:
        self.left = True


class Choice:
    """Stands for an engine that is elsewhere."""

    is_elsewhere = True

    def __init__(self, refuses: str = "") -> None:
        self.engine = Here(refuses)

    def open(self, workers: int | None, threads: int | None) -> Engine:
        return self.engine


def on(monkeypatch: pytest.MonkeyPatch, choice: Choice) -> Choice:
    monkeypatch.setattr("sigbench.api.run.read_engine", lambda text: choice)
    return choice


def of_notebook() -> Any:
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(NOTEBOOK, names)
    return names["Mine"]


def told(records: sigbench.Records) -> list[tuple[str, str]]:
    return [(record["key"], record["digest"]) for record in records]


def test_records_are_those_of_this_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the order in which they were asked for; a store keeps them, and gives them back."""
    mine, heard = of_notebook(), list[str]()
    asked: tuple[Any, ...] = ("gmm", [mine, mine(2.0), "dpmpp-2m@3:final=denoise", "ddim"], [2, 4])
    ours = sigbench.run(*asked, **SMALL)
    choice = on(monkeypatch, Choice())
    theirs = sigbench.run(*asked, store=tmp_path, on_record=lambda record: heard.append(record["key"]), **SMALL)
    assert told(theirs) == told(ours)
    assert choice.engine.left
    assert sorted(heard) == sorted(record["key"] for record in ours)
    again = sigbench.run(*asked, store=tmp_path, resume=True, on_record=lambda record: heard.append("again"), **SMALL)
    assert again == theirs
    assert "again" not in heard


def test_a_lost_cell_is_a_warning_and_the_others_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, Choice(refuses="ddim"))
    with pytest.warns(UserWarning, match="gmm · ddim · 2 steps has no record: it is too far") as warned:
        found = sigbench.run("gmm", "ddim,dpmpp-2m", 2, **SMALL)
    assert warned[0].filename == __file__
    assert [record["spec"] for record in found] == ["dpmpp-2m"]


def test_what_cannot_be_measured_is_refused_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, Choice())
    with pytest.raises(sigbench.BadInput, match="unknown sampler 'dim'"):
        sigbench.run("gmm", "ddim,dim", 2, **SMALL)
    monkeypatch.undo()
    with pytest.raises(sigbench.BadInput, match="unknown engine 'cloud'"):
        sigbench.run("gmm", "ddim", 2, engine="cloud", **SMALL)


@pytest.mark.ray
@pytest.mark.slow
def test_a_class_of_a_notebook_is_measured_by_ray() -> None:
    """It travels with its helpers, by value, and its key is the same there."""
    mine = of_notebook()
    asked: tuple[Any, ...] = ("gmm", [mine, mine(2.0), "ddim"], [2, 4])
    theirs = sigbench.run(*asked, engine="ray", **SMALL)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as a task has there
    try:
        assert told(theirs) == told(sigbench.run(*asked, **SMALL))
    finally:
        torch.set_num_threads(threads)
