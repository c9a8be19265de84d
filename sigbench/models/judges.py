"""What judges samples of a user's model: scores of images on the features of a network, and of vectors as they are."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sigbench.errors import BadInput
from sigbench.files import read_file
from sigbench.guard import guarded
from sigbench.metrics.discrepancy import MMD
from sigbench.metrics.duplicates import Duplicates
from sigbench.metrics.image_pixels import LostPixelVariance
from sigbench.metrics.image_sample import ImageMetric
from sigbench.metrics.images import FCD, WITHOUT_CLASSES, ExtrapolatedFCD
from sigbench.metrics.inception import hash_of, inception_features
from sigbench.metrics.metric import Array, Metric
from sigbench.metrics.moments import MeanError, VarianceError
from sigbench.metrics.transport import W1, W2, SlicedW2
from sigbench.models.truth import FeatureTruth, VectorTruth
from sigbench.spec import parse_plug_in
from sigbench.user_code import load_file

PIXELS = "pixels"
_MOST_PIXELS = 1024  # numbers of an image whose covariance is still a judge
_BATCH = 500  # images that features are taken of at once
_DIRECTIONS = 64


@dataclass(frozen=True)
class Extractor:
    """Features of images, (n, c, H, W) uint8 to (n, f) float64, and their name, with the hash of what makes them.

    Those of all data are kept in the cache where they are `costly`.
    """

    name: str
    extract: Callable[[NDArray[np.uint8]], Array]
    costly: bool = False
    written_in: tuple[Callable[..., Any], ...] = ()


class FD(FCD):
    """The Fréchet distance between features of samples and of all data (Heusel et al. 2017), biased by about 1/n."""

    name, title = "fd", "FD"
    how = "torch-fidelity Fréchet distance of uint8 images' features to those of all data"


class ExtrapolatedFD(ExtrapolatedFCD):
    """FD at infinitely many samples, by a line through FD at n, n/2, n/3 and n/4 against 1/n (Chong & Forsyth 2020)."""

    name, title = "fd-inf", "FD∞"
    how = "intercept of FD against 1/n over disjoint blocks of n, n/2, n/3, n/4 samples"


_OF_IMAGES: tuple[type[ImageMetric], ...] = (FD, ExtrapolatedFD, *WITHOUT_CLASSES, LostPixelVariance)


def extractor_of(text: str | None, folder: Path, shape: tuple[int, ...]) -> Extractor:
    """Returns the features that a file asks for: "inception:weights=FILE", FILE.py:FUNCTION, or the pixels themselves.

    Raises BadInput for what is none, and where images are too large to be judged by their pixels.
    """
    if text is None or text == PIXELS:
        if (size := int(np.prod(shape))) > _MOST_PIXELS:
            raise BadInput(
                f"judge.features: images of {size:,} numbers are judged in the features of a network, such as "
                '"inception:weights=FILE" or FILE.py:FUNCTION.'
            )
        return Extractor("pixels/255, no resizing", lambda pixels: pixels.reshape(len(pixels), -1) / 255.0)
    if ".py:" in text:
        return _of_file(text, folder)
    asked = parse_plug_in(text)
    if asked.name == "inception":
        return _inception(asked.options, folder)
    raise BadInput(
        f"judge.features: {text!r} is none of {PIXELS}, inception:weights=FILE and FILE.py:FUNCTION, which takes "
        "images (n, c, H, W) as uint8 and returns features (n, f)."
    )


def image_judges(truth: FeatureTruth) -> tuple[Metric, ...]:
    """Returns the metrics of images, FD first."""
    return (*(kind(truth.extractor, truth.test_images) for kind in _OF_IMAGES), Duplicates(truth.test_images))


def vector_judges(truth: VectorTruth) -> tuple[Metric, ...]:
    """Returns the metrics of vectors: transport first, kernels whose widths are the data's own, moments, copies."""
    first: Sequence[Metric] = (W1(), W2()) if truth.points.shape[1] == 1 else (SlicedW2(_DIRECTIONS),)
    scale = float(np.sqrt(np.trace(truth.covariance)))
    kernels = MMD(tuple(scale * share for share in (0.25, 0.5, 1.0)))
    return (*first, kernels, MeanError(), VarianceError(), Duplicates())


def _of_file(text: str, folder: Path) -> Extractor:
    path, _, function = text.rpartition(":")
    file = folder / path
    extract = getattr(load_file(str(file)), function, None)
    if not callable(extract):
        raise BadInput(f"judge.features: there is no function {function!r} in {file}.")

    def features(pixels: NDArray[np.uint8]) -> Array:
        with guarded(f"{text} cannot take features"), torch.no_grad():
            found = extract(torch.from_numpy(np.ascontiguousarray(pixels)))
        values = np.asarray(found.detach().cpu() if isinstance(found, torch.Tensor) else found, dtype=np.float64)
        if values.ndim != 2 or len(values) != len(pixels) or not np.isfinite(values).all():
            raise BadInput(f"{text} gave features of shape {values.shape} for {len(pixels)} images, not finite (n, f).")
        return values

    sha256 = hashlib.sha256(read_file(file, "the features")).hexdigest()
    return Extractor(
        f"features {function} of {file.name} {sha256[:12]}", _in_parts(features), costly=True, written_in=(extract,)
    )


def _inception(options: Any, folder: Path) -> Extractor:
    if set(options) != {"weights"}:
        raise BadInput("judge.features: inception takes one option, weights=FILE: those of torch-fidelity.")
    weights = folder / options["weights"]
    sha256 = hash_of(weights)

    def features(pixels: NDArray[np.uint8]) -> Array:
        return inception_features(pixels, weights)

    name = f"torch-fidelity Inception {sha256[:12]}, 2048 features, bilinear to 299 × 299 without antialiasing"
    return Extractor(name, _in_parts(features), costly=True)


def _in_parts(extract: Callable[[NDArray[np.uint8]], Array]) -> Callable[[NDArray[np.uint8]], Array]:
    """Features of many images, a part at a time."""
    return lambda pixels: np.concatenate(
        [extract(pixels[start : start + _BATCH]) for start in range(0, len(pixels), _BATCH)]
    )
