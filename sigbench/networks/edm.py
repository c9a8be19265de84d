"""The EDM denoiser: a U-Net with preconditioning, and the loss that trains it (Karras et al. 2022).

D(y; σ) = c_skip·y + c_out·F(c_in·y; ln σ / 4, label) estimates the clean sample in y = x₀ + σ·ε. A diffusion with
x_t = α·x₀ + σ_t·ε is served through y = x_t/α and σ = σ_t/α (see scheduled.py).
"""

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sigbench.networks.backbones import Dense, FourierFeatures
from sigbench.networks.unet import UNet, UNetConfig, channel_norm

KIND = "edm-denoiser"


@dataclass(frozen=True, slots=True)
class EDMConfig:
    """What rebuilds an EDM denoiser: classes (the label `classes` means none), data's standard deviation, U-Net."""

    classes: int = 10
    sigma_data: float = 1.0
    unet: UNetConfig = field(default_factory=UNetConfig)

    def as_json(self) -> dict[str, Any]:
        """Returns the fields as plain JSON values."""
        return asdict(self)

    @staticmethod
    def from_json(fields: dict[str, Any]) -> "EDMConfig":
        """Returns the configuration of `as_json`; raises TypeError for other fields."""
        return EDMConfig(**{**fields, "unet": UNetConfig.from_json(fields["unet"])})


class EDMDenoiser(nn.Module):
    """D(y; σ, label) for zero-mean images y (n, c, H, W), noise levels σ (n,) and labels (n,), `classes` for none.

    The U-Net computes in `compute`, the skip connection in the dtype of y.
    """

    def __init__(self, config: EDMConfig) -> None:
        super().__init__()
        self.config = config
        width = config.unet.condition
        self.fourier = FourierFeatures((1.0, 2.0, 4.0, 8.0, 16.0))
        self.clock = nn.Sequential(Dense(11, width), nn.SiLU(), Dense(width, width))
        self.label = nn.Embedding(config.classes + 1, width)
        self.unet = UNet(config.unet)

    def condition(self, sigma: Tensor, labels: Tensor) -> Tensor:
        """Returns the vector that modulates the U-Net, shape (n, k)."""
        clock: Tensor = self.clock(self.fourier(0.25 * sigma.log()[:, None]))
        return clock + self.label(labels).to(clock.dtype)

    def raw(self, y: Tensor, sigma: Tensor, labels: Tensor, compute: torch.dtype) -> Tensor:
        """Returns the U-Net's own output F, whose target has unit variance at every noise level, in float32 or more."""
        c_in = (sigma.square() + self.config.sigma_data**2).rsqrt()
        condition = self.condition(sigma, labels)
        output: Tensor = self.unet((y * c_in[:, None, None, None]).to(compute), condition)
        return output.to(y.dtype)

    def forward(self, y: Tensor, sigma: Tensor, labels: Tensor, compute: torch.dtype = torch.float32) -> Tensor:
        c_skip, c_out = (c[:, None, None, None] for c in self._skip_and_out(sigma))
        return c_skip * y + c_out * self.raw(y, sigma, labels, compute)

    def features(self, y: Tensor, sigma: Tensor, labels: Tensor, compute: torch.dtype) -> list[Tensor]:
        """Returns what the network makes of images, coarse to fine, each (n, f): see `NoiseLevelDenoiser`.

        They are the coarse level, standardised, whole and as means and deviations over positions; what enters the head,
        at half its resolution; and the expected clean images.
        """
        c_in = (sigma.square() + self.config.sigma_data**2).rsqrt()[:, None, None, None]
        activations = self.unet.activations((y * c_in).to(compute), self.condition(sigma, labels))
        middle, last, output = (part.to(y.dtype) for part in activations)
        middle = channel_norm(middle)
        positions = middle.flatten(2)
        c_skip, c_out = (c[:, None, None, None] for c in self._skip_and_out(sigma))
        return [
            middle.flatten(1),
            torch.cat([positions.mean(2), positions.std(2)], dim=1),
            functional.avg_pool2d(last, 2).flatten(1),
            (c_skip * y + c_out * output).flatten(1),
        ]

    def loss(self, clean: Tensor, labels: Tensor, sigma: Tensor, noise: Tensor, compute: torch.dtype) -> Tensor:
        """Returns the weighted denoising error, the mean over pixels of (D − x₀)²/c_out² (eq. 8, λ = 1/c_out²)."""
        noisy = clean + sigma[:, None, None, None] * noise
        c_skip, c_out = (c[:, None, None, None] for c in self._skip_and_out(sigma))
        target = (clean - c_skip * noisy) / c_out
        return (self.raw(noisy, sigma, labels, compute) - target).square().mean()

    def _skip_and_out(self, sigma: Tensor) -> tuple[Tensor, Tensor]:
        data = self.config.sigma_data
        total = sigma.square() + data**2
        return data**2 / total, sigma * data * total.rsqrt()

    def matrices(self) -> list[nn.Parameter]:
        """Returns the weights that an optimiser for matrices should take."""
        return self.unet.matrices()
