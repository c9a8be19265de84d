"""Power spectra: known signals, Parseval's identity, and what blurring does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from sigbench.metrics.spectra import image_spectrum, increment_spectrum

PROPERTY = settings(deadline=None, derandomize=True, database=None, max_examples=25)


def test_a_wave_has_its_power_at_its_own_frequency() -> None:
    x = np.arange(28)
    waves = np.stack([np.cos(2 * np.pi * k * x / 28)[None, :] * np.ones((28, 1)) for k in (2, 7, 11)])
    found = image_spectrum(waves)
    assert found.frequencies.tolist() == list(range(1, 15))
    assert [int(found.frequencies[i]) for i in found.power.argmax(axis=1)] == [2, 7, 11]
    assert found.power.min() >= 0


def test_a_turned_image_has_the_same_spectrum() -> None:
    images = np.random.default_rng(0).normal(size=(4, 28, 28))
    turned = np.rot90(images, axes=(1, 2)).copy()
    np.testing.assert_allclose(image_spectrum(images).power, image_spectrum(turned).power, rtol=1e-10)


def test_white_noise_is_flat_and_a_blur_takes_the_high_frequencies() -> None:
    noise = np.random.default_rng(1).normal(size=(2_000, 28, 28))
    flat = image_spectrum(noise).power.mean(axis=0)
    np.testing.assert_allclose(flat, 1.0, rtol=0.03)
    blurred = image_spectrum(gaussian_filter(noise, (0, 1, 1), mode="wrap")).power.mean(axis=0)
    assert blurred[0] > 0.85
    assert blurred[-1] < 0.01
    assert (np.diff(blurred) < 0).all()


def test_images_must_be_square() -> None:
    with pytest.raises(ValueError, match="square images, not 28 × 27"):
        image_spectrum(np.zeros((1, 28, 27)))


@PROPERTY
@given(seed=st.integers(0, 1000), length=st.integers(5, 40))
def test_the_periodogram_holds_all_of_the_variance(seed: int, length: int) -> None:
    """Parseval: over both signs of the frequency the power adds up to the variance of the increments."""
    paths = np.random.default_rng(seed).normal(size=(3, length + 1)).cumsum(axis=1)
    found = increment_spectrum(paths, 0.1, "x", "cycles")
    increments = np.diff(paths, axis=1)
    variance = increments.var(axis=1)
    twice = np.full(found.power.shape[1], 2.0)
    if length % 2 == 0:
        twice[-1] = 1.0  # the highest frequency is its own negative
    np.testing.assert_allclose((found.power * twice).sum(axis=1) / (0.1 * length), variance, rtol=1e-9)


def test_frequencies_in_cycles_a_unit_of_time() -> None:
    times = np.arange(65) / 64
    path = np.cumsum(np.cos(2 * np.pi * 8 * times))[None, :]
    found = increment_spectrum(path, 1 / 64, "log V", "cycles a year")
    assert found.frequencies[found.power[0].argmax()] == pytest.approx(8.0)
    assert (found.of, found.unit) == ("log V", "cycles a year")
