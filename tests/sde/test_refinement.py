"""Splitting a step's signature gives two that fold back to it, independent and of the right law."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sigbench.sde.refinement import as_signature, split, split_matrix
from sigbench.sde.signature import MAX_ORDER

PROPERTY = settings(deadline=None, derandomize=True, database=None)
ratios = st.floats(0.05, 0.95)


@PROPERTY
@given(st.integers(1, MAX_ORDER), ratios)
def test_the_split_is_a_rotation(order: int, ratio: float) -> None:
    """Independent standard normals in, independent standard normals out: the parts have the exact law."""
    matrix = split_matrix(order, ratio)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(2 * order), atol=1e-12)


@PROPERTY
@given(st.integers(1, MAX_ORDER), ratios, st.floats(1e-4, 10.0), st.integers(0, 2**31))
def test_the_parts_fold_back_to_the_whole(order: int, ratio: float, h: float, seed: int) -> None:
    normals = torch.Generator().manual_seed(seed)
    parent, fresh = torch.randn(2, order, 5, 2, generator=normals, dtype=torch.float64)
    first, second = split(parent, fresh, ratio)
    folded = as_signature(first, ratio * h).then(as_signature(second, h - ratio * h))
    whole = as_signature(parent, h)
    for k in range(order):
        torch.testing.assert_close(
            folded.moments[k] / h ** (k + 0.5), whole.moments[k] / h ** (k + 0.5), rtol=1e-10, atol=1e-12
        )


def test_halving_has_the_known_conditional_law() -> None:
    """Foster, Lyons & Oberhauser 2020, theorem 3.6: given (W, H), W of the left half is ½W + (3/2)H + N(0, h/16)."""
    parent = torch.zeros(2, 1, 1, dtype=torch.float64)
    for moment, (w_factor, h_factor) in enumerate([(0.5, 0.0), (0.0, 1.5)]):
        parent.zero_()
        parent[moment] = 1.0
        whole = as_signature(parent, 1.0)
        left = as_signature(split(parent, torch.zeros_like(parent), 0.5)[0], 0.5)
        expected = w_factor * whole.increment + h_factor * whole.space_time_area
        torch.testing.assert_close(left.increment, expected)
        torch.testing.assert_close(left.space_time_area, 0.25 * whole.space_time_area)
    zero = torch.zeros(2, 1, 1, dtype=torch.float64)
    variance = 0.0
    for moment in range(2):
        normals = zero.clone()
        normals[moment] = 1.0
        variance += float(as_signature(split(zero, normals, 0.5)[0], 0.5).increment) ** 2
    assert variance == pytest.approx(1 / 16)


def test_the_rotation_does_not_depend_on_a_library_s_choice_of_signs() -> None:
    """Gram–Schmidt fixes the new directions: the last moments of the later part grow with their own normals."""
    for order in range(1, MAX_ORDER + 1):
        matrix = split_matrix(order, 0.5)
        assert (np.diag(matrix)[order:] > 0).all()
