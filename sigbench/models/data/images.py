"""Images that are read as they are needed, of a folder, a .zip, an .npy or an .npz: never all of them at once."""

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sigbench.errors import BadInput
from sigbench.files import cache_folder, is_file, is_folder, read_file, sha256_of
from sigbench.guard import one_line, told
from sigbench.models.data.files import archive, arrays_of, check_count, only_array, stamp_of_file
from sigbench.records.store import keep_in_cache

Pixels = NDArray[np.uint8]
_MOST_BYTES = 1 << 28  # of one image's file
_MOST_FILES = 2_000_000
_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff")
_MOST_PIXELS = 1 << 26  # of one image: what unpacks to more is no image to learn from
_MODES = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB", "CMYK": "RGB", "YCbCr": "RGB", "LA": "RGBA", "RGBA": "RGBA"}


@dataclass(frozen=True, eq=False)
class Images:
    """A number of images of one `shape` (c, H, W), with a hash of all of them; `take` reads some."""

    count: int
    shape: tuple[int, ...]
    sha256: str
    _take: Callable[[NDArray[np.int64]], Pixels]

    def __len__(self) -> int:
        return self.count

    def take(self, chosen: NDArray[np.int64]) -> Pixels:
        """Returns the images at some places, shape (k, c, H, W), uint8; raises BadInput where one cannot be read."""
        return self._take(np.asarray(chosen, dtype=np.int64))

    def parts(self, size: int, start: int = 0) -> Iterator[Pixels]:
        """Yields all images from the place `start` on, `size` at a time."""
        for first in range(start, self.count, size):
            yield self.take(np.arange(first, min(first + size, self.count)))


def read_images(where: Path) -> Images:
    """Returns the images of a folder, a .zip, or an .npy or .npz with an array of them, in the order of their names.

    All have one size and 1, 3 or 4 channels. Each is looked at once, and again only where its file has changed. An
    .npz is unpacked whole; of the others no more are held than are asked for. Raises BadInput, naming the file, for
    what is none, is of another size, or cannot be read, and for fewer than ten.
    """
    return _images(where, stamp_of_file(where))


@lru_cache(maxsize=2)
def _images(where: Path, stamp: tuple[int, int]) -> Images:
    if where.suffix == ".npz":
        content = read_file(where, "the images")
        values = only_array(where, arrays_of(where, content))
        return _of_array(where, values, hashlib.sha256(content).hexdigest())
    if where.suffix == ".npy":
        return _of_array(where, _mapped(where), sha256_of(where))
    return _of_files(where)


def _of_array(where: Path, values: NDArray[np.generic], sha256: str) -> Images:
    if values.dtype != np.uint8 or values.ndim not in (3, 4):
        raise BadInput(f"data.images: {where} holds {values.dtype} of shape {values.shape}, not uint8 (n, H, W, c).")
    channels_first = values.ndim == 4 and values.shape[-1] not in (1, 3, 4) and values.shape[1] in (1, 3, 4)
    if values.ndim == 3:
        shape = (1, *values.shape[1:])
    else:
        shape = values.shape[1:] if channels_first else (values.shape[3], *values.shape[1:3])
    if shape[0] not in (1, 3, 4):
        raise BadInput(f"data.images: the images of {where} have {shape[0]} channels, not 1, 3 or 4.")
    check_count(len(values), where)
    if 0 in shape:
        raise BadInput(f"data.images: the images of {where} have no pixels, of shape {shape}.")

    def take(chosen: NDArray[np.int64]) -> Pixels:
        found = np.asarray(values[chosen], dtype=np.uint8)
        if values.ndim == 4 and not channels_first:
            found = found.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(found.reshape(len(found), *shape))

    return Images(len(values), tuple(int(length) for length in shape), sha256, take)


def _mapped(where: Path) -> NDArray[np.generic]:
    if not is_file(where):
        raise BadInput(f"data: {where} cannot be read: it is no regular file.")
    try:
        found: NDArray[np.generic] = np.load(where, mmap_mode="r", allow_pickle=False)
        return found
    except Exception as error:
        raise BadInput(f"data: {where} cannot be read as an array: {told(error)}.") from error


def _of_files(where: Path) -> Images:
    """Images of a folder or a .zip: decoded one by one, whenever they are asked for."""
    files = _ZipFiles(where) if where.suffix == ".zip" else _FolderFiles(where)
    names = files.names
    check_count(len(names), where)
    place = (
        cache_folder("images")
        / f"{hashlib.blake2b(files.stamps().encode(errors='surrogateescape'), digest_size=12).hexdigest()}.json"
    )
    shape, sha256 = _looked_at_before(place) or _look_at_all(files, place)

    def take(chosen: NDArray[np.int64]) -> Pixels:
        found = np.empty((len(chosen), *shape), dtype=np.uint8)
        for row, (name, content) in enumerate(files.read([names[index] for index in chosen])):
            image = decoded(one_line(name), content)
            _check_shape(name, image.shape, shape)
            found[row] = image
        return found

    return Images(len(names), shape, sha256, take)


