"""The suite's only source of random numbers: noise that belongs to the sample, not to the batch.

A normal number is a function of (seed, position, sample, coordinate): the same whatever the batch size, the order of
cells, the number of workers or the device. A position names one endless sequence of 32-bit words, in which every
sample has its own stretch. Philox 4x64-10 (Salmon et al. 2011, SC '11) makes four words of 64 bits from a key and a
counter, by a bijection for each key; different addresses have different counters, and any stretch is reached at once.
A word, read as a fraction u in (−1, 1), gives the number √2·erf⁻¹(u); float64 appends a word of a second sequence, so
that both see the same number, each to its own precision (24 and 53 bits of u, and more where u is small).

Promised are the words by the bit, on every machine; the numbers by the bit for one build of torch on one kind of
processor, and to a few units in the last place between them, since erfinv is the processor vendor's. Draws happen on
the host, so that a GPU sees the very same Brownian path; its work overlaps with the draws.
"""

import hashlib
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Position = int | tuple[int, int]

_LANE = 16  # draws begin and end at multiples of it, so that a number keeps its place in a vector register
_CHUNK = 16_384  # numbers made at once: they fit the cache
_WORDS_A_COUNT = 8  # how many 32-bit words one value of Philox's counter gives
_SQRT2 = math.sqrt(2.0)


def seed_of(**axes: str | int | float) -> int:
    """Returns a 63-bit seed, the BLAKE2b hash of the named axes that it may depend on."""
    text = json.dumps(axes, sort_keys=True, separators=(",", ":"))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


class Noise(Protocol):
    """Where normal numbers come from: a NoiseStream, or something that hands on its numbers."""

    def normal(self, first: int, count: int, position: Position) -> Tensor:
        """Returns the numbers of samples first … first+count−1 at `position`, shape (count, *shape)."""
        ...


@contextmanager
def _one_thread() -> Iterator[None]:
    """torch's erfinv shares even a thousand numbers out, and on a busy machine waits milliseconds for its threads."""
    threads = torch.get_num_threads()
    if threads > 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if threads > 1:
            torch.set_num_threads(threads)


class NoiseStream:
    """Standard normal numbers addressed by (position, sample), for samples of `shape` in float32 or float64.

    All 64 bits of `seed` count. A position is a number in [0, 2⁶⁴), or a pair of them; p is short for (0, p).
    """

    def __init__(
        self,
        seed: int,
        shape: tuple[int, ...],
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        if dtype not in (torch.float32, torch.float64):
            raise ValueError(f"noise comes in float32 and float64, not in {dtype}")
        self.shape, self.dtype, self.device = shape, dtype, torch.device(device)
        self._size = math.prod(shape)
        self._numbers: type[np.floating[Any]] = np.float32 if dtype == torch.float32 else np.float64
        bits = 8 * np.dtype(self._numbers).itemsize
        largest = 1.0 - 0.5 * np.finfo(self._numbers).eps  # the fraction below 1, where erf⁻¹ has its pole
        self._scale = self._numbers(largest * 2.0 ** (1 - bits))
        self._counter = np.zeros(4, dtype=np.uint64)
        self._philox = np.random.Philox(key=np.array([seed, 0], dtype=np.uint64))
        self._state = self._philox.state | {
            "state": {"counter": self._counter, "key": np.array([seed, 0], dtype=np.uint64)}
        }

    def normal(self, first: int, count: int, position: Position) -> Tensor:
        """Returns the numbers of samples first … first+count−1 at `position`, shape (count, *shape).

        Raises OverflowError for a position outside [0, 2⁶⁴).
        """
        address = position if isinstance(position, tuple) else (0, position)
        start, end = first * self._size, (first + count) * self._size
        low, high = start // _LANE * _LANE, -(-end // _LANE) * _LANE
        drawn = np.empty(high - low, dtype=self._numbers)
        with _one_thread():
            for begin in range(low, high, _CHUNK):
                stop = min(begin + _CHUNK, high)
                self._fill(drawn[begin - low : stop - low], address, begin, stop)
        result = torch.from_numpy(drawn[start - low : end - low]).view(count, *self.shape)
        if self.device.type == "cpu":
            return result
        return result.pin_memory().to(self.device, non_blocking=True)

    def _fill(self, out: NDArray[np.floating[Any]], address: tuple[int, int], begin: int, stop: int) -> None:
        """Writes the numbers begin … stop−1 at `address`."""
        words = self._words((0, *address), begin, stop)
        if self._numbers is np.float32:
            out[:] = words
        else:
            both = np.empty((len(words), 2), dtype="<i4")
            both[:, 0], both[:, 1] = self._words((1, *address), begin, stop), words
            out[:] = both.view("<i8")[:, 0]
        np.multiply(out, self._scale, out=out)
        torch.from_numpy(out).erfinv_()
        np.multiply(out, _SQRT2, out=out, dtype=self._numbers)

    def _words(self, address: tuple[int, int, int], begin: int, stop: int) -> NDArray[np.int32]:
        """Words begin … stop−1 of a sequence; both are multiples of 8."""
        self._counter[0] = begin // _WORDS_A_COUNT
        self._counter[1], self._counter[2], self._counter[3] = address
        self._philox.state = self._state  # of which the state's getter, called once, has said that no buffer is filled
        return self._philox.random_raw((stop - begin) // 2).astype("<u8", copy=False).view("<i4")
