"""Files that a user names, opened and read in one place: regular files of a bounded size, else one clear sentence."""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sigbench.errors import BadInput
from sigbench.guard import told

MOST_BYTES = 1 << 30  # of any file; a text that a person writes has a bound of its own
MOST_TEXT = 32 << 20
_CHUNK = 1 << 16
_NO_FILES = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class Missing(BadInput):
    """There is no such file."""


def read_file(file: str | Path, what: str, most: int = MOST_BYTES) -> bytes:
    """Returns the bytes of a file; `what` names it in errors: "the baseline".

    Raises Missing where there is none, and BadInput where it cannot be read, holds more than `most` bytes, or is no
    regular file: a pipe may wait for a writer for ever, and a device never end. Nothing is read of such.
    """
    parts = []
    try:
        # A bare read: for tens of thousands of small files the layers of open() cost more than the reading. Not
        # blocking, so that a pipe is opened, and then seen to be one.
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(handle)
            if kind := _NO_FILES.get(stat.S_IFMT(status.st_mode)):
                raise BadInput(f"{what} {file} cannot be read: it is {kind}, and no regular file.")
            left = most + 1 if status.st_size <= most else 0
            while left > 0 and (part := os.read(handle, max(_CHUNK, min(status.st_size + 1, left)))):
                parts.append(part)
                left -= len(part)
        finally:
            os.close(handle)
    except FileNotFoundError as error:
        raise Missing(f"{what} {file} cannot be read: {error.strerror}.") from error
    except OSError as error:
        raise BadInput(f"{what} {file} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:  # a zero byte in the path
        raise BadInput(f"{what} {str(file)!r} cannot be read: {error}.") from error
    if left <= 0:
        raise BadInput(f"{what} {file} is too large: it holds more than {most:,} bytes.")
    return b"".join(parts)


def read_text(file: str | Path, what: str, most: int = MOST_TEXT) -> str:
    """Returns the text of a UTF-8 file, without a mark of the byte order; raises as `read_file`."""
    data = read_file(file, what, most)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{what} {file} is not UTF-8 text: {error.reason} at byte {error.start}.") from error


def is_file(path: str | Path) -> bool:
    """Returns whether there is a regular file, False for a path that there cannot be."""
    try:
        return stat.S_ISREG(Path(path).stat().st_mode)
    except (OSError, ValueError):
        return False


def is_folder(path: str | Path) -> bool:
    """Returns whether there is a folder, False for a path that there cannot be."""
    try:
        return stat.S_ISDIR(Path(path).stat().st_mode)
    except (OSError, ValueError):
        return False


def exists(path: str | Path) -> bool:
    """Returns whether there is anything at a path, False for one that there cannot be."""
    try:
        Path(path).stat()
    except (OSError, ValueError):
        return False
    return True


def sha256_of(file: Path) -> str:
    """Returns the SHA-256 of a file of any size, read in parts; raises OSError where it cannot be read."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def cache_folder(kind: str) -> Path:
    """Returns where what took long to find is kept: in SIGBENCH_CACHE, or in the user's cache."""
    import platformdirs

    return Path(os.environ.get("SIGBENCH_CACHE") or platformdirs.user_cache_dir("sigbench", appauthor=False)) / kind


@contextmanager
def document(what: str) -> Iterator[None]:
    """A context in which a document is taken apart: whatever it makes its reader raise is BadInput, in one sentence.

    A document is data, and may hold anything: numbers beyond all bounds, lists where texts belong, nests of brackets.
    """
    try:
        yield
    except BadInput:
        raise
    except Exception as error:
        raise BadInput(f"{what} is corrupt: {told(error)}.") from error
