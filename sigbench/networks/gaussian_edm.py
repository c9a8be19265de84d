"""A denoiser of vectors that is exact for Gaussian data before any training, and learns the rest.

For data N(0, C) with C = Σ s_k²·v_k·v_kᵀ the expected clean sample in y = x₀ + σ·ε is the linear map with factors
s_k²/(s_k² + σ²) in the directions v_k. EDM's preconditioning (Karras et al. 2022, table 1) is taken direction by
direction, s_k in the place of σ_data:
D(y; σ) = Σ_k v_k·[s_k²/(s_k² + σ²)·y_k + σ·s_k/√(s_k² + σ²)·F_k(y/√(s² + σ²); ln σ / 4)].
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from sigbench.networks.backbones import Dense, FourierFeatures, ModulatedMLP

KIND = "gaussian-edm-denoiser"
CLOCK_FREQUENCIES = (1.0, 2.0, 4.0, 8.0, 16.0)
CLOCK_FEATURES = 1 + 2 * len(CLOCK_FREQUENCIES)


@dataclass(frozen=True, slots=True)
class GaussianDenoiserConfig:
    """What rebuilds the denoiser: the shape of a sample, and width, depth and width of condition of its network."""

    shape: tuple[int, ...]
    width: int = 384
    depth: int = 4
    condition: int = 128

    @property
    def classes(self) -> int:
        """The number of classes: there are none."""
        return 0

    def as_json(self) -> dict[str, Any]:
        """Returns the fields as plain JSON values."""
        return asdict(self)

    @staticmethod
    def from_json(fields: dict[str, Any]) -> "GaussianDenoiserConfig":
        """Returns the configuration of `as_json`; raises TypeError for other fields."""
        return GaussianDenoiserConfig(**{**fields, "shape": tuple(fields["shape"])})


class GaussianDenoiser(nn.Module):
    """D(y; σ) for zero-mean vectors y (n, *shape) and noise levels σ (n,) or (1,).

    `basis` (d, d) holds the directions v_k as columns and `stds` (d,) the s_k; both are set once, from data, and stay
    in float32 or more whatever dtype the network computes in.
    """

    basis: Tensor
    stds: Tensor
    inputs_each = 1

    def __init__(self, config: GaussianDenoiserConfig) -> None:
        super().__init__()
        self.config = config
        d, width = prod(config.shape), config.condition
        self.register_buffer("basis", torch.eye(d))
        self.register_buffer("stds", torch.ones(d))
        self.fourier = FourierFeatures(CLOCK_FREQUENCIES)
        self.clock = nn.Sequential(Dense(CLOCK_FEATURES, width), nn.SiLU(), Dense(width, width))
        self.network = ModulatedMLP(self.inputs_each * d, d, config.width, config.depth, width)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "GaussianDenoiser":
        basis, stds = self.basis, self.stds
        super()._apply(fn, recurse)
        if self.basis.dtype in (torch.bfloat16, torch.float16):  # a rotation that is rounded so is none any more
            self.basis, self.stds = basis.to(self.basis.device), stds.to(self.stds.device)
        return self

    def use_covariance(self, covariance: Tensor) -> None:
        """Takes directions and standard deviations from the data's covariance (d, d)."""
        values, vectors = torch.linalg.eigh(covariance.double())
        self.basis.copy_(vectors)
        self.stds.copy_(values.clamp_min(1e-12).sqrt())

    def rotated(self, x: Tensor) -> Tensor:
        """Returns x (…, *shape) in the directions of the basis, shape (…, d)."""
        flat = x.flatten(x.ndim - len(self.config.shape))
        return flat @ self.basis.to(x.dtype)

    def rotated_back(self, coordinates: Tensor) -> Tensor:
        """Returns the vectors with these coordinates (n, d), shape (n, *shape)."""
        return (coordinates @ self.basis.to(coordinates.dtype).T).view(-1, *self.config.shape)

    def condition(self, log_sigma: Tensor) -> Tensor:
        """Returns the vector that modulates the network, shape (n, k)."""
        condition: Tensor = self.clock(self.fourier(0.25 * log_sigma[:, None]))
        return condition

    def _total(self, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """σ as a column, s_k, and s_k² + σ²."""
        level, stds = sigma[:, None], self.stds.to(sigma.dtype)
        return level, stds, stds.square() + level.square()

    def _raw(self, rotated: Tensor, sigma: Tensor, compute: torch.dtype) -> Tensor:
        """F of a state in the basis, whose target has unit variance in every direction and at every noise level."""
        _, _, total = self._total(sigma)
        return self.network((rotated * total.rsqrt()).to(compute), self.condition(sigma.log())).to(rotated.dtype)

    def forward(
        self, y: Tensor, sigma: Tensor, labels: Tensor | None = None, compute: torch.dtype = torch.float32
    ) -> Tensor:
        level, stds, total = self._total(sigma)
        rotated = self.rotated(y)
        out = level * stds * total.rsqrt()
        return self.rotated_back(stds.square() / total * rotated + out * self._raw(rotated, sigma, compute))

    def features(self, y: Tensor, sigma: Tensor, labels: Tensor, compute: torch.dtype) -> list[Tensor]:
        """Returns what the network makes of vectors, each (n, f): see `NoiseLevelDenoiser`.

        They are what enters the last layer, and the expected clean vectors in standard deviations of each direction.
        """
        level, stds, total = self._total(sigma)
        rotated = self.rotated(y)
        read = (rotated * total.rsqrt()).to(compute)
        hidden, raw = (part.to(y.dtype) for part in self.network.activations(read, self.condition(sigma.log())))
        return [hidden, stds / total * rotated + level * total.rsqrt() * raw]

    def loss(self, clean: Tensor, sigma: Tensor, noise: Tensor, compute: torch.dtype) -> Tensor:
        """Returns the mean over directions of (D − x₀)_k²/c_out,k²: 1 for Gaussian data, less where there is more."""
        level, stds, total = self._total(sigma)
        noisy = self.rotated(clean + sigma.view(-1, *[1] * (clean.ndim - 1)) * noise)
        target = (self.rotated(clean) - stds.square() / total * noisy) / (level * stds * total.rsqrt())
        return (self._raw(noisy, sigma, compute) - target).square().mean()

    def matrices(self) -> list[nn.Parameter]:
        """Returns the weights that an optimiser for matrices should take."""
        return self.network.matrices()
