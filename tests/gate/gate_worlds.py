"""Checks made up from the metrics of true samples: what the gate would read of samplers whose laws are known.

A sampler here draws from a mixture with a known defect. Repeats are taken from a pool of real W1 and lost-variance
values of that law at the baseline's own sample size, so that their skew, spread and correlation are those that
the gate meets. Its degraded version reads the same draws and adds noise, or moves weight between the modes, until what
its expected W1 lies above the floor is 10 or 20 % larger; at the floor itself, until W1 is.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from made_records import made
from numpy.typing import NDArray

from sigbench.gate.baseline import KIND, SCHEMA, Baseline
from sigbench.gate.curves import curves_of
from sigbench.gate.judge import Judgement, judge
from sigbench.gate.plan import ALPHA, DEFAULT_PLAN, TIME_MARGIN
from sigbench.measure.run import metric_record
from sigbench.metrics.estimate import Floor, floor_of
from sigbench.metrics.metric import Reference
from sigbench.metrics.moments import LostVariance
from sigbench.metrics.transport import W1
from sigbench.records.record import Record
from sigbench_tasks.mixture.task import GMM

PLAN = DEFAULT_PLAN["gmm"]
REPEATS = PLAN.repeats
POOL = 200
TRUTH = GMM.law()
METRICS = (W1(), LostVariance())
NAMES = [metric.name for metric in METRICS]
MADE = {**made(), "timing": None}
PROVENANCE = MADE["provenance"]

# What is wrong with a sampler before anything is changed: noise left over, and weight lost by the outer modes.
LAWS = {"floor": (0.0, 0.0), "near-floor": (0.06, 0.0), "coarse": (0.25, 0.0), "lopsided": (0.0, 0.04)}
# How much more of it makes the excess of the pool's mean W1 so much larger (at the floor, W1 itself); a test holds
# these numbers to that.
GROWN: dict[str, dict[tuple[str, float], float]] = {
    "floor": {("noise", 0.1): 0.0568, ("noise", 0.2): 0.0699, ("tilt", 0.1): 0.00171, ("tilt", 0.2): 0.00237},
    "near-floor": {("noise", 0.1): 0.013, ("noise", 0.2): 0.0179, ("tilt", 0.1): 0.00065, ("tilt", 0.2): 0.00083},
    "coarse": {("noise", 0.1): 0.0811, ("noise", 0.2): 0.1153, ("tilt", 0.1): 0.00664, ("tilt", 0.2): 0.01008},
    "lopsided": {("noise", 0.1): 0.2899, ("noise", 0.2): 0.3553, ("tilt", 0.1): 0.00369, ("tilt", 0.2): 0.00739},
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
def degraded_pool(law: str, defect: str, share: float = 0.2) -> Pool:
    """The same repeats where more of a defect, "noise" or "tilt", has brought up the excess of W1 by a share."""
    noise, tilt = LAWS[law]
    more = GROWN[law][defect, share]
    return values(range(POOL), *((np.hypot(noise, more), tilt) if defect == "noise" else (noise, tilt + more)))


@cache
def floors() -> list[Floor]:
    """The floors of the metrics, in closed form or from the draws at the floor."""
    known = [metric.exact_floor(TRUTH, PLAN.samples) for metric in METRICS]
    own = pool("floor").T.tolist()
    return [each or floor_of(own[k], METRICS[k].better) for k, each in enumerate(known)]


def excess(law: str) -> float:
    """What W1 lies above its floor under a law, at the floor itself W1."""
    return float(pool(law)[:, 0].mean() - (0.0 if law == "floor" else floors()[0].value))


def check(pick: Callable[[str, int, str], tuple[Pool, Pool]]) -> Judgement:
    """A whole check of gmm; `pick(sampler, steps, law)` gives the repeats before and now, (REPEATS, metrics) each."""
    pairs = []
    for sampler, laws in CURVES.items():
        for steps, law in zip(PLAN.steps, laws, strict=True):
            before, now = (point(sampler, steps, side) for side in pick(sampler, steps, law))
            pairs.append((before, now))
    records = [before for before, _ in pairs]
    return judge(baseline(records), curves_of(records), pairs, {"gmm": NAMES}, PROVENANCE)


def point(sampler: str, steps: int, found: Pool) -> Record:
    """As much of a record as is judged; its times are not compared."""
    metrics = {
        metric.name: metric_record(metric, own, floor, PLAN.samples)
        for metric, own, floor in zip(METRICS, found.T.tolist(), floors(), strict=True)
    }
    return {**MADE, "sampler": sampler, "spec": sampler, "steps": steps, "nfe": steps, "metrics": metrics}  # type: ignore[typeddict-item]


def baseline(records: list[Record]) -> Baseline:
    """A baseline of gmm with the default plan's margins."""
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "alpha": ALPHA,
        "time_margin": TIME_MARGIN,
        "margins": [
            {"task": "gmm", "metric": name, "excess": excess, "floor": floor}
            for name, excess, floor in PLAN.margins
            if name in NAMES
        ],
        "curves": [],
        "records": records,
    }
