"""Claims: which cells of a store are being measured, so that two sweeps on one store share the work."""

import errno
import fcntl
from pathlib import Path
from types import TracebackType

from sigbench.errors import BadInput

CLAIMS = ".claims"
_POSITIONS = 2**62


class Claims:
    """Locks on single bytes of one file in the store, a cell each, at a place that its key gives.

    The system drops them when their process ends, however it ends, so that a killed sweep holds nothing back. They
    only save work: without them (a file system that has no locks) two sweeps would measure the same cells and write
    the same records, one atomically in the other's place. Locks belong to a process; use one instance in it.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / CLAIMS
        try:
            self._file = self._path.open("a+b")
        except OSError as error:
            raise BadInput(f"the store {folder} cannot be used: {self._path}: {error.strerror or error}.") from error

    def __enter__(self) -> "Claims":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The last one removes the file. One who opened it in this moment claims in vain, which does no harm.
        if self._lock(fcntl.LOCK_EX | fcntl.LOCK_NB, 0, 0):
            self._path.unlink(missing_ok=True)
        self._file.close()

    def take(self, key: str) -> bool:
        """Claims the cell of a key (hexadecimal); returns False where another process holds it."""
        return self._lock(fcntl.LOCK_EX | fcntl.LOCK_NB, 1, self._position(key))

    def release(self, key: str) -> None:
        """Gives a cell back."""
        self._lock(fcntl.LOCK_UN, 1, self._position(key))

    @staticmethod
    def _position(key: str) -> int:
        return int(key, 16) % _POSITIONS

    def _lock(self, command: int, length: int, start: int) -> bool:
        try:
            fcntl.lockf(self._file, command, length, start)
        except OSError as error:
            return error.errno not in (errno.EACCES, errno.EAGAIN)
        return True
