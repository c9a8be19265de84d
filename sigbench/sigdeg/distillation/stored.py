"""Distilling a student from stored teacher paths: steps between any two fine times, or rollouts over several.

The local loss is of single steps of random grids of 2 to 20 steps, from the teacher's own states; the global loss is
of the student's own rollouts (Sig-DEG, arXiv 2508.16939), so many that a minibatch costs as many network calls. Each
error is scaled by a learned function of its step's two noise levels, so that every step counts by how much of its own
error can be removed (Karras et al. 2024, arXiv 2312.02696, eq. 14); what the signature does not determine is averaged
away.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sigbench.errors import BadInput
from sigbench.networks.backbones import Dense
from sigbench.sde.grid import Grid, Step
from sigbench.sigdeg.distillation.fresh import Loss
from sigbench.sigdeg.distillation.stored_paths import StoredPaths
from sigbench.sigdeg.generators.images import ImageGenerator
from sigbench.sigdeg.generators.paths import PathGenerator


@dataclass(frozen=True, slots=True)
class StoredDistillPlan:
    """Which steps are learned, by which loss, and how many `groups` of stored paths take one step a minibatch.

    Rollouts take more steps, so fewer groups walk them; "both" spends half of a minibatch's network calls on each loss.
    """

    steps: tuple[int, ...] = tuple(range(2, 21))
    grid: str = "quadratic"
    loss: Loss = "local"
    groups: int = 26
    seed: int = 0

    def single(self) -> int:
        """Returns how many groups take a single step."""
        return {"local": self.groups, "global": 0, "both": self.groups // 2}[self.loss]

    def walking(self, steps: int) -> int:
        """Returns how many groups walk `steps` steps."""
        calls = self.groups - self.single()
        return max(1, calls // steps) if calls else 0


@dataclass(frozen=True, slots=True)
class SingleSteps:
    """Coarse steps of the teacher: states (n, *shape) before, earlier and after, whitened (n, order, *shape).

    `rows` has shape (n, columns), `labels` (n,); `earlier` holds the states before x that the student reads.
    """

    x: Tensor
    earlier: list[Tensor]
    x_next: Tensor
    whitened: Tensor
    rows: Tensor
    labels: Tensor


@dataclass(frozen=True, slots=True)
class Rollouts:
    """Coarse paths: states (n, K + 1, *shape), whitened (n, K, order, *shape), rows (K, columns), labels (n,)."""

    states: Tensor
    whitened: Tensor
    rows: Tensor
    labels: Tensor


Minibatch = tuple[SingleSteps | None, Rollouts | None]


class StepStudent(nn.Module):
    """A generator with the learned scales of its errors, which training alone needs."""

    def __init__(self, generator: ImageGenerator | PathGenerator) -> None:
        super().__init__()
        self.generator = generator
        self.log_scales = nn.ModuleDict({kind: Dense(22, 1, zero=True) for kind in ("single", "walked")})

    def loss(self, batch: Minibatch, compute: torch.dtype) -> Tensor:
        """Returns the sum over both kinds of steps of the mean of e²/s + ln s.

        e² is the squared error of a step, or of the state that a rollout has after it, and s its scale.
        """
        single, walked = batch
        parts = []
        if single is not None:
            reached = self.generator(single.x, single.whitened, single.rows, single.labels, compute, single.earlier)
            parts.append(self._scaled("single", reached, single.x_next, single.rows))
        if walked is not None:
            parts.append(torch.stack(list(self._along(walked, compute))).mean())
        return torch.stack(parts).sum()

    def _along(self, walked: Rollouts, compute: torch.dtype) -> list[Tensor]:
        x = walked.states[:, 0]
        earlier, losses = [x] * self.generator.memory, []
        for k, row in enumerate(walked.rows.split(1)):
            reached = self.generator(x, walked.whitened[:, k], row, walked.labels, compute, earlier)
            earlier, x = [x, *earlier][: self.generator.memory], reached
            losses.append(self._scaled("walked", x, walked.states[:, k + 1], row))
        return losses

    def _scaled(self, kind: str, reached: Tensor, wanted: Tensor, rows: Tensor) -> Tensor:
        error = self.generator.squared_error(reached, wanted, rows)
        clocks = [self.generator.fourier(0.25 * clock[:, None]) for clock in self.generator.clocks(rows)]
        log_scale = self.log_scales[kind](torch.cat(clocks, dim=1)).squeeze(1) + self.generator.log_scale_start
        return (error * torch.exp(-log_scale) + log_scale).mean()

    def matrices(self) -> list[nn.Parameter]:
        """Returns the weights that an optimiser for matrices should take."""
        return self.generator.matrices()


def fine_ends(fine: Grid, coarse: Grid) -> tuple[int, ...]:
    """Returns, for every time of `coarse`, the place of the nearest one of `fine`.

    Raises BadInput where two of them have the same: the teacher's steps are too long there.
    """
    places = np.rint(np.interp(coarse.times, fine.times, np.arange(len(fine.times)))).astype(int)
    if (np.diff(places) < 1).any():
        raise BadInput(
            f"the teacher's {fine.steps} steps are too coarse for {coarse.steps} steps on the grid {coarse.name!r}."
        )
    return tuple(places.tolist())


class StoredDistillation:
    """The data of one training; `minibatch(iteration)` depends on the plan's seed and the iteration alone.

    `grids` are the plan's coarse grids. Raises BadInput for grids that the teacher's paths cannot serve.
    """

    def __init__(
        self,
        paths: StoredPaths,
        generator: ImageGenerator | PathGenerator,
        plan: StoredDistillPlan,
        grids: Sequence[Grid],
    ) -> None:
        self.paths, self.generator, self.plan = paths, generator, plan
        self._groups = paths.done // paths.group
        self._ends = {grid.steps: fine_ends(paths.grid, grid) for grid in grids}

    def minibatch(self, iteration: int) -> Minibatch:
        """Returns the steps of an iteration."""
        rng = np.random.default_rng([self.plan.seed, iteration])
        return self._single_steps(rng), self._rollouts(rng)

    def _single_steps(self, rng: np.random.Generator) -> SingleSteps | None:
        if not (count := self.plan.single()):
            return None
        whitened, ends, places = [], [], []
        for _ in range(count):
            group, steps = int(rng.integers(self._groups)), int(rng.choice(self.plan.steps))
            index = int(rng.integers(steps))
            at = self._ends[steps]
            whitened.append(self.paths.whitened(group, at[index], at[index + 1], self.generator.order))
            ends += [self._step(at[index], at[index + 1])] * self.paths.group
            backwards = [at[max(index - back, 0)] for back in range(1, self.generator.memory + 1)]
            places.append((group, [at[index], at[index + 1], *backwards]))
        x, x_next, *earlier = (
            torch.from_numpy(np.concatenate([self._states(group, at[k]) for group, at in places])).float()
            for k in range(2 + self.generator.memory)
        )
        labels = np.concatenate([self._labels(group) for group, _ in places])
        rows = self.generator.coefficients(ends)
        return SingleSteps(x, earlier, x_next, torch.cat(whitened), rows, torch.from_numpy(labels))

    def _rollouts(self, rng: np.random.Generator) -> Rollouts | None:
        steps = int(rng.choice(self.plan.steps))
        if not (count := self.plan.walking(steps)):
            return None
        at = self._ends[steps]
        groups = rng.integers(self._groups, size=count).tolist()
        states = [np.stack([self._states(group, place) for place in at], axis=1) for group in groups]
        between = list(pairwise(at))
        whitened = [
            torch.stack([self.paths.whitened(group, *pair, self.generator.order) for pair in between], dim=1)
            for group in groups
        ]
        return Rollouts(
            torch.from_numpy(np.concatenate(states)).float(),
            torch.cat(whitened),
            self.generator.coefficients([self._step(*pair) for pair in between]),
            torch.from_numpy(np.concatenate([self._labels(group) for group in groups])),
        )

    def _step(self, first: int, last: int) -> Step:
        return Step(0, self.paths.grid.times[first], self.paths.grid.times[last])

    def _members(self, group: int) -> slice:
        return slice(group * self.paths.group, (group + 1) * self.paths.group)

    def _states(self, group: int, place: int) -> NDArray[Any]:
        return self.paths.states[self._members(group), place]

    def _labels(self, group: int) -> NDArray[Any]:
        return self.paths.labels[self._members(group)]
