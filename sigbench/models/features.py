"""Features of all images of a set: taken once, kept in the cache, and never all of them in memory."""

import fcntl
import hashlib
import io
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from sigbench.errors import BadInput
from sigbench.files import cache_folder, read_file
from sigbench.metrics.metric import Array
from sigbench.models.data.images import Images, Pixels
from sigbench.progress import Listener, Progress, ignore
from sigbench.records.machine import check_memory
from sigbench.records.store import keep_in_cache

_BATCH = 500  # images that features are taken of at once
Table = NDArray[np.float32]


@dataclass(frozen=True)
class Extractor:
    """Features of images, (n, c, H, W) uint8 to (n, f), and their name, with the hash of what makes them.

    Those of all images are kept in the cache where they are `costly`. `written_in` are functions that it is made by,
    `packages` those whose versions matter.
    """

    name: str
    extract: Callable[[Pixels], Array]
    costly: bool = False
    written_in: tuple[Callable[..., Any], ...] = ()
    packages: tuple[str, ...] = ()

    def features(self, pixels: Pixels) -> Array:
        """Returns the features of any number of images, float64 rounded to float32, a batch at a time."""
        parts = [self.extract(pixels[first : first + _BATCH]) for first in range(0, len(pixels), _BATCH)]
        return np.concatenate(parts).astype(np.float32).astype(np.float64)


class FeaturesOf:
    """The features that an extractor takes of a set of images; `prepare` takes them all, with progress."""

    def __init__(self, images: Images, extractor: Extractor) -> None:
        self.images, self.extractor = images, extractor
        self._table: Table | None = None
        self._moments: tuple[Array, Array] | None = None

    def rows(self, chosen: NDArray[np.int64]) -> Array:
        """Returns the features of the images at some places, shape (k, f), taken now where they are not kept."""
        if self._table is not None:
            return np.asarray(self._table[chosen], dtype=np.float64)
        return self.extractor.features(self.images.take(chosen))

    @property
    def mean(self) -> Array:
        """The mean of all images' features, shape (f,)."""
        return self.prepare()[0]

    @property
    def covariance(self) -> Array:
        """The covariance of all images' features, shape (f, f)."""
        return self.prepare()[1]

    def prepare(self, report: Listener = ignore) -> tuple[Array, Array]:
        """Returns mean and covariance, of features that are taken now where they are not in the cache yet.

        What was interrupted goes on where it was.
        """
        if self.extractor.costly and self._table is None:
            self._table = _kept(self, report)
        if self._moments is None:
            self._moments = self._known_moments() or self._taken_moments(report)
        return self._moments

    def _known_moments(self) -> tuple[Array, Array] | None:
        try:
            content = read_file(self.place(".npz"), "the features' moments")
            found = np.load(io.BytesIO(content), allow_pickle=False)
            mean, covariance = found["mean"], found["covariance"]
        except (BadInput, OSError, ValueError, KeyError, zipfile.BadZipFile):
            return None  # there are none yet, or they are damaged
        fits = mean.ndim == 1 and covariance.shape == (len(mean), len(mean)) and np.isfinite(covariance).all()
        return (mean, covariance) if fits else None

    def _taken_moments(self, report: Listener) -> tuple[Array, Array]:
        count = len(self.images)
        places = (np.arange(first, min(first + _BATCH, count)) for first in range(0, count, _BATCH))
        found = _moments(map(self.rows, places), count, report)
        written = io.BytesIO()
        np.savez(written, mean=found[0], covariance=found[1])
        keep_in_cache(self.place(".npz"), written.getvalue())
        return found

    def place(self, ending: str) -> Path:
        """Returns where the cache keeps what is known of these images under this extractor."""
        named = f"{self.images.sha256} {self.extractor.name}".encode()
        return cache_folder("features") / f"{hashlib.blake2b(named, digest_size=12).hexdigest()}{ending}"


def _moments(parts: Iterator[Array], count: int, report: Listener) -> tuple[Array, Array]:
    """Mean and covariance from sums about the first part's mean, so that nothing cancels and little is held."""
    centre: Array | None = None
    done = 0
    for part in parts:
        if centre is None:
            centre = part.mean(0)
            size = len(centre)
            check_memory(3.0 * 8 * size**2, f"the covariance of {size:,} features", "take a judge of fewer features")
            total, squares = np.zeros_like(centre), np.zeros((len(centre), len(centre)))
        away = part - centre
        total += away.sum(0)
        squares += away.T @ away
        done += len(part)
        report(Progress(f"moments of {count:,} images", done, count))
    assert centre is not None
    shift = total / count
    return centre + shift, (squares - count * np.outer(shift, shift)) / (count - 1)


def _kept(features: FeaturesOf, report: Listener) -> Table:
    """The table of all images from the cache, completed now; in memory alone where the cache cannot be written."""
    images, extractor = features.images, features.extractor
    place = features.place(".f32")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with _locked(place) as file:
            return _completed(place, file, features, report)
    except OSError:
        parts = [extractor.features(part).astype(np.float32) for part in images.parts(_BATCH)]
        return np.concatenate(parts)


@contextmanager
def _locked(place: Path) -> Iterator[BinaryIO]:
    """A file that one process at a time goes on writing; the others wait, and find it complete."""
    with place.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _completed(place: Path, file: BinaryIO, features: FeaturesOf, report: Listener) -> Table:
    """Rows of float32, one an image: the number that are there says where to go on."""
    images, extractor = features.images, features.extractor
    stage = f"features of {len(images):,} images"
    width = extractor.features(images.take(np.arange(1))).shape[1]
    row = 4 * width
    done = min(os.fstat(file.fileno()).st_size // row, len(images))
    if os.fstat(file.fileno()).st_size > len(images) * row:
        done = 0  # another's, or damaged
    file.truncate(done * row)
    for part in images.parts(_BATCH, done):
        report(Progress(stage, done, len(images)))
        file.write(extractor.features(part).astype(np.float32).tobytes())
        file.flush()
        done += len(part)
    report(Progress(stage, done, len(images)))
    table: Table = np.memmap(place, dtype=np.float32, mode="r", shape=(len(images), width))
    if not np.isfinite(table[-1]).all():
        with suppress(OSError):
            place.unlink()
        raise BadInput(f"the features kept in {place} were damaged and are removed: the same command takes them again.")
    return table
