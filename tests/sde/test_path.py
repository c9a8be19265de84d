"""One path for all: exact on every interval, and the same bits for whoever asks."""

from collections.abc import Sequence
from functools import reduce
from itertools import pairwise
from math import factorial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.sde.clock import Clock, diffusion_clock, even_clock
from sigbench.sde.grid import Grid, Step, uniform_grid
from sigbench.sde.grids.find import diffusion_grid
from sigbench.sde.noise import NoiseStream
from sigbench.sde.path import BrownianPath, PathOnGrid
from sigbench.sde.schedule import VPLinear
from sigbench.sde.signature import MAX_ORDER, PartialSignature

PROPERTY = settings(deadline=None, derandomize=True, database=None, max_examples=12)
SCHEDULE = VPLinear()
CLOCKS = (diffusion_clock(SCHEDULE), even_clock(2.0), Clock((3, 2), (0.0, 0.1, 0.3, 0.35, 0.6, 0.9, 1.0)))
NAMED = [("quadratic", 5), ("quadratic", 20), ("karras", 5), ("log-snr", 7), ("uniform", 3)]

clocks = st.sampled_from(CLOCKS)
orders = st.integers(1, MAX_ORDER)


class Axes:
    """Gives every position an axis of its own instead of normals, so that moments come out as coefficients."""

    def __init__(self) -> None:
        self.positions: dict[object, int] = {}

    def normal(self, first: int, count: int, position: int | tuple[int, int]) -> Tensor:
        axis = torch.zeros(count, dtype=torch.float64)
        axis[self.positions.setdefault(position, len(self.positions))] = 1.0
        return axis


@st.composite
def grids(draw: st.DrawFn, clock: Clock, most: int = 6) -> Grid:
    """A grid of times anywhere, some of them on edges of cells."""
    inside = draw(st.lists(st.integers(0, 10**6).map(lambda part: part / 10**6), max_size=most))
    edges = draw(st.lists(st.integers(0, len(clock.edges) - 1), max_size=3))
    times = sorted({*(time * clock.horizon for time in inside), *(clock.edges[edge] for edge in edges), 0.0})
    apart = [time for time, later in pairwise([*times, clock.horizon]) if later - time > 1e-7]
    return Grid("drawn", (*apart, clock.horizon))


def steps_of(grid: Grid) -> list[Step]:
    """Every interval between two times of a grid."""
    return [Step(0, a, b) for i, a in enumerate(grid.times) for b in grid.times[i + 1 :]]


def drawn(
    clock: Clock, grid: Grid, order: int, count: int = 20, first: int = 3, dtype: torch.dtype = torch.float64
) -> PathOnGrid:
    return BrownianPath(clock, order, NoiseStream(11, (2,), dtype=dtype)).on(grid, first, count)


def assert_same_bits(found: Sequence[Tensor], expected: Sequence[Tensor]) -> None:
    assert len(found) == len(expected)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def overlap(order: int, one: Step, other: Step) -> NDArray[np.float64]:
    """The exact correlations of two intervals' whitened moments, ∫ of the products of their polynomials."""
    start, end = max(one.start, other.start), min(one.end, other.end)
    if start >= end:
        return np.zeros((order, order))
    x, weights = np.polynomial.legendre.leggauss(order + 1)
    u = start + (end - start) * 0.5 * (x + 1)
    scale = np.sqrt(2 * np.arange(order) + 1)[:, None]
    a, b = (
        scale * np.polynomial.legendre.legvander(2 * (step.end - u) / step.h - 1, order - 1).T / np.sqrt(step.h)
        for step in (one, other)
    )
    return (a * weights * 0.5 * (end - start)) @ b.T


@settings(PROPERTY, max_examples=8)
@given(data=st.data(), clock=clocks, order=orders)
def test_moments_of_any_intervals_correlate_exactly(data: st.DataObject, clock: Clock, order: int) -> None:
    """Moments are linear in independent normals: their correlations are inner products of coefficients."""
    path = BrownianPath(clock, order, Axes())
    grid = data.draw(grids(clock, most=4))
    driver = path.on(grid, 0, 4000)
    steps = steps_of(grid)
    rows = torch.cat([torch.stack(driver.whitened(step, order)) for step in steps])
    exact = np.block([[overlap(order, one, other) for other in steps] for one in steps])
    np.testing.assert_allclose((rows @ rows.T).numpy(), exact, rtol=0, atol=1e-11)


