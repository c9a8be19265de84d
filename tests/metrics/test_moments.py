"""Moments and modes: errors of a known size show with that size."""

import numpy as np
import pytest

from sigbench.metrics.metric import Array, Reference
from sigbench.metrics.moments import LostVariance, MeanError, ModeTV, VarianceError
from sigbench_tasks.mixture.law import GaussianMixture
from sigbench_tasks.mixture.task import GMM, GMM2D

LINE, PLANE = GMM.law(), GMM2D.law()


def standardised(seed: int, n: int = 5000) -> Array:
    """Samples whose mean and covariance are exactly those of PLANE."""
    drawn = np.random.default_rng(seed).standard_normal((n, 2))
    drawn -= drawn.mean(0)
    whitened = drawn @ np.linalg.inv(np.linalg.cholesky(np.cov(drawn, rowvar=False))).T
    return PLANE.mean + whitened @ np.linalg.cholesky(PLANE.covariance).T


def test_mean_error_of_a_shift() -> None:
    samples, reference = standardised(0), Reference(PLANE, 0)
    assert MeanError()(samples, reference) == pytest.approx(0.0, abs=1e-12)
    assert MeanError()(samples + np.array([0.3, -0.4]), reference) == pytest.approx(0.5, abs=1e-12)


def test_variance_error_of_a_scale() -> None:
    samples, reference = standardised(0), Reference(PLANE, 0)
    assert VarianceError()(samples, reference) == pytest.approx(0.0, abs=1e-10)
    exact = (1.2**2 - 1) * np.linalg.norm(PLANE.covariance)
    assert VarianceError()(1.2 * samples, reference) == pytest.approx(exact, rel=1e-10)
    assert VarianceError()(samples + 7.0, reference) == pytest.approx(0.0, abs=1e-9)


def test_errors_on_the_line() -> None:
    samples = np.array([[1.0], [3.0]])
    reference = Reference(LINE, 0)
    assert MeanError()(samples, reference) == pytest.approx(2.0 - LINE.mean[0])
    assert VarianceError()(samples, reference) == pytest.approx(abs(2.0 - LINE.covariance[0, 0]))


@pytest.mark.parametrize("lost", [0, 12, 24])
def test_a_lost_mode_shows_with_its_weight(lost: int) -> None:
    """At 200,000 samples the truth itself scores about 0.004."""
    exact = PLANE.sample(200_000, 3)
    reference = Reference(PLANE, 0)
    without = exact[PLANE.responsibilities(exact)[:, lost] < 0.5]
    assert ModeTV()(exact, reference) < 0.006
    assert ModeTV()(without, reference) == pytest.approx(1 / 25, abs=0.004)


def test_mode_weights_by_hand() -> None:
    centres = PLANE.means[[0, 0, 7, 24]]
    # weights ½, ¼, ¼ on three modes, against 1/25 on each of 25
    exact = 0.5 * ((0.5 - 0.04) + 2 * (0.25 - 0.04) + 22 * 0.04)
    assert ModeTV()(centres, Reference(PLANE, 0)) == pytest.approx(exact, abs=1e-12)


def test_overlapping_modes_count_by_their_posterior() -> None:
    exact = LINE.sample(200_000, 1)
    assert ModeTV()(exact, Reference(LINE, 0)) < 0.005
    only_middle = np.zeros((10, 1))
    posterior = LINE.responsibilities(only_middle[:1])[0]
    assert ModeTV()(only_middle, Reference(LINE, 0)) == pytest.approx(0.5 * np.abs(posterior - LINE.weights).sum())


@pytest.mark.parametrize(("law", "bound"), [(PLANE, 0.026), (LINE, 0.037)], ids=["gmm2d", "gmm"])
def test_lost_variance_of_the_truth(law: GaussianMixture, bound: float) -> None:
    """The bounds are five standard errors of the squared interquartile range, 2.33/√(n·d) at n = 100,000."""
    assert LostVariance()(law.sample(100_000, 2), Reference(law, 0)) == pytest.approx(0.0, abs=bound)


@pytest.mark.parametrize("shrink", [0.0, 0.5, 0.9, 1.1])
@pytest.mark.parametrize("law", [PLANE, LINE], ids=["gmm2d", "gmm"])
def test_lost_variance_of_shrunk_modes(law: GaussianMixture, shrink: float) -> None:
    exact = law.sample(20_000, 2)
    mode = law.responsibilities(exact).argmax(1)
    clear = np.abs(exact - law.means[mode]).max(1) < 3 * law.stds[mode]  # no sample changes its mode
    exact, mode = exact[clear], mode[clear]
    shrunk = law.means[mode] + shrink * (exact - law.means[mode])
    of_exact = LostVariance()(exact, Reference(law, 0))
    assert LostVariance()(shrunk, Reference(law, 0)) == pytest.approx(1 - shrink**2 * (1 - of_exact), abs=1e-9)


def test_lost_variance_is_not_that_of_moved_modes() -> None:
    exact, reference = PLANE.sample(100_000, 2), Reference(PLANE, 0)
    assert LostVariance()(exact + 0.1, reference) == pytest.approx(LostVariance()(exact, reference), abs=1e-3)


def test_lost_variance_does_not_see_samples_between_modes() -> None:
    """One sample in a hundred, spread evenly, would add 30 % to the variance within modes."""
    exact, reference = PLANE.sample(99_000, 2), Reference(PLANE, 0)
    spread = np.random.default_rng(0).uniform(-5, 5, size=(1000, 2))
    assert LostVariance()(np.concatenate([exact, spread]), reference) == pytest.approx(0.0, abs=0.05)


def test_a_mode_without_samples_has_lost_its_variance() -> None:
    exact = PLANE.sample(100_000, 2)
    right = exact[exact[:, 0] > 1]  # ten of the 25 modes
    assert LostVariance()(right, Reference(PLANE, 0)) == pytest.approx(0.6, abs=0.02)


def test_lost_variance_by_hand() -> None:
    """Quartiles of five equally spaced samples are the second and the fourth."""
    steps = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])[:, None]
    samples = np.concatenate([mean + 0.1 * steps for mean in LINE.means])
    kept = sum(w * (0.2 / (2 * 0.6744897501960817 * std)) ** 2 for w, std in zip(LINE.weights, LINE.stds, strict=True))
    assert LostVariance()(samples, Reference(LINE, 0)) == pytest.approx(1 - kept, abs=1e-12)
