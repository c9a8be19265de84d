"""Data as people have them: images in a folder, a .zip or an .npz, and arrays of vectors or series."""

import hashlib
import io
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sigbench.errors import BadInput
from sigbench.files import is_file, is_folder, read_file
from sigbench.guard import one_line, told
from sigbench.records.machine import check_memory

_MOST_BYTES = 1 << 28  # of one image's file
_MOST_FILES = 2_000_000
_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff")
_LEAST = 10  # of data: below there is no law to speak of
_MOST_PIXELS = 1 << 26  # of one image: what unpacks to more is no image to learn from
_MODES = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB", "CMYK": "RGB", "YCbCr": "RGB", "LA": "RGBA", "RGBA": "RGBA"}


@dataclass(frozen=True, eq=False)
class Data:
    """All data with the hash of what they were read from: images (n, c, H, W) uint8, or an array (n, …) float64."""

    values: NDArray[np.uint8] | NDArray[np.float64]
    sha256: str

    def __len__(self) -> int:
        return len(self.values)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one of them."""
        return tuple(self.values.shape[1:])


def read_images(where: Path) -> Data:
    """Returns the images of a folder, a .zip, or an .npz with an array of them, in the order of their names.

    All have one size and 1, 3 or 4 channels. Raises BadInput, naming the file, for what is none, is of another size,
    or cannot be read, and for fewer than ten.
    """
    return _images(where, _stamp(where))


def read_array(where: Path) -> Data:
    """Returns the array of an .npy, or of an .npz that holds one: vectors (n, d) or series (n, T, c) of finite numbers.

    Raises BadInput for anything else, and for fewer than ten rows.
    """
    if where.suffix not in (".npy", ".npz"):
        raise BadInput(f"data.array: {where} is neither .npy nor .npz.")
    return _array(where, _stamp(where))


def _stamp(where: Path) -> tuple[int, int]:
    """What tells whether a file has changed, or of a folder whether files came or went."""
    try:
        found = where.stat()
    except (OSError, ValueError):
        raise BadInput(f"data: there is no {where}.") from None
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=2)
def _array(where: Path, stamp: tuple[int, int]) -> Data:
    content = read_file(where, "the data")
    found = _loaded(where, content)
    if found.ndim not in (2, 3) or found.dtype.kind not in "fiu" or not found[:1].size:
        raise BadInput(
            f"data.array: {where} holds {found.dtype} of shape {found.shape}, not numbers (n, d) or (n, T, c)."
        )
    values: NDArray[np.float64] = found.astype(np.float64)
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))[0])
        raise BadInput(f"data.array: row {row} of {where} is not finite.")
    _check_count(len(values), where)
    return Data(values, hashlib.sha256(content).hexdigest())


@lru_cache(maxsize=2)
def _images(where: Path, stamp: tuple[int, int]) -> Data:
    digest = hashlib.sha256()
    if where.suffix == ".npz":
        content = read_file(where, "the images")
        digest.update(content)
        return Data(_image_array(where, _loaded(where, content)), digest.hexdigest())
    images: list[NDArray[np.uint8]] = []
    with _opened(where) as (names, read):
        _check_count(len(names), where)
        for name in names:
            content = read(name)
            digest.update(f"{name}\0".encode(errors="surrogateescape"))  # names of files need not be text
            digest.update(hashlib.sha256(content).digest())
            image = _decoded(one_line(name), content)
            if images and image.shape != images[0].shape:
                raise BadInput(
                    f"data.images: {one_line(name)} is of {_size(image)}, and the first one of {_size(images[0])}: "
                    "bring images of one size."
                )
            images.append(image)
            if len(images) == 1:
                check_memory(2 * image.nbytes * len(names), f"{len(names):,} images", "bring fewer or smaller ones")
    return Data(np.stack(images), digest.hexdigest())


@contextmanager
def _opened(where: Path) -> Iterator[tuple[list[str], Callable[[str], bytes]]]:
    """A context with the names of the image files of a folder or a .zip, in their order, and what reads one of them."""
    if is_folder(where):
        inside = sorted(file.relative_to(where).as_posix() for file in _files_below(where) if is_file(file))
        yield inside, lambda name: read_file(where / name, "the image", _MOST_BYTES)
        return
    if where.suffix != ".zip":
        raise BadInput(f"data.images: {where} is no folder, .zip or .npz.")
    with _archive(where) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist() if _is_image(info.filename)}

        def read(name: str) -> bytes:
            if sizes[name] > _MOST_BYTES:
                raise BadInput(f"data.images: {one_line(name)} of {where} holds more than {_MOST_BYTES:,} bytes.")
            return archive.read(name)

        yield sorted(sizes), read


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


@contextmanager
def _archive(where: Path) -> Iterator[zipfile.ZipFile]:
    if not is_file(where):  # a pipe would be waited for, and a device never end
        raise BadInput(f"data: {where} cannot be read: it is no regular file.")
    try:
        with zipfile.ZipFile(where) as archive:
            yield archive
    except BadInput:
        raise
    except Exception as error:  # whatever its readers make of bytes
        raise BadInput(f"data: {where} cannot be read: {told(error)}.") from error


def _decoded(name: str, content: bytes) -> NDArray[np.uint8]:
    """One image, (c, H, W): grey, colours, or colours with transparency."""
    from PIL import Image

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
    except Exception as error:  # whatever a decoder makes of bytes
        raise BadInput(f"data.images: {name} cannot be read as an image: {told(error)}.") from error
    return values[None] if values.ndim == 2 else values.transpose(2, 0, 1)


def _loaded(where: Path, content: bytes) -> NDArray[np.generic]:
    """The one array of an .npy or an .npz; nothing is unpickled."""
    if where.suffix == ".npz":
        with _archive(where) as archive:  # what it unpacks to, before it is unpacked
            check_memory(sum(info.file_size for info in archive.infolist()), f"the data {where}", "bring fewer")
    try:
        found = np.load(io.BytesIO(content), allow_pickle=False)
        arrays = [found] if isinstance(found, np.ndarray) else [found[name] for name in found.files]
    except Exception as error:
        raise BadInput(f"data: {where} cannot be read as an array: {told(error)}.") from error
    if len(arrays) != 1:
        raise BadInput(f"data: {where} holds {len(arrays)} arrays ({', '.join(found.files[:5])}), and not one.")
    return np.asarray(arrays[0])


def _image_array(where: Path, values: NDArray[np.generic]) -> NDArray[np.uint8]:
    if values.dtype != np.uint8 or values.ndim not in (3, 4):
        raise BadInput(f"data.images: {where} holds {values.dtype} of shape {values.shape}, not uint8 (n, H, W, c).")
    images = values[..., None] if values.ndim == 3 else values
    if images.shape[-1] not in (1, 3, 4) and images.shape[1] in (1, 3, 4):
        images = images.transpose(0, 2, 3, 1)  # channels first
    if images.shape[-1] not in (1, 3, 4):
        raise BadInput(f"data.images: the images of {where} have {images.shape[-1]} channels, not 1, 3 or 4.")
    _check_count(len(images), where)
    if not images.size:
        raise BadInput(f"data.images: the images of {where} have no pixels, of shape {images.shape[1:]}.")
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)).astype(np.uint8)


def _check_count(count: int, where: Path) -> None:
    if count < _LEAST:
        raise BadInput(f"data: {where} holds {count}, and a law is judged by {_LEAST} or more.")


def _size(image: NDArray[np.uint8]) -> str:
    channels, height, width = image.shape
    return f"{width} × {height} pixels with {channels} channel{'s' if channels > 1 else ''}"