@pytest.mark.parametrize(("name", "steps"), NAMED)
def test_the_grids_that_are_walked_are_exact(name: str, steps: int) -> None:
    driver = BrownianPath(CLOCKS[0], 4, Axes()).on(diffusion_grid(name, steps, SCHEDULE), 0, 4000)
    rows = torch.cat([torch.stack(driver.whitened(step, 4)) for step in diffusion_grid(name, steps, SCHEDULE)])
    np.testing.assert_allclose((rows @ rows.T).numpy(), np.eye(len(rows)), rtol=0, atol=4e-14)


@PROPERTY
@given(data=st.data(), clock=clocks, order=orders)
def test_adjacent_intervals_fold_to_the_whole(data: st.DataObject, clock: Clock, order: int) -> None:
    """Chen's identity, to 1e-12 of a moment's deviation."""
    grid = data.draw(grids(clock))
    driver = drawn(clock, grid, order)
    whole = driver.signature(Step(0, grid.times[0], grid.times[-1]), order)
    folded = reduce(PartialSignature.then, [driver.signature(step, order) for step in grid])
    for k, (a, b) in enumerate(zip(folded.moments, whole.moments, strict=True)):
        scale = whole.h ** (k + 0.5)
        torch.testing.assert_close(a / scale, b / scale, rtol=0, atol=1e-12)


@settings(PROPERTY, max_examples=8)
@given(data=st.data(), clock=clocks, order=st.integers(1, 4))
def test_the_order_of_questions_does_not_matter(data: st.DataObject, clock: Clock, order: int) -> None:
    grid = data.draw(grids(clock, most=2))
    questions = [(step, q) for step in steps_of(grid) for q in {1, order}]
    shuffled = data.draw(st.permutations(questions))
    driver = drawn(clock, grid, order)
    for step, q in shuffled:
        alone = drawn(clock, grid, order).signature(step, q)
        assert_same_bits(driver.signature(step, q).moments, alone.moments)


@PROPERTY
@given(data=st.data(), clock=clocks, orders=st.tuples(orders, orders).map(sorted), single=st.booleans())
def test_lower_orders_are_the_same_bits(data: st.DataObject, clock: Clock, orders: list[int], single: bool) -> None:
    grid = data.draw(grids(clock))
    dtype = torch.float32 if single else torch.float64
    low, high = (drawn(clock, grid, orders[1], dtype=dtype) for _ in range(2))
    for step in grid:
        expected = high.signature(step, orders[1]).moments[: orders[0]]
        assert_same_bits(low.signature(step, orders[0]).moments, expected)


@PROPERTY
@given(
    data=st.data(),
    clock=clocks,
    first=st.integers(0, 5000),
    count=st.integers(2, 400),
    cut=st.floats(0, 1),
    single=st.booleans(),
)
def test_paths_belong_to_samples(
    data: st.DataObject, clock: Clock, first: int, count: int, cut: float, single: bool
) -> None:
    grid, head = data.draw(grids(clock)), min(count - 1, max(1, int(cut * count)))
    dtype = torch.float32 if single else torch.float64
    whole, early, late = (
        drawn(clock, grid, 3, size, start, dtype)
        for start, size in ((first, count), (first, head), (first + head, count - head))
    )
    for step in grid:
        parts = [torch.cat(pair) for pair in zip(early.whitened(step, 3), late.whitened(step, 3), strict=True)]
        assert_same_bits(parts, whole.whitened(step, 3))


def test_a_batch_of_another_size_and_its_threads_change_no_bit() -> None:
    """40,000 numbers are more than torch leaves to one thread."""
    grid = diffusion_grid("karras", 5, SCHEDULE)
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    large = drawn(CLOCKS[0], grid, 2, 20_001, 0, torch.float32)
    moments = [large.whitened(step, 2) for step in grid]
    torch.set_num_threads(threads)
    small = drawn(CLOCKS[0], grid, 2, 7, 19_990, torch.float32)
    for step, whole in zip(grid, moments, strict=True):
        assert_same_bits([moment[19_990:19_997] for moment in whole], small.whitened(step, 2))


@pytest.mark.parametrize(("name", "steps"), NAMED)
def test_float32_walks_the_same_path(name: str, steps: int) -> None:
    """But for rare numbers beyond 4 deviations, where a word of 24 bits tells 0.0002 apart, and 0.02 beyond 5."""
    grid = diffusion_grid(name, steps, SCHEDULE)
    single, double = (drawn(CLOCKS[0], grid, 4, 500, dtype=dtype) for dtype in (torch.float32, torch.float64))
    for step in grid:
        pairs = zip(single.whitened(step, 4), double.whitened(step, 4), strict=True)
        apart = torch.stack([(a - b).abs() for a, b in pairs])
        assert apart.median() < 1e-6
        assert apart.flatten().quantile(0.99) < 2e-5
        assert apart.max() < 0.02


