"""States to learn from by noising data, x_t = α·x0 + σ·ε, as distillation without walked paths does."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sigbench.abilities import HasTrainingData
from sigbench.rivals.choices import teacher_is_network
from sigbench.rivals.flow import no_signature
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sigdeg.distillation.coarse_steps import Minibatch, SingleSteps
from sigbench.task import Task


@dataclass(frozen=True, slots=True)
class NoisedPlan:
    """How many states a minibatch holds: `groups` of them, each at one time of its own."""

    batch: int = 4_096
    groups: int = 8

    @property
    def each(self) -> int:
        """How many states a group holds."""
        return max(1, self.batch // self.groups)


def batch_of(task: Task) -> int:
    """Returns how many states a minibatch of the task's students holds: fewer where each costs a network's call."""
    return 512 if teacher_is_network(task) else NoisedPlan().batch


class NoisedData:
    """Noised samples of a task's training data: what is drawn depends on the generator that is handed in alone."""

    def __init__(self, task: Task, problem: ReverseDiffusion) -> None:
        assert isinstance(task, HasTrainingData)
        self.problem = problem
        self._clean, self._labels = task.training_data()

    def __len__(self) -> int:
        return len(self._clean)

    def draw(self, t: float, count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor | None]:
        """Returns states at diffusion time `t`, shape (count, *shape), with their classes (count,) or None.

        They are drawn on the host, and lie on the problem's device.
        """
        pick = torch.from_numpy(rng.integers(len(self._clean), size=count))
        clean = self._clean[pick]
        noise = torch.from_numpy(rng.standard_normal(clean.shape, dtype=np.float32))
        schedule = self.problem.schedule
        states = float(schedule.alpha(t)) * clean + float(schedule.sigma(t)) * noise
        device = self.problem.device
        return states.to(device), None if self._labels is None else self._labels[pick].to(device)


@dataclass(frozen=True, slots=True)
class Group:
    """Steps from one time: states before and after, shape (n, *shape), the step's row (1, columns), and the classes."""

    start: Tensor
    end: Tensor
    row: Tensor
    labels: Tensor | None


def minibatch_of(groups: list[Group]) -> Minibatch:
    """Returns the steps of several groups as one minibatch of single steps without a signature."""
    labels = [group.labels for group in groups if group.labels is not None]
    x = torch.cat([group.start for group in groups])
    rows = torch.cat([group.row.expand(len(group.start), -1) for group in groups]).to(x.device)
    ends = torch.cat([group.end for group in groups])
    return Minibatch(SingleSteps(x, [], ends, no_signature(x), rows, torch.cat(labels) if labels else None), None)
