"""The generator N_θ of Sig-DEG for images: an exponential step around a denoiser that reads the step's signature.

    Z′ = φ·Z + Σ_j q_j·ξ_j + B·D_θ(Z/α; σ/α, label, ξ, σ′/α′),

the exact step for data at one point D_θ, with φ = α·σ′²/(α′·σ²), B = α′·(1 − e^{−2Δλ}) and ξ the whitened moments.
D_θ is the teacher's denoiser with the moments as further channels and the step's end as a further clock, both of
weight zero at first, so that an untrained student is the first-order exponential integrator (SDE-DPM-Solver++ 1, Lu
et al. 2022). Two variants are for ablations: with the base "identity" Z′ = Z + √(α′²s² + σ′²)·F, s being the data's
standard deviation and F the U-Net's own output, which starts at zero; with memory the states before Z are further
channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sigbench.networks.backbones import Dense
from sigbench.networks.edm import EDMConfig, EDMDenoiser
from sigbench.networks.unet import UNet
from sigbench.sde.schedule import Schedule
from sigbench.sigdeg.generators.student import StudentConfig, TeachersNetwork

COLUMNS = 5  # of a row of coefficients, before the loadings


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageGeneratorConfig(StudentConfig):
    """What rebuilds the network of a student of images: also its teacher's."""

    denoiser: EDMConfig = field(default_factory=EDMConfig)

    def network(self, schedule: Schedule | None = None) -> "ImageGenerator":
        return ImageGenerator(self, schedule)

    @classmethod
    def _read(cls, name: str, value: Any) -> Any:
        return EDMConfig.from_json(value) if name == "denoiser" else value


class ImageGenerator(TeachersNetwork, EDMDenoiser):
    """N_θ for images (c, H, W) with classes, whose teacher is an EDM denoiser."""

    first, last = "unet.stem.weight", "unet.head."
    log_scale_start = -4.0

    def __init__(self, config: ImageGeneratorConfig, schedule: Schedule | None = None) -> None:
        super().__init__(config.denoiser)
        unet = config.denoiser.unet
        self.unet = UNet(replace(unet, channels_in=unet.channels_in * (1 + config.order + config.memory)))
        self.end_clock = nn.Sequential(
            Dense(11, unet.condition), nn.SiLU(), Dense(unet.condition, unet.condition, zero=True)
        )
        self.set_up(config, schedule)

    @property
    def inputs(self) -> int:
        """How many columns of the stem's weights read one image, whose pixels are unshuffled 2 × 2."""
        return 4 * self.config.unet.channels_in

    def compute_row(self, start: float, end: float) -> NDArray[np.float64]:
        """Returns the coefficients of a step, shape (5 + order,)."""
        schedule, order = self.schedule, self.order
        t, t_next = schedule.t_start - start, schedule.t_start - end
        shared = (1.0 / float(schedule.alpha(t)), -float(schedule.log_snr(t)), -float(schedule.log_snr(t_next)))
        if self.student_config.base == "identity":
            scale = float(np.hypot(schedule.alpha(t_next) * self.config.sigma_data, schedule.sigma(t_next)))
            return np.array([1.0, scale, *shared, *[0.0] * order])
        exact = self.linear_between(t, t_next, 0.0)
        return np.array([exact.decay, self.weight_between(t, t_next), *shared, *exact.loadings])

    def linear(self, x: Tensor, whitened: Tensor, rows: Tensor) -> Tensor:
        """Returns φ·Z + Σ q_j·ξ_j; x (n, c, H, W), whitened (n, order, c, H, W), rows (n or 1, 5 + order)."""
        loadings = rows[:, COLUMNS:].expand(len(x), -1)
        return rows[:, 0, None, None, None] * x + torch.einsum("nmchw,nm->nchw", whitened, loadings)

    def learned(
        self, x: Tensor, whitened: Tensor, rows: Tensor, labels: Tensor, compute: torch.dtype, earlier: Sequence[Tensor]
    ) -> Tensor:
        """Returns what the network gives, shape of x: D_θ, or F where the base is the identity."""
        inverse_alpha, log_sigma, log_sigma_next = (rows[:, k] for k in (2, 3, 4))
        sigma = log_sigma.exp()
        y, *before = (state * inverse_alpha[:, None, None, None] for state in (x, *earlier))
        scale = (sigma.square() + self.config.sigma_data**2).rsqrt()[:, None, None, None]
        inputs = [y * scale, whitened.flatten(1, 2), *(state * scale for state in before)]
        condition = self.condition(sigma, labels) + self.end_clock(self.fourier(0.25 * log_sigma_next[:, None]))
        output: Tensor = self.unet(torch.cat(inputs, dim=1).to(compute), condition).to(x.dtype)
        if self.student_config.base == "identity":
            return output
        skip, out = (c[:, None, None, None] for c in self._skip_and_out(sigma))
        return skip * y + out * output

    def forward(  # type: ignore[override]  # one image in, one out, but of a step and not of a noise level
        self,
        x: Tensor,
        whitened: Tensor,
        rows: Tensor,
        labels: Tensor | None = None,
        compute: torch.dtype = torch.float32,
        earlier: Sequence[Tensor] = (),
    ) -> Tensor:
        """Returns the states after a step, see `StudentNetwork`."""
        if labels is None:
            labels = torch.full((1,), self.config.classes, device=x.device)
        weight = rows[:, 1, None, None, None]
        return self.linear(x, whitened, rows) + weight * self.learned(x, whitened, rows, labels, compute, earlier)

    def clocks(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Returns ln σ/α at the two ends of the steps of these rows, shapes (n,)."""
        return rows[:, 3], rows[:, 4]

    def error(self, reached: Tensor, wanted: Tensor, rows: Tensor) -> Tensor:
        """Returns the errors of the states after a step by pixels, shape (n, d)."""
        return (reached - wanted).flatten(1)
