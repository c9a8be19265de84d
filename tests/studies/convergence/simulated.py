"""Simulated studies: errors of a known order with bends of several kinds, and noise as on shared paths."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sigbench.studies.convergence.order_fit import OrderEstimate, bootstrap_weights, estimate_order

Array = NDArray[np.float64]

BLOCKS, LEVELS = 200, 7
WEIGHTS = bootstrap_weights(BLOCKS, 400)
KINDS = ("none", "√h", "h", "h²", "cancelling", "oscillating", "logarithm")


def bend(kind: str, h: Array, rng: np.random.Generator) -> Array:
    """What errors are multiplied by at steps h, 1 being the coarsest: bends of −50 to +100 % there.

    "cancelling" has two terms of opposite signs, "oscillating" goes with √h and a period of 2 to 6 halvings, and
    "logarithm" adds up to 10 % a factor e in h.
    """
    size = rng.uniform(-0.5, 1.0)
    if kind == "cancelling":
        return 1 - rng.uniform(0.2, 0.8) * np.sqrt(h) + rng.uniform(0.2, 0.8) * h
    if kind == "oscillating":
        turns = np.log2(1 / h) / rng.uniform(2, 6) + rng.uniform()
        return 1 + abs(size) * np.sqrt(h) * np.cos(2 * np.pi * turns)
    if kind == "logarithm":
        return 1 + 0.1 * abs(size) * np.log(1 / h)
    powers = {"none": np.zeros_like(h), "√h": np.sqrt(h), "h": h, "h²": h**2}
    result: Array = 1 + size * powers[kind]
    return result


def fitted(
    truth: Array,
    rng: np.random.Generator,
    *,
    noise: float = 0.01,
    growth: float = 1.2,
    correlation: float = 0.5,
    expected: float | None = 1.0,
    paths: int = 10_000,
) -> OrderEstimate:
    """The order of errors `truth` (L,) seen through noise: relative at the coarsest level, and growing level by level.

    The noise of neighbouring levels has the correlation that is given, and falls off with their distance.
    """
    count = len(truth)
    apart = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    normals = rng.standard_normal((BLOCKS, count)) @ np.linalg.cholesky(correlation**apart).T
    blocks = truth * (1 + noise * np.sqrt(BLOCKS) * growth ** np.arange(count) * normals)
    steps = [2**k for k in range(count)]
    return estimate_order(
        steps,
        0.5 ** np.arange(count),
        blocks.mean(0),
        WEIGHTS @ blocks / BLOCKS,
        np.zeros(count),
        blocks=BLOCKS,
        paths=paths,
        expected=expected,
    )


@dataclass(frozen=True)
class Coverage:
    """Shares of the simulated studies: intervals that hold the order, and orders that are wrongly accused."""

    held: float
    accused: float
    half_width: float


def coverage(kind: str, studies: int, seed: int) -> Coverage:
    """Simulates studies of one kind: orders ½ to 2, noise of 0.4 to 5 % at the coarsest level, log-uniform."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    held, accused, half = [], [], []
    h = 0.5 ** np.arange(LEVELS)
    for _ in range(studies):
        order = float(rng.choice([0.5, 1.0, 1.5, 2.0]))
        found = fitted(
            h**order * bend(kind, h, rng),
            rng,
            noise=float(np.exp(rng.uniform(np.log(0.004), np.log(0.05)))),
            growth=float(rng.uniform(1.0, 1.3)),
            correlation=float(rng.uniform(0.0, 0.9)),
            expected=order,
        )
        if found.low is not None and found.high is not None:
            held.append(found.low <= order <= found.high)
            accused.append(found.verdict == "disagrees")
            half.append(0.5 * (found.high - found.low))
    assert len(held) > 0.8 * studies
    return Coverage(float(np.mean(held)), float(np.mean(accused)), float(np.mean(half)))
