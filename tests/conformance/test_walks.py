"""What a sampler does on its walk is what it declares: calls, signatures, states, and nothing changed behind it."""

import torch
from harness import (
    FIELD,
    LIGHT,
    NOISE_IN_SOME_STEPS,
    cell_of,
    every_deep_pair,
    every_watched_walk,
    few,
    reference_walk,
    watch,
    watched,
)

from sigbench.measure.batch import walk_batch
from sigbench.registry import sampler_class, sampler_names
from sigbench_baselines.torchsde import TorchsdeSRK


def test_the_tables_hold_registered_samplers_only() -> None:
    assert set(sampler_names()) >= FIELD | NOISE_IN_SOME_STEPS
    for name in FIELD:
        assert sampler_class(name).__module__.startswith("sigbench_baselines.")
    assert set(LIGHT) <= set(sampler_names())
    for name in LIGHT:
        assert sampler_class(name).walk is TorchsdeSRK.walk


@every_watched_walk
def test_a_watched_walk(task: str, sampler: str, steps: int, dtype: str) -> None:
    """Calls, signatures, states and memory are as declared.

    The measured NFE; every step's signature read once or more, to the declared order and no further; a state a step, of
    the start's shape, dtype and device (bfloat16 is for networks: the state stays float32), finite; the start, every
    state and every signature as they were handed over; no two states in one memory.
    """
    seen = watched(task, sampler, steps, dtype)
    declared = seen.cell.sampler
    assert seen.calls == declared.calls(seen.cell.problem, seen.cell.grid)

    order = declared.signature_order
    indices = {index for index, _ in seen.path.asked}
    if sampler in NOISE_IN_SOME_STEPS:
        assert indices < set(range(steps))
    else:
        assert indices == (set(range(steps)) if order else set())
    assert {asked for _, asked in seen.path.asked} == ({order} if indices else set())

    assert len(seen.kept) == steps + 1
    assert seen.start.dtype == (torch.float64 if dtype == "float64" else torch.float32)
    assert seen.start.shape == (few(task), *seen.cell.task.shape)
    for state in seen.kept:
        assert (state.shape, state.dtype, state.device) == (seen.start.shape, seen.start.dtype, seen.start.device)
        assert torch.isfinite(state).all()

    assert all(torch.equal(now, then) for now, then in zip(seen.kept, seen.clones, strict=True))
    assert all(torch.equal(now, then) for now, then in seen.path.given)
    assert len({state.untyped_storage().data_ptr() for state in seen.kept}) == len(seen.kept)


@every_deep_pair
def test_all_samplers_start_at_the_same_states_and_walk_the_same_path(task: str, sampler: str) -> None:
    """One x_T and one path for all samplers and step counts, whatever order of signature is read.

    Over the whole time W moves as far in 2 steps as in 7. Another repeat has another start and another path.
    """
    for steps, repeat in ((2, 0), (7, 0), (2, 1)):
        seen, first = watched(task, sampler, steps, repeat=repeat), reference_walk(task, steps, repeat)
        assert torch.equal(seen.start, first.start)
        assert first.path.increments.keys() == set(range(steps))
        for index, increment in seen.path.increments.items():
            assert torch.equal(increment, first.path.increments[index])
    few_steps, more_steps, other = (reference_walk(task, *at) for at in ((2, 0), (7, 0), (2, 1)))
    assert torch.equal(few_steps.start, more_steps.start)
    assert not torch.equal(few_steps.start, other.start)
    moved = [torch.stack(list(walk.path.increments.values())).sum(0) for walk in (few_steps, more_steps, other)]
    torch.testing.assert_close(moved[0], moved[1], rtol=0, atol=1e-5)
    assert (moved[0] - moved[2]).abs().mean() > 0.1


@every_deep_pair
def test_every_declared_moment_matters(task: str, sampler: str) -> None:
    """Blanking any one of the moments that a sampler reads changes its samples."""
    whole = watched(task, sampler, 7 if sampler in NOISE_IN_SOME_STEPS else 2)
    for moment in range(whole.cell.sampler.signature_order):
        assert not torch.equal(watch(whole.cell, few(task), blank=moment).end, whole.end)


@every_deep_pair
def test_a_walk_can_be_walked_again(task: str, sampler: str) -> None:
    """A sampler keeps nothing of a walk: the same start and path give the same bits, another walk between."""
    first = watched(task, sampler, 7)
    watch(cell_of(task, sampler, 2), few(task) // 2 + 1, scale=2.0)
    assert torch.equal(walk_batch(first.cell, 0, 0, few(task)).samples, first.end)
