"""Distilling a student from stored teacher paths: local steps between any two fine times.

Each minibatch takes steps of random grids of 2 to 20 steps. The error of a step is scaled by a learned function of
its two noise levels, so that every step counts by how much of its own error can be removed (Karras et al. 2024,
arXiv 2312.02696, eq. 14); what the signature does not determine is averaged away.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from sigbench.networks.backbones import Dense
from sigbench.sde.grid import Step
from sigbench.sigdeg.image_generator import ImageGenerator
from sigbench.sigdeg.path_generator import PathGenerator
from sigbench.sigdeg.stored_paths import StoredPaths


@dataclass(frozen=True, slots=True)
class LocalDistillPlan:
    """Which steps are learned: grids of `steps` steps, so many `groups` of stored paths a minibatch."""

    steps: tuple[int, ...] = tuple(range(2, 21))
    groups: int = 26
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Minibatch:
    """Coarse steps: states (n, *shape) before and after, whitened (n, m, *shape), rows (n, columns), labels (n,)."""

    x: Tensor
    x_next: Tensor
    whitened: Tensor
    rows: Tensor
    labels: Tensor


class StepStudent(nn.Module):
    """A generator with the learned scale of its errors, which training alone needs."""

    def __init__(self, generator: ImageGenerator | PathGenerator) -> None:
        super().__init__()
        self.generator = generator
        self.log_scale = Dense(22, 1, zero=True)

    def loss(self, batch: Minibatch, compute: torch.dtype) -> Tensor:
        """Returns the mean over steps of e²/s + ln s, e² being the squared error of a step and s its scale."""
        error = self.generator.squared_error(batch.x, batch.x_next, batch.whitened, batch.rows, batch.labels, compute)
        clocks = [self.generator.fourier(0.25 * clock[:, None]) for clock in self.generator.clocks(batch.rows)]
        log_scale = self.log_scale(torch.cat(clocks, dim=1)).squeeze(1) + self.generator.log_scale_start
        return (error * torch.exp(-log_scale) + log_scale).mean()

    def matrices(self) -> list[nn.Parameter]:
        """Returns the weights that an optimiser for matrices should take."""
        return self.generator.matrices()


class LocalDistillation:
    """The data of one training; `minibatch(iteration)` depends on the plan's seed and the iteration alone."""

    def __init__(self, paths: StoredPaths, generator: ImageGenerator | PathGenerator, plan: LocalDistillPlan) -> None:
        self.paths, self.generator, self.plan = paths, generator, plan
        self._groups = paths.done // paths.group

    def minibatch(self, iteration: int) -> Minibatch:
        """Returns the steps of an iteration."""
        plan, paths, order = self.plan, self.paths, self.generator.order
        rng = np.random.default_rng([plan.seed, iteration])
        fine = paths.grid.steps
        before, after, whitened, ends, labels = [], [], [], [], []
        for _ in range(plan.groups):
            group, count = int(rng.integers(self._groups)), int(rng.choice(plan.steps))
            index = int(rng.integers(count))
            first, last = (round(fine * i / count) for i in (index, index + 1))
            members = slice(group * paths.group, (group + 1) * paths.group)
            before.append(paths.states[members, first])
            after.append(paths.states[members, last])
            labels.append(paths.labels[members])
            whitened.append(paths.whitened(group, first, last, order))
            ends += [Step(0, paths.grid.times[first], paths.grid.times[last])] * paths.group
        return Minibatch(
            torch.from_numpy(np.concatenate(before)).float(),
            torch.from_numpy(np.concatenate(after)).float(),
            torch.cat(whitened),
            self.generator.coefficients(ends),
            torch.from_numpy(np.concatenate(labels)),
        )
