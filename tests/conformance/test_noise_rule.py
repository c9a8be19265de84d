"""Noise belongs to the sample, not to the batch, the cell or the sampler.

At one batch size the same seed gives the same bits; across batch sizes matrix products are summed in another
order, and samples agree within float tolerance. That tolerance is checked in float64, where a path at the
watershed of two modes does not blow a rounding up to something one can see.
"""

import pytest
import torch
from harness import (
    DEEP,
    SAMPLES,
    cell_of,
    drawn,
    every_deep_pair,
    runnable,
    size,
    slow_where,
    watched,
)
from torch import Tensor

from sigbench.measure.batch import walk_batch
from sigbench.measure.cell import Cell, plan_cells
from sigbench.measure.draw import draw_samples
from sigbench.measure.run import measure
from sigbench.measure.settings import Settings
from sigbench.registry import make_task, task_names

# Students compute in the dtype of their weights; float64 runs cast weights and state alike.
TOLERANCE = {"float32": 2e-3, "float64": 1e-9}


def two_fifths(task: str) -> int:
    """The batch size that the tests share: three batches, the last one short."""
    return size(task) * 100 // 256


@pytest.mark.parametrize(
    ("task", "sampler", "dtype"),
    [
        pytest.param(*pair, dtype, marks=slow_where(pair[0], dtype == "float64"), id="-".join((*pair, dtype)))
        for pair in DEEP
        for dtype in sorted(TOLERANCE)
    ],
)
def test_samples_do_not_depend_on_the_batch_size(task: str, sampler: str, dtype: str) -> None:
    """One batch, and batches of about two fifths and a seventh, the last one short.

    Gaps are counted in units of the largest coordinate, since a scheme that is unstable at few steps makes large ones.
    Batches of every size make the declared calls.
    """
    sizes = size(task), two_fifths(task), size(task) * 37 // 256
    whole, *others = (drawn(task, sampler, batch, dtype=dtype) for batch in sizes)
    scale = max(1.0, float(whole.samples.abs().max()))
    for other in others:
        gap = (whole.samples - other.samples).abs() / scale
        assert gap.max() < TOLERANCE[dtype]
        assert gap.median() < TOLERANCE[dtype] / 100
    cell = cell_of(task, sampler, dtype=dtype)
    assert {draw.nfe for draw in (whole, *others)} == {cell.sampler.calls(cell.problem, cell.grid)}


@every_deep_pair
def test_parts_drawn_again_have_the_same_bits(task: str, sampler: str) -> None:
    """In batches of one size: a repeat with fewer samples begins with the same ones, and a later batch stands alone.

    Both together are the whole repeat drawn a second time.
    """
    batch = two_fifths(task)
    whole = drawn(task, sampler, batch).samples
    fewer = draw_samples(cell_of(task, sampler, samples=2 * batch, batch=batch), 0).samples
    later = walk_batch(cell_of(task, sampler, batch=batch), 0, 2 * batch, size(task) - 2 * batch).samples
    assert torch.equal(fewer, whole[: 2 * batch])
    assert torch.equal(later, whole[2 * batch :])


@every_deep_pair
def test_seed_and_repeat_change_the_samples(task: str, sampler: str) -> None:
    axes: tuple[dict[str, int], ...] = ({}, {"repeat": 1}, {"seed": 1})
    first, second, other = (watched(task, sampler, 2, **axis).end for axis in axes)
    for a, b in ((first, second), (first, other), (second, other)):
        assert (a != b).float().mean() > 0.99


def drawn_by_measure(task: str, samplers: list[str], steps: list[int]) -> dict[tuple[str, int], Tensor]:
    """Returns the samples of every cell of a whole measurement, in the order given."""
    out: dict[tuple[str, int], Tensor] = {}

    def keep(cell: Cell, samples: Tensor, labels: Tensor | None) -> None:
        out[cell.sampler_spec, cell.grid.steps] = samples

    (headline, *_) = make_task(task).metrics()
    settings = Settings(
        task, samples=16 if task in SAMPLES else 64, repeats=1, device="cpu", only=(headline.name,), time_calls=False
    )
    records = measure(plan_cells(settings, samplers, steps), on_samples=keep)
    assert [record["status"] for record in records] == ["ok"] * (len(samplers) * len(steps))
    return out


@pytest.mark.slow
@pytest.mark.parametrize("task", task_names())
def test_cells_do_not_depend_on_their_order_or_on_each_other(task: str) -> None:
    names = runnable(task)[:: 4 if task in SAMPLES else 1]  # of a costly task every fourth sampler
    few, more = (10, 20) if task == "rbergomi" else (2, 5)  # with fewer steps some samplers diverge there
    together = drawn_by_measure(task, names, [few, more])
    backwards = drawn_by_measure(task, names[::-1], [more, few])
    assert together.keys() == backwards.keys()
    for key, samples in together.items():
        assert torch.equal(samples, backwards[key]), key
    for name in names[::4] if len(names) > 4 else names[:1]:
        assert torch.equal(drawn_by_measure(task, [name], [more])[name, more], together[name, more])
