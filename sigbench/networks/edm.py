"""The EDM denoiser: a U-Net with preconditioning, and the loss that trains it (Karras et al. 2022).

D(y; σ) = c_skip·y + c_out·F(c_in·y; ln σ / 4, label) estimates the clean sample in y = x₀ + σ·ε. A diffusion with
x_t = α·x₀ + σ_t·ε is served through y = x_t/α and σ = σ_t/α.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sigbench.errors import BadInput
from sigbench.networks.artifacts import load_artifact
from sigbench.networks.backbones import FourierFeatures
from sigbench.networks.unet import Dense, UNet, UNetConfig
from sigbench.sde.problem import Classes
from sigbench.sde.schedule import Schedule

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


class ScheduledDenoiser:
    """An EDM denoiser as the network of a diffusion with a schedule: (t, x) to the expected clean sample.

    It reads the labels of the batch at hand from `classes`; where there are none it denoises towards no class at all.
    With `guidance` w > 0 it gives (1 + w)·D(label) − w·D(none) (Ho & Salimans 2022, eq. 6) by two evaluations, its
    `cost`. The network computes in `compute`, in which its weights are kept too.
    """

    def __init__(
        self,
        module: EDMDenoiser,
        schedule: Schedule,
        compute: torch.dtype,
        classes: Classes | None = None,
        guidance: float = 0.0,
    ) -> None:
        self._module, self._schedule, self._compute, self._classes = module, schedule, compute, classes
        self._guidance = guidance
        self.cost = 2 if guidance else 1

    def __call__(self, t: float, x: Tensor) -> Tensor:
        alpha, sigma = float(self._schedule.alpha(t)), float(self._schedule.sigma(t))
        level = torch.full((1,), sigma / alpha, dtype=x.dtype, device=x.device)
        y, none = x / alpha, torch.full((1,), self._module.config.classes, device=x.device)
        labels = self._labels(x)
        estimate: Tensor = self._module(y, level, none if labels is None else labels, self._compute)
        if labels is None or not self._guidance:
            return estimate
        unconditional: Tensor = self._module(y, level, none, self._compute)
        return estimate + self._guidance * (estimate - unconditional)

    def _labels(self, x: Tensor) -> Tensor | None:
        labels = None if self._classes is None else self._classes.labels
        if labels is not None and len(labels) != len(x):
            raise ValueError(f"the batch has {len(x)} samples, and labels were chosen for {len(labels)}")
        return labels


def load_denoiser(folder: Path, schedule: Schedule, device: torch.device, compute: torch.dtype) -> EDMDenoiser:
    """Returns the denoiser of an artifact, frozen, its weights in `compute`.

    Raises BadInput where it is missing, corrupt, no denoiser, or trained under another schedule.
    """
    weights, manifest = load_artifact(folder)
    if manifest.kind != KIND:
        raise BadInput(f"the artifact {folder} is a {manifest.kind}, not an {KIND}.")
    if manifest.data.get("schedule") != schedule.name:
        raise BadInput(
            f"the artifact {folder} was trained under {manifest.data.get('schedule')!r}, not {schedule.name!r}."
        )
    try:
        module = EDMDenoiser(EDMConfig.from_json(manifest.config))
        module.load_state_dict(weights)
    except (RuntimeError, TypeError, KeyError, ValueError) as error:
        reason = str(error).partition("\n")[0].rstrip(":.")
        raise BadInput(f"the artifact {folder} does not fit its manifest: {reason}.") from error
    return module.eval().requires_grad_(False).to(device=device, dtype=compute)
