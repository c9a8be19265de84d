"""What reading data of any kind takes: archives whose faults are told, arrays without pickles, counts."""

import io
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sigbench.errors import BadInput
from sigbench.files import is_file
from sigbench.guard import one_line, told
from sigbench.records.machine import check_memory

_LEAST = 10  # of data: below there is no law to speak of


def stamp_of_file(where: Path) -> tuple[int, int]:
    """Returns what tells whether a file has changed, or of a folder whether files came or went.

    Raises BadInput where there is none.
    """
    try:
        found = where.stat()
    except (OSError, ValueError):
        raise BadInput(f"data: there is no {where}.") from None
    return found.st_mtime_ns, found.st_size


@contextmanager
def archive(where: Path) -> Iterator[zipfile.ZipFile]:
    """A context with an opened .zip or .npz; raises BadInput for whatever is wrong with it."""
    if not is_file(where):  # a pipe would be waited for, and a device never end
        raise BadInput(f"data: {where} cannot be read: it is no regular file.")
    try:
        with zipfile.ZipFile(where) as opened:
            yield opened
    except BadInput:
        raise
    except Exception as error:  # whatever its readers make of bytes
        raise BadInput(f"data: {where} cannot be read: {told(error)}.") from error


def arrays_of(where: Path, content: bytes) -> Mapping[str, NDArray[np.generic]]:
    """Returns the arrays of an .npz by their names, or the one of an .npy under ""; nothing is unpickled."""
    if where.suffix == ".npz":
        with archive(where) as opened:  # what it unpacks to, before it is unpacked
            check_memory(sum(info.file_size for info in opened.infolist()), f"the data {where}", "bring fewer")
    try:
        found = np.load(io.BytesIO(content), allow_pickle=False)
        arrays = {"": found} if isinstance(found, np.ndarray) else {name: found[name] for name in found.files}
    except Exception as error:
        raise BadInput(f"data: {where} cannot be read as an array: {told(error)}.") from error
    for name, each in arrays.items():
        if not isinstance(each, np.ndarray):  # numpy gives the bytes of what does not begin as an array does
            raise BadInput(f"data: {one_line(name)!r} in {where} is no array.")
    return arrays


def only_array(where: Path, arrays: Mapping[str, NDArray[np.generic]]) -> NDArray[np.generic]:
    """Returns the one array there is; raises BadInput where there are others beside it."""
    if len(arrays) != 1:
        raise BadInput(f"data: {where} holds {len(arrays)} arrays ({', '.join([*arrays][:5])}), and not one.")
    (found,) = arrays.values()
    return found


def check_count(count: int, where: Path) -> None:
    """Raises BadInput for fewer data than a law can be told from."""
    if count < _LEAST:
        raise BadInput(f"data: {where} holds {count}, and a law is judged by {_LEAST} or more.")
