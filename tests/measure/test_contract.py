"""A sampler that breaks its contract is a failed cell with its sentence, the others go on, and honest ones pass.

Each way to break it has neighbours: the same fault by another door.
"""

import math
import random
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from sigbench.measure.cell import Cell, plan_cells
from sigbench.measure.run import measure
from sigbench.measure.settings import Settings
from sigbench.records.record import Record
from sigbench.report.marks import NO_CALLS
from sigbench.report.run_sentences import budget_sentences, no_call_sentences
from sigbench.report.run_table import marks
from sigbench.sampler import Family, Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid, Step
from sigbench.sde.problem import SDEProblem


class Honest(Sampler):
    """Euler–Maruyama in one line, which the offenders spoil."""

    name = "honest"
    citation = "a test"
    family: ClassVar[Family] = "sde"

    def step(self, problem: SDEProblem, x: Tensor, step: Step, w: Tensor) -> Tensor:
        return x + step.h * problem.drift(step.start, x) + problem.diffusion(step.start, x) * w

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        for step in grid:
            x = self.step(problem, x, step, self.noise(x, step, brownian))
            yield x

    def noise(self, x: Tensor, step: Step, brownian: BrownianDriver) -> Tensor:
        return brownian.signature(step).increment


class Drawing(Honest):
    """Takes its normals from where it is told to."""

    def __init__(self, draw: Callable[[Tensor], Tensor]) -> None:
        self.draw = draw

    def noise(self, x: Tensor, step: Step, brownian: BrownianDriver) -> Tensor:
        return math.sqrt(step.h) * self.draw(x).to(x.dtype)


class SeededEachWalk(Honest):
    """The same numbers in each walk, whatever samples are in it."""

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(4)
        for step in grid:
            x = self.step(problem, x, step, math.sqrt(step.h) * torch.randn(x.shape, generator=generator))
            yield x


class InPlace(Honest):
    """Writes into the tensor that it yielded, by torch or behind its back."""

    def __init__(self, write: Callable[[Tensor, Tensor], object]) -> None:
        self.write = write

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        own = x.clone()
        for step in grid:
            self.write(own, self.step(problem, own, step, self.noise(own, step, brownian)))
            yield own


class TwoBuffers(Honest):
    """Writes into the state of two steps ago, through a view."""

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        buffers = [torch.empty_like(x), torch.empty_like(x)]
        for step in grid:
            x = buffers[step.index % 2].copy_(self.step(problem, x, step, self.noise(x, step, brownian))).view_as(x)
            yield x


class ChangesTheStart(Honest):
    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        yield from super().walk(problem, x.mul_(1.0 + 1e-3), grid, brownian)


class ChangesTheNoise(Honest):
    def noise(self, x: Tensor, step: Step, brownian: BrownianDriver) -> Tensor:
        return brownian.signature(step).increment.mul_(0.9)


class Remembering(Honest):
    """Mixes something of the walk before into this one."""

    def __init__(self, kept: str) -> None:
        self.kept, self.memory, self.walks = kept, 0.0, 0

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        self.walks += 1
        shifts = {"a mean": self.memory, "a count": 1e-3 * self.walks, "the first walk": float(self.walks > 1)}
        shift = shifts[self.kept]
        for step in grid:
            x = self.step(problem, x, step, self.noise(x, step, brownian)) + 1e-2 * shift
            self.memory = float(x.mean())
            yield x


class Leaving(Honest):
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def noise(self, x: Tensor, step: Step, brownian: BrownianDriver) -> Tensor:
        if step.index == 2:
            if isinstance(self.error, SystemExit):
                sys.exit(self.error.code)
            raise self.error
        return super().noise(x, step, brownian)


class CallsNothing(Honest):
    """The initial state through the normal's distribution function: no network is asked."""

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        for _ in grid:
            yield 4.0 * torch.special.ndtr(x) - 2.0


def cell_with(sampler: Sampler, **options: Any) -> Cell:
    settings = Settings("gmm", samples=300, repeats=2, batch=200, device="cpu", only=("w1",), time_calls=False)
    (cell,) = plan_cells(replace(settings, **options), ["euler-maruyama"], [5])
    return replace(cell, sampler=sampler, sampler_spec=sampler.name)


def measured(*samplers: Sampler, **options: Any) -> list[Record]:
    return list(measure([cell_with(sampler, **options) for sampler in samplers]))


LONG_LIVED = np.random.default_rng(1)


def after_many(x: Tensor) -> Tensor:
    """Numbers of a generator that lives longer than a walk."""
    return torch.from_numpy(LONG_LIVED.standard_normal(tuple(x.shape)))


