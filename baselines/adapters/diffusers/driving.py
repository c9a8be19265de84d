"""How a scheduler of diffusers is told a grid's levels: its tables are overwritten, in float64, after `set_timesteps`.

Each way sets a scheduler up and says which calls make the grid's steps: for each step a list of (index of the level at
which the network is asked, timestep that `scheduler.step` is told).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from sigbench_baselines.adapters.diffusers.allowed import Drive, Scheduler
from sigbench_baselines.adapters.levels import Levels

Calls = Sequence[Sequence[tuple[int, Any]]]
_PER_TIME = 1000.0  # diffusers' timesteps are thousandths of our t


def _doubled(values: Tensor) -> Tensor:
    """The values with all but the first and the last twice, as schedulers of two calls a step hold their levels."""
    return torch.cat([values[:1], values[1:-1].repeat_interleave(2), values[-1:]])


def _told_levels(scheduler: Any, levels: Levels, entry: Scheduler) -> Calls:
    """Of those that step by `sigmas`: σ/α, or σ in units of flow matching."""
    _tell(scheduler, _sigmas(levels, entry), _PER_TIME * levels.t[:-1])
    return [[(index, time)] for index, time in enumerate(scheduler.timesteps)]


def _told_twice(scheduler: Any, levels: Levels, entry: Scheduler) -> Calls:
    """Of Heun's rule, whose second call is at the step's end."""
    _tell(scheduler, _doubled(_sigmas(levels, entry)), _PER_TIME * _doubled(levels.t))
    times = scheduler.timesteps
    return [[(step, times[2 * step]), (step + 1, times[2 * step + 1])] for step in range(len(levels.t) - 1)]


def _told_alphas(scheduler: Any, levels: Levels, entry: Scheduler) -> Calls:
    """Of IPNDM, which holds α and σ as `alphas` and `betas`."""
    scheduler.set_timesteps(len(levels.t) - 1)
    scheduler.alphas, scheduler.betas = levels.alpha_in(entry.units), levels.sigma_in(entry.units)
    scheduler.timesteps = _PER_TIME * levels.t[:-1]
    scheduler.set_begin_index(0)
    return [[(index, time)] for index, time in enumerate(scheduler.timesteps)]


def _told_table(scheduler: Any, levels: Levels, entry: Scheduler) -> Calls:
    """Of those that look α² up by an integer timestep: a table of the grid's own levels, from clean to noisy."""
    steps = len(levels.t) - 1
    scheduler.set_timesteps(steps)
    squared = levels.alpha_in(entry.units).square().flip(0)
    # What lies behind timestep 0 has another name in each of them.
    scheduler.final_alpha_cumprod = scheduler.one = squared[0]
    scheduler.alphas_cumprod = squared[1:]
    return [[(index, time)] for index, time in enumerate(range(steps - 1, -1, -1))]


def _told_pseudo(scheduler: Any, levels: Levels, entry: Scheduler) -> Calls:
    """Of PNDM, whose first step takes a second call at its end where there is another step."""
    calls = [list(step) for step in _told_table(scheduler, levels, entry)]
    return [calls[0] + calls[1], *calls[1:]] if len(calls) > 1 else calls


def _sigmas(levels: Levels, entry: Scheduler) -> Tensor:
    return levels.sigma_in("flow") if entry.units == "flow" else levels.ratio


def _tell(scheduler: Any, sigmas: Tensor, timesteps: Tensor) -> None:
    scheduler.set_timesteps((len(timesteps) + 1) // 2 if len(timesteps) == len(sigmas) else len(timesteps))
    scheduler.sigmas, scheduler.timesteps = sigmas, timesteps
    scheduler.set_begin_index(0)
    scheduler.is_scale_input_called = True  # the state is in the scheduler's units, the network's input in ours


_DRIVES: Mapping[Drive, Callable[[Any, Levels, Scheduler], Calls]] = {
    "levels": _told_levels,
    "twice": _told_twice,
    "table": _told_table,
    "alphas": _told_alphas,
    "pseudo": _told_pseudo,
}


def tell(scheduler: Any, levels: Levels, entry: Scheduler) -> Calls:
    """Tells a new scheduler the levels; returns the calls of each step."""
    return _DRIVES[entry.drive](scheduler, levels, entry)
