"""A batch says what it is: its problem carries its classes, and nothing of it stays behind."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sigbench.errors import BrokenContract
from sigbench.measure.batch import Walked, path_of, start_batch, walk_batch
from sigbench.measure.cell import Cell, plan_cells
from sigbench.measure.draw import draw_samples
from sigbench.measure.settings import Settings
from sigbench.metrics.moments import MeanError
from sigbench.registry import make_task
from sigbench.sampler import Sampler
from sigbench.sde.denoiser import Denoiser
from sigbench.sde.problem import Classes, ReverseDiffusion
from sigbench.sde.schedule import VPLinear
from sigbench.task import Task
from sigbench_baselines.ddim import DDIM

COUNT = 8


class Coin(Task):
    """Samples of two classes, at −3 and at 3; `asked` holds what the network was called with."""

    name, version, title = "coin", 1, "Two points, a class each"
    shape = (1,)
    default_samples, default_steps, default_grid, batch_size = 100, (4,), "uniform", 100

    def __init__(self) -> None:
        self.asked: list[Tensor | None] = []

    def problem(self, device: torch.device, dtype: torch.dtype) -> ReverseDiffusion:
        def network(t: float, x: Tensor, labels: Tensor | None = None) -> Tensor:
            self.asked.append(labels)
            assert labels is not None
            return (6.0 * labels.to(x.dtype) - 3.0)[:, None].expand_as(x)

        schedule = VPLinear()
        return ReverseDiffusion(schedule, Denoiser(network, "x0", schedule), (1,), device, Classes([1.0, 1.0]))

    def truth(self) -> Any:
        return make_task("gmm").truth()

    def metrics(self) -> tuple[MeanError]:
        return (MeanError(),)


@pytest.fixture
def coin(monkeypatch: pytest.MonkeyPatch) -> Cell:
    task = Coin()
    monkeypatch.setattr("sigbench.measure.truth.judges.make_task", lambda name: task)
    (cell,) = plan_cells(Settings("coin", device="cpu", repeats=2), ["ddim"], [4])
    return cell


def labels_of(walked: Walked) -> Tensor:
    assert walked.labels is not None
    return walked.labels


def test_the_problem_of_a_batch_carries_its_labels(coin: Cell) -> None:
    first, second = start_batch(coin, 0, 0, 50), start_batch(coin, 0, 50, 50)
    for batch in (first, second):
        assert isinstance(batch.problem, ReverseDiffusion)
        assert batch.problem.labels is not None
        assert batch.problem.denoiser.labels is batch.problem.labels
        assert (batch.problem.labels.dtype, batch.problem.labels.shape) == (torch.int64, (50,))
        assert batch.problem.counter is coin.problem.counter
    assert not torch.equal(first.problem.labels, second.problem.labels)  # type: ignore[arg-type]


def test_what_the_network_is_called_with_comes_with_the_samples(coin: Cell) -> None:
    """Every call of a walk has the labels that the batch is handed out with, and the samples obey them."""
    assert isinstance(coin.task, Coin)
    walked = walk_batch(coin, 0, 0, 60)
    labels = labels_of(walked)
    assert set(labels.tolist()) == {0, 1}
    assert len(coin.task.asked) == 4
    assert all(torch.equal(asked, labels) for asked in coin.task.asked if asked is not None)
    assert torch.equal(walked.samples[:, 0].sign(), 2.0 * labels - 1.0)


def test_two_batches_walked_in_turn_do_not_disturb_each_other(coin: Cell) -> None:
    """A step of the one, a step of the other: each ends where it ends alone."""
    alone = [walk_batch(coin, 0, first, 30).samples for first in (0, 30)]
    walks: list[Iterator[Tensor]] = []
    for first in (0, 30):
        batch = start_batch(coin, 0, first, 30)
        walks.append(coin.sampler.walk(batch.problem, batch.x, coin.grid, path_of(coin, 0, first, 30)))
    with torch.no_grad():
        ends = list(zip(*walks, strict=True))[-1]
    for end, expected in zip(ends, alone, strict=True):
        assert torch.equal(end, expected)


def test_two_batches_of_images_do_not_disturb_each_other() -> None:
    """The same with a trained network that reads its labels, sample by sample."""
    (cell,) = plan_cells(Settings("mnist", samples=256, device="cpu"), ["ddim"], [2])
    alone = [walk_batch(cell, 0, first, 2) for first in (0, 2)]
    batches = [start_batch(cell, 0, first, 2) for first in (0, 2)]
    walks = [
        cell.sampler.walk(b.problem, b.x, cell.grid, path_of(cell, 0, i, 2))
        for b, i in zip(batches, (0, 2), strict=True)
    ]
    with torch.no_grad():
        ends = list(zip(*walks, strict=True))[-1]
    for end, expected, batch in zip(ends, alone, batches, strict=True):
        assert torch.equal(end, expected.samples)
        assert torch.equal(labels_of(expected), batch.problem.labels)  # type: ignore[arg-type]


def test_no_label_stays_behind(coin: Cell) -> None:
    """In the cell's own problem, its denoiser, the task or the sampler."""
    before = {id(thing): dict(vars(thing)) for thing in (coin.task, coin.sampler, coin.problem.classes)}  # type: ignore[attr-defined]
    walk_batch(coin, 0, 0, 10)
    assert coin.problem.labels is None
    assert isinstance(coin.problem, ReverseDiffusion)
    assert coin.problem.denoiser.labels is None
    for thing in (coin.task, coin.sampler, coin.problem.classes):
        assert vars(thing) == before[id(thing)]


