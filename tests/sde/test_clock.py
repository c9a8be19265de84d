"""Clocks cut time into nested cells, and every grid finds its place among them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigbench.errors import BadInput
from sigbench.sde.clock import Clock, Layout, diffusion_clock, even_clock, layout_of
from sigbench.sde.grid import uniform_grid
from sigbench.sde.grids.find import diffusion_grid
from sigbench.sde.grids.names import grid_names
from sigbench.sde.schedule import VE, VPCosine, VPLinear

PROPERTY = settings(deadline=None, derandomize=True, database=None, max_examples=30)
SCHEDULES = (VPLinear(), VPCosine(), VE())
CLOCKS = (diffusion_clock(VPLinear()), even_clock(2.0), Clock((3, 2), (0.0, 0.1, 0.3, 0.35, 0.6, 0.9, 1.0)))
clocks = st.sampled_from(CLOCKS)


@PROPERTY
@given(clock=clocks, data=st.data())
def test_parts_make_up_their_cell(clock: Clock, data: st.DataObject) -> None:
    level = data.draw(st.integers(0, clock.finest - 1))
    time = data.draw(st.floats(0, 1)) * clock.horizon
    cell = clock.cell_of(level, time)
    start, end = clock.bounds(cell)
    assert start <= time <= end
    parts = clock.parts(level)
    assert clock.span(level) == parts * clock.span(level + 1)
    children = [(level + 1, cell[1] * parts + part) for part in range(parts)]
    bounds = [clock.bounds(child) for child in children]
    assert (bounds[0][0], bounds[-1][1]) == (start, end)
    assert all(one[1] == other[0] for one, other in pairwise(bounds))
    lengths = np.array(clock.lengths(cell))
    np.testing.assert_allclose(lengths / lengths.sum(), np.diff([start, *(b[1] for b in bounds)]) / (end - start))
    assert clock.cell_of(level + 1, time) in children


@PROPERTY
@given(clock=clocks, ends=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted))
def test_a_cover_is_without_gap_and_as_coarse_as_can_be(clock: Clock, ends: list[float]) -> None:
    start, end = (int(fraction * clock.span(0)) for fraction in ends)
    reached = start
    for level, index in clock.cover(start, end):
        assert index * clock.span(level) == reached
        reached += clock.span(level)
        if level > 0:
            wide, parent = clock.span(level - 1), index // clock.parts(level - 1)
            assert parent * wide < start or (parent + 1) * wide > end
    assert reached == end or start == end


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.name)
@pytest.mark.parametrize("steps", [5, 10, 20, 50, 60, 100, 150, 300])
def test_quadratic_grids_are_unions_of_cells(schedule: VPLinear, steps: int) -> None:
    layout = Layout(diffusion_clock(schedule), diffusion_grid("quadratic", steps, schedule).times, 2)
    assert all(place.cell is None for place in layout.places)


def test_the_coarsest_grid_reads_one_cell_a_step() -> None:
    layout = Layout(CLOCKS[0], diffusion_grid("quadratic", 5, VPLinear()).times, 2)
    assert [[piece.cell for piece in layout.pieces(i, i + 1)] for i in range(5)] == [[(1, i)] for i in range(5)]


@pytest.mark.parametrize(("steps", "most"), [(5, 1), (20, 1), (5120, 1), (1, 1), (2, 3), (64, 3), (4096, 3)])
def test_even_grids_of_halves_and_of_halved_fifths_are_unions_of_cells(steps: int, most: int) -> None:
    layout = Layout(CLOCKS[1], uniform_grid(steps, 2.0).times, 2)
    assert all(place.cell is None for place in layout.places)
    assert max(len(layout.pieces(i, i + 1)) for i in range(steps)) == most


@pytest.mark.parametrize("name", sorted(set(grid_names()) - {"sigmas", "indices"}))
@pytest.mark.parametrize("steps", [1, 7, 300, 1000])
def test_every_named_grid_finds_its_place(name: str, steps: int) -> None:
    """The pieces of every step make up its length, and a cell that is cut is small beside the steps next to it."""
    grid = diffusion_grid(name, steps, VPLinear())
    layout = Layout(CLOCKS[0], grid.times, 2)
    for step in grid:
        pieces = layout.pieces(step.index, step.index + 1)
        assert sum(piece.length for piece in pieces) == pytest.approx(step.h, abs=1e-11)
        for piece in pieces:
            if piece.cut is not None:
                start, end = CLOCKS[0].bounds(piece.cell)
                assert end - start <= step.h / 4


def test_too_close_and_outside() -> None:
    with pytest.raises(
        BadInput, match=r"^the times 0\.71 and 0\.7100000001 of the grid are too close: there this path tel"
    ):
        Layout(CLOCKS[1], (0.0, 0.71, 0.71 + 1e-10, 2.0), 2)
    for times in ((0.0, 2.1), (-0.1, 2.0), (float("nan"), 1.0), (0.0, float("nan"))):
        with pytest.raises(BadInput, match="the path from 0 to 2"):
            Layout(CLOCKS[1], times, 2)
    Layout(CLOCKS[1], (0.0, 0.71, 0.71 + 1e-9, 2.0), 2)


def test_edges_and_radices_agree() -> None:
    with pytest.raises(ValueError, match="3 edges do not bound 6 cells"):
        Clock((3, 2), (0.0, 0.5, 1.0))


def test_layouts_are_made_once() -> None:
    times = uniform_grid(3, 2.0).times
    assert layout_of(CLOCKS[1], times, 2) is layout_of(even_clock(2.0), times, 2)