def test_grids_share_what_is_a_cell_of_both() -> None:
    """The steps of the one are known to the other by the bit, and are its own folded four by four."""
    coarse, fine = (diffusion_grid("quadratic", steps, SCHEDULE) for steps in (5, 20))
    on_coarse, on_fine = (drawn(CLOCKS[0], grid, 2) for grid in (coarse, fine))
    for step in coarse:
        own = on_coarse.signature(step, 2).moments
        start, end = fine.times[4 * step.index], fine.times[4 * step.index + 4]
        assert_same_bits(on_fine.whitened(Step(0, start, end), 2), on_coarse.whitened(step, 2))
        folded = reduce(PartialSignature.then, [on_fine.signature(s, 2) for s in list(fine)[4 * step.index :][:4]])
        for a, b in zip(folded.moments, own, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_any_other_grid_is_coupled_closely() -> None:
    """Where a grid cuts cells, it shares all but a few hundredths of a step's increment, in variance."""
    fine = diffusion_grid("quadratic", 300, SCHEDULE)
    for name in ("karras", "log-snr", "uniform"):
        grid = diffusion_grid(name, 5, SCHEDULE)
        both = Grid("both", tuple(sorted({*fine.times, *grid.times})), 1.0)
        axes = Axes()
        alone, beside = (BrownianPath(CLOCKS[0], 2, axes).on(g, 0, 2000) for g in (grid, both))
        for step in grid:
            apart = alone.whitened(step, 1)[0] - beside.whitened(step, 1)[0]
            assert 0.0 < float(apart @ apart) < 0.1


def test_what_is_handed_out_is_the_callers() -> None:
    grid = uniform_grid(4, 2.0)
    driver = drawn(CLOCKS[1], grid, 2)
    for step in grid:
        kept = driver.whitened(step, 2)[0].clone()
        driver.whitened(step, 2)[0].zero_()
        driver.signature(step).increment.zero_()
        assert_same_bits(driver.whitened(step, 1), [kept])


def test_memory_and_draws_do_not_grow_with_the_steps() -> None:
    """A walk in order draws one normal for each moment of each step, and few more for the cells above."""
    noise = Counting()
    grid = uniform_grid(320, 2.0)  # fifths, halved six times
    driver = BrownianPath(CLOCKS[1], 2, noise).on(grid, 0, 4)
    for step in grid:
        driver.signature(step, 2)
    assert noise.asked == 2 * 320
    karras = diffusion_grid("karras", 40, SCHEDULE)
    noise.asked = 0
    driver = BrownianPath(CLOCKS[0], 2, noise).on(karras, 0, 4)
    seen = []
    for step in karras:
        driver.signature(step, 2)
        seen.append(len(driver._tree._splits) + len(driver._tree._cuts))
    assert max(seen) < 14
    assert noise.asked == len(noise.positions)  # nothing was drawn twice


class Counting(NoiseStream):
    def __init__(self) -> None:
        super().__init__(1, ())
        self.asked, self.positions = 0, set[object]()

    def normal(self, first: int, count: int, position: int | tuple[int, int]) -> Tensor:
        if self.asked == 0:
            self.positions.clear()
        self.asked += 1
        self.positions.add(position)
        return super().normal(first, count, position)


def covariance_z(n: int, seed: int) -> tuple[float, int]:
    """The largest |z| of the moments' covariances over random, overlapping and adjacent intervals, and how many."""
    order, clock = 3, CLOCKS[0]
    cuts = np.sort(np.random.default_rng(seed).uniform(0, clock.horizon, 5))
    grid = Grid("random", (0.0, *cuts.tolist(), clock.horizon))
    t = grid.times
    steps = [Step(0, t[a], t[b]) for a, b in ((0, 1), (1, 2), (0, 2), (1, 4), (3, 5), (0, 6))]
    total = np.zeros((order * len(steps),) * 2)
    for first in range(0, n, 100_000):
        driver = BrownianPath(clock, order, NoiseStream(seed, ())).on(grid, first, min(n, 100_000))
        rows = torch.cat([torch.stack(driver.whitened(step, order)) for step in steps]).double()
        total += (rows @ rows.T).numpy()
    exact = np.block([[overlap(order, one, other) for other in steps] for one in steps])
    z = (total / n - exact) / np.sqrt((1 + exact**2) / n)
    return float(np.abs(z).max()), len(z) * (len(z) + 1) // 2


def test_covariances_of_drawn_paths() -> None:
    """171 covariances of 50,000 paths; a right path fails once in 10,000 times."""
    worst, comparisons = covariance_z(50_000, 5)
    assert worst < stats.norm.isf(1e-4 / 2 / comparisons)


@pytest.mark.slow
def test_covariances_of_a_million_paths() -> None:
    """Twice 171 covariances of 10⁶ paths; a right path fails once in 10,000 times."""
    for seed in (6, 7):
        worst, comparisons = covariance_z(1_000_000, seed)
        assert worst < stats.norm.isf(1e-4 / 4 / comparisons)


KERNELS = [np.ones_like, np.exp, lambda u: np.cos(7 * u), lambda u: 1 / (0.05 + u), lambda u: u**3]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("order", [1, 2, 4])
def test_a_functional_has_the_exact_law(kernel: object, order: int) -> None:
    """Its variance is ∫K², its covariance with a moment ∫K(u)·(b − u)^k/k!, on steps that are cells and on others."""
    grid = Grid("some", (0.0, 0.5, 0.77, 2.0))
    axes = Axes()
    driver = BrownianPath(CLOCKS[1], order, axes).on(grid, 0, 200)
    found = [driver.functional(step, kernel) for step in grid]  # type: ignore[arg-type]
    x, weights = np.polynomial.legendre.leggauss(200)
    for step, value in zip(grid, found, strict=True):
        u = step.start + step.h * 0.5 * (x + 1)
        values = kernel(u)  # type: ignore[operator]
        assert float(value @ value) == pytest.approx(0.5 * step.h * float(weights @ values**2), rel=1e-9)
        moments = driver.signature(step, order).moments
        for k, moment in enumerate(moments):
            power = (step.end - u) ** k / factorial(k)
            expected = 0.5 * step.h * float(weights @ (values * power))
            assert float(value @ moment) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert float(found[0] @ found[1]) == pytest.approx(0.0, abs=1e-14)


def test_a_functional_in_the_moments_span_is_the_moment() -> None:
    grid = uniform_grid(4, 2.0)
    driver = drawn(CLOCKS[1], grid, 2)
    for step in grid:
        signature = driver.signature(step, 2)
        torch.testing.assert_close(driver.functional(step, lambda u, end=step.end: end - u), signature.moments[1])
        assert torch.equal(driver.functional(step, np.exp), driver.functional(step, np.exp))


def test_bad_questions_get_one_clear_sentence() -> None:
    grid = uniform_grid(4, 2.0)
    driver = drawn(CLOCKS[1], grid, 2)
    with pytest.raises(BadInput, match=r"^this path knows signatures up to order 2, got 3\.$"):
        driver.signature(Step(0, 0.0, 0.5), 3)
    with pytest.raises(BadInput, match=r"order must lie between 1 and 8, got 0"):
        driver.signature(Step(0, 0.0, 0.5), 0)
    with pytest.raises(BadInput, match=r"^the time 0\.3 is not on the grid that this path was asked for\.$"):
        driver.signature(Step(0, 0.0, 0.3))
    with pytest.raises(BadInput, match=r"^the time nan is not on the grid"):
        driver.signature(Step(0, float("nan"), 0.5))
    with pytest.raises(BadInput, match=r"^an interval runs forward in time, not from 1 to 0\.5\.$"):
        driver.signature(Step(0, 1.0, 0.5))
    with pytest.raises(BadInput, match=r"^the grid runs from 0 to 2\.5, the path from 0 to 2\.$"):
        drawn(CLOCKS[1], uniform_grid(4, 2.5), 2)
    with pytest.raises(BadInput, match=r"^the grid runs from -0\.1 to 2, the path from 0 to 2\.$"):
        drawn(CLOCKS[1], Grid("early", (-0.1, 2.0)), 2)
    with pytest.raises(
        BadInput, match=r"^the times 0\.71 and 0\.7100000001 of the grid are too close: there this path tells"
    ):
        drawn(CLOCKS[1], Grid("close", (0.0, 0.71, 0.7100000001, 2.0)), 2)
    with pytest.raises(BadInput, match="between 1 and 8, got 9"):
        BrownianPath(CLOCKS[1], 9, Axes())
    with pytest.raises(ValueError, match="kernel is not finite between 0 and 0"):
        driver.functional(Step(0, 0.0, 0.5), lambda u: np.full_like(u, np.nan))
