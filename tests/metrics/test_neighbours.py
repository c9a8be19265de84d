"""Balls to the k-th neighbour, against what one can count by hand and against all distances at once."""

import torch

from sigbench.metrics.neighbours import inside_balls, neighbour_radii


def test_radii_on_a_line() -> None:
    points = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    assert neighbour_radii(points, 1).tolist() == [1.0, 1.0, 2.0, 4.0]
    assert neighbour_radii(points, 2).tolist() == [3.0, 2.0, 3.0, 6.0]


def test_who_lies_in_which_ball() -> None:
    centres, radii = torch.tensor([[0.0], [10.0]]), torch.tensor([2.0, 1.0])
    counts, covered = inside_balls(torch.tensor([[1.0], [2.5], [-2.0]]), centres, radii)
    assert counts.tolist() == [1, 0, 1]
    assert covered.tolist() == [True, False]


def test_chunks_do_not_matter() -> None:
    generator = torch.Generator().manual_seed(0)
    points, centres = (torch.randn(4_500, 3, generator=generator) for _ in range(2))
    radii = neighbour_radii(centres, 5)
    whole = torch.cdist(centres, centres, compute_mode="donot_use_mm_for_euclid_dist").kthvalue(6).values
    assert torch.allclose(radii, whole, atol=1e-3)
    counts, covered = inside_balls(points, centres, radii)
    inside = torch.cdist(points, centres, compute_mode="donot_use_mm_for_euclid_dist") <= radii
    assert (counts - inside.sum(1)).abs().float().mean() < 1e-2
    assert (covered == inside.any(0)).float().mean() > 0.999
