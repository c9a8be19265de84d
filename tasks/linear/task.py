"""The tasks `ou` (additive noise) and `gbm` (multiplicative noise): exact paths, exact laws."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sigbench.metrics.discrepancy import KolmogorovSmirnov
from sigbench.metrics.metric import Metric
from sigbench.metrics.moments import MeanError, VarianceError
from sigbench.metrics.transport import W1, W2
from sigbench.task import Task
from sigbench_tasks.linear.law import LogNormalLaw, NormalLaw
from sigbench_tasks.linear.problem import GeometricBrownianMotion, OrnsteinUhlenbeck

if TYPE_CHECKING:
    import torch


class _LinearTask(Task):
    """A linear equation on the line, up to time 1."""

    version = 2
    shape = (1,)
    default_samples = 50_000
    default_steps = (5, 10, 20)
    default_grid = "uniform"
    batch_size = 16_384

    def metrics(self) -> Sequence[Metric]:
        return W1(), W2(), KolmogorovSmirnov(), MeanError(), VarianceError()


class OU(_LinearTask):
    """Ornstein–Uhlenbeck: dX = 1.5·(0.5 − X) ds + 0.8 dW, X₀ ~ N(1.5, 0.5²)."""

    name, title = "ou", "Ornstein–Uhlenbeck, additive noise, exact path"
    rate, level, volatility, start, spread = 1.5, 0.5, 0.8, 1.5, 0.5

    def problem(self, device: "torch.device", dtype: "torch.dtype") -> OrnsteinUhlenbeck:
        return OrnsteinUhlenbeck(self.rate, self.level, self.volatility, self.start, self.spread, device)

    def truth(self) -> NormalLaw:
        decay = math.exp(-self.rate)
        variance = (decay * self.spread) ** 2 + self.volatility**2 * (1 - decay**2) / (2 * self.rate)
        return NormalLaw(self.level + decay * (self.start - self.level), math.sqrt(variance))


class GBM(_LinearTask):
    """Geometric Brownian motion: dX = 0.2·X ds + 0.5·X dW, X₀ = exp(0.2·ξ)."""

    name, title = "gbm", "Geometric Brownian motion, multiplicative noise, exact path"
    growth, volatility, spread = 0.2, 0.5, 0.2

    def problem(self, device: "torch.device", dtype: "torch.dtype") -> GeometricBrownianMotion:
        return GeometricBrownianMotion(self.growth, self.volatility, self.spread, device)

    def truth(self) -> LogNormalLaw:
        return LogNormalLaw(self.growth - 0.5 * self.volatility**2, math.hypot(self.spread, self.volatility))
