"""FID on the Inception network of its authors, for those who bring its weights: nothing is ever downloaded here."""

import copy
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sigbench.errors import BadInput
from sigbench.files import read_file
from sigbench.metrics.estimate import NON_NEGATIVE
from sigbench.metrics.fidelity import torch_fidelity
from sigbench.metrics.image_sample import ImageMetric, ImageSample, ImageTruth
from sigbench.metrics.images import frechet_distance
from sigbench.metrics.metric import Array, Reference, Truth

OFFICIAL = "6726825d"  # how the SHA-256 of weights-inception-2015-12-05-6726825d.pth begins
_LAYER, _BATCH = "2048", 50


def hash_of(weights: Path) -> str:
    """Returns the SHA-256 of a file of weights; raises BadInput where it cannot be read."""
    return hashlib.sha256(read_file(weights, "the Inception weights")).hexdigest()


@cache
def _network(weights: Path) -> Any:
    """torch-fidelity's Inception with the weights of a file, which is unpickled as tensors alone."""
    try:
        torch.load(weights, weights_only=True)  # torch-fidelity loads any pickle, which may run any code
        kind = torch_fidelity().FeatureExtractorInceptionV3
        return kind("inception-v3", [_LAYER], feature_extractor_weights_path=str(weights))
    except Exception as error:
        reason = str(error).partition("\n")[0].rstrip(":. ")
        raise BadInput(f"the file {weights} holds no weights of torch-fidelity's Inception: {reason}.") from error


def inception_features(pixels: NDArray[np.uint8], weights: Path) -> Array:
    """Returns the 2,048 features of images, grey (n, H, W) or of three colours (n, 3, H, W), shape (n, 2048), float64.

    All three colours of a grey one are the grey.
    """
    network = _network(weights)
    images = torch.from_numpy(pixels.copy())
    coloured = images if images.ndim == 4 else images[:, None].expand(-1, 3, -1, -1)
    with torch.no_grad():
        parts = [network(part)[0] for part in coloured.split(_BATCH)]
    return torch.cat(parts).double().numpy()


class InceptionFID(ImageMetric):
    """The Fréchet distance on Inception's features (Heusel et al. 2017), by torch-fidelity, for what it says of digits.

    Raises BadInput where the file of weights is missing or holds none of that network.
    """

    name, title = "fid", "FID"
    bounds = NON_NEGATIVE
    how = (
        "torch-fidelity Fréchet distance on Inception's 2048 features of uint8 images, against as many training images"
    )
    least = 3

    def __init__(self, weights: Path) -> None:
        sha256 = hash_of(weights)
        _network(weights)
        which = "the official weights" if sha256.startswith(OFFICIAL) else "not the official weights"
        self._weights = weights
        self._real: dict[tuple[int, int], tuple[Array, Array]] = {}
        self.method = (  # type: ignore[misc]  # it names the instance's file
            f"{self.how}; Inception {sha256[:12]}, {which}"
        )

    def for_truth(self, truth: Truth) -> "InceptionFID":
        if not isinstance(truth, ImageTruth):
            raise BadInput(f"{self.name} reads images, and samples of this task are none.")
        own = copy.copy(self)
        own.max_samples = truth.test_images
        return own

    def __call__(self, samples: ImageSample, reference: Reference) -> float:
        at = (len(samples), reference.seed)
        if at not in self._real:
            features = inception_features(self.real_of(samples, reference).pixels, self._weights)
            self._real[at] = features.mean(0), np.cov(features, rowvar=False)
        return frechet_distance(inception_features(samples.pixels, self._weights), *self._real[at])
