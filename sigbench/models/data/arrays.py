"""Arrays of vectors or series, and of the labels of data."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sigbench.errors import BadInput
from sigbench.files import read_file
from sigbench.models.data.files import arrays_of, check_count, only_array, stamp_of_file


@dataclass(frozen=True, eq=False)
class ArrayData:
    """An array of data (n, …) as float64, with the hash of the file that it is of."""

    values: NDArray[np.float64]
    sha256: str

    def __len__(self) -> int:
        return len(self.values)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one of them."""
        return tuple(self.values.shape[1:])


def read_array(where: Path) -> ArrayData:
    """Returns the array of an .npy, or of an .npz that holds one: vectors (n, d) or series (n, T, c) of finite numbers.

    Raises BadInput for anything else, and for fewer than ten rows.
    """
    if where.suffix not in (".npy", ".npz"):
        raise BadInput(f"data.array: {where} is neither .npy nor .npz.")
    return _array(where, stamp_of_file(where))


@lru_cache(maxsize=2)
def _array(where: Path, stamp: tuple[int, int]) -> ArrayData:
    content = read_file(where, "the data")
    found = only_array(where, arrays_of(where, content))
    if found.ndim not in (2, 3) or found.dtype.kind not in "fiu" or not found[:1].size:
        raise BadInput(
            f"data.array: {where} holds {found.dtype} of shape {found.shape}, not numbers (n, d) or (n, T, c)."
        )
    values: NDArray[np.float64] = found.astype(np.float64)
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))[0])
        raise BadInput(f"data.array: row {row} of {where} is not finite.")
    check_count(len(values), where)
    return ArrayData(values, hashlib.sha256(content).hexdigest())


def read_labels(where: Path, count: int, classes: int) -> tuple[NDArray[np.int64], str]:
    """Returns the classes of `count` data, an .npy of whole numbers from 0 to `classes` − 1, and the file's hash.

    Raises BadInput for anything else.
    """
    content = read_file(where, "the labels")
    found = only_array(where, arrays_of(where, content))
    if found.shape != (count,) or found.dtype.kind not in "iu":
        raise BadInput(
            f"data.labels: {where} holds {found.dtype} of shape {found.shape}, not {count:,} whole numbers, one of "
            "each image in the order of their names."
        )
    labels: NDArray[np.int64] = found.astype(np.int64)
    if labels.min() < 0 or labels.max() >= classes:
        raise BadInput(
            f"data.labels: {where} has labels from {labels.min()} to {labels.max()}, and the model's classes are 0 to "
            f"{classes - 1}."
        )
    return labels, hashlib.sha256(content).hexdigest()
