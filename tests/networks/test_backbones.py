"""Backbones."""

import math

import pytest
import torch

from sigbench.networks.backbones import FourierFeatures, ResidualMLP


def test_residual_mlp_starts_at_zero_and_maps_shapes() -> None:
    network = ResidualMLP(5, 2, width=16, depth=3)
    x = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(network(x), torch.zeros(7, 2))
    torch.nn.init.normal_(network.last.weight, generator=torch.Generator().manual_seed(1))
    output = network(x)
    assert output.shape == (7, 2)
    assert len(output.unique()) == 14
    assert sum(p.numel() for p in network.parameters()) == (5 + 1) * 16 + 3 * (16 + 1) * 16 + (16 + 1) * 2


def test_fourier_features_by_hand() -> None:
    features = FourierFeatures((1.0, 2.0))(torch.tensor([[0.5, math.pi]]))
    exact = [
        0.5,
        math.pi,
        math.sin(0.5),
        math.sin(1.0),
        math.sin(math.pi),
        math.sin(2 * math.pi),
        math.cos(0.5),
        math.cos(1.0),
        math.cos(math.pi),
        math.cos(2 * math.pi),
    ]
    assert features[0].tolist() == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_fourier_features_keep_the_dtype_and_are_not_saved(dtype: torch.dtype) -> None:
    module = FourierFeatures((1.0,))
    assert module(torch.ones(2, 3, dtype=dtype)).dtype == dtype
    assert module(torch.ones(2, 3, dtype=dtype)).shape == (2, 9)
    assert module.state_dict() == {}