def test_a_denoiser_without_labels_asks_for_none() -> None:
    """A network that is not told a class is called with time and state alone."""
    calls: list[tuple[Any, ...]] = []

    def network(*arguments: Any) -> Tensor:
        calls.append(arguments)
        assert isinstance(arguments[1], Tensor)
        return arguments[1]

    plain = Denoiser(network, "x0", VPLinear())
    labels = torch.tensor([1, 0])
    labelled = plain.labelled(labels)
    for denoiser in (plain, labelled, plain):
        denoiser.x0(0.5, torch.zeros(2, 1))
    assert [len(arguments) for arguments in calls] == [2, 3, 2]
    assert calls[1][2] is labels
    assert labelled.counter is plain.counter
    assert plain.counter.calls == 3


def test_labels_of_a_repeat_come_in_the_order_of_its_samples(coin: Cell) -> None:
    """Whatever the batch size, the last batch short: 7 does not divide 40."""
    whole, parts = (draw_samples(replace(coin, samples=40, batch=batch), 0) for batch in (40, 7))
    assert whole.labels is not None
    assert parts.labels is not None
    assert torch.equal(whole.labels, parts.labels)
    assert np.array_equal(whole.samples.sign(), parts.samples.sign())


def test_samples_without_classes_come_without_labels() -> None:
    (cell,) = plan_cells(Settings("gmm", samples=64, device="cpu"), ["ddim"], [2])
    assert start_batch(cell, 0, 0, COUNT).problem is cell.problem
    assert walk_batch(cell, 0, 0, COUNT).labels is None
    assert draw_samples(cell, 0).labels is None


@pytest.mark.parametrize("sampler", [DDIM(), DDIM(eta=1.0)])
def test_walks_that_break_the_contract_are_named(sampler: Sampler) -> None:
    """One state too few, one too many, of another shape, and no tensor at all."""
    (cell,) = plan_cells(Settings("gmm", samples=64, device="cpu"), ["ddim"], [3])

    class Bad(DDIM):
        def __init__(self, spoil: Any) -> None:
            super().__init__(sampler.eta)  # type: ignore[attr-defined]
            self.spoil = spoil

        def walk(self, *arguments: Any) -> Iterator[Tensor]:
            yield from self.spoil(list(super().walk(*arguments)))

    for spoil, words in (
        (lambda states: states[1:], "yielded 2 states on a grid of 3 steps"),
        (lambda states: [*states, states[-1]], "yielded more than 3 states on a grid of 3 steps"),
        (
            lambda states: [*states[:-1], states[-1][1:]],
            r"yielded shape \(7, 1\) in torch.float32 on cpu, expected \(8",
        ),
        (lambda states: [*states[:-1], states[-1].double()], r"yielded shape \(8, 1\) in torch.float64"),
        (lambda states: [*states[:-1], 3.0], "yielded a float, not a tensor"),
    ):
        with pytest.raises(BrokenContract, match=words):
            walk_batch(replace(cell, sampler=Bad(spoil)), 0, 0, COUNT)
