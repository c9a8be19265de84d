"""Muon in float32 on a CPU is torch's own but for bfloat16's digits."""

import pytest
import torch

from sigbench.networks.muon import Muon, orthogonalised

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


@pytest.mark.parametrize("shape", [(24, 24), (40, 16), (16, 40)])
def test_steps_are_those_of_torch(shape: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(shape, generator=generator)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    both = [(ours, Muon([ours], lr=0.1)), (theirs, torch.optim.Muon([theirs], lr=0.1))]
    for _ in range(5):
        gradient = torch.randn(shape, generator=generator)
        for weight, optimizer in both:
            weight.grad = gradient.clone()
            optimizer.step()
    moved = float((theirs.detach() - start).norm())
    assert float((ours - theirs).detach().norm()) < 0.02 * moved  # bfloat16 has two or three digits
    assert moved > 1.0


@pytest.mark.parametrize("shape", [(24, 24), (40, 16), (16, 40)])
def test_singular_values_come_near_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    found = torch.linalg.svdvals(orthogonalised(matrix, COEFFICIENTS, 5, 1e-7))
    assert found.shape == (min(shape),)
    assert float(found.min()) > 0.5 and float(found.max()) < 1.3


def test_states_are_taken_over() -> None:
    """A checkpoint of one goes on in another."""
    weight = torch.nn.Parameter(torch.randn(8, 8, generator=torch.Generator().manual_seed(2)))
    first = Muon([weight], lr=0.1)
    weight.grad = torch.ones(8, 8)
    first.step()
    second = Muon([weight], lr=0.1)
    second.load_state_dict(first.state_dict())
    assert torch.equal(second.state[weight]["momentum_buffer"], first.state[weight]["momentum_buffer"])
