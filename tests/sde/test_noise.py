"""Noise belongs to the sample: the same numbers whatever the batch."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sigbench.sde.noise import NoiseStream, seed_of

PROPERTY = settings(deadline=None, derandomize=True, database=None, max_examples=40)
DTYPE = (torch.float32, torch.float64)
DTYPES = st.sampled_from(DTYPE)
ADDRESSES = st.integers(0, 2**64 - 1) | st.integers(0, 3)
STAND = (-1.5282533, 0.6748884, 0.4681510)
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
    stream = NoiseStream(seed, shape, dtype=dtype)
    whole = stream.normal(first, count, position)
    assert whole.shape == (count, *shape)
    assert whole.dtype == dtype
    ends = sorted({0, count, *(int(cut * count) for cut in cuts)})
    other = NoiseStream(seed, shape, dtype=dtype)
    parts = [other.normal(first + a, b - a, position) for a, b in reversed(list(pairwise(ends)))]
    assert torch.equal(torch.cat(parts[::-1]), whole)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_one_sample_at_a_time(dtype: torch.dtype) -> None:
    stream = NoiseStream(5, (3,), dtype=dtype)
    whole = stream.normal(5450, 40, 1)  # across what is made at once
    assert torch.equal(torch.cat([stream.normal(5450 + i, 1, 1) for i in range(40)]), whole)


@PROPERTY
@given(shape=SHAPES, first=st.integers(0, 5000), positions=st.integers(2, 50))
def test_different_addresses_differ(shape: tuple[int, ...], first: int, positions: int) -> None:
    stream = NoiseStream(1, shape, dtype=torch.float64)
    at = stream.normal(first, 2, 0).flatten()
    others = (
        stream.normal(first, 2, 1),
        stream.normal(first, 2, positions - 1),
        stream.normal(first + 5000, 2, 0),
        NoiseStream(2, shape, dtype=torch.float64).normal(first, 2, 0),
    )
    assert len(at.unique()) == len(at)
    for other in others:
        assert not torch.isin(at, other.flatten()).all()


def test_asking_again_gives_the_same_and_keeps_what_was_given() -> None:
    stream = NoiseStream(3, (2,))
    first = stream.normal(0, 100, 0)
    kept = first.clone()
    first_again = stream.normal(0, 100, 0)
    stream.normal(0, 100, 1)
    assert torch.equal(first, kept)
    assert torch.equal(first_again, kept)


def test_global_random_state_neither_matters_nor_moves() -> None:
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    drawn = NoiseStream(3, (2,)).normal(0, 100, 0)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(NoiseStream(3, (2,)).normal(0, 100, 0), drawn)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_numbers_are_standard_normal(dtype: torch.dtype) -> None:
    """Three tests on a million numbers, each of which rejects a right stream once in 10,000 times."""
    n = 1_000_000
    drawn = NoiseStream(seed_of(test="law"), (), dtype=dtype).normal(0, n, 0).double().numpy()
    bound = stats.norm.isf(1e-4 / 2)
    assert abs(drawn.mean()) * math.sqrt(n) < bound
    assert abs((drawn**2).mean() - 1) * math.sqrt(n / 2) < bound
    assert stats.ks_1samp(drawn, stats.norm.cdf).pvalue > 1e-4


def test_numbers_are_uncorrelated() -> None:
    """45 correlations between positions, seeds and stretches; a right stream fails once in 10,000 times."""
    n = 100_000
    streams = [NoiseStream(seed_of(repeat=repeat), ()) for repeat in (0, 1)]
    columns = [stream.normal(0, n, position) for stream in streams for position in (0, 1, 7)]
    columns += [streams[0].normal(k * n, n, 0) for k in (1, 2)]
    columns += [columns[0].roll(1), columns[0].roll(8)]
    table = torch.stack(columns).double().numpy()
    z = (np.corrcoef(table) - np.eye(len(table))) * math.sqrt(n)
    comparisons = len(table) * (len(table) - 1) // 2
    assert np.abs(z).max() < stats.norm.isf(1e-4 / 2 / comparisons)


@pytest.mark.parametrize("position", [-1, 2**64, (0, -1), (2**64, 0)])
def test_position_out_of_range(position: int | tuple[int, int]) -> None:
    with pytest.raises(OverflowError):
        NoiseStream(0, (1,)).normal(0, 1, position)


def test_only_two_dtypes() -> None:
    with pytest.raises(ValueError, match=r"float32 and float64, not in torch\.bfloat16"):
        NoiseStream(0, (1,), dtype=torch.bfloat16)


@PROPERTY
@given(
    a=st.tuples(st.integers(0, 2**63 - 1), ADDRESSES, ADDRESSES),
    b=st.tuples(st.integers(0, 2**63 - 1), ADDRESSES, ADDRESSES),
)
def test_every_bit_of_an_address_counts(a: tuple[int, int, int], b: tuple[int, int, int]) -> None:
    """Above all those that 32 bits do not hold."""
    one, other = (NoiseStream(seed, ()).normal(0, 4, (high, low)) for seed, high, low in (a, b))
    assert torch.equal(one, other) == (a == b)


def test_a_position_is_short_for_a_pair() -> None:
    stream = NoiseStream(3, (2,))
    assert torch.equal(stream.normal(5, 7, 9), stream.normal(5, 7, (0, 9)))


@PROPERTY
@given(seed=st.integers(0, 2**63 - 1), first=st.integers(0, 2**40), shape=SHAPES)
def test_float32_and_float64_see_the_same_numbers(seed: int, first: int, shape: tuple[int, ...]) -> None:
    """A number differs by the rounding of u to 24 bits, over the density, and by its own."""
    single, double = (NoiseStream(seed, shape, dtype=dtype).normal(first, 3, 1) for dtype in DTYPE)
    density = torch.exp(-0.5 * double**2) / math.sqrt(2 * math.pi)
    assert ((single - double).abs() < 2.0**-24 / density + 1e-6).all()


def test_float64_has_more_than_24_bits() -> None:
    """A million numbers of 24 bits would meet about 30,000 times; of 53 bits never."""
    drawn = NoiseStream(4, (), dtype=torch.float64).normal(0, 1_000_000, 0)
    assert len(drawn.unique()) == len(drawn)
    low = (torch.special.ndtr(drawn) * 2.0**24) % 1  # what 24 bits do not hold, uniform
    assert stats.ks_1samp(low.numpy()[:100_000], stats.uniform.cdf).pvalue > 1e-4


def test_the_numbers_stay_what_they_are() -> None:
    """Committed records can be drawn again only as long as these stand: Philox's words turned by the normal law."""
    words = np.random.Philox(key=np.array([7, 0], np.uint64), counter=np.array([0, 0, 2, 5], np.uint64)).random_raw(4)
    halves = words.astype("<u8").view("<i4")
    expected = stats.norm.ppf(0.5 + halves * 2.0**-32)
    drawn = NoiseStream(7, ()).normal(0, 8, (2, 5))
    np.testing.assert_allclose(drawn.numpy(), expected, rtol=1e-5)
    np.testing.assert_allclose(drawn[:3].numpy(), STAND, rtol=1e-5)


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
