"""Metrics of payoffs: what samples pay on average less what the simulator's own paths pay."""

import math

import numpy as np

from sigbench.metrics.metric import Reference
from sigbench.metrics.path_sample import PathMetric, PathSample
from sigbench_tasks.rbergomi.payoffs.kinds import European, Payoff
from sigbench_tasks.rbergomi.payoffs.prices import Prices
from sigbench_tasks.rbergomi.smile import implied_volatility


class PayoffError(PathMetric):
    """The mean of a payoff over the samples less the simulator's own mean, in units of S₀, for VIX in volatility.

    The simulator's standard error is at most a tenth of that of so many samples as `prices` are made for, and no more
    are read.
    """

    better = "zero"
    name = title = method = ""
    least = 1

    def __init__(self, payoff: Payoff, prices: Prices) -> None:
        self.payoff, self.prices, self.max_samples = payoff, prices, prices.samples
        self.name, self.title = payoff.name, payoff.name.replace("-", " ")  # type: ignore[misc]  # the payoff's own
        self.method = f"{self._value} of {payoff.words}{self._against}"  # type: ignore[misc]

    _value = "mean over samples"

    @property
    def _against(self) -> str:
        return f", less the simulator's own, known to a tenth of the standard error of {self.prices.samples:,} samples"

    def __call__(self, samples: PathSample, reference: Reference) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            found = float(self.payoff(samples.paths).mean())
        return self.difference(found, self.prices.of(self.payoff).mean)

    def difference(self, found: float, exact: float) -> float:
        """Returns the metric of the samples' mean and the simulator's."""
        return found - exact


class VolatilityError(PayoffError):
    """The implied volatility of the samples' mean of a European payoff less that of the simulator's, in points.

    A mean at or below what no volatility can undercut has volatility 0, one that none can reach an infinite one.
    """

    payoff: European
    _value = "implied volatility in points of the mean over samples"

    def difference(self, found: float, exact: float) -> float:
        return 100 * (volatility_of(self.payoff, found) - volatility_of(self.payoff, exact))


def volatility_of(payoff: European, price: float) -> float:
    """Returns the implied volatility a √year of the payoff's price, 0 or ∞ where a price is too low or too high."""
    if not math.isfinite(price):
        return math.nan
    call = price if payoff.option == "call" else price + 1.0 - payoff.strike
    if call <= max(1.0 - payoff.strike, 0.0):
        return 0.0
    return math.inf if call >= 1.0 else float(implied_volatility(call, math.log(payoff.strike), payoff.time))


def metric_of(payoff: Payoff, prices: Prices) -> PayoffError:
    """Returns the metric that judges samples by a payoff."""
    of_volatility = isinstance(payoff, European) and payoff.in_volatility
    return (VolatilityError if of_volatility else PayoffError)(payoff, prices)
