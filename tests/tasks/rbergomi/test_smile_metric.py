"""The smile's error in volatility points, the prices without one, and the reference that comes with the task."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sigbench.errors import BadInput
from sigbench.metrics.metric import Reference
from sigbench.metrics.path_sample import PathSample
from sigbench.networks.artifacts import Manifest, load_artifact, save_artifact
from sigbench.progress import Progress
from sigbench_tasks.rbergomi.smile_metric import (
    KIND,
    MATURITIES,
    ForwardError,
    LostPrices,
    SmileError,
    SmileRecipe,
    SpreadError,
    log_strikes,
    reference_smile,
    smile_of,
)
from sigbench_tasks.rbergomi.task import ARTIFACTS
from sigbench_tasks.rbergomi.truth import RoughBergomiTruth

TRUTH = RoughBergomiTruth()
REFERENCE = Reference(TRUTH, 0)


def black_scholes(volatility: float, n: int = 100_000) -> PathSample:
    """Paths of constant volatility at the three maturities' times, the last column of log V unused."""
    rng = np.random.default_rng(0)
    steps = rng.standard_normal((n // 2, 64)) / 8
    w = np.cumsum(np.concatenate([steps, -steps]), axis=1)
    log_s = volatility * w - 0.5 * volatility**2 * np.arange(1, 65) / 64
    return TRUTH.seen(np.stack([log_s, np.zeros_like(log_s)], axis=-1))


def test_a_flat_smile_is_found_and_its_error_is_the_shift() -> None:
    """At 100,000 antithetic paths a volatility's standard error stays below 0.002 at every strike."""
    samples = black_scholes(0.235)
    np.testing.assert_allclose(smile_of(samples), 0.235, atol=0.01)
    shifted = SmileError(np.full((3, 7), 0.215))(samples, REFERENCE)
    assert shifted == pytest.approx(2.0, abs=0.4)
    assert LostPrices(np.full((3, 7), 0.2))(samples, REFERENCE) == 0


def test_prices_without_a_volatility_are_counted_and_left_out() -> None:
    paths = np.zeros((50, 64, 2))  # log S stays at 0: only the options at the money have a price, which is 0
    samples, reference = TRUTH.seen(paths), np.full((3, 7), 0.2)
    assert LostPrices(reference)(samples, REFERENCE) == 21
    assert np.isnan(SmileError(reference)(samples, REFERENCE))
    half = black_scholes(0.2, 4_000).paths.copy()
    half[:, 15, 0] = 0.0  # nothing happens until the first maturity
    assert LostPrices(reference)(TRUTH.seen(half), REFERENCE) == 7
    assert np.isfinite(SmileError(reference)(TRUTH.seen(half), REFERENCE))


def test_the_shipped_smile_is_skewed_and_accurate() -> None:
    smile = reference_smile(ARTIFACTS / "smile")
    errors = load_artifact(ARTIFACTS / "smile")[0]["standard_errors"]
    assert smile.shape == (3, 7)
    assert float(errors.max()) < 0.0006
    assert (np.diff(smile, axis=1) < 0).all()  # ρ = −0.9: lower strikes are dearer


def test_the_forward_and_the_spread_of_prices_are_judged() -> None:
    """Against closed forms: a shift of log S moves the mean of S, a factor its variance."""
    paths = TRUTH.observed(4_000, 0).paths
    shifted, calmer = paths.copy(), paths.copy()
    shifted[..., 0] += np.log(1.1)
    calmer[..., 0] *= 0.5
    forward, spread = ForwardError(), SpreadError()
    before, after = (1 + forward(TRUTH.seen(some), REFERENCE) for some in (paths, shifted))
    assert after == pytest.approx(1.1 * before)
    assert spread(TRUTH.seen(paths), REFERENCE) == pytest.approx(0.0, abs=1e-12)  # the reference's own draw
    assert spread(TRUTH.seen(calmer), REFERENCE) == pytest.approx(0.75)


@pytest.mark.slow
def test_exact_paths_have_the_shipped_smile() -> None:
    """Plain Monte Carlo over 40,000 exact paths, whose volatilities have standard errors up to 0.003."""
    found = smile_of(TRUTH.observed(40_000, 3))
    np.testing.assert_allclose(found, reference_smile(ARTIFACTS / "smile"), atol=0.009)


def test_another_smile_is_refused(tmp_path: Path) -> None:
    weights, manifest = load_artifact(ARTIFACTS / "smile")
    for changed in (replace(manifest, kind="other"), replace(manifest, config={"maturities": [1.0]})):
        assert isinstance(changed, Manifest)
        save_artifact(tmp_path, weights, changed)
        with pytest.raises(BadInput, match="is not the smile of this task's maturities"):
            reference_smile(tmp_path)


def test_the_recipe_gives_what_is_shipped(tmp_path: Path) -> None:
    """A small recomputation: each volatility within six of its own standard errors and its bias."""
    recipe = replace(SmileRecipe(iterations=8, paths=1_000, seed=1), steps_per_year=256)
    heard: list[Progress] = []
    trained = recipe.train(tmp_path / "none", heard.append)
    assert trained.kind == KIND
    assert [(event.done, event.total) for event in heard] == [(batch, 8) for batch in range(1, 9)]
    assert heard[-1].loss == pytest.approx(float(trained.weights["standard_errors"].max()))
    assert trained.weights["volatilities"].shape == (3, 7)
    gap = np.abs(trained.weights["volatilities"].numpy() - reference_smile(ARTIFACTS / "smile"))
    assert (gap < 6 * trained.weights["standard_errors"].numpy() + 0.004).all()  # 256 steps a year are biased by 0.003


def test_strikes_widen_with_the_root_of_the_maturity() -> None:
    np.testing.assert_allclose(log_strikes(MATURITIES[2]), 2 * log_strikes(MATURITIES[0]))
