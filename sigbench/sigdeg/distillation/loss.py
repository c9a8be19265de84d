"""The loss of a student, local and global, each error scaled by what can be removed of it.

The local loss is of single steps from the teacher's own states; the global loss is of the student's own rollouts, on
the same Brownian paths (Sig-DEG, arXiv 2508.16939). Each error is scaled by a learned function of its step's two noise
levels, so that every step counts by how much of its own error can be removed (Karras et al. 2024, arXiv 2312.02696,
eq. 14). What the signature does not determine is averaged away: locally that costs the conditional variance of one
step, globally that of whole paths, which is more. So "local" is the usual loss.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from sigbench.networks.backbones import Dense, FourierFeatures
from sigbench.sigdeg.distillation.coarse_steps import Minibatch, Rollouts, SingleSteps
from sigbench.sigdeg.generators.student import StudentNetwork

_FREQUENCIES = (1.0, 2.0, 4.0, 8.0, 16.0)
_NETWORK = "network."


class Distillation(nn.Module):
    """A student's network with the learned scales of its errors, which training alone needs."""

    def __init__(self, network: StudentNetwork) -> None:
        super().__init__()
        self.network = network
        self.fourier = FourierFeatures(_FREQUENCIES)
        features = 2 * (1 + 2 * len(_FREQUENCIES))
        self.log_scales = nn.ModuleDict({kind: Dense(features, 1, zero=True) for kind in ("single", "walked")})

    def loss(self, batch: Minibatch, compute: torch.dtype) -> Tensor:
        """Returns the sum over both kinds of steps of the mean of e²/s + ln s.

        e² is the squared error of a step, or of the state that a rollout has after it, and s its scale.
        """
        parts = []
        if batch.single is not None:
            parts.append(self._of_single(batch.single, compute))
        if batch.walked is not None:
            parts.append(torch.stack(self._along(batch.walked, compute)).mean())
        return torch.stack(parts).sum()

    def _of_single(self, single: SingleSteps, compute: torch.dtype) -> Tensor:
        reached = self.network(single.x, single.whitened, single.rows, single.labels, compute, single.earlier)
        return self._scaled("single", reached, single.x_next, single.rows)

    def _along(self, walked: Rollouts, compute: torch.dtype) -> list[Tensor]:
        x, memory = walked.states[:, 0], self.network.memory
        earlier, losses = [x] * memory, []
        for k, row in enumerate(walked.rows.split(1)):
            reached = self.network(x, walked.whitened[:, k], row, walked.labels, compute, earlier)
            earlier, x = [x, *earlier][:memory], reached
            losses.append(self._scaled("walked", x, walked.states[:, k + 1], row))
        return losses

    def size_of(self, error: Tensor) -> Tensor:
        """Returns e² of errors (n, d), their mean square, shape (n,)."""
        return error.square().mean(1)

    def _scaled(self, kind: str, reached: Tensor, wanted: Tensor, rows: Tensor) -> Tensor:
        error = self.size_of(self.network.error(reached, wanted, rows))
        clocks = [self.fourier(0.25 * clock[:, None]) for clock in self.network.clocks(rows)]
        log_scale = self.log_scales[kind](torch.cat(clocks, dim=1)).squeeze(1) + self.network.log_scale_start
        return (error * torch.exp(-log_scale) + log_scale).mean()

    def matrices(self) -> list[nn.Parameter]:
        """Returns the weights that an optimiser for matrices should take."""
        return self.network.matrices()

    @staticmethod
    def weights_of_network(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Returns those of the weights of such a module that are the network's, by the network's names."""
        return {name.removeprefix(_NETWORK): value for name, value in weights.items() if name.startswith(_NETWORK)}