OFFENDERS: list[tuple[str, Sampler, str]] = [
    ("torch", Drawing(torch.randn_like), "draws from the global generator of torch"),
    ("in-place-random", Drawing(lambda x: torch.empty_like(x).normal_()), "the global generator of torch"),
    (
        "numpy",
        Drawing(lambda x: torch.from_numpy(np.random.standard_normal(tuple(x.shape)))),  # noqa: NPY002
        "draws from the global generator of NumPy",
    ),
    ("python", Drawing(lambda x: torch.full_like(x, random.gauss())), "draws from the global generator of Python"),
    ("own-generator", Drawing(after_many), "made other samples of the same noise when it walked its first batch again"),
    ("seeded-each-walk", SeededEachWalk(), "in a batch of 16 than in one of 200"),
    ("copy-in-place", InPlace(lambda own, new: own.copy_(new)), "changed the state that it had yielded after step 1"),
    ("by-numpy", InPlace(lambda own, new: np.copyto(own.numpy(), new.numpy())), "changed the state that it had"),
    ("two-buffers", TwoBuffers(), "changed the state that it had yielded after step"),
    ("the-start", ChangesTheStart(), "changed the initial state in place"),
    ("the-noise", ChangesTheNoise(), "changed a signature of the path in place"),
    ("mean-of-the-batch-before", Remembering("a mean"), "keeps something from one walk to the next"),
    ("count-of-walks", Remembering("a count"), "keeps something from one walk to the next"),
    ("first-walk", Remembering("the first walk"), "keeps something from one walk to the next"),
    ("sys-exit", Leaving(SystemExit(0)), "SystemExit: 0 .*test_contract.py"),
    ("exit-with-words", Leaving(SystemExit("done")), "SystemExit: done"),
    ("base-exception", Leaving(BaseException("gone")), "BaseException: gone"),
]


@pytest.mark.parametrize(("sampler", "sentence"), [pytest.param(*each[1:], id=each[0]) for each in OFFENDERS])
def test_an_offender_fails_with_its_sentence_and_the_next_is_measured(sampler: Sampler, sentence: str) -> None:
    bad, good = measured(sampler, Honest())
    assert bad["status"] == "failed"
    assert bad["metrics"] == {}
    assert re.search(sentence, bad["error"]), bad["error"]
    assert good["status"] == "ok"


def test_keyboard_interrupt_is_no_failure() -> None:
    with pytest.raises(KeyboardInterrupt):
        measured(Leaving(KeyboardInterrupt()))


@pytest.mark.parametrize(
    "options", [{}, {"batch": 300}, {"batch": 1, "samples": 20}, {"samples": 2}, {"dtype": "bfloat16"}]
)
def test_an_honest_sampler_passes(options: dict[str, Any]) -> None:
    (record,) = measured(Honest(), **options)
    assert record["status"] == "ok", record.get("error")


def test_cached_coefficients_are_no_memory() -> None:
    """What a sampler keeps of a walk and what does not change its samples is its own affair."""

    class Caching(Honest):
        cache: ClassVar[dict[float, float]] = {}

        def step(self, problem: SDEProblem, x: Tensor, step: Step, w: Tensor) -> Tensor:
            g = problem.diffusion(step.start, x)
            assert isinstance(g, float)
            return x + step.h * problem.drift(step.start, x) + self.cache.setdefault(step.start, g) * w

    (record,) = measured(Caching())
    assert record["status"] == "ok"


def test_what_calls_no_network_is_shown_and_marked_and_never_ranked() -> None:
    records = measured(CallsNothing(), CallsNothing(), Honest())
    assert [record["status"] for record in records] == ["ok"] * 3
    assert [record["nfe"] for record in records] == [0, 0, 5]
    assert marks(records[:2], "w1") == [NO_CALLS, NO_CALLS]
    assert not any("0 calls" in line for line in budget_sentences(records))
    assert len(no_call_sentences(records)) == 2


@pytest.mark.slow
def test_the_checks_cost_little() -> None:
    """The watched walk beside all batches of a small run: at most 2 % of its time."""
    from time import perf_counter

    import sigbench.measure.run as run_module

    took: list[float] = []
    honest = run_module.check_by_watching

    def timed(*arguments: Any) -> None:
        began = perf_counter()
        honest(*arguments)
        took.append(perf_counter() - began)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "check_by_watching", timed)
        (cell,) = plan_cells(Settings("gmm", repeats=5, device="cpu"), ["ddim"], [5])
        began = perf_counter()
        assert [record["status"] for record in measure([cell])] == ["ok"]
        whole = perf_counter() - began
    assert sum(took) <= 0.02 * whole
