"""The rough Bergomi model: its parameters, its forward variance, and the joint law of its two Gaussian drivers."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import hyp2f1

from sigbench.errors import BadInput

Array = NDArray[np.float64]

_SAME = 1e-9  # of the last time: grid times are multiples in floating point, and meet the ends of pieces


@dataclass(frozen=True)
class ForwardVariance:
    """A piecewise constant curve ξ(t), the variance at t that is expected today.

    The k-th value holds on [times[k−1], times[k]), the first one from 0; from the last time on the last one does.
    Times are in years, values variances a year. Raises BadInput for curves without pieces, times that are not positive,
    finite and increasing, and values outside (0, ∞).
    """

    times: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.times) != len(self.values) or not self.times:
            raise BadInput(
                f"a forward variance curve has as many times as values, not {len(self.times)} and {len(self.values)}."
            )
        before = 0.0
        for time in self.times:
            if not before < time < math.inf:
                raise BadInput(f"the times of the forward variance must be positive and increase: {time} does not.")
            before = time
        for value in self.values:
            check_variance(value)

    def at(self, times: Array) -> Array:
        """Returns ξ at `times`, in their shape."""
        return np.asarray(self.values)[self._piece(times)]

    def log_at(self, times: Array) -> Array:
        """Returns log ξ at `times`, in their shape."""
        return np.array([math.log(value) for value in self.values])[self._piece(times)]

    def mean_over(self, times: Array) -> Array:
        """Returns the mean of ξ over each interval between increasing `times` (n,) from 0 on, shape (n,)."""
        ends = np.concatenate([[0.0], times])
        first, last = self._piece(ends[:-1]), self._piece(ends[1:] - 2 * _SAME * self.times[-1])
        means = np.diff(self._integral(ends)) / np.diff(ends)
        return np.where(first == last, np.asarray(self.values)[first], means)  # without rounding where it is constant

    def _integral(self, times: Array) -> Array:
        """∫₀ᵗ ξ(u)du at `times`."""
        starts = np.concatenate([[0.0], self.times[:-1]])
        ends = np.concatenate([self.times[:-1], [math.inf]])
        lengths = np.clip(np.minimum(times[:, None], ends) - starts, 0.0, None)
        return np.asarray(lengths @ np.asarray(self.values))

    def _piece(self, times: Array) -> NDArray[np.intp]:
        found = np.searchsorted(np.asarray(self.times), times + _SAME * self.times[-1], side="right")
        return np.minimum(found, len(self.times) - 1)


def check_variance(value: float) -> None:
    """Raises BadInput for what is no variance in (0, ∞)."""
    if not 0 < value < math.inf:
        raise BadInput(f"the forward variance xi must lie in (0, ∞), not {value}.")


@dataclass(frozen=True)
class RoughBergomi:
    """The model of Bayer, Friz & Gatheral 2016, Pricing under rough volatility.

    V_t = ξ(t)·exp(η·Y_t − ½η²·t^{2H}) with Y_t = √(2H)·∫₀ᵗ(t−s)^{H−½}dW_s, and dS = S·√V·(ρ·dW + √(1−ρ²)·dW⊥) with
    S₀ = 1. Time is in years, ξ (`xi`, a number where it is flat) is a variance a year; `hurst`, `eta` and `rho` have no
    unit.
    Raises BadInput for H outside (0, ½], η < 0, ρ outside [−1, 1], ξ ≤ 0, and for what is not a finite number.
    """

    hurst: float = 0.07
    eta: float = 1.9
    rho: float = -0.9
    xi: float | ForwardVariance = 0.235**2

    def __post_init__(self) -> None:
        if not 0 < self.hurst <= 0.5:
            raise BadInput(f"the Hurst index must lie in (0, 0.5], not {self.hurst}.")
        if not 0 <= self.eta < math.inf:
            raise BadInput(f"the volatility of volatility eta must lie in [0, ∞), not {self.eta}.")
        if not -1 <= self.rho <= 1:
            raise BadInput(f"the correlation rho must lie in [-1, 1], not {self.rho}.")
        if not isinstance(self.xi, ForwardVariance):
            check_variance(self.xi)

    @property
    def forward(self) -> ForwardVariance:
        """ξ(t), of one piece where it is flat."""
        return self.xi if isinstance(self.xi, ForwardVariance) else ForwardVariance((1.0,), (self.xi,))

    def covariance(self, times: Array) -> Array:
        """Returns the covariance of (Y at `times`, W at `times`), shape (2n, 2n) for strictly increasing times (n,).

        With m = min(u, v), M = max(u, v): E[Y_uY_v] = 2H/(H+½)·m^{H+½}·M^{H−½}·₂F₁(1, ½−H; 3/2+H; m/M),
        E[Y_uW_v] = √(2H)/(H+½)·(u^{H+½} − (u−m)^{H+½}), E[W_uW_v] = m (Bayer, Friz & Gatheral 2016).
        Raises BadInput for times that are not positive, finite and strictly increasing.
        """
        t = np.asarray(times, dtype=np.float64)
        if t.ndim != 1 or not len(t) or not (np.diff(t, prepend=0.0) > 0).all() or not np.isfinite(t[-1]):
            raise BadInput("the times of a covariance must be positive, finite and strictly increasing.")
        n, above, below = len(t), self.hurst + 0.5, self.hurst - 0.5
        overlap = np.minimum(t[:, None], t)
        joint = np.empty((2 * n, 2 * n))
        joint[n:, n:] = overlap
        joint[:n, n:] = math.sqrt(2 * self.hurst) / above * (t[:, None] ** above - (t[:, None] - overlap) ** above)
        joint[n:, :n] = joint[:n, n:].T
        late, early = np.tril_indices(n, -1)
        series = hyp2f1(1.0, -below, 1.0 + above, t[early] / t[late])
        joint[late, early] = 2 * self.hurst / above * t[early] ** above * t[late] ** below * series
        joint[early, late] = joint[late, early]
        joint[range(n), range(n)] = t ** (2 * self.hurst)
        return joint
