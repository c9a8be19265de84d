"""What all students of the probability flow share: their walk without noise, and how their networks are chosen."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from sigbench.rivals.choices import check_schedule
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import ReverseDiffusion, SDEProblem
from sigbench.sigdeg.distillation.kinds import StudentChoices
from sigbench.sigdeg.distillation.plan import DistillPlan
from sigbench.sigdeg.distillation.students import chosen_student
from sigbench.sigdeg.generators.build import read_config
from sigbench.sigdeg.generators.student import StudentConfig, StudentNetwork
from sigbench.sigdeg.sampler import with_teacher
from sigbench.sigdeg.trained import Builder, TrainedStudent
from sigbench.task import Task


class FlowStudent(TrainedStudent):
    """A student that steps the probability flow from one time of the grid to the next, by a call a step: no noise.

    Z′ = F_θ(Z, t, t′) is the exact step of the flow for Gaussian data, and a network that adds the rest.
    """

    signature_order = 0

    @classmethod
    def builder_of(cls, config: Mapping[str, Any]) -> Builder:
        return cast(Builder, read_config(config).network)

    def take(self, network: nn.Module, task: Task, problem: ReverseDiffusion, dtype: torch.dtype) -> None:
        self._network = with_teacher(cast(StudentNetwork, network), task, problem.device, dtype)
        self._step = problem.counted(step_of(self._network, dtype))

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        rows = self._network.coefficients(grid, x.dtype).to(x.device)
        for row in rows.split(1):
            x = self._step(x, row, problem.labels)
            yield x


def no_signature(x: Tensor) -> Tensor:
    """Returns the signature of order 0 beside states (n, *shape): shape (n, 0, *shape)."""
    return x.new_empty(len(x), 0, *x.shape[1:])


def step_of(network: StudentNetwork, compute: torch.dtype = torch.float32) -> Callable[..., Tensor]:
    """Returns a student's step without noise: (x, rows, labels) to the next states."""

    def step(x: Tensor, rows: Tensor, labels: Tensor | None) -> Tensor:
        return network(x, no_signature(x), rows.to(x.device), labels, compute)

    return step


def chosen_flow(name: str, task: Task, choices: StudentChoices) -> tuple[StudentConfig, DistillPlan]:
    """Returns the network of a student of the flow, and the plan of its training, in float32.

    The network is Sig-DEG's own but for what that reads of the signature. Raises BadInput as that does, and for a
    schedule without finite ends.
    """
    _, _, config, plan = chosen_student(task, replace(choices, order=0, base="flow"))
    check_schedule(name, task)
    return config, replace(plan, compute=torch.float32)
