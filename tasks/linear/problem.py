"""Two linear equations with exact pathwise solutions: Ornstein–Uhlenbeck and geometric Brownian motion."""

import math

import torch
from torch import Tensor

from sigbench.sde.denoiser import CallCounter
from sigbench.sde.grid import Step
from sigbench.sde.problem import SDEProblem
from sigbench.sde.signature import MAX_ORDER, PartialSignature

_ROUNDING = 2.0**-53


class OrnsteinUhlenbeck(SDEProblem):
    """dX = rate·(level − X) ds + volatility dW from X₀ ~ N(start, spread²): additive noise.

    The exact step is X′ = level + e^{−rate·h}·(X − level) + volatility·∫ e^{−rate·(b−u)} dW_u, and expanding the
    kernel in powers of (b − u) gives the integral as Σ_k (−rate)^k·M_k, a convergent series in the moments of
    the signature. `exact_order` takes as many moments as leave a remainder below rounding.
    """

    noise_type = "additive"
    horizon = 1.0
    shape = (1,)

    def __init__(
        self, rate: float, level: float, volatility: float, start: float, spread: float, device: torch.device
    ) -> None:
        self.rate, self.level, self.volatility = rate, level, volatility
        self.start, self.spread, self.device = start, spread, device
        self.counter = CallCounter()
        self._drift = self.counted(lambda s, x: (level - x) * rate)

    def drift(self, s: float, x: Tensor) -> Tensor:
        return self._drift(s, x)

    def diffusion(self, s: float, x: Tensor) -> float:
        return self.volatility

    def initial(self, normals: Tensor) -> Tensor:
        return self.start + self.spread * normals

    def exact_order(self, h: float) -> int:
        """Returns the least m whose first left-out term, (rate·h)^m/m!·√(h/(2m+1)), is below rounding."""
        for order in range(1, MAX_ORDER):
            remainder = (self.rate * h) ** order / math.factorial(order) * math.sqrt(h / (2 * order + 1))
            if remainder < _ROUNDING:
                return order
        return MAX_ORDER

    def exact_step(self, step: Step, x: Tensor, signature: PartialSignature) -> Tensor:
        noise = torch.zeros_like(x)
        for k in reversed(range(signature.order)):  # the smallest terms first
            noise = noise + (-self.rate) ** k * signature.moments[k]
        # expm1 keeps the small change of a short step exact: decays multiplied step by step would drift.
        return x + math.expm1(-self.rate * step.h) * (x - self.level) + self.volatility * noise


class GeometricBrownianMotion(SDEProblem):
    """dX = growth·X ds + volatility·X dW from X₀ = exp(spread·ξ): multiplicative, diagonal noise.

    The exact path is X₀·exp((growth − ½volatility²)·s + volatility·W_s). In the Stratonovich calculus the drift
    is (growth − ½volatility²)·X.
    """

    noise_type = "diagonal"
    horizon = 1.0
    shape = (1,)

    def __init__(self, growth: float, volatility: float, spread: float, device: torch.device) -> None:
        self.growth, self.volatility, self.spread, self.device = growth, volatility, spread, device
        self.counter = CallCounter()
        self._drift = self.counted(lambda s, x: x * growth)

    def drift(self, s: float, x: Tensor) -> Tensor:
        return self._drift(s, x)

    def diffusion(self, s: float, x: Tensor) -> Tensor:
        return x * self.volatility

    def initial(self, normals: Tensor) -> Tensor:
        return torch.exp(self.spread * normals)

    def exact_order(self, h: float) -> int:
        """Returns 1: the exact path reads ΔW alone."""
        return 1

    def exact_step(self, step: Step, x: Tensor, signature: PartialSignature) -> Tensor:
        rate = self.growth - 0.5 * self.volatility**2
        return x * torch.exp(rate * step.h + self.volatility * signature.increment)
