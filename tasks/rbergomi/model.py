"""The rough Bergomi model: its parameters and the joint law of its two Gaussian drivers."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import hyp2f1

from sigbench.errors import BadInput

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RoughBergomi:
    """The model of Bayer, Friz & Gatheral 2016, Pricing under rough volatility, with a flat forward variance.

    V_t = ξ·exp(η·Y_t − ½η²·t^{2H}) with Y_t = √(2H)·∫₀ᵗ(t−s)^{H−½}dW_s, and dS = S·√V·(ρ·dW + √(1−ρ²)·dW⊥) with
    S₀ = 1. Time is in years, ξ (`xi`) is a variance a year; `hurst`, `eta` and `rho` have no unit.
    Raises BadInput for H outside (0, ½], η < 0, ρ outside [−1, 1], ξ ≤ 0, and for what is not a finite number.
    """

    hurst: float = 0.07
    eta: float = 1.9
    rho: float = -0.9
    xi: float = 0.235**2

    def __post_init__(self) -> None:
        if not 0 < self.hurst <= 0.5:
            raise BadInput(f"the Hurst index must lie in (0, 0.5], not {self.hurst}.")
        if not 0 <= self.eta < math.inf:
            raise BadInput(f"the volatility of volatility eta must lie in [0, ∞), not {self.eta}.")
        if not -1 <= self.rho <= 1:
            raise BadInput(f"the correlation rho must lie in [-1, 1], not {self.rho}.")
        if not 0 < self.xi < math.inf:
            raise BadInput(f"the forward variance xi must lie in (0, ∞), not {self.xi}.")

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
