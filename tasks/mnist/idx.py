"""The MNIST files: IDX format, gzipped, checked against the MD5 sums of the official uncompressed files."""

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sigbench.errors import BadInput
from sigbench.files import Missing, read_file

DATA = Path(__file__).parent / "data"
Split = Literal["train", "test"]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class IdxFile:
    """An official file: its name, the MD5 sum of its uncompressed content, and the array's shape."""

    name: str
    md5: str
    shape: tuple[int, ...]


IMAGES: dict[Split, IdxFile] = {
    "train": IdxFile("train-images-idx3-ubyte.gz", "6bbc9ace898e44ae57da46a324031adb", (60_000, 28, 28)),
    "test": IdxFile("t10k-images-idx3-ubyte.gz", "2646ac647ad5339dbf082846283269ea", (10_000, 28, 28)),
}
LABELS: dict[Split, IdxFile] = {
    "train": IdxFile("train-labels-idx1-ubyte.gz", "a25bea736e30d166cdddb491f175f624", (60_000,)),
    "test": IdxFile("t10k-labels-idx1-ubyte.gz", "27ae3e4e09519cfbb04c329615203637", (10_000,)),
}


def read_idx(path: Path, expected: IdxFile) -> Bytes:
    """Returns the array of unsigned bytes in a gzipped IDX file, of the expected file's shape.

    Raises BadInput where the file is missing, truncated, of another shape, or not the official content.
    """
    try:
        content = gzip.decompress(read_file(path, "the MNIST file"))
    except Missing:
        raise BadInput(f"the MNIST file {path} is missing.") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput(f"the MNIST file {path} is truncated or no gzip file: {error}.") from error
    except OSError as error:
        raise BadInput(f"the MNIST file {path} cannot be read: {error.strerror}.") from error
    shape = _shape_of(content, path)
    if shape != expected.shape:
        raise BadInput(f"the MNIST file {path} holds an array of shape {shape}, where {expected.shape} belongs.")
    values = content[4 + 4 * len(shape) :]
    if len(values) != np.prod(shape):
        raise BadInput(f"the MNIST file {path} is truncated: {len(values)} of {np.prod(shape)} bytes are there.")
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != expected.md5:
        raise BadInput(f"the MNIST file {path} is not the official one: its MD5 is {found}, not {expected.md5}.")
    return np.frombuffer(values, dtype=np.uint8).reshape(shape)


def _shape_of(content: bytes, path: Path) -> tuple[int, ...]:
    """The shape in an IDX header: two zero bytes, 8 for unsigned bytes, the rank, then big-endian sizes."""
    if len(content) < 4 or content[:3] != b"\x00\x00\x08" or len(content) < 4 + 4 * content[3]:
        raise BadInput(f"the MNIST file {path} is no IDX file of unsigned bytes.")
    sizes = np.frombuffer(content[4 : 4 + 4 * content[3]], dtype=">u4")
    return tuple(int(size) for size in sizes)


@cache
def images(split: Split) -> Bytes:
    """Returns the images of a split, uint8 of shape (n, 28, 28), 0 the background."""
    return read_idx(DATA / IMAGES[split].name, IMAGES[split])


@cache
def labels(split: Split) -> Bytes:
    """Returns the digits of a split, uint8 of shape (n,)."""
    return read_idx(DATA / LABELS[split].name, LABELS[split])