def _looked_at_before(place: Path) -> tuple[tuple[int, ...], str] | None:
    """The shape and the hash of images whose files are as they were when all of them were looked at."""
    try:
        found = json.loads(read_file(place, "what is known of the images"))
        shape, sha256 = tuple(map(int, found["shape"])), str(found["sha256"])
        return (shape, sha256) if len(shape) == 3 and len(sha256) == 64 else None
    except (BadInput, ValueError, TypeError, KeyError):
        return None


def _look_at_all(files: "_FolderFiles | _ZipFiles", place: Path) -> tuple[tuple[int, ...], str]:
    digest, shape = hashlib.sha256(), tuple[int, ...]()
    for name, content in files.read(files.names):
        digest.update(f"{name}\0".encode(errors="surrogateescape"))  # names of files need not be text
        digest.update(hashlib.sha256(content).digest())
        image = decoded(one_line(name), content)
        shape = shape or image.shape
        _check_shape(name, image.shape, shape)
    keep_in_cache(place, json.dumps({"shape": shape, "sha256": digest.hexdigest()}).encode())
    return shape, digest.hexdigest()


class _FolderFiles:
    """The image files of a folder and of those in it, by their paths from it."""

    def __init__(self, where: Path) -> None:
        if not is_folder(where):
            raise BadInput(f"data.images: {where} is no folder, .zip, .npy or .npz.")
        self._where = where
        self.names = sorted(file.relative_to(where).as_posix() for file in _files_below(where) if is_file(file))

    def stamps(self) -> str:
        """Returns what tells whether any of them has changed."""
        stamps = [(name, *stamp_of_file(self._where / name)) for name in self.names]
        return json.dumps([str(self._where.resolve()), stamps])

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yields the files of these names with their contents."""
        for name in names:
            yield name, read_file(self._where / name, "the image", _MOST_BYTES)


class _ZipFiles:
    """The image files of a .zip by their names in it."""

    def __init__(self, where: Path) -> None:
        self._where = where
        with archive(where) as opened:
            self._sizes = {info.filename: info.file_size for info in opened.infolist() if _is_image(info.filename)}
        self.names = sorted(self._sizes)

    def stamps(self) -> str:
        """Returns what tells whether it has changed."""
        return json.dumps([str(self._where.resolve()), *stamp_of_file(self._where)])

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yields the files of these names with their contents."""
        with archive(self._where) as opened:
            for name in names:
                if self._sizes[name] > _MOST_BYTES:
                    raise BadInput(
                        f"data.images: {one_line(name)} of {self._where} holds more than {_MOST_BYTES:,} bytes."
                    )
                yield name, opened.read(name)


def _files_below(folder: Path) -> Iterator[Path]:
    """The files in a folder and in those in it that are called as images are; what may not be looked into is none."""
    seen = 0
    for place, _, names in os.walk(folder):
        seen += len(names)
        if seen > _MOST_FILES:
            raise BadInput(f"data.images: {folder} holds more than {_MOST_FILES:,} files: name the folder of images.")
        yield from (Path(place, name) for name in names if _is_image(name))


def _is_image(name: str) -> bool:
    return Path(name).suffix.lower() in _SUFFIXES


def decoded(name: str, content: bytes) -> Pixels:
    """Returns one image, (c, H, W): grey, colours, or colours with transparency; raises BadInput for what is none."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise BadInput(f"data.images: {name} has more than {_MOST_PIXELS:,} pixels.")
            mode = "RGBA" if "transparency" in image.info else _MODES.get(image.mode)
            if mode is None:
                raise BadInput(f"data.images: {name} is an image of mode {image.mode}, and not of 8 bits a channel.")
            values = np.asarray(image.convert(mode), dtype=np.uint8)
    except BadInput:
        raise
    except UnidentifiedImageError:
        raise BadInput(
            f"data.images: {name} cannot be read as an image: it is of no format that Pillow knows."
        ) from None
    except Exception as error:  # whatever a decoder makes of bytes
        raise BadInput(f"data.images: {name} cannot be read as an image: {told(error)}.") from error
    return values[None] if values.ndim == 2 else values.transpose(2, 0, 1)


def _check_shape(name: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    if found != wanted:
        raise BadInput(
            f"data.images: {one_line(name)} is of {_size(found)}, and the first one of {_size(wanted)}: bring images "
            "of one size and as many channels."
        )


def _size(shape: tuple[int, ...]) -> str:
    channels, height, width = shape
    return f"{width} × {height} pixels with {channels} channel{'s' if channels > 1 else ''}"
