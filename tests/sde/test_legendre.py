"""Moments of parts and of the whole: an orthogonal map, and what a functional of the path knows of them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sigbench.sde.legendre import combine, projection, shares, split_rows
from sigbench.sde.signature import MAX_ORDER, moment_factor

PROPERTY = settings(deadline=None, derandomize=True, database=None, max_examples=30)
orders = st.integers(1, MAX_ORDER)
lengths = st.lists(st.floats(0.05, 1.0), min_size=2, max_size=5).map(tuple)


def matrix(order: int, parts: tuple[float, ...]) -> NDArray[np.float64]:
    dense = np.zeros((order * len(parts),) * 2)
    for row, entries in enumerate(split_rows(order, parts)):
        for column, value in entries:
            dense[row, column] = value
    return dense


@PROPERTY
@given(orders, lengths)
def test_a_split_is_a_rotation_that_folds_back(order: int, parts: tuple[float, ...]) -> None:
    """Independent normals in, independent normals out, and the parts' shares give the whole's moments again."""
    dense = matrix(order, parts)
    np.testing.assert_allclose(dense @ dense.T, np.eye(len(dense)), atol=1e-11)
    whole = shares(order, parts).transpose(1, 2, 0).reshape(order, -1) @ dense
    np.testing.assert_allclose(whole, np.eye(order, len(dense)), atol=1e-11)


@PROPERTY
@given(orders, lengths, st.integers(1, MAX_ORDER))
def test_lower_moments_read_fewer_normals(order: int, parts: tuple[float, ...], read: int) -> None:
    """The first q moments of r parts take (r − 1)·q fresh normals beside the whole's moments."""
    read = min(read, order)
    used = np.nonzero(matrix(order, parts)[: read * len(parts)])[1]
    assert used.max() < order + (len(parts) - 1) * read


@PROPERTY
@given(orders, lengths)
def test_the_fresh_directions_do_not_depend_on_a_library_s_signs(order: int, parts: tuple[float, ...]) -> None:
    """Every part but the last grows with the normal of its own moment."""
    dense, count = matrix(order, parts), len(parts)
    for moment in range(order):
        for part in range(count - 1):
            assert dense[moment * count + part, order + moment * (count - 1) + part] > 0


@pytest.mark.parametrize("order", range(1, MAX_ORDER + 1))
def test_shares_are_chens_identity(order: int) -> None:
    """In raw moments, M_k^whole = Σ_j h₂^{k−j}/(k−j)!·M_j^first + M_k^second; the first part's share of M₀ is 1."""
    first, second = shares(order, (0.3, 0.7))
    factor = moment_factor(order)
    scale = np.arange(order) + 0.5
    raw = [np.linalg.inv(factor * (part**scale)[:, None]) for part in (0.3, 0.7)]
    np.testing.assert_allclose(factor @ second @ raw[1], np.eye(order), atol=1e-9)
    chen = factor @ first @ raw[0]
    np.testing.assert_allclose(np.diag(chen), 1.0, atol=1e-9)
    if order > 1:
        assert chen[1, 0] == pytest.approx(0.7)


def test_halving_has_the_known_conditional_law() -> None:
    """Foster, Lyons & Oberhauser 2020, theorem 3.6, h = 1: W of the left half is ½W + (3/2)H + N(0, 1/16), H of it is
    H/4 − N/2 + Z, N being that normal number and Z another of variance 1/48; W = ξ₀ and H = ξ₁/√12.
    """
    left = matrix(2, (1.0, 1.0))[[0, 2]]
    increment, area = left[0] * np.sqrt(0.5), left[1] * np.sqrt(0.5 / 12)
    np.testing.assert_allclose(increment, [0.5, 1.5 / np.sqrt(12), 0.25, 0.0], atol=1e-14)
    np.testing.assert_allclose(area, [0.0, 0.25 / np.sqrt(12), -0.5 * 0.25, 1 / np.sqrt(48)], atol=1e-14)


def test_combining_takes_term_by_term() -> None:
    tensors = [torch.tensor([1.0, 2.0]), torch.tensor([10.0, 20.0]), torch.tensor([100.0, 200.0])]
    assert torch.equal(combine(((0, 2.0), (2, 0.5)), tensors), torch.tensor([52.0, 104.0]))
    assert torch.equal(tensors[0], torch.tensor([1.0, 2.0]))


def test_projection_of_known_kernels() -> None:
    """K = 1 is √h·ξ₀; K = u on [0, 1] is ½ξ₀ − ξ₁/√12, since ξ₁ pairs the path with √3·(1 − 2u)."""
    coefficients, rest = projection(np.ones_like, 1.0, 5.0, 3)
    np.testing.assert_allclose(coefficients, [2.0, 0.0, 0.0], atol=1e-13)
    assert rest == 0.0
    coefficients, rest = projection(lambda u: u, 0.0, 1.0, 2)
    np.testing.assert_allclose(coefficients, [0.5, -1 / np.sqrt(12)], atol=1e-13)
    assert rest == 0.0
    coefficients, rest = projection(lambda u: u, 0.0, 1.0, 1)
    assert rest == pytest.approx(1 / np.sqrt(12), abs=1e-13)
