"""Timing and memory, measured the same way for every sampler."""

import ctypes
import gc
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import torch
from torch import Tensor

from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Step
from sigbench.sde.legendre import Kernel
from sigbench.sde.signature import PartialSignature

Found = TypeVar("Found")
_LOOPS, _SIZE = 6, 16_384  # of the calibration
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def synchronize(device: torch.device) -> None:
    """Waits until the device has done all its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_of(action: Callable[[], object], device: torch.device) -> float:
    """Returns the wall-clock seconds of `action`, the device synchronised before and after."""
    synchronize(device)
    start = time.perf_counter()
    action()
    synchronize(device)
    return time.perf_counter() - start


def calibration_seconds(device: torch.device) -> float:
    """Returns the seconds of a fixed loop that resembles sampling: element by element, and small matrix products.

    Sampling times divided by it forgive a machine that is clocked lower than it was. On a CPU both are the process's
    own processor time, all threads together: what other programs take away is not in it, and would strike the short
    loop less often than the long sampling.
    """
    state = torch.linspace(-1.0, 1.0, _SIZE, device=device)
    weights = torch.linspace(-0.1, 0.1, 128 * 128, device=device).reshape(128, 128)

    def loop() -> None:
        x = state
        for _ in range(_LOOPS):
            x = 0.5 * x + torch.sin(x)
            x = (x.reshape(128, 128) @ weights).flatten().tanh()

    with torch.no_grad():
        began = time.process_time()
        wall = seconds_of(loop, device)
        return time.process_time() - began if device.type == "cpu" else wall


class TimedPath:
    """Hands on another driver's noise; `seconds` is the wall clock that this took."""

    def __init__(self, driver: BrownianDriver) -> None:
        self._driver, self.seconds = driver, 0.0

    def signature(self, step: Step, order: int = 1) -> PartialSignature:
        """Returns the driver's signature, and raises as it does."""
        return self._timed(partial(self._driver.signature, step, order))

    def functional(self, step: Step, kernel: Kernel) -> Tensor:
        """Returns the driver's functional, and raises as it does."""
        return self._timed(partial(self._driver.functional, step, kernel))

    def _timed(self, ask: Callable[[], Found]) -> Found:
        began = time.perf_counter()
        found = ask()
        self.seconds += time.perf_counter() - began
        return found


class PeakMemory:
    """A context that measures the peak memory above what was held on entry, in megabytes.

    On CUDA the allocator's own peak; on Linux the peak resident set, whose counter is reset on entry. `mb` is
    None where neither can be had.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._before: float | None = None
        self.mb: float | None = None

    def __enter__(self) -> "PeakMemory":
        _return_free_memory()
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            self._before = torch.cuda.memory_allocated(self._device) / 2**20
        else:
            try:
                _CLEAR.write_text("5")
                self._before = _resident_mb("VmRSS")
            except OSError:
                self._before = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is None:
            return
        if self._device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(self._device) / 2**20
        else:
            peak = _resident_mb("VmHWM")
        self.mb = round(max(0.0, peak - self._before), 1)


@cache
def _set_aside() -> None:
    """Takes what is there at the first cell, modules above all, out of the collector's sight: 0.1 s a collection."""
    gc.collect()
    gc.freeze()


def _return_free_memory() -> None:
    """Gives the C allocator's free memory back, which would else hide what is needed anew; glibc only."""
    _set_aside()
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _resident_mb(field: str) -> float:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise OSError(f"no {field} in {_STATUS}")
