"""The suite's only source of random numbers: noise that belongs to the sample, not to the batch.

A normal number is a function of (seed, sample, position): the same sample gets the same noise whatever the
batch size, the order of cells, the number of workers or the device. Samples are drawn in fixed blocks; each
(block, position) has a generator state of its own, and the numbers of a block are a prefix of one another.
Draws happen on the host, so that a GPU sees the very same Brownian path; its work overlaps with the draws.
"""

import hashlib
import json
import math
from typing import Protocol

import torch
from torch import Tensor

from sigbench.errors import BadInput

_LANE = 16  # torch fills normals in lanes of 16; a multiple of it makes a shorter draw a prefix of a longer one
_BLOCK_NUMBERS = 4096
_MASK = 0xFFFFFFFF


def seed_of(**axes: str | int | float) -> int:
    """Returns a 63-bit seed, the BLAKE2b hash of the named axes that it may depend on."""
    text = json.dumps(axes, sort_keys=True, separators=(",", ":"))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def _scramble(value: int) -> int:
    """A bijection of 32-bit words (the MurmurHash3 finaliser): distinct counters never share a state."""
    value &= _MASK
    value = ((value ^ (value >> 16)) * 0x85EBCA6B) & _MASK
    value = ((value ^ (value >> 13)) * 0xC2B2AE35) & _MASK
    return value ^ (value >> 16)


class Noise(Protocol):
    """Where normal numbers come from: a NoiseStream, or something that hands on its numbers."""

    def normal(self, first: int, count: int, position: int) -> Tensor:
        """Returns the numbers of samples first … first+count−1 at `position`, shape (count, *shape)."""
        ...


def block_of(shape: tuple[int, ...]) -> int:
    """Returns how many samples of `shape` share a block of numbers."""
    return max(1, _BLOCK_NUMBERS // math.prod(shape))


def streams_hold(shape: tuple[int, ...], samples: int, positions: int) -> bool:
    """Returns whether one stream has as many states as samples of `shape` at so many positions take."""
    return (samples // block_of(shape) + 1) * positions <= _MASK


class NoiseStream:
    """Standard normal numbers addressed by (sample, position).

    `shape` is the shape of one sample, `positions` an upper bound on the positions that will be asked for;
    streams of at most 2³² (blocks × positions) states never repeat one, since the generator (MT19937) is
    seeded by a bijection of their counter. Only the low 32 bits of `seed` count, and streams are stretches of one
    long sequence of states: two of S streams with N states each overlap with probability below S²·N/2³².
    """

    def __init__(
        self,
        seed: int,
        shape: tuple[int, ...],
        *,
        positions: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        self.shape, self.dtype, self.device = shape, dtype, torch.device(device)
        self._base, self._positions = seed & _MASK, positions
        self._size = math.prod(shape)
        self._block = block_of(shape)
        self._generator = torch.Generator()

    def normal(self, first: int, count: int, position: int) -> Tensor:
        """Returns the numbers of samples first … first+count−1 at `position`, shape (count, *shape)."""
        if not 0 <= position < self._positions:
            raise IndexError(f"position {position} lies outside the stream's {self._positions}")
        size, block = self._size, self._block
        if not streams_hold(self.shape, first + count, self._positions):
            raise BadInput(f"{first + count} samples at {self._positions} positions are more than one stream holds.")
        out = torch.empty(count * size + _LANE, dtype=self.dtype)
        filled = 0
        while filled < count:
            index, skip = divmod(first + filled, block)
            take = min(block - skip, count - filled)
            lanes = -(-(skip + take) * size // _LANE) * _LANE
            self._generator.manual_seed(_scramble(self._base + index * self._positions + position))
            if skip == 0:
                out[filled * size : filled * size + lanes].normal_(generator=self._generator)
            else:
                drawn = torch.empty(lanes, dtype=self.dtype).normal_(generator=self._generator)
                out[filled * size : (filled + take) * size] = drawn[skip * size : (skip + take) * size]
            filled += take
        result = out[: count * size].view(count, *self.shape)
        if self.device.type == "cpu":
            return result
        return result.pin_memory().to(self.device, non_blocking=True)
