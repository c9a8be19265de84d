"""What else the machine did while something was measured."""

import os
from pathlib import Path
from time import perf_counter, process_time

QUIET = 0.5  # processors: with less than that taken by others, a measurement counts as undisturbed
_SHORTEST = 0.2  # seconds: the system counts in hundredths of one
_STAT = Path("/proc/stat")
_IDLE = (3, 4)  # the columns of idle time, waiting for disks included


def load_averages() -> list[float] | None:
    """Returns the system's load averages over 1, 5 and 15 minutes, None where it keeps none."""
    try:
        return list(os.getloadavg())
    except (AttributeError, OSError):
        return None


class OtherLoad:
    """Counts the processors that other processes keep busy from now on, over the whole system; Linux only."""

    def __init__(self) -> None:
        self._began, self._own, self._all = perf_counter(), process_time(), _busy_seconds()

    def processors(self) -> float | None:
        """Returns how many there were on average up to now, None where it cannot be told or the time was too short."""
        wall, now = perf_counter() - self._began, _busy_seconds()
        if self._all is None or now is None or wall < _SHORTEST:
            return None
        return max(0.0, round((now - self._all - (process_time() - self._own)) / wall, 3))


def _busy_seconds() -> float | None:
    """The seconds that all processors together were not idle since the system came up."""
    try:
        first, *columns = _STAT.read_text().split("\n", 1)[0].split()
        counts = [int(column) for column in columns[:8]]  # what virtual machines take is in these already
        return None if first != "cpu" else (sum(counts) - sum(counts[i] for i in _IDLE)) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return None
