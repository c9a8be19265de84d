"""A small U-Net for images of one channel or few, made for processors without a graphics card.

Pixels are unshuffled 2 × 2 into channels, so that the finest convolutions see a quarter of the positions. All
convolutions keep their weights as matrices (out, height·width·in): read as (out, in, height, width) these lie in
memory as `channels_last` wants them, and an optimiser for matrices can take them as they are.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sigbench.networks.backbones import Dense


@dataclass(frozen=True, slots=True)
class UNetConfig:
    """The size of a U-Net: channels in and out, and widths and residual blocks at half and at quarter resolution.

    `fine_blocks` are (before, after) the coarse level, whose `coarse_blocks` are followed by attention each but
    the last. `condition` is the width of the vector that modulates every block.
    """

    channels_in: int = 1
    channels_out: int = 1
    fine: int = 64
    coarse: int = 128
    fine_blocks: tuple[int, int] = (1, 2)
    coarse_blocks: int = 3
    heads: int = 4
    condition: int = 256

    def as_json(self) -> dict[str, Any]:
        """Returns the fields as plain JSON values."""
        return asdict(self)

    @staticmethod
    def from_json(fields: dict[str, Any]) -> "UNetConfig":
        """Returns the configuration of `as_json`; raises TypeError for other fields."""
        return UNetConfig(**{**fields, "fine_blocks": tuple(fields["fine_blocks"])})


class Convolution(nn.Module):
    """A convolution with zero padding, its weight a matrix (out, size·size·in)."""

    def __init__(self, inputs: int, outputs: int, size: int = 3, *, stride: int = 1, zero: bool = False) -> None:
        super().__init__()
        self._form, self._stride, self._padding = (outputs, size, size, inputs), stride, size // 2
        fan_in = size * size * inputs
        weight = torch.zeros(outputs, fan_in) if zero else torch.randn(outputs, fan_in) * fan_in**-0.5
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.to(x.dtype).view(self._form).permute(0, 3, 1, 2)
        return functional.conv2d(x, weight, self.bias.to(x.dtype), self._stride, self._padding)


def channel_norm(x: Tensor) -> Tensor:
    """Returns x, shape (n, c, h, w), standardised over its channels at each position."""
    return functional.layer_norm(x.permute(0, 2, 3, 1), x.shape[1:2]).permute(0, 3, 1, 2)


class ResidualBlock(nn.Module):
    """x + conv(silu(modulated norm(conv(silu(norm x))))), the second convolution starting at zero."""

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.first = Convolution(channels, channels)
        self.modulation = Dense(condition, 2 * channels, zero=True)
        self.second = Convolution(channels, channels, zero=True)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.modulation(condition)[:, :, None, None].chunk(2, dim=1)
        hidden = self.first(functional.silu(channel_norm(x)))
        hidden = torch.addcmul(shift, channel_norm(hidden), scale + 1)
        output: Tensor = x + self.second(functional.silu(hidden))
        return output


class Attention(nn.Module):
    """Residual self-attention over the positions of a feature map."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.mix = Dense(channels, 3 * channels)
        self.out = Dense(channels, channels, zero=True)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        tokens = functional.layer_norm(x.permute(0, 2, 3, 1).flatten(1, 2), (c,))
        parts = self.mix(tokens).view(n, h * w, 3, self._heads, c // self._heads).permute(2, 0, 3, 1, 4)
        query, key, value = parts.unbind(0)
        # Written out: on a processor the fused attention's backward pass takes five times as long at 49 positions.
        weights = (query @ key.transpose(-1, -2) * (c // self._heads) ** -0.5).softmax(-1)
        mixed = (weights @ value).transpose(1, 2).reshape(n, h, w, c)
        output: Tensor = x + self.out(mixed).permute(0, 3, 1, 2)
        return output


class UNet(nn.Module):
    """Maps images (n, channels_in, H, W), H and W divisible by 4, and a condition (n, k) to (n, channels_out, H, W).

    It computes in the dtype of its input; its output starts at zero.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        fine, coarse, before = config.fine, config.coarse, config.fine_blocks[0]
        self.stem = Convolution(4 * config.channels_in, fine)
        self.down = nn.ModuleList(ResidualBlock(fine, config.condition) for _ in range(before))
        self.reduce = Convolution(fine, coarse, stride=2)
        self.middle = nn.ModuleList(ResidualBlock(coarse, config.condition) for _ in range(config.coarse_blocks))
        self.attention = nn.ModuleList(Attention(coarse, config.heads) for _ in range(config.coarse_blocks - 1))
        self.expand = Convolution(coarse, 4 * fine, 1)
        self.merge = Convolution(2 * fine, fine, 1)
        self.up = nn.ModuleList(ResidualBlock(fine, config.condition) for _ in range(config.fine_blocks[1]))
        self.head = Convolution(fine, 4 * config.channels_out, zero=True)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        return self.activations(x, condition)[2]

    def activations(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns what leaves the coarse level (n, coarse, H/4, W/4), what enters the head, and the output."""
        condition = functional.silu(condition.to(x.dtype))
        x = functional.pixel_unshuffle(x, 2).contiguous(memory_format=torch.channels_last)
        x = self.stem(x)
        for block in self.down:
            x = block(x, condition)
        skip, middle = x, self.reduce(x)
        for index, block in enumerate(self.middle):
            middle = block(middle, condition)
            if index < len(self.attention):
                middle = self.attention[index](middle)
        expanded = functional.pixel_shuffle(self.expand(middle), 2)
        x = self.merge(torch.cat([skip, expanded], dim=1).contiguous(memory_format=torch.channels_last))
        for block in self.up:
            x = block(x, condition)
        last = functional.silu(channel_norm(x))
        return middle, last, functional.pixel_shuffle(self.head(last), 2)

    def matrices(self) -> list[nn.Parameter]:
        """Returns the weights of hidden layers as matrices (out, in): what an optimiser for matrices should take."""
        modules = [*self.down, self.reduce, *self.middle, *self.attention, self.expand, self.merge, *self.up]
        return [p for module in modules for name, p in module.named_parameters() if name.endswith("weight")]
