"""The smile of generated paths against the model's own, which is computed once to high accuracy and shipped."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from sigbench.errors import BadInput
from sigbench.metrics.estimate import NON_NEGATIVE
from sigbench.metrics.metric import Reference
from sigbench.metrics.path_sample import PathMetric, PathSample
from sigbench.networks.artifacts import load_artifact
from sigbench.networks.recipe import Trained
from sigbench.progress import Listener, Progress
from sigbench.sde.noise import seed_of
from sigbench_tasks.rbergomi.model import RoughBergomi
from sigbench_tasks.rbergomi.smile import conditional_smile, sample_smile

KIND = "reference-smile"
MATURITIES = (0.25, 0.5, 1.0)
# From the left to the right end of the published smile at a quarter of a year, which spans −0.357 to 0.208.
STRIKES_PER_ROOT_YEAR = (-0.36, -0.24, -0.12, 0.0, 0.07, 0.14, 0.21)


def log_strikes(maturity: float) -> NDArray[np.float64]:
    """Returns the seven log-strikes at a maturity in years, which widen with its root."""
    return np.sqrt(maturity) * np.array(STRIKES_PER_ROOT_YEAR)


def smile_of(samples: PathSample) -> NDArray[np.float64]:
    """Returns the implied volatilities of paths, shape (maturities, strikes), NaN where a price has none."""
    steps = [round(maturity / samples.step) for maturity in MATURITIES]
    return np.stack(
        [sample_smile(samples.log_s[:, k - 1], log_strikes(t), t) for k, t in zip(steps, MATURITIES, strict=True)]
    )


def smile_rows(samples: PathSample, reference: NDArray[np.float64]) -> list[tuple[str, float, float, float]]:
    """Returns the rows of a smile's chart: ("samples" or "exact", maturity, log-strike, implied volatility)."""
    return [
        (who, maturity, float(strike), float(volatility))
        for who, smile in (("samples", smile_of(samples)), ("exact", reference))
        for maturity, row in zip(MATURITIES, smile, strict=True)
        for strike, volatility in zip(log_strikes(maturity), row, strict=True)
    ]


def reference_smile(folder: Path) -> NDArray[np.float64]:
    """Returns the model's implied volatilities from an artifact, shape (maturities, strikes).

    Raises BadInput where it is missing, corrupt, or holds other maturities or strikes.
    """
    weights, manifest = load_artifact(folder)
    asked = {"maturities": list(MATURITIES), "strikes_per_root_year": list(STRIKES_PER_ROOT_YEAR)}
    if manifest.kind != KIND or manifest.config != asked:
        raise BadInput(f"the artifact {folder} is not the smile of this task's maturities and strikes.")
    return np.asarray(weights["volatilities"].double().numpy())


class _SmileMetric(PathMetric):
    def __init__(self, reference: NDArray[np.float64]) -> None:
        self._reference = reference

    def differences(self, samples: PathSample) -> NDArray[np.float64]:
        """Returns the samples' implied volatilities less the model's, shape (maturities, strikes)."""
        return smile_of(samples) - self._reference


class SmileError(_SmileMetric):
    """The root mean square error of the implied volatilities that exist, in volatility points."""

    name, title = "smile", "smile"
    bounds = NON_NEGATIVE
    method = "RMS difference of implied volatilities, 3 maturities × 7 strikes, to the model's, in volatility points"

    def __call__(self, samples: PathSample, reference: Reference) -> float:
        found = self.differences(samples)
        there = found[np.isfinite(found)]
        return float(100 * np.sqrt(np.mean(there**2))) if len(there) else float("nan")


class ForwardError(PathMetric):
    """The mean of S at the last time less its true value 1: generated prices should be a martingale, as exact ones are.

    Implied volatilities do not correct for it, so that it shifts calls up and puts down.
    """

    name, title, better = "forward", "E[S] − 1", "zero"
    method = "mean of S at the last time, less 1"

    def __call__(self, samples: PathSample, reference: Reference) -> float:
        with np.errstate(over="ignore"):
            return float(np.exp(samples.log_s[:, -1]).mean() - 1.0)


class SpreadError(PathMetric):
    """The variance of log S at the last time that is missing, as a share of an exact draw's; negative: too much."""

    name, title, better = "lost-variance", "lost variance", "zero"
    method = "1 − variance of log S at the last time over that of an exact draw of the same size"

    def __call__(self, samples: PathSample, reference: Reference) -> float:
        exact = self.exact_of(samples, reference)
        with np.errstate(over="ignore", invalid="ignore"):
            return float(1.0 - samples.log_s[:, -1].var() / exact.log_s[:, -1].var())


class LostPrices(_SmileMetric):
    """How many of the generated prices have no implied volatility, and so do not enter the smile's error."""

    name, title = "no-implied-vol", "prices without implied vol"
    bounds = NON_NEGATIVE
    method = "number of 21 out-of-the-money prices outside their no-arbitrage bounds"

    def __call__(self, samples: PathSample, reference: Reference) -> float:
        return float((~np.isfinite(self.differences(samples))).sum())


@dataclass(frozen=True)
class SmileRecipe:
    """How the shipped smile is computed: conditional Monte Carlo over independent batches of exact paths.

    Batches are large: the slope of the control variate is fitted in each, and its few largest paths bias what it leaves
    by a share that falls with their number.
    """

    iterations: int = 12
    paths: int = 100_000
    steps_per_year: int = 1_024
    seed: int = 0

    def train(self, checkpoint: Path, report: Listener) -> Trained:
        """Computes the smile; `report` hears of the largest standard error of its volatilities so far."""
        began = perf_counter()
        batches: list[NDArray[np.float64]] = []
        for batch in range(self.iterations):
            seed = seed_of(task="rbergomi", purpose="smile", seed=self.seed, batch=batch)
            batches.append(np.stack([self._smile(maturity, seed) for maturity in MATURITIES]))
            report(Progress("batches of paths", batch + 1, self.iterations, float(_standard_error(batches).max())))
        weights = {
            "volatilities": torch.from_numpy(np.mean(batches, axis=0)),
            "standard_errors": torch.from_numpy(_standard_error(batches)),
        }
        config = {"maturities": list(MATURITIES), "strikes_per_root_year": list(STRIKES_PER_ROOT_YEAR)}
        cost = {"training_s": perf_counter() - began, "device": "cpu", "threads": torch.get_num_threads()}
        return Trained(KIND, weights, config, {"method": "exact", **asdict(self)}, cost)

    def _smile(self, maturity: float, seed: int) -> NDArray[np.float64]:
        steps = round(maturity * self.steps_per_year)
        volatilities, _ = conditional_smile(
            RoughBergomi(), maturity, log_strikes(maturity), steps=steps, paths=self.paths, seed=seed
        )
        return volatilities

    def shortened(self, iterations: int) -> "SmileRecipe":
        """Returns the recipe with another number of batches."""
        return replace(self, iterations=iterations)

    def finish(self, folder: Path) -> None:
        """Adds nothing."""


def _standard_error(batches: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    if len(batches) < 2:
        return np.full_like(batches[0], np.inf)
    return np.std(batches, axis=0, ddof=1) / np.sqrt(len(batches))
