"""Backbones: networks that know nothing of diffusion."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Dense(nn.Module):
    """A linear layer that computes in the dtype of its input, whatever that of its weights."""

    def __init__(self, inputs: int, outputs: int, *, zero: bool = False) -> None:
        super().__init__()
        weight = torch.zeros(outputs, inputs) if zero else torch.randn(outputs, inputs) * inputs**-0.5
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight.to(x.dtype), self.bias.to(x.dtype))


class _Linear(nn.Linear):
    """torch's own linear layer, its start included, that computes in the dtype of its input as `Dense` does."""

    def forward(self, input: Tensor) -> Tensor:
        return functional.linear(input, self.weight.to(input.dtype), self.bias.to(input.dtype))


class ResidualMLP(nn.Module):
    """A multilayer perceptron with residual SiLU layers and an output that starts at zero.

    Maps (n, inputs) to (n, outputs), computing in the dtype of its input.
    """

    def __init__(self, inputs: int, outputs: int, width: int, depth: int) -> None:
        super().__init__()
        self.first = _Linear(inputs, width)
        self.hidden = nn.ModuleList(_Linear(width, width) for _ in range(depth))
        self.last = _Linear(width, outputs)
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


class ModulatedMLP(nn.Module):
    """A residual perceptron whose hidden layers are scaled and shifted by a condition; its output starts at zero.

    Maps (n, inputs) and a condition (n or 1, k) to (n, outputs), computing in the dtype of its input.
    """

    def __init__(self, inputs: int, outputs: int, width: int, depth: int, condition: int) -> None:
        super().__init__()
        self.first = Dense(inputs, width)
        self.blocks = nn.ModuleList(ModulatedBlock(width, condition) for _ in range(depth))
        self.last = Dense(width, outputs, zero=True)

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        return self.activations(features, condition)[1]

    def activations(self, features: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Returns what enters the last layer, standardised, shape (n, width), and the output."""
        condition = functional.silu(condition.to(features.dtype))
        hidden = self.first(features)
        for block in self.blocks:
            hidden = block(hidden, condition)
        last = functional.layer_norm(hidden, hidden.shape[1:])
        return last, self.last(last)

    def matrices(self) -> list[nn.Parameter]:
        """Returns the weights of hidden layers, which an optimiser for matrices should take."""
        return [p for name, p in self.blocks.named_parameters() if name.endswith("weight")]


class ModulatedBlock(nn.Module):
    """x + second(silu(modulated first(norm x))), the second layer starting at zero."""

    def __init__(self, width: int, condition: int) -> None:
        super().__init__()
        self.first = Dense(width, width)
        self.modulation = Dense(condition, 2 * width, zero=True)
        self.second = Dense(width, width, zero=True)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.modulation(condition).chunk(2, dim=1)
        hidden = self.first(functional.layer_norm(x, x.shape[1:]))
        output: Tensor = x + self.second(functional.silu(torch.addcmul(shift, hidden, scale + 1)))
        return output
