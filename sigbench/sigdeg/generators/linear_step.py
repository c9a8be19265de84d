"""The exact linear part of a reverse step: what a Gaussian data law would make of it.

For data N(μ, c²·I) the marginal is N(αμ, v) with v = α²c² + σ², the score is linear, and the reverse equation
from t to t′ < t has the exact solution
    Y′ − α′μ = φ·(Y − αμ) + ∫ κ(u) dW_u,   φ = (v′/α′)·(α/v),   κ(u) = (v′/α′)·α(u)g(u)/v(u),
because d/dt log(v/α) = f + g²/v. The integral's best prediction from the whitened moments ξ is Σ_j q_j·ξ_j with
q_j = E[ξ_j·∫κ dW]; the variance ∫κ² − Σ q_j² is what a signature of this order cannot know of a linear step.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy.typing import NDArray

from sigbench.sde.grid import Step
from sigbench.sde.schedule import Schedule
from sigbench.sde.signature import whitening_factor

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)


@dataclass(frozen=True, slots=True)
class LinearStep:
    """φ, the mean's shift α′μ − φ·αμ per unit of μ, the loadings q (m,) and the variance they leave out."""

    decay: float
    shift: float
    loadings: NDArray[np.float64]
    lost_variance: float


def linear_step(schedule: Schedule, t: float, t_next: float, data_std: float, order: int) -> LinearStep:
    """Returns the exact linear step from `t` down to `t_next` for data of standard deviation `data_std`."""

    def variance(u: NDArray[np.float64] | float) -> NDArray[np.float64]:
        return np.asarray((schedule.alpha(u) * data_std) ** 2 + schedule.sigma(u) ** 2)

    alpha, alpha_next = float(schedule.alpha(t)), float(schedule.alpha(t_next))
    gain = float(variance(t_next)) / alpha_next
    decay = gain * alpha / float(variance(t))
    h = t - t_next
    ahead = 0.5 * (_NODES + 1.0)  # (b − u)/h, the part of the step that is still ahead
    u = t_next + h * ahead
    kernel = gain * schedule.alpha(u) * schedule.diffusion(u) / variance(u)
    weights = 0.5 * _WEIGHTS
    with_moments = np.array([(weights * kernel * ahead**k).sum() / factorial(k) for k in range(order)])
    loadings = np.sqrt(h) * whitening_factor(order) @ with_moments
    lost = h * float((weights * kernel**2).sum()) - float((loadings**2).sum())
    return LinearStep(decay, alpha_next - decay * alpha, loadings, max(lost, 0.0))


def flow_step(schedule: Schedule, t: float, t_next: float, data_std: float) -> LinearStep:
    """Returns the exact step of the probability flow, Y′ − α′μ = √(v′/v)·(Y − αμ): it reads no signature."""
    alpha, alpha_next = float(schedule.alpha(t)), float(schedule.alpha(t_next))
    spread, spread_next = (float(np.hypot(schedule.alpha(u) * data_std, schedule.sigma(u))) for u in (t, t_next))
    decay = spread_next / spread
    return LinearStep(decay, alpha_next - decay * alpha, np.zeros(0), 0.0)


def left_out(schedule: Schedule, steps: Iterable[Step], data_std: float, order: int) -> float:
    """Returns the share of a lone Gaussian mode's variance that signatures of this order leave out along the steps.

    It is exact: what each linear step leaves out, carried on to the end by those that follow. A student that knew all
    but this would lose as much by regression to the mean.
    """
    lost = 0.0
    for step in steps:
        linear = linear_step(schedule, schedule.t_start - step.start, schedule.t_start - step.end, data_std, order)
        lost = lost * linear.decay**2 + linear.lost_variance
    return lost / data_std**2
