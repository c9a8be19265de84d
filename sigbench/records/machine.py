"""The memory that the machine has left, and a forecast held against it before any work begins."""

import os
import resource
from pathlib import Path

from sigbench.errors import BadInput

_MEMINFO = Path("/proc/meminfo")
_OWN = Path("/proc/self/statm")
_GROUP = Path("/sys/fs/cgroup")  # of a container, cgroup version 2
_NO_LIMIT = 1 << 60


def free_memory() -> int | None:
    """Returns the bytes that this process can still take, None where the system does not say.

    The least of what the system can give, what a container's bound leaves, and what `ulimit -v` leaves.
    """
    found = [bound for bound in (_of_system(), _of_group(), _of_process()) if bound is not None]
    return min(found, default=None)


def check_memory(needed: float, what: str, advice: str) -> None:
    """Raises BadInput where something takes more bytes than are left; `what` takes them, `advice` is to the user.

    `needed` is a lower bound: what is refused could not have been held, and what passes may still be too much.
    """
    free = free_memory()
    if free is not None and needed > free:
        raise BadInput(
            f"{what} {'takes' if not what.endswith('s') else 'take'} at least {needed / 1e9:,.1f} GB of memory, and "
            f"this machine has {free / 1e9:,.1f} GB left: {advice}."
        )


def _of_system() -> int | None:
    try:
        lines = _MEMINFO.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def _of_group() -> int | None:
    try:
        most = (_GROUP / "memory.max").read_text().strip()
        used = int((_GROUP / "memory.current").read_text())
        cached = [line for line in (_GROUP / "memory.stat").read_text().splitlines() if line.startswith("file ")]
        return None if most == "max" else max(0, int(most) - used + sum(int(line.split()[1]) for line in cached))
    except (OSError, ValueError, IndexError):
        return None


def _of_process() -> int | None:
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most == resource.RLIM_INFINITY or most > _NO_LIMIT:
        return None
    try:
        used = int(_OWN.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
    return max(0, most - used)
