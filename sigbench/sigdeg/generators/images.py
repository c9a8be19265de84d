"""The generator N_θ of Sig-DEG for images: an exponential step around a denoiser that reads the step's signature.

    Z′ = φ·Z + Σ_j q_j·ξ_j + B·D_θ(Z/α; σ/α, label, ξ, σ′/α′),

the exact step for data at one point D_θ, with φ = α·σ′²/(α′·σ²), B = α′·(1 − e^{−2Δλ}) and ξ the whitened moments.
D_θ is the teacher's denoiser with the moments as further channels and the step's end as a further clock, both of
weight zero at first, so that an untrained student is the first-order exponential integrator (SDE-DPM-Solver++ 1, Lu
et al. 2022). Two variants are for ablations: with the base "identity" Z′ = Z + √(α′²s² + σ′²)·F, s being the data's
standard deviation and F the U-Net's own output, which starts at zero; with memory the states before Z are further
channels.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sigbench.networks.backbones import Dense
from sigbench.networks.edm import EDMConfig, EDMDenoiser
from sigbench.networks.unet import UNet
from sigbench.sde.grid import Step
from sigbench.sde.schedule import Schedule, schedule_named
from sigbench.sde.signature import PartialSignature, check_order
from sigbench.sigdeg.generators.linear_step import linear_step
from sigbench.sigdeg.generators.vectors import Base, check_base_and_memory

COLUMNS = 5  # of a row of coefficients, before the loadings


@dataclass(frozen=True, slots=True)
class ImageGeneratorConfig:
    """What rebuilds a generator: the signature order, the schedule, and the teacher's own network.

    `base` and `memory` as in `GeneratorConfig`. Raises BadInput for another base or memory.
    """

    order: int
    schedule: str
    denoiser: EDMConfig = field(default_factory=EDMConfig)
    base: Base = "exponential"
    memory: int = 0

    def __post_init__(self) -> None:
        check_base_and_memory(self.base, self.memory)

    def as_json(self) -> dict[str, Any]:
        """Returns the fields as plain JSON values."""
        return asdict(self)

    @staticmethod
    def from_json(fields: dict[str, Any]) -> "ImageGeneratorConfig":
        """Returns the configuration of `as_json`; raises TypeError for other fields."""
        return ImageGeneratorConfig(**{**fields, "denoiser": EDMConfig.from_json(fields["denoiser"])})


class ImageGenerator(EDMDenoiser):
    """N_θ for images (c, H, W): maps states, signatures and labels over one coarse step.

    Everything that depends on the step alone is a row of `coefficients`, computed once a grid in float64.
    """

    log_scale_start = -4.0  # about the logarithm of a step's mean squared error before any training

    def __init__(self, config: ImageGeneratorConfig, schedule: Schedule | None = None) -> None:
        super().__init__(config.denoiser)
        check_order(config.order)
        self.generator_config = config
        self.schedule = schedule or schedule_named(config.schedule)
        unet = config.denoiser.unet
        self.unet = UNet(replace(unet, channels_in=unet.channels_in * (1 + config.order + config.memory)))
        self.end_clock = nn.Sequential(
            Dense(11, unet.condition), nn.SiLU(), Dense(unet.condition, unet.condition, zero=True)
        )
        self._row = lru_cache(maxsize=65536)(self._compute_row)

    @property
    def order(self) -> int:
        """The signature order that it reads."""
        return self.generator_config.order

    @property
    def memory(self) -> int:
        """The number of earlier states that it reads."""
        return self.generator_config.memory

    def start_from(self, teacher: dict[str, Tensor]) -> None:
        """Takes the weights of the teacher's denoiser; the new input channels and the new clock start at zero.

        So does the output where the base is the identity.
        """
        own = self.state_dict()
        stem = own["unet.stem.weight"].zero_()
        each = 4 * self.config.unet.channels_in
        stem.view(-1, each * (1 + self.order + self.memory))[:, :each] = teacher["unet.stem.weight"].view(-1, each)
        head = {name: value for name, value in own.items() if name.startswith("unet.head.")}
        if self.generator_config.base == "exponential":
            head = {}
        self.load_state_dict({**own, **teacher, "unet.stem.weight": stem, **head})

    def _compute_row(self, start: float, end: float) -> tuple[float, ...]:
        schedule, order = self.schedule, self.order
        t, t_next = schedule.t_start - start, schedule.t_start - end
        log_snr, log_snr_next = float(schedule.log_snr(t)), float(schedule.log_snr(t_next))
        shared = (1.0 / float(schedule.alpha(t)), -log_snr, -log_snr_next)
        if self.generator_config.base == "identity":
            scale = float(np.hypot(schedule.alpha(t_next) * self.config.sigma_data, schedule.sigma(t_next)))
            return (1.0, scale, *shared, *[0.0] * order)
        exact = linear_step(schedule, t, t_next, 0.0, order)
        weight = float(schedule.alpha(t_next)) * -float(np.expm1(-2.0 * (log_snr_next - log_snr)))
        return (exact.decay, weight, *shared, *exact.loadings.tolist())

    def coefficients(self, steps: Iterable[Step], dtype: torch.dtype = torch.float32) -> Tensor:
        """Returns a row for each step, shape (steps, 5 + order), on the host."""
        return torch.tensor([self._row(step.start, step.end) for step in steps], dtype=dtype)

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
        if self.generator_config.base == "identity":
            return output
        skip, out = (c[:, None, None, None] for c in self._skip_and_out(sigma))
        return skip * y + out * output

    def forward(  # type: ignore[override]
        self,
        x: Tensor,
        whitened: Tensor,
        rows: Tensor,
        labels: Tensor,
        compute: torch.dtype = torch.float32,
        earlier: Sequence[Tensor] = (),
    ) -> Tensor:
        """Returns the states after a step; `earlier` are `memory` states before x, the latest first."""
        weight = rows[:, 1, None, None, None]
        return self.linear(x, whitened, rows) + weight * self.learned(x, whitened, rows, labels, compute, earlier)

    def clocks(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Returns ln σ/α at the two ends of the steps of these rows, shapes (n,)."""
        return rows[:, 3], rows[:, 4]

    def squared_error(self, reached: Tensor, wanted: Tensor, rows: Tensor) -> Tensor:
        """Returns the mean squared error of the states after a step over pixels, shape (n,)."""
        return (reached - wanted).square().flatten(1).mean(1)

    def step_of(self, compute: torch.dtype) -> "ImageStep":
        """Returns the step that a sampler takes."""
        return ImageStep(self, compute)


class ImageStep:
    """One call a step: (x, signature, row, labels, *earlier states) to the next states."""

    def __init__(self, generator: ImageGenerator, compute: torch.dtype) -> None:
        self._generator, self._compute = generator, compute

    def __call__(
        self, x: Tensor, signature: PartialSignature, row: Tensor, labels: Tensor | None, *earlier: Tensor
    ) -> Tensor:
        if labels is None:
            labels = torch.full((1,), self._generator.config.classes, device=x.device)
        whitened = torch.stack(signature.whitened(), dim=1)
        stepped: Tensor = self._generator(x, whitened, row, labels, self._compute, earlier)
        return stepped
