"""Time grids: where a sampler's steps begin and end."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sigbench.errors import BadInput, BrokenContract, unknown_name
from sigbench.sde.schedule import Schedule, as_array

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


Fractions = NDArray[np.float64]
Family = Callable[[Fractions, Schedule], NDArray[np.float64]]


def _uniform(u: Fractions, schedule: Schedule) -> NDArray[np.float64]:
    return schedule.t_start + u * (schedule.t_end - schedule.t_start)


def _power(u: Fractions, schedule: Schedule, rho: float) -> NDArray[np.float64]:
    start, end = schedule.t_start ** (1 / rho), schedule.t_end ** (1 / rho)
    return (start + u * (end - start)) ** rho


def _quadratic(u: Fractions, schedule: Schedule) -> NDArray[np.float64]:
    return _power(u, schedule, 2.0)


def _cosine(u: Fractions, schedule: Schedule) -> NDArray[np.float64]:
    return schedule.t_end + (schedule.t_start - schedule.t_end) * 0.5 * (1.0 + np.cos(np.pi * u))


def _finite_ends(name: str, schedule: Schedule) -> tuple[float, float]:
    """λ at the noisy and at the clean end; raises BadInput where there is no signal in the one, no noise in the other.

    Such an end is infinitely far away in λ, and no number of steps divides the way.
    """
    low, high = (float(schedule.log_snr(t)) for t in (schedule.t_start, schedule.t_end))
    for end, t, gone in ((low, schedule.t_start, "α"), (high, schedule.t_end, "σ")):
        if not np.isfinite(end):
            raise BadInput(
                f"the grid {name!r} divides log(α/σ), which is infinite at t={t:g}, where {gone} = 0: take uniform, "
                "quadratic or cosine."
            )
    return low, high


def _log_snr(u: Fractions, schedule: Schedule) -> NDArray[np.float64]:
    low, high = _finite_ends("log-snr", schedule)
    return as_array(schedule.time_of_log_snr(low + u * (high - low)))


def _karras(u: Fractions, schedule: Schedule, rho: float = 7.0) -> NDArray[np.float64]:
    noisy, clean = (np.exp(-end) for end in _finite_ends("karras", schedule))
    ratio = (noisy ** (1 / rho) + u * (clean ** (1 / rho) - noisy ** (1 / rho))) ** rho
    return as_array(schedule.time_of_log_snr(-np.log(ratio)))


FAMILIES: dict[str, tuple[Family, str]] = {
    "uniform": (_uniform, "equal steps in t"),
    "quadratic": (_quadratic, "equal steps in √t (Song, Meng & Ermon 2021, appendix D.2)"),
    "cosine": (_cosine, "Chebyshev spacing in t: fine at both ends"),
    "karras": (_karras, "equal steps in (σ/α)^(1/7) (Karras et al. 2022, eq. 5)"),
    "log-snr": (_log_snr, "equal steps in log(α/σ) (Lu et al. 2022, section 3.2)"),
}


def check_steps(steps: int) -> int:
    """Returns `steps` where it lies in 1…MAX_STEPS; raises BadInput otherwise."""
    if not 1 <= steps <= MAX_STEPS:
        raise BadInput(f"steps must lie between 1 and {MAX_STEPS}, got {steps}.")
    return steps


def diffusion_grid(name: str, steps: int, schedule: Schedule) -> Grid:
    """Returns the grid of a named family, or of a list, for a reverse diffusion.

    `name` is one of FAMILIES or a comma-separated list of diffusion times t, decreasing from the schedule's
    t_start to its t_end. Raises BadInput for an unknown family, for steps outside 1…MAX_STEPS, for a list
    that is not strictly decreasing, has other ends, or has another number of steps than `steps`.
    """
    check_steps(steps)
    if name in FAMILIES:
        t = FAMILIES[name][0](np.linspace(0.0, 1.0, steps + 1), schedule)
    else:
        t = as_array(parse_times(name))
        if len(t) - 1 != steps:
            raise BadInput(f"the grid lists {len(t)} times, which make {len(t) - 1} steps, not {steps}.")
        if len(t) < 2 or not (np.diff(t) < 0).all():
            raise BadInput(f"the grid {name!r} is not strictly decreasing in the diffusion time t.")
        if not np.allclose([t[0], t[-1]], [schedule.t_start, schedule.t_end], rtol=0, atol=1e-9):
            raise BadInput(
                f"the grid must run from t={schedule.t_start:g} to t={schedule.t_end:g}, "
                f"but runs from {t[0]:g} to {t[-1]:g}."
            )
    s = schedule.reverse_time(t)
    s[0], s[-1] = 0.0, schedule.horizon
    return Grid(name, tuple(s.tolist()), schedule.t_start)


def uniform_grid(steps: int, horizon: float) -> Grid:
    """Returns `steps` equal steps on [0, horizon]."""
    return Grid("uniform", tuple(np.linspace(0.0, horizon, check_steps(steps) + 1).tolist()))


def parse_times(text: str) -> Sequence[float]:
    """Returns the numbers of a comma-separated list; raises BadInput where it is neither list nor family."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise unknown_name("grid", text, FAMILIES) from None
