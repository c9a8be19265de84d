"""The generator N_θ of Sig-DEG: one coarse step from the state and the step's partial signature.

    Z′ = φ·Z + (α′ − φα)·μ + Σ_j q_j·ξ_j + B·c·F_θ(features),

the exact linear step for Gaussian data of mean μ and standard deviation c, plus a network that learns the
rest. ξ are the whitened moments of the signature; B = α′·(1 − e^{−2Δλ}) is the weight that an exponential
step gives to the denoised sample, so that a short step learns a small correction.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from math import prod
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from sigbench.errors import BadInput, unknown_name
from sigbench.networks.backbones import FourierFeatures, ResidualMLP
from sigbench.sde.grid import Step
from sigbench.sde.schedule import Schedule, schedule_named
from sigbench.sde.signature import PartialSignature, check_order
from sigbench.sigdeg.generators.linear_step import linear_step

Base = Literal["exponential", "identity"]
MAX_MEMORY = 4


def check_base_and_memory(base: str, memory: int) -> None:
    """Raises BadInput for what no student adds to, or reads."""
    if base not in get_args(Base):
        raise unknown_name("base step", base, get_args(Base))
    if not 0 <= memory <= MAX_MEMORY:
        raise BadInput(f"a student's memory lies between 0 and {MAX_MEMORY} earlier states, got {memory}.")


@dataclass(frozen=True, slots=True)
class GeneratorConfig:
    """What rebuilds a generator: the signature order, the data's moments, the schedule and the network's size.

    `local_std` is the standard deviation within a cluster of the data; a second linear step, with it in the
    place of `data_std`, is one of the network's features. `base` is what the network's output is added to: the exact
    linear step ("exponential") or the state as it is ("identity", which leaves drift and noise to the network);
    `memory` is the number of earlier states that it reads. Raises BadInput for another base or memory.
    """

    order: int
    shape: tuple[int, ...]
    data_mean: tuple[float, ...]
    data_std: float
    local_std: float
    schedule: str
    width: int = 128
    depth: int = 2
    base: Base = "exponential"
    memory: int = 0

    def __post_init__(self) -> None:
        check_base_and_memory(self.base, self.memory)

    def as_json(self) -> dict[str, Any]:
        """Returns the fields as plain JSON values."""
        return asdict(self)

    @staticmethod
    def from_json(fields: dict[str, Any]) -> "GeneratorConfig":
        """Returns the configuration of `as_json`; raises TypeError for other fields."""
        return GeneratorConfig(**{**fields, "shape": tuple(fields["shape"]), "data_mean": tuple(fields["data_mean"])})


class Generator(nn.Module):
    """N_θ for vector data of shape (d,): maps a batch of states and signatures over one coarse step.

    `schedule` is the problem's own, by default the one that the configuration names, with its usual parameters.
    Everything that depends on the step alone is a row of `coefficients`, computed once a grid in float64.
    """

    mean: Tensor

    def __init__(self, config: GeneratorConfig, schedule: Schedule | None = None) -> None:
        super().__init__()
        self.config = config
        check_order(config.order)
        self.schedule = schedule or schedule_named(config.schedule)
        d, m = prod(config.shape), config.order
        self.embed = FourierFeatures((1.0, 2.0, 4.0, 8.0))
        own = {"exponential": 3, "identity": 1}[config.base]
        self.network = ResidualMLP((own + m + config.memory) * d + 2 * 9, d, config.width, config.depth)
        self.register_buffer("mean", torch.tensor(config.data_mean), persistent=False)
        self._row = lru_cache(maxsize=4096)(self._compute_row)

    def _compute_row(self, start: float, end: float) -> tuple[float, ...]:
        schedule, config = self.schedule, self.config
        t, t_next = schedule.t_start - start, schedule.t_start - end
        wide = linear_step(schedule, t, t_next, config.data_std, config.order)
        narrow = linear_step(schedule, t, t_next, config.local_std, config.order)
        log_snr, log_snr_next = float(schedule.log_snr(t)), float(schedule.log_snr(t_next))
        scale, scale_next = (
            1.0 / float(np.hypot(schedule.alpha(u) * config.data_std, schedule.sigma(u))) for u in (t, t_next)
        )
        exponential = float(schedule.alpha(t_next)) * -float(np.expm1(-2.0 * (log_snr_next - log_snr)))
        return (
            wide.decay,
            wide.shift,
            narrow.decay,
            exponential * config.data_std,
            scale,
            scale_next,
            log_snr / 5.0,
            log_snr_next / 5.0,
            *wide.loadings.tolist(),
            *narrow.loadings.tolist(),
        )

    def coefficients(self, steps: Iterable[Step], dtype: torch.dtype = torch.float32) -> Tensor:
        """Returns a row for each step, shape (steps, 8 + 2·order), on the host."""
        return torch.tensor([self._row(step.start, step.end) for step in steps], dtype=dtype)

    def forward(self, x: Tensor, whitened: Tensor, rows: Tensor, earlier: Sequence[Tensor] = ()) -> Tensor:
        """Returns the states after a step.

        `x` has shape (n, d), `whitened` (n, order, d) and `rows` (n, 8 + 2·order), or (1, …) where the step
        is the same for all; `earlier` are `memory` states before x, the latest first.
        """
        decay, shift, narrow_decay, weight, scale, scale_next, now, later = rows[:, :8].unsqueeze(-1).unbind(1)
        order, dtype = self.config.order, self.network.first.weight.dtype
        clock = self.embed(torch.cat([now, later], dim=1)).expand(len(x), -1)
        read = [whitened.flatten(1), clock, *(scale * state for state in earlier)]
        if self.config.base == "identity":
            features = torch.cat([scale * x, *read], dim=1)
            return x + self.network(features.to(dtype)).to(x.dtype) / scale_next
        wide_noise = torch.einsum("nmd,nm->nd", whitened, rows[:, 8 : 8 + order].expand(len(x), -1))
        narrow_noise = torch.einsum("nmd,nm->nd", whitened, rows[:, 8 + order :].expand(len(x), -1))
        linear = decay * x + shift * self.mean.to(x.dtype) + wide_noise
        narrow = narrow_decay * x + narrow_noise
        features = torch.cat([scale * x, scale_next * linear, scale_next * narrow, *read], dim=1)
        return linear + weight * self.network(features.to(dtype)).to(x.dtype)

    @property
    def memory(self) -> int:
        """The number of earlier states that it reads."""
        return self.config.memory

    @property
    def order(self) -> int:
        """The signature order that it reads."""
        return self.config.order

    def step_of(self, compute: torch.dtype) -> Callable[..., Tensor]:
        """Returns the step that a sampler takes; vector data have no classes, and the weights' dtype decides."""
        return self.step

    def step(
        self, x: Tensor, signature: PartialSignature, row: Tensor, labels: Tensor | None, *earlier: Tensor
    ) -> Tensor:
        """Returns the states after the step of `row`, shape of `x`, reading the signature's whitened moments."""
        whitened = torch.stack([xi.flatten(1) for xi in signature.whitened()], dim=1)
        return self(x.flatten(1), whitened, row, [state.flatten(1) for state in earlier]).view_as(x)
