"""The generator N_θ of Sig-DEG: one coarse step from the state and the step's partial signature.

    Z′ = φ·Z + (α′ − φα)·μ + Σ_j q_j·ξ_j + B·c·F_θ(features),

the exact linear step for Gaussian data of mean μ and standard deviation c, plus a network that learns the
rest. ξ are the whitened moments of the signature; B = α′·(1 − e^{−2Δλ}) is the weight that an exponential
step gives to the denoised sample, so that a short step learns a small correction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sigbench.errors import BadInput
from sigbench.networks.backbones import FourierFeatures, ResidualMLP
from sigbench.records.machine import check_memory
from sigbench.sde.schedule import Schedule
from sigbench.sigdeg.generators.student import CoarseStepper, StudentConfig

MAX_WIDTH, MAX_DEPTH = 16_384, 512
_TRAINING = 20  # bytes of each weight: itself, its gradient, its average and what Adam keeps, in float32
COLUMNS = 8  # of a row of coefficients, before the loadings


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorGeneratorConfig(StudentConfig):
    """What rebuilds the network of a student of vectors: also the data's moments and the network's size.

    `local_std` is the standard deviation within a cluster of the data; a second linear step, with it in the
    place of `data_std`, is one of the network's features.
    """

    shape: tuple[int, ...]
    data_mean: tuple[float, ...]
    data_std: float
    local_std: float
    width: int = 128
    depth: int = 2

    def __post_init__(self) -> None:
        """Raises BadInput for a size beyond all use, and for one that this machine cannot hold."""
        StudentConfig.__post_init__(self)
        for name, value, least, most in (("width", self.width, 1, MAX_WIDTH), ("depth", self.depth, 0, MAX_DEPTH)):
            if not least <= value <= most:
                raise BadInput(f"a student's {name} lies between {least} and {most:,}, got {value:,}.")
        weights = self.depth * self.width * (self.width + 1)
        check_memory(
            _TRAINING * weights, f"a student of width {self.width:,} and depth {self.depth}", "make it smaller"
        )

    def network(self, schedule: Schedule | None = None) -> "VectorGenerator":
        return VectorGenerator(self, schedule)


class VectorGenerator(CoarseStepper):
    """N_θ for vectors (d,) whose teacher is in closed form: the exact linear step, and a perceptron."""

    log_scale_start = -4.0
    mean: Tensor

    def __init__(self, config: VectorGeneratorConfig, schedule: Schedule | None = None) -> None:
        super().__init__()
        self.config = config
        d, m = prod(config.shape), config.order
        self.embed = FourierFeatures((1.0, 2.0, 4.0, 8.0))
        own = 1 if config.base == "identity" else 3
        self.network = ResidualMLP((own + m + config.memory) * d + 2 * 9, d, config.width, config.depth)
        self.register_buffer("mean", torch.tensor(config.data_mean), persistent=False)
        self.set_up(config, schedule)

    def compute_row(self, start: float, end: float) -> NDArray[np.float64]:
        """Returns the coefficients of a step, shape (8 + 2·order,)."""
        schedule, config = self.schedule, self.config
        t, t_next = schedule.t_start - start, schedule.t_start - end
        wide = self.linear_between(t, t_next, config.data_std)
        narrow = self.linear_between(t, t_next, config.local_std)
        scale, scale_next = (
            1.0 / float(np.hypot(schedule.alpha(u) * config.data_std, schedule.sigma(u))) for u in (t, t_next)
        )
        own = (
            wide.decay,
            wide.shift,
            narrow.decay,
            self.weight_between(t, t_next) * config.data_std,
            scale,
            scale_next,
            float(schedule.log_snr(t)) / 5.0,
            float(schedule.log_snr(t_next)) / 5.0,
        )
        return np.concatenate([own, wide.loadings, narrow.loadings])

    def forward(
        self,
        x: Tensor,
        whitened: Tensor,
        rows: Tensor,
        labels: Tensor | None = None,
        compute: torch.dtype = torch.float32,
        earlier: Sequence[Tensor] = (),
    ) -> Tensor:
        """Returns the states after a step, see `StudentNetwork`; vectors have no classes."""
        z, moments, order = x.flatten(1), whitened.flatten(2), self.order
        decay, shift, narrow_decay, weight, scale, scale_next, now, later = rows[:, :COLUMNS].unsqueeze(-1).unbind(1)
        clock = self.embed(torch.cat([now, later], dim=1)).expand(len(z), -1)
        read = [moments.flatten(1), clock, *(scale * state.flatten(1) for state in earlier)]
        if self.config.base == "identity":
            features = torch.cat([scale * z, *read], dim=1)
            return (z + self.network(features.to(compute)).to(z.dtype) / scale_next).view_as(x)
        wide_noise = torch.einsum("nmd,nm->nd", moments, rows[:, COLUMNS : COLUMNS + order].expand(len(z), -1))
        narrow_noise = torch.einsum("nmd,nm->nd", moments, rows[:, COLUMNS + order :].expand(len(z), -1))
        linear = decay * z + shift * self.mean.to(z.dtype) + wide_noise
        narrow = narrow_decay * z + narrow_noise
        features = torch.cat([scale * z, scale_next * linear, scale_next * narrow, *read], dim=1)
        return (linear + weight * self.network(features.to(compute)).to(z.dtype)).view_as(x)

    def clocks(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Returns ln σ/α at the two ends of the steps of these rows, shapes (n,)."""
        return -5.0 * rows[:, 6], -5.0 * rows[:, 7]

    def error(self, reached: Tensor, wanted: Tensor, rows: Tensor) -> Tensor:
        """Returns the errors of the states after a step by coordinates, in units of B·c, shape (n, d)."""
        return (reached - wanted).flatten(1) / rows[:, 3:4]

    def start_from(self, teacher: Mapping[str, Tensor]) -> None:
        """Takes nothing, as a teacher in closed form has no weights; raises TypeError for any."""
        if teacher:
            raise TypeError("a student of vectors takes no weights of a teacher.")

    def matrices(self) -> list[nn.Parameter]:
        """Returns the weights that an optimiser for matrices should take."""
        return [weight for name, weight in self.network.hidden.named_parameters() if name.endswith("weight")]
