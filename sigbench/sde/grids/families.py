"""Families of grids: the times of any number of steps by a formula.

A family is a function of (steps, schedule) and of its options by name. It returns steps + 1 diffusion times, which
decrease from `schedule.t_start` to `schedule.t_end`; `sigbench list grids` shows the first line of its docstring.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sigbench.errors import BadInput
from sigbench.sde.schedule import Schedule, as_array

Times = NDArray[np.float64]
Family = Callable[..., Any]  # (steps, schedule, **options) to Times


def uniform(steps: int, schedule: Schedule) -> Times:
    """Equal steps in t."""
    return schedule.t_start + _fractions(steps) * (schedule.t_end - schedule.t_start)


def quadratic(steps: int, schedule: Schedule) -> Times:
    """Equal steps in √t (Song, Meng & Ermon 2021, appendix D.2)."""
    return power(steps, schedule, rho=2.0)


def power(steps: int, schedule: Schedule, *, rho: float = 2.0) -> Times:
    """Equal steps in t^(1/rho): uniform at 1, quadratic at 2."""
    _positive("power:rho", rho)
    start, end = schedule.t_start ** (1 / rho), schedule.t_end ** (1 / rho)
    return (start + _fractions(steps) * (end - start)) ** rho


def cosine(steps: int, schedule: Schedule) -> Times:
    """Chebyshev spacing in t: fine at both ends."""
    return schedule.t_end + (schedule.t_start - schedule.t_end) * 0.5 * (1.0 + np.cos(np.pi * _fractions(steps)))


def log_snr(steps: int, schedule: Schedule) -> Times:
    """Equal steps in log(α/σ) (Lu et al. 2022, section 3.2)."""
    low, high = finite_ends("log-snr", schedule)
    return as_array(schedule.time_of_log_snr(low + _fractions(steps) * (high - low)))


def karras(steps: int, schedule: Schedule, *, rho: float = 7.0) -> Times:
    """Equal steps in (σ/α)^(1/rho), rho = 7 (Karras et al. 2022, eq. 5)."""
    _positive("karras:rho", rho)
    noisy, clean = (np.exp(-end) for end in finite_ends("karras", schedule))
    u = _fractions(steps)
    ratio = (noisy ** (1 / rho) + u * (clean ** (1 / rho) - noisy ** (1 / rho))) ** rho
    return as_array(schedule.time_of_log_snr(-np.log(ratio)))


def beta(steps: int, schedule: Schedule, *, alpha: float = 0.6, beta: float = 0.6) -> Times:
    """Quantiles of a Beta law in t: fine at the clean end below alpha = 1, at the noisy one below beta = 1.

    Lee et al. 2024 (arXiv 2407.12173): both are 0.6.
    """
    from scipy.stats import beta as law  # half a second, for those who use it

    _positive("beta:alpha", alpha)
    _positive("beta:beta", beta)
    quantiles = law.ppf(1.0 - _fractions(steps), alpha, beta)
    return as_array(schedule.t_end + (schedule.t_start - schedule.t_end) * quantiles)


def linear_quadratic(steps: int, schedule: Schedule, *, threshold: float = 0.025) -> Times:
    """Half of the steps small and equal in t, over a share `threshold` of it, then steps that grow evenly.

    Polyak et al. 2024 (Movie Gen, arXiv 2410.13720, section 3.4.2). With m = ⌊K/2⌋ equal steps up to the share θ and
    n = K − m more, the share behind the j-th of those is θ + jθ/m + cj², c such that it ends at 1.
    """
    if not 0.0 < threshold < 1.0:
        raise BadInput(f"linear-quadratic:threshold lies between 0 and 1, got {threshold:g}.")
    if steps == 1:
        return as_array([schedule.t_start, schedule.t_end])
    equal = steps // 2
    rest = steps - equal
    j = np.arange(1.0, rest + 1)
    curve = (1.0 - threshold * steps / equal) / rest**2
    share = np.concatenate(
        [threshold * np.arange(equal + 1) / equal, threshold * (1.0 + j / equal) + curve * j * j],
    )
    return as_array(schedule.t_start + share * (schedule.t_end - schedule.t_start))


def finite_ends(name: str, schedule: Schedule) -> tuple[float, float]:
    """Returns λ at the noisy and at the clean end.

    Raises BadInput where there is no signal in the one, no noise in the other: such an end is infinitely far away in λ,
    and no number of steps divides the way.
    """
    low, high = (float(schedule.log_snr(t)) for t in (schedule.t_start, schedule.t_end))
    for end, t, gone in ((low, schedule.t_start, "α"), (high, schedule.t_end, "σ")):
        if not np.isfinite(end):
            raise BadInput(
                f"the grid {name!r} divides log(α/σ), which is infinite at t={t:g}, where {gone} = 0: take uniform, "
                "quadratic or cosine."
            )
    return low, high


def _fractions(steps: int) -> Times:
    return np.linspace(0.0, 1.0, steps + 1)


def _positive(option: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise BadInput(f"{option} is a finite number above 0, got {value:g}.")
