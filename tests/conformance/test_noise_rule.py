"""Noise belongs to the sample, not to the batch, the cell or the sampler.

At one batch size the same seed gives the same bits; across batch sizes matrix products are summed in another
order, and samples agree within float tolerance. That tolerance is checked in float64, where a path at the
watershed of two modes does not blow a rounding up to something one can see.
"""

import pytest
import torch
from harness import SAMPLES, Witness, every_pair, plan, runnable, size
from torch import Tensor

from sigbench.measure import run
from sigbench.measure.cell import Settings, plan_cells
from sigbench.measure.run import draw_samples, measure, sample_batch
from sigbench.registry import task_names
from sigbench.sde.brownian import FreshBrownian
from sigbench.sde.grid import Step
from sigbench.sde.signature import PartialSignature

# Students compute in the dtype of their weights; float64 runs cast weights and state alike.
TOLERANCE = {"float32": 2e-3, "float64": 1e-9}


@pytest.mark.parametrize("dtype", sorted(TOLERANCE))
@every_pair
def test_samples_do_not_depend_on_the_batch_size(task: str, sampler: str, dtype: str) -> None:
    """One batch, and batches of about two fifths and a seventh, the last one short.

    Gaps are counted in units of the largest coordinate, since a scheme that is unstable at few steps makes large ones.
    """
    n = size(task)
    whole, *others = (
        draw_samples(plan(task, sampler, dtype=dtype, batch=batch), 0).samples
        for batch in (n, n * 100 // 256, n * 37 // 256)
    )
    scale = max(1.0, float(whole.abs().max()))
    for other in others:
        gap = (whole - other).abs() / scale
        assert gap.max() < TOLERANCE[dtype]
        assert gap.median() < TOLERANCE[dtype] / 100


@every_pair
def test_the_same_batch_size_gives_the_same_bits(task: str, sampler: str) -> None:
    first, again = (draw_samples(plan(task, sampler, batch=size(task) * 100 // 256), 0).samples for _ in range(2))
    assert torch.equal(first, again)


@every_pair
def test_more_samples_begin_with_the_same_ones(task: str, sampler: str) -> None:
    batch = size(task) // 4
    few, many = (draw_samples(plan(task, sampler, samples=n * batch, batch=batch), 0).samples for n in (2, 3))
    assert torch.equal(many[: 2 * batch], few)


@every_pair
def test_a_later_batch_can_be_drawn_alone(task: str, sampler: str) -> None:
    batch = size(task) // 4
    cell = plan(task, sampler, batch=batch)
    assert torch.equal(sample_batch(cell, 0, 2 * batch, batch), draw_samples(cell, 0).samples[2 * batch : 3 * batch])


@every_pair
def test_seed_and_repeat_change_the_samples(task: str, sampler: str) -> None:
    cell = plan(task, sampler)
    first, second = (draw_samples(cell, repeat).samples for repeat in (0, 1))
    other = draw_samples(plan(task, sampler, seed=1), 0).samples
    for a, b in ((first, second), (first, other), (second, other)):
        assert (a != b).float().mean() > 0.99


def drawn_by_measure(task: str, samplers: list[str], steps: list[int]) -> dict[tuple[str, int], Tensor]:
    """Returns the samples of every cell of a whole measurement, in the order given."""
    settings = Settings(task, samples=128, repeats=1, device="cpu")
    out: dict[tuple[str, int], Tensor] = {}
    records = measure(
        plan_cells(settings, samplers, steps), on_samples=lambda c, x: out.update({(c.sampler_spec, c.grid.steps): x})
    )
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


@pytest.mark.parametrize("task", task_names())
def test_all_samplers_start_at_the_same_states(task: str) -> None:
    """One x_T for all samplers and step counts; another repeat has another."""
    starts = []
    for sampler in runnable(task):
        for steps in (2, 5):
            cell = plan(task, sampler, steps)
            witness = Witness(cell.sampler)
            object.__setattr__(cell, "sampler", witness)
            sample_batch(cell, 0, 0, size(task) // 4)
            sample_batch(cell, 1, 0, size(task) // 4)
            starts.append(witness.seen)
    assert len(starts) == 2 * len(runnable(task))
    for first, second in starts:
        assert torch.equal(first, starts[0][0])
        assert torch.equal(second, starts[0][1])
    assert not torch.equal(starts[0][0], starts[0][1])


@pytest.mark.parametrize("task", task_names())
def test_all_samplers_walk_the_same_brownian_path(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At one number of steps every sampler sees the same ΔW, whatever order of signature it reads."""
    increments: dict[int, Tensor] = {}

    class Listening(FreshBrownian):
        def signature(self, step: Step, order: int = 1) -> PartialSignature:
            found = super().signature(step, order)
            assert torch.equal(increments.setdefault(step.index, found.increment), found.increment)
            return found

    monkeypatch.setattr(run, "FreshBrownian", Listening)
    for sampler in runnable(task):
        sample_batch(plan(task, sampler), 0, 0, size(task) // 4)
    assert sorted(increments) == [0, 1, 2, 3, 4]
