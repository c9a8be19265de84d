"""What a sampler does on its walk is what it declares: calls, signatures, states, and nothing changed behind it."""

import pytest
import torch
from harness import CALLS_AT_THE_START, Watch, driver_of, every_pair, plan, size, start_of, walk

from sigbench.measure.run import draw_samples
from sigbench.registry import sampler_class, sampler_names

STEPS = [2, 5, 20]


def test_the_table_of_extra_calls_holds_registered_samplers_only() -> None:
    assert set(CALLS_AT_THE_START) <= set(sampler_names())
    for name in CALLS_AT_THE_START:
        assert "one more at the start" in (sampler_class(name).__doc__ or "")


@pytest.mark.parametrize("steps", STEPS)
@every_pair
def test_measured_nfe_is_what_is_declared(task: str, sampler: str, steps: int) -> None:
    cell = plan(task, sampler, steps)
    expected = steps * cell.sampler.nfe_per_step + CALLS_AT_THE_START.get(sampler, 0)
    assert draw_samples(cell, 0).nfe == expected


@pytest.mark.parametrize("steps", [2, 7])
@every_pair
def test_signature_order_is_what_is_read(task: str, sampler: str, steps: int) -> None:
    """Every step is asked for once or more, at most to the declared order, and somewhere to that order."""
    cell = plan(task, sampler, steps)
    watch = Watch(driver_of(cell, size(task) // 4))
    walk(cell, start_of(cell, size(task) // 4), watch)
    order = cell.sampler.signature_order
    if order == 0:
        assert watch.asked == []
    else:
        assert {index for index, _ in watch.asked} == set(range(steps))
        assert {asked for _, asked in watch.asked} == {order}


@every_pair
def test_every_declared_moment_matters(task: str, sampler: str) -> None:
    """Blanking any one of the moments that a sampler reads changes its samples."""
    cell = plan(task, sampler)
    x = start_of(cell, size(task) // 4)
    whole = walk(cell, x, driver_of(cell, size(task) // 4))[-1]
    for moment in range(cell.sampler.signature_order):
        assert not torch.equal(walk(cell, x, Watch(driver_of(cell, size(task) // 4), blank=moment))[-1], whole)


@every_pair
def test_states_have_the_shape_of_the_start(task: str, sampler: str) -> None:
    cell = plan(task, sampler, 7)
    x = start_of(cell, size(task) // 8 + 1)
    states = walk(cell, x, driver_of(cell, size(task) // 8 + 1))
    assert len(states) == 7
    for state in states:
        assert (state.shape, state.dtype, state.device) == (x.shape, x.dtype, x.device)
        assert torch.isfinite(state).all()


@every_pair
def test_nothing_is_changed_behind(task: str, sampler: str) -> None:
    """The start, every state and every signature stay as they were handed over; no two states share memory."""
    cell = plan(task, sampler, 7)
    watch = Watch(driver_of(cell, size(task) // 8 + 1))
    x = start_of(cell, size(task) // 8 + 1)
    kept, clones = [x], [x.clone()]
    cell.problem.counter.reset()
    with torch.no_grad():
        for state in cell.sampler.walk(cell.problem, x, cell.grid, watch):
            kept.append(state)
            clones.append(state.clone())
    assert all(torch.equal(now, then) for now, then in zip(kept, clones, strict=True))
    assert all(torch.equal(now, then) for now, then in watch.given)
    assert len({state.data_ptr() for state in kept}) == len(kept)


@every_pair
def test_a_walk_can_be_walked_again(task: str, sampler: str) -> None:
    """A sampler keeps nothing of a walk: the same start and path give the same bits, other walks between."""
    cell = plan(task, sampler)
    x = start_of(cell, size(task) // 4)
    first = walk(cell, x, driver_of(cell, size(task) // 4))[-1]
    walk(cell, 2.0 * start_of(cell, size(task) // 8), driver_of(cell, size(task) // 8))
    assert torch.equal(walk(cell, x, driver_of(cell, size(task) // 4))[-1], first)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@every_pair
def test_every_dtype_gives_finite_states(task: str, sampler: str, dtype: str) -> None:
    """bfloat16 is for networks: the state stays float32."""
    cell = plan(task, sampler, dtype=dtype)
    samples = draw_samples(cell, 0).samples
    assert samples.dtype == (torch.float64 if dtype == "float64" else torch.float32)
    assert samples.shape == (size(task), *cell.task.shape)
    assert torch.isfinite(samples).all()
