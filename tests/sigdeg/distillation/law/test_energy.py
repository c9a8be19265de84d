"""The energy distance: what it is, unbiased, and what minimises it."""

import pytest
import torch

from sigbench.sigdeg.distillation.law.energy import energy_distance


def normals(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_it_is_the_sum_of_mean_distances_over_different_pairs() -> None:
    x, y = normals(2, 5, 3, seed=1), normals(2, 7, 3, seed=2) + 0.5
    found = energy_distance(x, y)
    for group in range(2):
        across = torch.stack([(a - b).norm() for a in x[group] for b in y[group]]).mean()
        ours, theirs = (
            torch.stack([(a - b).norm() for i, a in enumerate(z) for j, b in enumerate(z) if i != j]).mean()
            for z in (x[group], y[group])
        )
        assert float(found[group]) == pytest.approx(float((2 * across - ours - theirs) / theirs), abs=1e-5)


def test_it_is_unbiased_for_equal_laws_and_positive_for_others() -> None:
    """400 pairs of samples of 30: the mean is 0 within 4 standard errors, and above 0 by more for another spread."""
    found = energy_distance(normals(400, 30, 4, seed=3), normals(400, 30, 4, seed=4))
    assert abs(float(found.mean())) < 4 * float(found.std()) / 20
    narrower = energy_distance(0.7 * normals(400, 30, 4, seed=3), normals(400, 30, 4, seed=4))
    assert float(narrower.mean()) > 8 * float(narrower.std()) / 20


def test_no_mean_minimises_it() -> None:
    """A learned spread of Y's law finds it, where squared errors to independent draws would shrink it to nothing."""
    scale = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([scale], lr=0.02)
    for step in range(200):
        optimizer.zero_grad()
        energy_distance(scale * normals(1, 200, 1, seed=step), normals(1, 200, 1, seed=1000 + step)).sum().backward()
        optimizer.step()
    assert float(scale.detach()) == pytest.approx(1.0, abs=0.1)


def test_equal_draws_have_a_slope() -> None:
    x = torch.zeros(1, 3, 2, requires_grad=True)
    energy_distance(x, torch.ones(1, 3, 2) * torch.arange(3.0)[None, :, None]).sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
