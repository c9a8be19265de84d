"""Distilling an image student from stored teacher paths: local steps between any two fine times.

Each minibatch takes steps of random grids of 2 to 20 steps. The error of a step is scaled by a learned function of
its two noise levels, so that every step counts by how much of its own error can be removed (Karras et al. 2024,
arXiv 2312.02696, eq. 14); what the signature does not determine is averaged away.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from sigbench.networks.unet import Dense
from sigbench.sde.grid import Step
from sigbench.sigdeg.image_generator import ImageGenerator
from sigbench.sigdeg.stored_paths import GROUP, StoredPaths


@dataclass(frozen=True, slots=True)
class ImageDistillPlan:
    """Which steps are learned: grids of `steps` steps, `groups` × GROUP paths a minibatch."""

    steps: tuple[int, ...] = tuple(range(2, 21))
    groups: int = 26
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Minibatch:
    """Coarse steps: states (n, c, H, W) before and after, whitened (n, m, c, H, W), rows (n, columns), labels (n,)."""

    x: Tensor
    x_next: Tensor
    whitened: Tensor
    rows: Tensor
    labels: Tensor


class ImageStudent(nn.Module):
    """A generator with the learned scale of its errors, which training alone needs."""

    def __init__(self, generator: ImageGenerator) -> None:
        super().__init__()
        self.generator = generator
        self.log_scale = Dense(22, 1, zero=True)

    def loss(self, batch: Minibatch, compute: torch.dtype) -> Tensor:
        """Returns the mean over steps of e²/s + ln s, e² being the mean squared error of a step and s its scale."""
        predicted = self.generator(batch.x, batch.whitened, batch.rows, batch.labels, compute)
        error = (predicted - batch.x_next).square().flatten(1).mean(1)
        clocks = [self.generator.fourier(0.25 * batch.rows[:, k, None]) for k in (3, 4)]
        log_scale = self.log_scale(torch.cat(clocks, dim=1)).squeeze(1) - 4.0
        return (error * torch.exp(-log_scale) + log_scale).mean()

    def matrices(self) -> list[nn.Parameter]:
        """Returns the weights that an optimiser for matrices should take."""
        return self.generator.matrices()


class ImageDistillation:
    """The data of one training; `minibatch(iteration)` depends on the plan's seed and the iteration alone."""

    def __init__(self, paths: StoredPaths, generator: ImageGenerator, plan: ImageDistillPlan) -> None:
        self.paths, self.generator, self.plan = paths, generator, plan
        self._groups = paths.done // GROUP

    def minibatch(self, iteration: int) -> Minibatch:
        """Returns the steps of an iteration."""
        plan, paths, order = self.plan, self.paths, self.generator.generator_config.order
        rng = np.random.default_rng([plan.seed, iteration])
        fine = paths.grid.steps
        before, after, whitened, ends, labels = [], [], [], [], []
        for _ in range(plan.groups):
            group, count = int(rng.integers(self._groups)), int(rng.choice(plan.steps))
            index = int(rng.integers(count))
            first, last = (round(fine * i / count) for i in (index, index + 1))
            members = slice(group * GROUP, (group + 1) * GROUP)
            before.append(paths.states[members, first])
            after.append(paths.states[members, last])
            labels.append(paths.labels[members])
            whitened.append(paths.whitened(group, first, last, order))
            ends += [Step(0, paths.grid.times[first], paths.grid.times[last])] * GROUP
        return Minibatch(
            torch.from_numpy(np.concatenate(before)).float(),
            torch.from_numpy(np.concatenate(after)).float(),
            torch.cat(whitened),
            self.generator.coefficients(ends),
            torch.from_numpy(np.concatenate(labels)),
        )
