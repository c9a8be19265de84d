"""Noise schedules of diffusion models: x_t = α(t)·x₀ + σ(t)·ε, with t from clean to noisy.

Every method takes times as host floats or NumPy arrays and computes in float64; tensors never enter here.
"""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sigbench.errors import BadInput, unknown_name

_ROUNDING = 1e-9  # by how much λ may leave the schedule's: sums of steps round
_MOST = 1e3  # of λ in root finding

Times = Any  # float | NDArray[np.float64]: NumPy's own functions return either, as they were given


class Schedule(ABC):
    """A forward process dX = f(t)·X dt + g(t) dW with its marginal coefficients α(t) and σ(t).

    `t_start` is the noisy end where sampling begins, `t_end` the clean end where every sampler stops.
    """

    name: str
    t_start: float = 1.0
    t_end: float = 1e-3

    def __eq__(self, other: object) -> bool:
        """Whether `other` is of the same class with the same constants."""
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *sorted(vars(self).items())))

    @abstractmethod
    def log_alpha(self, t: Times) -> Times:
        """Returns log α(t)."""

    @abstractmethod
    def sigma(self, t: Times) -> Times:
        """Returns σ(t), the standard deviation of the noise in x_t."""

    @abstractmethod
    def drift_rate(self, t: Times) -> Times:
        """Returns f(t) = d log α / dt (Song et al. 2021, eq. 5)."""

    @abstractmethod
    def diffusion_squared(self, t: Times) -> Times:
        """Returns g(t)² = dσ²/dt − 2·f(t)·σ² (Kingma et al. 2021, appendix)."""

    def alpha(self, t: Times) -> Times:
        """Returns α(t), the factor of the clean sample in x_t."""
        with np.errstate(divide="ignore"):  # log α may be −∞
            return np.exp(self.log_alpha(t))

    def diffusion(self, t: Times) -> Times:
        """Returns g(t), the diffusion coefficient of the forward and of the reverse process."""
        return np.sqrt(self.diffusion_squared(t))

    def log_snr(self, t: Times) -> Times:
        """Returns λ(t) = log(α/σ), which decreases in t: −∞ where α = 0, ∞ where σ = 0."""
        with np.errstate(divide="ignore"):
            return self.log_alpha(t) - np.log(self.sigma(t))

    def time_of_log_snr(self, log_snr: Times) -> Times:
        """Returns the t with λ(t) = `log_snr`, by bracketed root finding on [t_end, t_start].

        Raises BadInput for a λ that no time in between has.
        """
        from scipy.optimize import brentq  # half a second, for those who use it

        low, high = self.log_snr(self.t_start), self.log_snr(self.t_end)

        def invert(target: float) -> float:
            if not low - _ROUNDING <= target <= high + _ROUNDING:
                raise BadInput(
                    f"the schedule {self.name!r} has log(α/σ) from {low:g} at t={self.t_start:g} to {high:g} at "
                    f"t={self.t_end:g}, not {target:g}."
                )
            if target <= low:
                return self.t_start
            if target >= high:
                return self.t_end

            def excess(t: float) -> float:
                return float(np.clip(self.log_snr(t) - target, -_MOST, _MOST))  # an end may be infinite

            return float(brentq(excess, self.t_end, self.t_start, xtol=1e-15))

        return np.vectorize(invert, otypes=[float])(log_snr)

    @property
    def prior_std(self) -> float:
        """The standard deviation of the Gaussian from which sampling starts."""
        return float(self.sigma(self.t_start))

    def reverse_time(self, t: Times) -> Times:
        """Returns s = t_start − t, the increasing time in which samplers integrate."""
        return self.t_start - t

    @property
    def horizon(self) -> float:
        """The length S of the reverse interval [0, S]."""
        return self.t_start - self.t_end


class VPLinear(Schedule):
    """Variance preserving with β(t) = β₀ + (β₁ − β₀)·t (Ho et al. 2020; Song et al. 2021, eq. 32)."""

    name = "vp-linear"

    def __init__(self, beta_start: float = 0.1, beta_end: float = 20.0) -> None:
        self.beta_start, self.beta_end = beta_start, beta_end

    def beta(self, t: Times) -> Times:
        """Returns β(t)."""
        return self.beta_start + (self.beta_end - self.beta_start) * t

    def log_alpha(self, t: Times) -> Times:
        return -0.5 * (self.beta_start * t + 0.5 * (self.beta_end - self.beta_start) * t * t)

    def sigma(self, t: Times) -> Times:
        return np.sqrt(-np.expm1(2.0 * self.log_alpha(t)))

    def drift_rate(self, t: Times) -> Times:
        return -0.5 * self.beta(t)

    def diffusion_squared(self, t: Times) -> Times:
        return self.beta(t)


