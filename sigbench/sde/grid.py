"""Time grids: where a sampler's steps begin and end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sigbench.errors import BadInput, BrokenContract
from sigbench.sde.schedule import as_array

MAX_STEPS = 100_000


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a grid, on both clocks.

    `start` and `end` are reversed time s, which increases and which `problem.drift` takes; `t` and `t_next` are the
    diffusion times of the same two ends, t = t_start − s, which decrease and which `problem.denoiser` takes.
    """

    index: int
    start: float
    end: float
    t_start: float | None = None

    @property
    def t(self) -> float:
        """The denoiser's time at the step's start; raises BrokenContract where the problem has no denoiser."""
        return self._diffusion_time(self.start)

    @property
    def t_next(self) -> float:
        """The denoiser's time at the step's end; raises BrokenContract where the problem has no denoiser."""
        return self._diffusion_time(self.end)

    def _diffusion_time(self, s: float) -> float:
        if self.t_start is None:
            raise BrokenContract("this problem has no denoiser, and so no diffusion time: use step.start and step.end.")
        return self.t_start - s

    @property
    def h(self) -> float:
        """The step's length."""
        return self.end - self.start


@dataclass(frozen=True)
class Grid:
    """Strictly increasing times s₀ < … < s_K of a problem; iterating gives its K steps.

    `t_start` is the diffusion time of s = 0, None for a problem without one. Raises BadInput where the times do not
    increase strictly or are fewer than two.
    """

    name: str
    times: tuple[float, ...]
    t_start: float | None = None

    def __post_init__(self) -> None:
        times = as_array(self.times)
        if len(times) < 2:
            raise BadInput(f"a grid needs at least two times, {self.name!r} has {len(times)}.")
        if not (np.diff(times) > 0).all():
            where = int(np.argmin(np.diff(times) > 0))
            raise BadInput(
                f"the grid {self.name!r} is not strictly monotone: time {where + 1} is {times[where + 1]:g} "
                f"after {times[where]:g}."
            )

    def __iter__(self) -> Iterator[Step]:
        for index, (start, end) in enumerate(zip(self.times, self.times[1:], strict=False)):
            yield Step(index, start, end, self.t_start)

    @property
    def steps(self) -> int:
        """The number K of steps."""
        return len(self.times) - 1

    @cached_property
    def _index_of(self) -> dict[float, int]:
        return {time: index for index, time in enumerate(self.times)}

    def index_of(self, time: float) -> int:
        """Returns the index of a time of this grid; raises KeyError for any other time."""
        return self._index_of[time]

    def refine(self, factor: int) -> "Grid":
        """Returns the grid with every step cut into `factor` equal parts; this grid's times stay exact."""
        inner = [np.linspace(step.start, step.end, factor + 1)[:-1] for step in self]
        times = np.concatenate([*inner, [self.times[-1]]])
        return Grid(f"{self.name}/{factor}", tuple(times.tolist()), self.t_start)

    def with_times(self, times: Sequence[float]) -> "Grid":
        """Returns a grid of the same name and clock with other times."""
        return replace(self, times=tuple(times))


def check_steps(steps: int) -> int:
    """Returns `steps` where it lies in 1…MAX_STEPS; raises BadInput otherwise."""
    if not 1 <= steps <= MAX_STEPS:
        raise BadInput(f"steps must lie between 1 and {MAX_STEPS}, got {steps}.")
    return steps


def uniform_grid(steps: int, horizon: float) -> Grid:
    """Returns `steps` equal steps on [0, horizon]."""
    return Grid("uniform", tuple(np.linspace(0.0, horizon, check_steps(steps) + 1).tolist()))
