"""Noise belongs to the sample: the same numbers whatever the batch."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sigbench.sde.noise import NoiseStream, _scramble, seed_of

PROPERTY = settings(deadline=None, derandomize=True, database=None)
DTYPES = st.sampled_from([torch.float32, torch.float64])
SHAPES = st.sampled_from([(), (1,), (2,), (3,), (2, 3), (5,), (16,), (37,), (12, 12), (4099,)])
AXES = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=3),
    st.integers(-(2**40), 2**40) | st.text(max_size=4) | st.floats(allow_nan=False, allow_infinity=False),
    max_size=4,
)


@PROPERTY
@given(
    seed=st.integers(0, 2**63 - 1),
    shape=SHAPES,
    dtype=DTYPES,
    first=st.integers(0, 9000),
    count=st.integers(1, 6000),
    position=st.integers(0, 6),
    cuts=st.lists(st.floats(0, 1), max_size=4),
)
def test_batches_do_not_matter(
    seed: int,
    shape: tuple[int, ...],
    dtype: torch.dtype,
    first: int,
    count: int,
    position: int,
    cuts: list[float],
) -> None:
    count = max(1, count // math.prod(shape))
    stream = NoiseStream(seed, shape, positions=7, dtype=dtype)
    whole = stream.normal(first, count, position)
    assert whole.shape == (count, *shape)
    assert whole.dtype == dtype
    ends = sorted({0, count, *(int(cut * count) for cut in cuts)})
    other = NoiseStream(seed, shape, positions=7, dtype=dtype)
    parts = [other.normal(first + a, b - a, position) for a, b in reversed(list(pairwise(ends)))]
    assert torch.equal(torch.cat(parts[::-1]), whole)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_one_sample_at_a_time(dtype: torch.dtype) -> None:
    stream = NoiseStream(5, (3,), positions=2, dtype=dtype)
    whole = stream.normal(1350, 40, 1)  # across the end of a block
    assert torch.equal(torch.cat([stream.normal(1350 + i, 1, 1) for i in range(40)]), whole)


@PROPERTY
@given(shape=SHAPES, dtype=DTYPES, first=st.integers(0, 5000), positions=st.integers(2, 50))
def test_different_addresses_differ(shape: tuple[int, ...], dtype: torch.dtype, first: int, positions: int) -> None:
    stream = NoiseStream(1, shape, positions=positions, dtype=dtype)
    at = stream.normal(first, 2, 0).flatten()
    others = (
        stream.normal(first, 2, 1),
        stream.normal(first, 2, positions - 1),
        stream.normal(first + 5000, 2, 0),
        NoiseStream(2, shape, positions=positions, dtype=dtype).normal(first, 2, 0),
    )
    assert len(at.unique()) == len(at)
    for other in others:
        assert not torch.isin(at, other.flatten()).all()


def test_asking_again_gives_the_same_and_keeps_what_was_given() -> None:
    stream = NoiseStream(3, (2,), positions=2)
    first = stream.normal(0, 100, 0)
    kept = first.clone()
    first_again = stream.normal(0, 100, 0)
    stream.normal(0, 100, 1)
    assert torch.equal(first, kept)
    assert torch.equal(first_again, kept)


def test_global_random_state_neither_matters_nor_moves() -> None:
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    drawn = NoiseStream(3, (2,), positions=1).normal(0, 100, 0)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(NoiseStream(3, (2,), positions=1).normal(0, 100, 0), drawn)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_numbers_are_standard_normal(dtype: torch.dtype) -> None:
    """Three tests on a million numbers, each of which rejects a right stream once in 10,000 times."""
    n = 1_000_000
    drawn = NoiseStream(seed_of(test="law"), (), positions=1, dtype=dtype).normal(0, n, 0).double().numpy()
    bound = stats.norm.isf(1e-4 / 2)
    assert abs(drawn.mean()) * math.sqrt(n) < bound
    assert abs((drawn**2).mean() - 1) * math.sqrt(n / 2) < bound
    assert stats.ks_1samp(drawn, stats.norm.cdf).pvalue > 1e-4


def test_numbers_are_uncorrelated() -> None:
    """45 correlations between positions, seeds and blocks; a right stream fails once in 10,000 times."""
    n = 100_000
    streams = [NoiseStream(seed_of(repeat=repeat), (), positions=8) for repeat in (0, 1)]
    columns = [stream.normal(0, n, position) for stream in streams for position in (0, 1, 7)]
    columns += [streams[0].normal(k * n, n, 0) for k in (1, 2)]
    columns += [columns[0].roll(1), columns[0].roll(8)]
    table = torch.stack(columns).double().numpy()
    z = (np.corrcoef(table) - np.eye(len(table))) * math.sqrt(n)
    comparisons = len(table) * (len(table) - 1) // 2
    assert np.abs(z).max() < stats.norm.isf(1e-4 / 2 / comparisons)


@pytest.mark.parametrize("position", [-1, 4, 10**9])
def test_position_out_of_range(position: int) -> None:
    with pytest.raises(IndexError, match=f"position {position} lies outside the stream's 4"):
        NoiseStream(0, (1,), positions=4).normal(0, 1, position)


def unscramble(value: int) -> int:
    """The inverse of the finaliser, step by step."""
    mask = 2**32 - 1
    value ^= value >> 16
    value = value * pow(0xC2B2AE35, -1, 2**32) & mask
    value ^= (value >> 13) ^ (value >> 26)
    value = value * pow(0x85EBCA6B, -1, 2**32) & mask
    return value ^ (value >> 16)


@PROPERTY
@given(value=st.integers(0, 2**32 - 1))
def test_scramble_has_an_inverse(value: int) -> None:
    scrambled = _scramble(value)
    assert 0 <= scrambled < 2**32
    assert unscramble(scrambled) == value
    assert _scramble(value + 2**32) == scrambled


def test_consecutive_counters_never_collide() -> None:
    assert len({_scramble(counter) for counter in range(200_000)}) == 200_000


@PROPERTY
@given(axes=AXES, other=AXES)
def test_seeds_depend_on_names_and_values_alone(axes: dict[str, object], other: dict[str, object]) -> None:
    seed = seed_of(**axes)  # type: ignore[arg-type]
    assert 0 <= seed < 2**63
    assert seed_of(**dict(reversed(axes.items()))) == seed  # type: ignore[arg-type]
    if repr(sorted(axes.items())) != repr(sorted(other.items())):
        assert seed_of(**other) != seed  # type: ignore[arg-type]


def test_seeds_tell_axes_apart() -> None:
    seeds = {
        seed_of(),
        seed_of(task="gmm"),
        seed_of(task="gmm", repeat=0),
        seed_of(task="gmm", repeat=1),
        seed_of(task="gmm", repeat="1"),
        seed_of(task="gmm", steps=1),
        seed_of(task="gmm", steps=1, repeat=0),
        seed_of(task="gmm", steps=0, repeat=1),
    }
    assert len(seeds) == 8


def test_seeds_stay_what_they_are() -> None:
    """Committed records can be drawn again only as long as this number stands."""
    assert seed_of(task="gmm", seed=0, repeat=0, purpose="initial") == 8836020631199619818
