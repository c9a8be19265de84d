"""Plug-ins as objects: their specs, and what stands for them in keys."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.measure.source.given import Given, given, told_apart
from sigbench.registry import METRICS, SAMPLERS, TASKS, make_sampler
from sigbench.sampler import Sampler
from sigbench_baselines.ddim import DDIM, DDPM
from sigbench_baselines.ipndm import IPNDM
from sigbench_tasks.mixture.task import GMM


class Mine(Sampler):
    """Stands still."""

    name, citation, family = "mine", "this file", "ode"

    def __init__(self, strength: float = 1.0, kind: str = "plain", on: bool = False) -> None:
        self.strength, self.kind, self.on = strength, kind, on

    def walk(self, problem: Any, x: Tensor, grid: Any, brownian: Any) -> Iterator[Tensor]:
        for _ in grid:
            yield x


class Hidden(Mine):
    """Keeps its option under another name."""

    def __init__(self, strength: float = 1.0) -> None:
        super().__init__()
        self.inner = strength
        del self.strength


class OfCells(Mine):
    """Has an option whose name a cell's spec takes."""

    def __init__(self, grid: str = "a") -> None:
        super().__init__()
        self.grid = grid


@pytest.mark.parametrize(
    ("group", "made", "spec"),
    [
        (SAMPLERS, DDIM, "ddim"),
        (SAMPLERS, DDIM(), "ddim"),
        (SAMPLERS, DDIM(eta=0.5), "ddim:eta=0.5"),
        (SAMPLERS, IPNDM(order=2), "ipndm:order=2"),
        (SAMPLERS, DDPM(), "ddpm"),
        (TASKS, GMM, "gmm"),
        (TASKS, GMM(), "gmm"),
    ],
)
def test_a_registered_plug_in_is_asked_for_by_its_name(group: str, made: Any, spec: str) -> None:
    """Its records are those of the command line."""
    assert given(group, made) == spec


@pytest.mark.parametrize(
    ("made", "spec"),
    [
        (Mine, "object:Mine"),
        (Mine(), "object:Mine"),
        (Mine(2.0), "object:Mine:strength=2.0"),
        (Mine(kind="a:b", on=True), "object:Mine:kind='a:b':on=true"),
        (Mine(kind="'\""), "object:Mine"),  # which no spec can say
        (Hidden(2.0), "object:Hidden"),
        (OfCells("b"), "object:OfCells"),
    ],
)
def test_one_of_a_program_has_a_spec_with_its_options(made: Any, spec: str) -> None:
    found = given(SAMPLERS, made)
    assert isinstance(found, Given)
    assert (found.spec, found.unknown) == (spec, ())
    assert set(found.written_in["files"]) == {"sigbench/sampler.py", "<memory>"}


def test_a_changed_instance_of_a_registered_class_is_an_object() -> None:
    sampler = DDIM()
    sampler.final_step = "something else"
    found = given(SAMPLERS, sampler)
    assert isinstance(found, Given)
    assert found.spec == "object:DDIM"
    assert "sigbench_baselines/ddim.py" in found.written_in["files"]


def test_equal_specs_of_other_state_are_told_apart() -> None:
    several = [given(SAMPLERS, made) for made in (Hidden(1.0), Hidden(2.0), Hidden(1.0))]
    specs = [each.spec for each in told_apart(several)]  # type: ignore[arg-type]
    assert specs[0] == specs[2] == "object:Hidden"
    assert specs[1].startswith("object:Hidden:object=")


def test_each_cell_gets_a_sampler_of_its_own() -> None:
    """What one keeps of its task is not another's; the instance that was handed over stays as it was."""
    own = Mine(2.0)
    found = given(SAMPLERS, own)
    assert isinstance(found, Given)
    one, other = found.make(), found.make()
    assert len({id(one), id(other), id(own)}) == 3
    assert vars(one) == vars(own)


def test_what_is_no_plug_in_is_refused() -> None:
    class Factless(Sampler):
        def walk(self, problem: Any, x: Tensor, grid: Any, brownian: Any) -> Iterator[Tensor]:
            yield x

    class WrongFact(Mine):
        family = "fast"  # type: ignore[assignment]

    for made, words in (
        (Factless, "does not declare name, citation, family"),
        (Factless(), "does not declare name, citation, family"),
        (WrongFact, "the family of .*WrongFact is one of"),
        (Sampler, "does not define walk"),
    ):
        with pytest.raises(BadInput, match=words):
            given(SAMPLERS, made)
    with pytest.raises(BadInput, match=r"stood for a class of a running program: write FILE\.py:Mine"):
        make_sampler("object:Mine")
    with pytest.raises(BadInput, match="no metric class"):
        given(METRICS, Mine)


def test_files_of_a_class_in_a_file_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file may have been edited since it was imported: what runs is in memory."""
    file = tmp_path / "elsewhere_27.py"
    text = Path(__file__).read_text()
    file.write_text(text[text.index("from collections.abc") : text.index("class Hidden")])
    monkeypatch.syspath_prepend(tmp_path)
    module = __import__("elsewhere_27")
    before = given(SAMPLERS, module.Mine)
    file.write_text(file.read_text().replace("yield x", "yield 2 * x"))
    assert isinstance(before, Given)
    assert given(SAMPLERS, module.Mine) == before
    assert given(SAMPLERS, module.Mine).hash == before.hash  # type: ignore[union-attr]
