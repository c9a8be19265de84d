"""Power spectra of samples: how much there is at each frequency, where a sampler that blurs has too little."""

from dataclasses import dataclass

import numpy as np

from sigbench.metrics.metric import Array


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The power of each of n samples (n, F) at increasing frequencies (F,); `of` and `unit` say of what, in what."""

    frequencies: Array
    power: Array
    of: str
    unit: str


def image_spectrum(images: Array) -> Spectrum:
    """Returns the radially averaged power spectrum of images (n, H, W), H = W, in cycles an image.

    |DFT|²/HW, averaged over the rings of width 1 around the frequencies 1 … H/2. Raises ValueError for other shapes.
    """
    height, width = images.shape[1:]
    if height != width:
        raise ValueError(f"a radial average takes square images, not {height} × {width}")
    power = np.abs(np.fft.fft2(images)) ** 2 / (height * width)
    along = np.fft.fftfreq(height, 1.0 / height)
    radius = np.rint(np.hypot(along[:, None], along[None, :])).astype(int)
    rings = np.arange(1, height // 2 + 1)
    averaged = np.stack([power[:, radius == ring].mean(axis=1) for ring in rings], axis=1)
    return Spectrum(rings.astype(np.float64), averaged, "pixels", "cycles an image")


def increment_spectrum(paths: Array, step: float, of: str, unit: str) -> Spectrum:
    """Returns the periodogram of the increments of paths (n, T) at times `step` apart.

    |DFT|²·step/(T−1) at the positive frequencies.
    """
    increments = np.diff(paths, axis=1)
    count = increments.shape[1]
    power = np.abs(np.fft.rfft(increments, axis=1)) ** 2 * step / count
    frequencies: Array = np.fft.rfftfreq(count, step)[1:].astype(np.float64)
    return Spectrum(frequencies, power[:, 1:], of, unit)
