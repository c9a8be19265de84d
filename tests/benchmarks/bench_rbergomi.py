"""The simulator's speed, and the bias of its Euler scheme for log S, as the README quotes them.

Run with `python tests/benchmarks/bench_rbergomi.py`; about two minutes. The same path is read at 1,024 and at 2,048
steps, so that the difference has little noise.
"""

import math
from time import perf_counter

import numpy as np
import torch

from sigbench_tasks.rbergomi.model import RoughBergomi
from sigbench_tasks.rbergomi.simulator import METHODS, Simulator
from sigbench_tasks.rbergomi.smile import sample_smile
from sigbench_tasks.rbergomi.smile_metric import STRIKES_PER_ROOT_YEAR, log_strikes

PATHS, FINEST, BLOCKS = 20_000, 2_048, 10


def speed() -> None:
    """Prints how long 100,000 paths of 312 steps take by each method."""
    for method in METHODS:
        simulator = Simulator(RoughBergomi(), 0.25, 312, method)
        began = perf_counter()
        simulator.paths(100_000, seed=0, every=312)
        print(f"100,000 paths of 312 steps, {method}: {perf_counter() - began:.1f} s")


def terminal(variance: torch.Tensor, dw: torch.Tensor, perp: torch.Tensor, every: int) -> np.ndarray:
    """Returns log S at a year by the Euler scheme that looks at every `every`-th time of a path."""
    rho, h = RoughBergomi().rho, every / FINEST
    left = variance[:, ::every]
    noise = rho * dw.unflatten(1, (-1, every)).sum(2) + math.sqrt(1 - rho**2) * perp.unflatten(1, (-1, every)).sum(2)
    return (left.sqrt() * noise - 0.5 * h * left).sum(1).numpy()


def bias() -> None:
    """Prints the change of implied volatilities and of the deviation of log S from 1,024 to 2,048 steps."""
    simulator = Simulator(RoughBergomi(), 1.0, FINEST)
    rows = []
    for block in range(BLOCKS):
        y, dw = simulator.drivers(PATHS // BLOCKS, seed=block)
        variance = simulator.left_variance(y)
        generator = torch.Generator().manual_seed(block)
        perp = torch.randn(dw.shape, generator=generator, dtype=torch.float64) / math.sqrt(FINEST)
        coarse, fine = (terminal(variance, dw, perp, every) for every in (2, 1))
        smiles = [sample_smile(log_s, log_strikes(1.0), 1.0) for log_s in (coarse, fine)]
        rows.append([*(smiles[0] - smiles[1]), coarse.std() - fine.std()])
    mean, error = np.mean(rows, 0), np.std(rows, 0, ddof=1) / math.sqrt(BLOCKS)
    for name, value, spread in zip([*map(str, STRIKES_PER_ROOT_YEAR), "deviation of log S"], mean, error, strict=True):
        print(f"1,024 less 2,048 steps, {name}: {value:+.5f} ± {spread:.5f}")


if __name__ == "__main__":
    speed()
    bias()
