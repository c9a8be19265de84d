"""The generator N_θ of Sig-DEG for correlated vectors: exact for Gaussian data, direction by direction.

In the directions v_k of the data's covariance, with variances s_k²,
    Z′_k = φ_k·Z_k + Σ_j q_jk·ξ_jk + B·c_k·F_θ(Z/√(α²s² + σ²), ξ; σ/α, σ′/α′)_k,
the exact step for Gaussian data (linear_step.py) and a network that learns the rest. ξ are the whitened moments of the
signature, B = α′·(1 − e^{−2Δλ}) and c_k = s_k·(σ/α)/√(s_k² + (σ/α)²), so that B·c_k·F is what a first-order
exponential step makes of the teacher's own F: the student starts from the teacher's weights. Two variants are for
ablations: with the base "identity" Z′_k = Z_k + √(α′²s_k² + σ′²)·F_k, F starting at zero; with memory the network also
reads the states before Z.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sigbench.networks.backbones import Dense
from sigbench.networks.gaussian_edm import CLOCK_FEATURES, GaussianDenoiser, GaussianDenoiserConfig
from sigbench.sde.grid import Step
from sigbench.sde.schedule import Schedule, schedule_named
from sigbench.sde.signature import PartialSignature, check_order
from sigbench.sigdeg.generators.linear_step import linear_step
from sigbench.sigdeg.generators.vectors import Base, check_base_and_memory

CLOCKS = 2  # columns of a row of coefficients before those of each direction: ln σ/α at the step's two ends
EACH = 4  # columns for each direction before the loadings: φ, the network's weight, the scale of its input, and B·c


@dataclass(frozen=True, slots=True)
class PathGeneratorConfig:
    """What rebuilds a generator: the signature order, the schedule, and the teacher's own network.

    `base` and `memory` as in `GeneratorConfig`. Raises BadInput for another base or memory.
    """

    order: int
    schedule: str
    denoiser: GaussianDenoiserConfig
    base: Base = "exponential"
    memory: int = 0

    def __post_init__(self) -> None:
        check_base_and_memory(self.base, self.memory)

    def as_json(self) -> dict[str, Any]:
        """Returns the fields as plain JSON values."""
        return asdict(self)

    @staticmethod
    def from_json(fields: dict[str, Any]) -> "PathGeneratorConfig":
        """Returns the configuration of `as_json`; raises TypeError for other fields."""
        return PathGeneratorConfig(**{**fields, "denoiser": GaussianDenoiserConfig.from_json(fields["denoiser"])})


class PathGenerator(GaussianDenoiser):
    """N_θ for samples of `config.denoiser.shape`: maps states and signatures over one coarse step."""

    log_scale_start = 0.0  # errors are measured in units of B·c, so they are of order one

    def __init__(self, config: PathGeneratorConfig, schedule: Schedule | None = None) -> None:
        check_order(config.order)
        self.inputs_each = 1 + config.order + config.memory  # the base class builds its network by it
        super().__init__(config.denoiser)
        self.generator_config = config
        self.schedule = schedule or schedule_named(config.schedule)
        width = config.denoiser.condition
        self.end_clock = nn.Sequential(Dense(CLOCK_FEATURES, width), nn.SiLU(), Dense(width, width, zero=True))
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
        """Takes the weights of the teacher's denoiser; the new inputs and the new clock start at zero.

        So does the output where the base is the identity.
        """
        own = self.state_dict()
        first = own["network.first.weight"].zero_()
        first[:, : prod(self.config.shape)] = teacher["network.first.weight"]
        last = {name: value for name, value in own.items() if name.startswith("network.last.")}
        if self.generator_config.base == "exponential":
            last = {}
        self.load_state_dict({**own, **teacher, "network.first.weight": first, **last})
        self._row.cache_clear()

    def _compute_row(self, start: float, end: float) -> Tensor:
        """The columns of one step, shape (1, CLOCKS + (EACH + order)·d), float64."""
        identity = self.generator_config.base == "identity"
        schedule, order = self.schedule, self.order
        t, t_next = schedule.t_start - start, schedule.t_start - end
        stds = self.stds.double().cpu().numpy()
        exact = [linear_step(schedule, t, t_next, float(std), order) for std in stds]
        log_snr, log_snr_next = float(schedule.log_snr(t)), float(schedule.log_snr(t_next))
        level, alpha = np.exp(-log_snr), float(schedule.alpha(t))
        exponential = float(schedule.alpha(t_next)) * -np.expm1(-2.0 * (log_snr_next - log_snr))
        total = np.sqrt(stds**2 + level**2)
        unit, loadings = exponential * level * stds / total, np.array([step.loadings for step in exact]).T.ravel()
        columns = [
            [-log_snr, -log_snr_next],
            np.ones_like(stds) if identity else [step.decay for step in exact],
            np.hypot(schedule.alpha(t_next) * stds, schedule.sigma(t_next)) if identity else unit,
            1.0 / (alpha * total),
            unit,
            np.zeros_like(loadings) if identity else loadings,
        ]
        return torch.from_numpy(np.concatenate([np.asarray(column) for column in columns]))[None]

    def coefficients(self, steps: Iterable[Step], dtype: torch.dtype = torch.float32) -> Tensor:
        """Returns a row for each step, shape (steps, CLOCKS + (EACH + order)·d), on the host."""
        return torch.cat([self._row(step.start, step.end) for step in steps]).to(dtype)

    def clocks(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Returns ln σ/α at the two ends of the steps of these rows, shapes (n,)."""
        return rows[:, 0], rows[:, 1]

    def _parts(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """φ, the network's weight, the input's scale and B·c, each (n, d), and the loadings (n, order, d)."""
        d = prod(self.config.shape)
        decay, weight, scale, unit = rows[:, CLOCKS : CLOCKS + EACH * d].unflatten(1, (EACH, d)).unbind(1)
        return decay, weight, scale, unit, rows[:, CLOCKS + EACH * d :].unflatten(1, (self.order, d))

    def forward(  # type: ignore[override]
        self,
        x: Tensor,
        whitened: Tensor,
        rows: Tensor,
        labels: Tensor | None = None,
        compute: torch.dtype = torch.float32,
        earlier: Sequence[Tensor] = (),
    ) -> Tensor:
        """Returns the next states; x (n, *shape), whitened (n, order, *shape), rows of n or one, `memory` states."""
        decay, weight, scale, _, loadings = self._parts(rows)
        state, moments = self.rotated(x), self.rotated(whitened)
        now, later = self.clocks(rows)
        condition = self.condition(now) + self.end_clock(self.fourier(0.25 * later[:, None]))
        read = [scale * state, moments.flatten(1), *(scale * self.rotated(before) for before in earlier)]
        learned = self.network(torch.cat(read, dim=1).to(compute), condition).to(x.dtype)
        return self.rotated_back(decay * state + (loadings * moments).sum(1) + weight * learned)

    def squared_error(self, reached: Tensor, wanted: Tensor, rows: Tensor) -> Tensor:
        """Returns the mean squared error of the states after a step over directions, in units of B·c, shape (n,)."""
        unit = self._parts(rows)[3]
        return (self.rotated(reached - wanted) / unit).square().mean(1)

    def step_of(self, compute: torch.dtype) -> Callable[..., Tensor]:
        """Returns the step that a sampler takes."""

        def step(
            x: Tensor, signature: PartialSignature, row: Tensor, labels: Tensor | None, *earlier: Tensor
        ) -> Tensor:
            stepped: Tensor = self(x, torch.stack(signature.whitened(), dim=1), row, None, compute, earlier)
            return stepped

        return step
