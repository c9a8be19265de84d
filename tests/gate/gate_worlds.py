"""Checks made up from the metrics of true samples: what the gate would read of samplers whose laws are known.

A sampler here draws from a mixture with a known defect. Repeats are taken from a pool of real W1 and lost-variance
values of that law at the baseline's own sample size, so that their skew, spread and correlation are those that
the gate meets. Its degraded version reads the same draws and adds noise, or moves weight between the modes, until its
expected W1 is 20 % larger.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from made_records import made
from numpy.typing import NDArray

from sigbench.gate.baseline import KIND, Baseline
from sigbench.gate.curves import curves_of
from sigbench.gate.judge import Judgement, judge
from sigbench.gate.plan import ALPHA, DEFAULT_PLAN, TIME_MARGIN
from sigbench.metrics.metric import Reference
from sigbench.metrics.moments import LostVariance
from sigbench.metrics.transport import W1
from sigbench.records.record import SCHEMA, Record
from sigbench_tasks.mixture.task import GMM

PLAN = DEFAULT_PLAN["gmm"]
REPEATS = PLAN.repeats
POOL = 200
TRUTH = GMM.law()
METRICS_OF = {"w1": "lower", "lost-variance": "zero"}
METRICS = (W1(), LostVariance())
MADE = {**made(), "timing": None}
PROVENANCE = MADE["provenance"]

# What is wrong with a sampler before anything is changed: noise left over, and weight lost by the outer modes.
LAWS = {"floor": (0.0, 0.0), "near-floor": (0.06, 0.0), "coarse": (0.25, 0.0), "lopsided": (0.0, 0.04)}
# How much more of it makes the mean W1 of the pool 20 % larger; a test holds these numbers to that.
GROWN = {
    "floor": {"noise": 0.0698, "tilt": 0.0024},
    "near-floor": {"noise": 0.0572, "tilt": 0.0027},
    "coarse": {"noise": 0.127, "tilt": 0.0113},
    "lopsided": {"noise": 0.3641, "tilt": 0.008},
}
CURVES = {
    "sigdeg": ("near-floor", "floor", "floor"),
    "euler-maruyama": ("coarse", "coarse", "near-floor"),
    "ddim": ("lopsided", "lopsided", "coarse"),
    "heun": ("lopsided", "coarse", "floor"),
    "shark": ("lopsided", "near-floor", "floor"),
}

Pool = NDArray[np.float64]  # (POOL, metrics)


def draw(seed: int, noise: float, tilt: float) -> NDArray[np.float64]:
    """Samples of the mixture with noise added and its right mode's weight moved to the left, (n, 1).

    The same seed gives the same uniform and normal numbers to all laws.
    """
    generator = np.random.default_rng(seed)
    weights = np.cumsum(TRUTH.weights + np.array([tilt, 0.0, -tilt]))
    mode = np.minimum(np.searchsorted(weights, generator.random(PLAN.samples)), 2)
    inner, outer = generator.standard_normal((2, PLAN.samples))
    return (TRUTH.means[mode, 0] + TRUTH.stds[mode] * inner + noise * outer)[:, None]


def values(seeds: range, noise: float, tilt: float) -> Pool:
    """The metrics of a draw a seed, (seeds, metrics)."""
    reference = Reference(TRUTH, 0)
    samples = (draw(seed, noise, tilt) for seed in seeds)
    return np.array([[metric(x, reference) for metric in METRICS] for x in samples])


@cache
def pool(law: str) -> Pool:
    """The repeats of a law."""
    return values(range(POOL), *LAWS[law])


@cache
def degraded_pool(law: str, defect: str) -> Pool:
    """The same repeats where more of a defect, "noise" or "tilt", has brought the mean W1 up by 20 %."""
    noise, tilt = LAWS[law]
    more = GROWN[law][defect]
    return values(range(POOL), *((np.hypot(noise, more), tilt) if defect == "noise" else (noise, tilt + more)))


def check(pick: Callable[[str, int, str], tuple[Pool, Pool]]) -> Judgement:
    """A whole check of gmm; `pick(sampler, steps, law)` gives the repeats before and now, (REPEATS, metrics) each."""
    pairs = []
    for sampler, laws in CURVES.items():
        for steps, law in zip(PLAN.steps, laws, strict=True):
            before, now = (dict(zip(METRICS_OF, side.T.tolist(), strict=True)) for side in pick(sampler, steps, law))
            pairs.append((point(sampler, steps, before), point(sampler, steps, now)))
    records = [before for before, _ in pairs]
    return judge(baseline(records), curves_of(records), pairs, {"gmm": list(METRICS_OF)}, PROVENANCE)


def point(sampler: str, steps: int, values: dict[str, list[float]]) -> Record:
    """As much of a record as is judged; its times are not compared."""
    metrics = {name: {"values": found, "better": METRICS_OF[name]} for name, found in values.items()}
    return {**MADE, "sampler": sampler, "spec": sampler, "steps": steps, "nfe": steps, "metrics": metrics}  # type: ignore[typeddict-item]


def baseline(records: list[Record]) -> Baseline:
    """A baseline of gmm with the default plan's margins."""
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "alpha": ALPHA,
        "time_margin": TIME_MARGIN,
        "margins": [
            {"task": "gmm", "metric": name, "scale": scale, "margin": size} for name, scale, size in PLAN.margins
        ],
        "records": records,
    }
