"""The generator N_θ of Sig-DEG for correlated vectors: exact for Gaussian data, direction by direction.

In the directions v_k of the data's covariance, with variances s_k²,
    Z′_k = φ_k·Z_k + Σ_j q_jk·ξ_jk + B·c_k·F_θ(Z/√(α²s² + σ²), ξ; σ/α, σ′/α′)_k,
the exact step for Gaussian data (linear_step.py) and a network that learns the rest. ξ are the whitened moments of the
signature, B = α′·(1 − e^{−2Δλ}) and c_k = s_k·(σ/α)/√(s_k² + (σ/α)²), so that B·c_k·F is what a first-order
exponential step makes of the teacher's own F: the student starts from the teacher's weights. Two variants are for
ablations: with the base "identity" Z′_k = Z_k + √(α′²s_k² + σ′²)·F_k, F starting at zero; with memory the network also
reads the states before Z.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sigbench.networks.backbones import Dense
from sigbench.networks.gaussian_edm import CLOCK_FEATURES, GaussianDenoiser, GaussianDenoiserConfig
from sigbench.sde.schedule import Schedule
from sigbench.sigdeg.generators.student import StudentConfig, TeachersNetwork

CLOCKS = 2  # columns of a row of coefficients before those of each direction: ln σ/α at the step's two ends
EACH = 4  # columns for each direction before the loadings: φ, the network's weight, the scale of its input, and B·c


@dataclass(frozen=True, slots=True, kw_only=True)
class PathGeneratorConfig(StudentConfig):
    """What rebuilds the network of a student of correlated vectors: also its teacher's."""

    denoiser: GaussianDenoiserConfig

    def network(self, schedule: Schedule | None = None) -> "PathGenerator":
        return PathGenerator(self, schedule)

    @classmethod
    def _read(cls, name: str, value: Any) -> Any:
        return GaussianDenoiserConfig.from_json(value) if name == "denoiser" else value


class PathGenerator(TeachersNetwork, GaussianDenoiser):
    """N_θ for samples of `config.shape`, whose teacher is a Gaussian denoiser with a network."""

    first, last = "network.first.weight", "network.last."
    log_scale_start = 0.0  # errors are measured in units of B·c, so they are of order one

    def __init__(self, config: PathGeneratorConfig, schedule: Schedule | None = None) -> None:
        self.inputs_each = 1 + config.order + config.memory  # the base class builds its network by it
        super().__init__(config.denoiser)
        width = config.denoiser.condition
        self.end_clock = nn.Sequential(Dense(CLOCK_FEATURES, width), nn.SiLU(), Dense(width, width, zero=True))
        self.set_up(config, schedule)

    @property
    def inputs(self) -> int:
        """How many columns of the first layer's weights read one vector."""
        return prod(self.config.shape)

    def compute_row(self, start: float, end: float) -> NDArray[np.float64]:
        """Returns the coefficients of a step, shape (CLOCKS + (EACH + order)·d,)."""
        identity = self.student_config.base == "identity"
        schedule = self.schedule
        t, t_next = schedule.t_start - start, schedule.t_start - end
        stds = self.stds.double().cpu().numpy()
        exact = [self.linear_between(t, t_next, float(std)) for std in stds]
        log_snr, log_snr_next = float(schedule.log_snr(t)), float(schedule.log_snr(t_next))
        level, alpha = np.exp(-log_snr), float(schedule.alpha(t))
        total = np.sqrt(stds**2 + level**2)
        unit = self.weight_between(t, t_next) * level * stds / total
        loadings = np.array([step.loadings for step in exact]).T.ravel()
        columns = [
            [-log_snr, -log_snr_next],
            np.ones_like(stds) if identity else [step.decay for step in exact],
            np.hypot(schedule.alpha(t_next) * stds, schedule.sigma(t_next)) if identity else unit,
            1.0 / (alpha * total),
            unit,
            np.zeros_like(loadings) if identity else loadings,
        ]
        return np.concatenate([np.asarray(column) for column in columns])

    def clocks(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Returns ln σ/α at the two ends of the steps of these rows, shapes (n,)."""
        return rows[:, 0], rows[:, 1]

    def _parts(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """φ, the network's weight, the input's scale and B·c, each (n, d), and the loadings (n, order, d)."""
        d = prod(self.config.shape)
        decay, weight, scale, unit = rows[:, CLOCKS : CLOCKS + EACH * d].unflatten(1, (EACH, d)).unbind(1)
        return decay, weight, scale, unit, rows[:, CLOCKS + EACH * d :].unflatten(1, (self.order, d))

    def forward(  # type: ignore[override]  # one vector in, one out, but of a step and not of a noise level
        self,
        x: Tensor,
        whitened: Tensor,
        rows: Tensor,
        labels: Tensor | None = None,
        compute: torch.dtype = torch.float32,
        earlier: Sequence[Tensor] = (),
    ) -> Tensor:
        """Returns the states after a step, see `StudentNetwork`; paths have no classes."""
        decay, weight, scale, _, loadings = self._parts(rows)
        state, moments = self.rotated(x), self.rotated(whitened)
        now, later = self.clocks(rows)
        condition = self.condition(now) + self.end_clock(self.fourier(0.25 * later[:, None]))
        read = [scale * state, moments.flatten(1), *(scale * self.rotated(before) for before in earlier)]
        learned = self.network(torch.cat(read, dim=1).to(compute), condition).to(x.dtype)
        return self.rotated_back(decay * state + (loadings * moments).sum(1) + weight * learned)

    def error(self, reached: Tensor, wanted: Tensor, rows: Tensor) -> Tensor:
        """Returns the errors of the states after a step by directions, in units of B·c, shape (n, d)."""
        return self.rotated(reached - wanted) / self._parts(rows)[3]
