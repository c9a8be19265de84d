"""Data as the law that samples should have: one part to compare with, the other for floors."""

from collections.abc import Callable
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from sigbench.errors import BadInput
from sigbench.metrics.image_sample import ImageSample
from sigbench.metrics.metric import Array
from sigbench.models.data.arrays import ArrayData
from sigbench.models.data.images import Images, Pixels
from sigbench.models.data.statistics import FeatureStatistics
from sigbench.models.features import Extractor, FeaturesOf
from sigbench.progress import Listener, ignore
from sigbench.records.machine import check_memory

_HELD_OUT = 0.5  # the share of the data that no metric compares with, and that floors are drawn of
_SEED = 20_261_127
_NO_CLASSES = np.zeros((0, 0))


class SplitData:
    """Places of data in two parts that are the same for everybody: `reference` to compare with, `held_out` for floors.

    With `members` they are of these places alone.
    """

    def __init__(self, count: int, members: NDArray[np.int64] | None = None) -> None:
        order = np.random.default_rng(_SEED).permutation(count)
        if members is not None:
            order = order[np.isin(order, members)]
        kept = len(order) - int(_HELD_OUT * len(order))
        self.members, self.reference, self.held_out = np.sort(order), order[:kept], order[kept:]

    def choice(self, part: NDArray[np.int64], n: int, seed: int) -> NDArray[np.int64]:
        """Returns n different members of a part, a function of `seed` alone; raises BadInput above their number."""
        if n > len(part):
            raise BadInput(
                f"there are {len(self.members):,} data, {len(part):,} of them to compare with, and {n:,} were asked "
                "for: take fewer --samples, or bring more data."
            )
        found: NDArray[np.int64] = np.random.default_rng(seed).choice(part, n, replace=False)
        return found


class VectorTruth(SplitData):
    """Vectors, or series row by row: the mean and the covariance of all, draws from the part to compare with."""

    def __init__(self, data: ArrayData) -> None:
        super().__init__(len(data))
        self.data = data

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

    The mean and the covariance are of all images, with `members` of those at these places.
    """

    class_means = class_covariances = _NO_CLASSES
    class_weights = np.ones(1)

    def __init__(self, images: Images, extractor: Extractor, members: NDArray[np.int64] | None = None) -> None:
        super().__init__(len(images), members)
        self.images, self.features = images, FeaturesOf(images, extractor)
        self.extractor, self.test_images = extractor.name, len(self.held_out)
        self._all = members is None
        self.real: Callable[[int, int], ImageSample] = lru_cache(maxsize=16)(self._real)

    def prepare(self, report: Listener = ignore) -> None:
        """Takes the features of all images that are not known yet."""
        self.features.prepare(report)

    @cached_property
    def feature_mean(self) -> Array:
        """The mean of the images' features."""
        return self.features.mean if self._all else np.asarray(self._own_features.mean(0))

    @cached_property
    def feature_covariance(self) -> Array:
        """The covariance of the images' features."""
        return self.features.covariance if self._all else _covariance(self._own_features)

    @cached_property
    def _own_features(self) -> Array:
        """Those of the members, which are a class."""
        self.prepare()
        return self.features.rows(self.members)

    def sample(self, n: int, seed: int) -> Array:
        """Returns n images that nothing is compared with, in units from −1 to 1, flat."""
        return in_state_units(self.images.take(self.choice(self.held_out, n, seed))).reshape(n, -1)

    def held_out_sample(self, n: int, seed: int) -> ImageSample:
        """Returns the images of `sample` as metrics see them."""
        return self._known(self.choice(self.held_out, n, seed))

    def seen(self, pixels: Pixels) -> ImageSample:
        """Returns images (n, c, H, W) as metrics see them."""
        return _sample(pixels, self.features.extractor.features(pixels))

    def _real(self, n: int, seed: int) -> ImageSample:
        return self._known(self.choice(self.reference, n, seed))

    def _known(self, chosen: NDArray[np.int64]) -> ImageSample:
        return _sample(self.images.take(chosen), self.features.rows(chosen))


class StatisticsTruth:
    """Images of which only the features' mean and covariance are known; no metric may ask for one of them.

    What floors are drawn of are Gaussian features with these moments, and pixels of noise.
    """

    class_means = class_covariances = _NO_CLASSES
    class_weights = np.ones(1)
    test_images = None  # no number bounds what a metric reads

    def __init__(self, statistics: FeatureStatistics, extractor: Extractor, shape: tuple[int, ...]) -> None:
        self.statistics, self._extractor, self._shape = statistics, extractor, shape
        self.extractor = extractor.name
        self.feature_mean, self.feature_covariance = statistics.mean, statistics.covariance
        own = extractor.features(np.zeros((1, *shape), dtype=np.uint8)).shape[1]
        if own != len(statistics.mean):
            raise BadInput(
                f"the statistics are of {len(statistics.mean):,} features, and {extractor.name} gives {own:,}: they "
                "are of another network."
            )

    def prepare(self, report: Listener = ignore) -> None:
        """Takes nothing: there are no images."""

    @cached_property
    def _root(self) -> Array:
        values, vectors = np.linalg.eigh(self.feature_covariance)
        return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))

    def sample(self, n: int, seed: int) -> Array:
        """Raises BadInput: there are no images."""
        raise BadInput("of the data only statistics are known: there is no image of them.")

    def real(self, n: int, seed: int) -> ImageSample:
        """Raises BadInput: there are no images."""
        raise BadInput("of the data only statistics are known: there is no image to compare with.")

    def held_out_sample(self, n: int, seed: int) -> ImageSample:
        """Returns Gaussian features of these moments, with pixels of noise."""
        rng = np.random.default_rng(seed)
        features = self.feature_mean + rng.standard_normal((n, len(self.feature_mean))) @ self._root.T
        return _sample(rng.integers(0, 256, (n, *self._shape), dtype=np.uint8), features)

    def seen(self, pixels: Pixels) -> ImageSample:
        """Returns images (n, c, H, W) as metrics see them."""
        return _sample(pixels, self._extractor.features(pixels))


def _covariance(points: Array) -> Array:
    """The covariance (d, d) of points (n, d); raises BadInput where this machine cannot hold it."""
    size = points.shape[1]
    check_memory(2.0 * 8 * size**2, f"the covariance of {size:,} numbers", "bring fewer numbers a sample")
    return np.atleast_2d(np.cov(points, rowvar=False))


def _sample(pixels: Pixels, features: Array) -> ImageSample:
    return ImageSample(pixels, features, np.zeros((len(pixels), 0)))


def in_state_units(pixels: Pixels) -> Array:
    """Returns pixels as networks of images take them: from −1 to 1."""
    return np.asarray(pixels, dtype=np.float64) / 127.5 - 1.0


def in_pixels(states: NDArray[np.float64]) -> Pixels:
    """Returns states as pixels: rounded, and cut to what a pixel can be."""
    return np.clip(np.rint((states + 1.0) * 127.5), 0, 255).astype(np.uint8)