class VPCosine(Schedule):
    """Variance preserving with α(t) = cos(½π·(t+o)/(1+o)) / cos(½π·o/(1+o)) (Nichol & Dhariwal 2021, eq. 17).

    β has a pole at t = 1, so sampling starts at t = 0.992, where α is 0.0125.
    """

    name = "vp-cosine"
    t_start = 0.992

    def __init__(self, offset: float = 0.008) -> None:
        self.offset = offset
        self._log_alpha_at_zero = float(np.log(np.cos(self._angle(0.0))))

    def _angle(self, t: Times) -> Times:
        return 0.5 * np.pi * (t + self.offset) / (1.0 + self.offset)

    def log_alpha(self, t: Times) -> Times:
        return np.log(np.cos(self._angle(t))) - self._log_alpha_at_zero

    def sigma(self, t: Times) -> Times:
        return np.sqrt(-np.expm1(2.0 * self.log_alpha(t)))

    def drift_rate(self, t: Times) -> Times:
        return -0.5 * np.pi / (1.0 + self.offset) * np.tan(self._angle(t))

    def diffusion_squared(self, t: Times) -> Times:
        return -2.0 * self.drift_rate(t)


class VE(Schedule):
    """Variance exploding with σ(t) = σ_min·(σ_max/σ_min)^t and α = 1 (Song et al. 2021, eq. 31)."""

    name = "ve"

    def __init__(self, sigma_min: float = 0.01, sigma_max: float = 50.0) -> None:
        self.sigma_min, self.sigma_max = sigma_min, sigma_max

    def log_alpha(self, t: Times) -> Times:
        return 0.0 * np.asarray(t, dtype=np.float64) if np.ndim(t) else 0.0

    def sigma(self, t: Times) -> Times:
        return self.sigma_min * (self.sigma_max / self.sigma_min) ** t

    def drift_rate(self, t: Times) -> Times:
        return 0.0 * np.asarray(t, dtype=np.float64) if np.ndim(t) else 0.0

    def diffusion_squared(self, t: Times) -> Times:
        return 2.0 * np.log(self.sigma_max / self.sigma_min) * self.sigma(t) ** 2


class EDM(Schedule):
    """Variance exploding with σ(t) = t and α = 1, from σ_max down to σ_min (Karras et al. 2022, table 1)."""

    name = "edm"

    def __init__(self, sigma_min: float = 0.002, sigma_max: float = 80.0) -> None:
        if not 0.0 < sigma_min < sigma_max < np.inf:
            raise BadInput(
                f"noise levels run from sigma_max down to sigma_min > 0, not {sigma_max:g} to {sigma_min:g}."
            )
        self.t_end, self.t_start = sigma_min, sigma_max

    def log_alpha(self, t: Times) -> Times:
        return 0.0 * np.asarray(t, dtype=np.float64) if np.ndim(t) else 0.0

    def sigma(self, t: Times) -> Times:
        return t

    def drift_rate(self, t: Times) -> Times:
        return 0.0 * np.asarray(t, dtype=np.float64) if np.ndim(t) else 0.0

    def diffusion_squared(self, t: Times) -> Times:
        return 2.0 * t


class Flow(Schedule):
    """The straight path of flow matching, α = 1 − τ and σ = τ (Lipman et al. 2023, eq. 22; Liu et al. 2023, eq. 1).

    `shift` puts more of time where the noise is: τ = shift·t/(1 + (shift − 1)·t) (Esser et al. 2024, eq. 23). Its SDE
    has g² = 2τ·τ′/(1 − τ), which has a pole at t = 1, so that sampling starts at `t_start` below it.
    """

    name = "flow"

    def __init__(self, shift: float = 1.0, t_start: float = 0.999, t_end: float = 1e-3) -> None:
        if not 0.0 < shift < np.inf:
            raise BadInput(f"the time shift of a flow is a number above 0, not {shift:g}.")
        if not 0.0 < t_end < t_start < 1.0:
            raise BadInput(
                f"a flow runs from t_start below 1 down to t_end above 0, not from {t_start:g} to {t_end:g}."
            )
        self.shift, self.t_start, self.t_end = shift, t_start, t_end

    def log_alpha(self, t: Times) -> Times:
        return np.log1p(-self.sigma(t))

    def sigma(self, t: Times) -> Times:
        return self.shift * t / (1.0 + (self.shift - 1.0) * t)

    def _slope(self, t: Times) -> Times:
        """τ′."""
        return self.shift / (1.0 + (self.shift - 1.0) * t) ** 2

    def drift_rate(self, t: Times) -> Times:
        return -self._slope(t) / (1.0 - self.sigma(t))

    def diffusion_squared(self, t: Times) -> Times:
        level = self.sigma(t)
        return 2.0 * level * self._slope(t) / (1.0 - level)


SCHEDULES: dict[str, type[Schedule]] = {cls.name: cls for cls in (VPLinear, VPCosine, VE, EDM, Flow)}


def schedule_named(name: str, **options: float) -> Schedule:
    """Returns the schedule called `name`; raises BadInput with the nearest names if there is none."""
    if name not in SCHEDULES:
        raise unknown_name("schedule", name, SCHEDULES)
    return SCHEDULES[name](**options)


def as_array(values: Times) -> NDArray[np.float64]:
    """Returns `values` as a float64 array."""
    result: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    if not np.isfinite(result).all():
        raise BadInput(f"times must be finite, got {values!r}.")
    return result
