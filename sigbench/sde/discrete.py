"""Schedules that are known at so many steps alone, as most trained networks come with them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sigbench.errors import BadInput
from sigbench.sde.schedule import Schedule, Times

_LEAST = 2


class VPDiscrete(Schedule):
    """Variance preserving with ᾱ at N steps: α² = ᾱ, σ² = 1 − ᾱ; step i is at t = (i + 1)/N (Ho et al. 2020).

    Between the steps λ = log(α/σ) is a monotone cubic in t (Fritsch & Carlson 1980, as scipy's PCHIP), so that α and σ
    are theirs at every step, and f and g continuous. Time runs from the last step that has a signal, N or N − 1 where ᾱ
    ends at zero (Lin et al. 2024), down to the first. Raises BadInput where ᾱ does not decrease within [0, 1).
    """

    name = "vp-discrete"

    def __init__(self, alphas_cumprod: Sequence[float] | NDArray[np.float64]) -> None:
        from scipy.interpolate import PchipInterpolator

        known = np.asarray(alphas_cumprod, dtype=np.float64)
        if known.ndim != 1 or len(known) < _LEAST:
            raise BadInput(f"a discrete schedule has at least {_LEAST} steps, in one row.")
        if not (np.isfinite(known).all() and (np.diff(known) < 0).all() and known[-1] >= 0.0 and known[0] < 1.0):
            raise BadInput("the cumulated alphas of a schedule decrease from step to step, below 1 and not below 0.")
        self.steps = len(known)
        with_signal = known[known > 0.0]
        times = np.arange(1, len(with_signal) + 1) / self.steps
        if len(with_signal) < _LEAST:
            raise BadInput(f"a discrete schedule has a signal at {_LEAST} steps or more.")
        self.t_end, self.t_start = float(times[0]), float(times[-1])
        self._known = known
        self._log_snr = PchipInterpolator(times, 0.5 * (np.log(with_signal) - np.log1p(-with_signal)))
        self._slope = self._log_snr.derivative()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and np.array_equal(self._known, vars(other)["_known"])

    def __hash__(self) -> int:
        return hash((type(self), self._known.tobytes()))

    @property
    def alphas_cumprod(self) -> NDArray[np.float64]:
        """ᾱ at the N steps."""
        return self._known.copy()

    def index(self, t: float) -> float:
        """Returns the step that t is at, from 0 on, a fraction between two of them: what a network is asked with."""
        return t * self.steps - 1.0

    def log_alpha(self, t: Times) -> Times:
        return _as_given(-0.5 * np.log1p(np.exp(-2.0 * self._log_snr(t))))

    def sigma(self, t: Times) -> Times:
        return _as_given(1.0 / np.sqrt(1.0 + np.exp(2.0 * self._log_snr(t))))

    def drift_rate(self, t: Times) -> Times:
        return _as_given(self._slope(t) * self.sigma(t) ** 2)

    def diffusion_squared(self, t: Times) -> Times:
        return -2.0 * self.drift_rate(t)


def linear_betas(beta_start: float, beta_end: float, steps: int) -> NDArray[np.float64]:
    """Returns ᾱ of betas that increase evenly (Ho et al. 2020, section 4)."""
    return _cumulated(np.linspace(beta_start, beta_end, steps))


def scaled_linear_betas(beta_start: float, beta_end: float, steps: int) -> NDArray[np.float64]:
    """Returns ᾱ of betas whose roots increase evenly (Rombach et al. 2022)."""
    return _cumulated(np.linspace(beta_start**0.5, beta_end**0.5, steps) ** 2)


def cosine_betas(steps: int, offset: float = 0.008, most: float = 0.999) -> NDArray[np.float64]:
    """Returns ᾱ of the cosine schedule, each beta at most `most` (Nichol & Dhariwal 2021, eq. 17)."""
    level = np.cos((np.arange(steps + 1) / steps + offset) / (1.0 + offset) * np.pi / 2.0) ** 2
    return _cumulated(np.minimum(1.0 - level[1:] / level[:-1], most))


def without_terminal_signal(alphas_cumprod: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns ᾱ stretched so that it ends at zero and begins as before (Lin et al. 2024, algorithm 1)."""
    roots = np.sqrt(alphas_cumprod)
    stretched = (roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])
    return np.asarray(stretched**2)


def _cumulated(betas: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.cumprod(1.0 - betas))


def _as_given(values: Any) -> Times:
    """An array as it is, and a number as a number."""
    return values if np.ndim(values) else float(values)
