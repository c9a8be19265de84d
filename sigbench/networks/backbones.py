"""Backbones: networks that know nothing of diffusion."""

import torch
from torch import Tensor, nn


class ResidualMLP(nn.Module):
    """A multilayer perceptron with residual SiLU layers and an output that starts at zero.

    Maps (n, inputs) to (n, outputs).
    """

    def __init__(self, inputs: int, outputs: int, width: int, depth: int) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.last = nn.Linear(width, outputs)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, features: Tensor) -> Tensor:
        hidden = nn.functional.silu(self.first(features))
        for layer in self.hidden:
            hidden = hidden + nn.functional.silu(layer(hidden))
        output: Tensor = self.last(hidden)
        return output


class FourierFeatures(nn.Module):
    """Appends sin(f·x) and cos(f·x) at the given frequencies: (n, k) to (n, k·(1 + 2·len(frequencies)))."""

    frequencies: Tensor

    def __init__(self, frequencies: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.tensor(frequencies), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        angles = (x[:, :, None] * self.frequencies.to(x.dtype)).flatten(1)
        return torch.cat([x, angles.sin(), angles.cos()], dim=1)
