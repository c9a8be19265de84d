"""Data as the law that samples should have: one part to compare with, the other for floors."""

import hashlib
import io
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from sigbench.errors import BadInput
from sigbench.files import cache_folder, read_file
from sigbench.metrics.image_sample import ImageSample
from sigbench.metrics.metric import Array
from sigbench.models.data import Data
from sigbench.records.machine import check_memory
from sigbench.records.store import replacing

_HELD_OUT = 0.5  # the share of the data that no metric compares with, and that floors are drawn of
_SEED = 20_261_127


class SplitData:
    """Data in two parts that are the same for everybody: `reference` to compare with, `held_out` for floors."""

    def __init__(self, data: Data) -> None:
        order = np.random.default_rng(_SEED).permutation(len(data))
        kept = len(data) - int(_HELD_OUT * len(data))
        self.data, self.reference, self.held_out = data, order[:kept], order[kept:]

    def choice(self, part: NDArray[np.int64], n: int, seed: int) -> NDArray[np.int64]:
        """Returns n different members of a part, a function of `seed` alone; raises BadInput above their number."""
        if n > len(part):
            raise BadInput(
                f"there are {len(self.data):,} data, {len(part):,} of them to compare with, and {n:,} were asked for: "
                "take fewer --samples, or bring more data."
            )
        found: NDArray[np.int64] = np.random.default_rng(seed).choice(part, n, replace=False)
        return found


class VectorTruth(SplitData):
    """Vectors, or series row by row: the mean and the covariance of all, draws from the part to compare with."""

    @cached_property
    def points(self) -> Array:
        """All data, shape (n, d)."""
        return np.asarray(self.data.values, dtype=np.float64).reshape(len(self.data), -1)

    @cached_property
    def mean(self) -> Array:
        """The mean of all, shape (d,)."""
        return np.asarray(self.points.mean(0))

    @cached_property
    def covariance(self) -> Array:
        """The covariance of all, shape (d, d)."""
        return _covariance(self.points)

    def sample(self, n: int, seed: int) -> Array:
        """Returns n rows of the part to compare with, shape (n, d)."""
        return self.points[self.choice(self.reference, n, seed)]

    def apart(self, n: int, seed: int) -> Array:
        """Returns n rows that nothing is compared with, shape (n, d)."""
        return self.points[self.choice(self.held_out, n, seed)]


class FeatureTruth(SplitData):
    """Images with the features of a frozen network; it satisfies `sigbench.metrics.image_sample.ImageTruth`.

    `extract` gives the features (n, f) of images (n, c, H, W) uint8, `extractor` says whose they are. The mean and the
    covariance are of all images, whose features are `kept` from one run to the next.
    """

    class_means = class_covariances = np.zeros((0, 0))
    class_weights = np.ones(1)

    def __init__(
        self, data: Data, extractor: str, extract: Callable[[NDArray[np.uint8]], Array], *, kept: bool = False
    ) -> None:
        super().__init__(data)
        self.extractor, self.extract, self._kept = extractor, extract, kept
        self.test_images = len(self.held_out)
        self.real: Callable[[int, int], ImageSample] = lru_cache(maxsize=16)(self._real)

    @cached_property
    def features(self) -> Array:
        """The features of all images, extracted once."""
        return _kept_features(self) if self._kept else self.extract(self._pixels)

    @property
    def _pixels(self) -> NDArray[np.uint8]:
        return self.data.values.astype(np.uint8, copy=False)

    @cached_property
    def feature_mean(self) -> Array:
        """The mean of all images' features."""
        return np.asarray(self.features.mean(0))

    @cached_property
    def feature_covariance(self) -> Array:
        """The covariance of all images' features."""
        return _covariance(self.features)

    def sample(self, n: int, seed: int) -> Array:
        """Returns n images that nothing is compared with, in state units, flat."""
        chosen = self._pixels[self.choice(self.held_out, n, seed)]
        return in_state_units(chosen).reshape(n, -1)

    def held_out_sample(self, n: int, seed: int) -> ImageSample:
        """Returns the images of `sample` as metrics see them."""
        return self._known(self.choice(self.held_out, n, seed))

    def seen(self, pixels: NDArray[np.uint8]) -> ImageSample:
        """Returns images (n, c, H, W) as metrics see them."""
        return self._as_sample(pixels, self.extract(pixels))

    def _real(self, n: int, seed: int) -> ImageSample:
        return self._known(self.choice(self.reference, n, seed))

    def _known(self, chosen: NDArray[np.int64]) -> ImageSample:
        return self._as_sample(self._pixels[chosen], self.features[chosen])

    @staticmethod
    def _as_sample(pixels: NDArray[np.uint8], features: Array) -> ImageSample:
        return ImageSample(pixels, features, np.zeros((len(pixels), 0)))


def _covariance(points: Array) -> Array:
    """The covariance (d, d) of points (n, d); raises BadInput where this machine cannot hold it."""
    size = points.shape[1]
    check_memory(2.0 * 8 * size**2, f"the covariance of {size:,} numbers", "bring fewer numbers a sample")
    return np.atleast_2d(np.cov(points, rowvar=False))


def _kept_features(truth: FeatureTruth) -> Array:
    """The features of all images from the cache, or taken now and kept there, under the hashes of both."""
    named = f"{truth.data.sha256} {truth.extractor}".encode()
    place = cache_folder("features") / f"{hashlib.blake2b(named, digest_size=12).hexdigest()}.npy"
    try:
        found = np.load(io.BytesIO(read_file(place, "the features")), allow_pickle=False)
        if found.dtype == np.float64 and found.ndim == 2 and len(found) == len(truth.data):
            return np.asarray(found)
    except (BadInput, OSError, ValueError):
        pass  # there are none yet, or they are damaged: they are taken again
    features = truth.extract(truth.data.values.astype(np.uint8, copy=False))
    with suppress(OSError, BadInput):  # a cache that cannot be written costs time alone
        place.parent.mkdir(parents=True, exist_ok=True)
        with replacing(place) as temporary:
            temporary.write_bytes(_as_npy(features))
    return features


def _as_npy(values: Array) -> bytes:
    written = io.BytesIO()
    np.save(written, values, allow_pickle=False)
    return written.getvalue()


def in_state_units(pixels: NDArray[np.uint8]) -> Array:
    """Returns pixels as networks of images take them: from −1 to 1."""
    return np.asarray(pixels, dtype=np.float64) / 127.5 - 1.0


def in_pixels(states: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Returns states as pixels: rounded, and cut to what a pixel can be."""
    return np.clip(np.rint((states + 1.0) * 127.5), 0, 255).astype(np.uint8)
