"""The U-Net: shapes, dtypes, and that it begins as nothing and can become something."""

import pytest
import torch
from torch import nn

from sigbench.networks.backbones import Dense
from sigbench.networks.training import TrainingPlan, make_optimizers
from sigbench.networks.unet import Attention, Convolution, ResidualBlock, UNet, UNetConfig, channel_norm

SMALL = UNetConfig(channels_in=2, channels_out=3, fine=8, coarse=16, fine_blocks=(1, 1), coarse_blocks=2, condition=12)


def stirred(module: nn.Module) -> nn.Module:
    """The module with no weight at zero, so that every part has a say."""
    generator = torch.Generator().manual_seed(1)
    for parameter in module.parameters():
        parameter.data.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return module


@pytest.mark.parametrize("side", [28, 16])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_shape_and_dtype(side: int, dtype: torch.dtype) -> None:
    out = UNet(SMALL)(torch.randn(5, 2, side, side, dtype=dtype), torch.randn(5, 12))
    assert (out.shape, out.dtype) == ((5, 3, side, side), dtype)
    assert out.abs().max() == 0


def test_the_convolution_is_torchs_own() -> None:
    ours, theirs = Convolution(3, 5, stride=2), nn.Conv2d(3, 5, 3, stride=2, padding=1)
    ours.weight.data = theirs.weight.data.permute(0, 2, 3, 1).reshape(5, -1).contiguous()
    ours.bias.data = theirs.bias.data
    x = torch.randn(2, 3, 12, 12)
    assert torch.allclose(ours(x), theirs(x), atol=1e-6)


def test_the_norm_is_over_channels_at_each_position() -> None:
    x = torch.randn(2, 16, 4, 4) * 7 + 3
    assert torch.allclose(channel_norm(x).mean(1), torch.zeros(2, 4, 4), atol=1e-5)
    assert torch.allclose(channel_norm(x).var(1, unbiased=False), torch.ones(2, 4, 4), atol=1e-3)


def test_blocks_begin_as_the_identity_and_attention_sees_every_position() -> None:
    x = torch.randn(2, 16, 4, 4)
    assert torch.equal(ResidualBlock(16, 12)(x, torch.randn(2, 12)), x)
    attention = Attention(16, 4)
    assert torch.equal(attention(x), x)
    stirred(attention)
    moved = x.clone()
    moved[:, 0, 3, 3] += 1.0  # all channels alike would be nothing to a norm over channels
    assert ((attention(moved) - attention(x)).abs().amax(1)[:, 0, 0] > 1e-6).all()


def test_the_condition_and_every_input_matter() -> None:
    net = stirred(UNet(SMALL))
    x, condition = torch.randn(1, 2, 16, 16), torch.randn(1, 12)
    before = net(x, condition)
    assert (net(x, condition + 1) - before).abs().max() > 1e-5
    for channel in range(2):
        moved = x.clone()
        moved[:, channel, 7, 9] += 1.0
        assert (net(moved, condition) - before).abs().max() > 1e-5


def test_samples_do_not_see_each_other() -> None:
    net = stirred(UNet(SMALL))
    x, condition = torch.randn(4, 2, 16, 16), torch.randn(4, 12)
    assert torch.allclose(net(x, condition)[1:2], net(x[1:2], condition[1:2]), atol=1e-5)


def test_muon_takes_the_hidden_matrices_and_adam_the_rest() -> None:
    net = UNet(SMALL)
    adam, muon = make_optimizers(net, TrainingPlan(iterations=1))
    assert isinstance(muon, torch.optim.Muon)
    theirs = {id(p) for group in muon.param_groups for p in group["params"]}
    ours = {id(p) for group in adam.param_groups for p in group["params"]}
    assert theirs.isdisjoint(ours)
    assert theirs | ours == {id(p) for p in net.parameters()}
    for outer in (net.stem.weight, net.head.weight):
        assert id(outer) in ours
    assert {id(p) for p in net.parameters() if p.ndim == 2} - theirs == {id(net.stem.weight), id(net.head.weight)}


def test_dense_computes_in_the_dtype_of_its_input() -> None:
    assert Dense(3, 2)(torch.randn(4, 3, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_configuration_survives_json() -> None:
    assert UNetConfig.from_json(SMALL.as_json()) == SMALL
    with pytest.raises(TypeError):
        UNetConfig.from_json({**SMALL.as_json(), "colour": 1})
