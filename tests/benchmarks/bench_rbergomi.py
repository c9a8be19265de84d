"""The simulator's speed, and the bias of its Euler scheme for log S, as the README quotes them.

Run with `python tests/benchmarks/bench_rbergomi.py`; about a minute. The same path is read at 1,024 and at 2,048
steps, so that the difference has little noise.
"""

import math
from time import perf_counter

import numpy as np
import torch

from sigbench_tasks.rbergomi.model import RoughBergomi
from sigbench_tasks.rbergomi.simulator import METHODS, Simulator
from sigbench_tasks.rbergomi.smile import _controlled_price, out_of_the_money_volatility
from sigbench_tasks.rbergomi.smile_metric import STRIKES_PER_ROOT_YEAR, log_strikes

PATHS, FINEST, BLOCKS = 40_000, 2_048, 20


def speed() -> None:
    """Prints how long 100,000 paths of 312 steps take by each method."""
    for method in METHODS:
        simulator = Simulator(RoughBergomi(), 0.25, 312, method)
        began = perf_counter()
        simulator.paths(100_000, seed=0, every=312)
        print(f"100,000 paths of 312 steps, {method}: {perf_counter() - began:.1f} s")


def smile_and_deviation(variance: torch.Tensor, dw: torch.Tensor, every: int) -> list[float]:
    """Returns implied volatilities at a year and the deviation of log S, by the Euler scheme that looks at every
    `every`-th time; given W log S is Gaussian, so that the noise beside W is integrated out."""
    rho, h = RoughBergomi().rho, every / FINEST
    left, noise = variance[:, ::every], dw.unflatten(1, (-1, every)).sum(2)
    spent = h * left.sum(1)
    log_forward = (rho * (left.sqrt() * noise).sum(1) - 0.5 * rho**2 * spent).numpy()
    rest = ((1 - rho**2) * spent).numpy()
    prices = [_controlled_price(k, log_forward, np.sqrt(rest))[0] for k in log_strikes(1.0)]
    deviation = math.sqrt((log_forward - 0.5 * rest).var() + rest.mean())
    return [*out_of_the_money_volatility(np.array(prices), log_strikes(1.0), 1.0), deviation]


def bias() -> None:
    """Prints the change of implied volatilities and of the deviation of log S from 1,024 to 2,048 steps."""
    simulator = Simulator(RoughBergomi(), 1.0, FINEST)
    rows = []
    for block in range(BLOCKS):
        y, dw = simulator.drivers(PATHS // BLOCKS, seed=block)
        variance = simulator.left_variance(y)
        coarse, fine = (smile_and_deviation(variance, dw, every) for every in (2, 1))
        rows.append(np.subtract(coarse, fine))
    mean, error = np.mean(rows, 0), np.std(rows, 0, ddof=1) / math.sqrt(BLOCKS)
    for name, value, spread in zip([*map(str, STRIKES_PER_ROOT_YEAR), "deviation of log S"], mean, error, strict=True):
        print(f"1,024 less 2,048 steps, {name}: {value:+.5f} ± {spread:.5f}")


if __name__ == "__main__":
    speed()
    bias()
