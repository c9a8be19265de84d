"""Sig-DEG as a sampler: one call of the student a step, reading the step's partial signature."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import ReverseDiffusion, SDEProblem
from sigbench.sde.signature import PartialSignature
from sigbench.sigdeg.generators.brought import ReadsItsTeacher
from sigbench.sigdeg.generators.build import read_config
from sigbench.sigdeg.generators.student import StudentNetwork
from sigbench.sigdeg.trained import Builder, TrainedStudent
from sigbench.task import Task

KIND = "sigdeg-student"


class SigDEG(TrainedStudent):
    """Sig-DEG: a student of the task's teacher that steps a coarse grid; `artifact` names another folder of weights."""

    name = "sigdeg"
    citation = "arXiv 2508.16939"
    when = "5 to 20 calls on a task with a trained student."
    signature_order = 2
    follows_path = True
    kind: ClassVar[str] = KIND
    title: ClassVar[str] = "Sig-DEG"

    @classmethod
    def builder_of(cls, config: Mapping[str, Any]) -> Builder:
        return cast(Builder, read_config(config).network)

    def take(self, network: nn.Module, task: Task, problem: ReverseDiffusion, dtype: torch.dtype) -> None:
        self._network = with_teacher(cast(StudentNetwork, network), task, problem.device, dtype)
        self.signature_order = self._network.order
        self._call = problem.counted(_step_of(self._network, dtype))

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        return self._behind([x], problem, grid, brownian)

    def resume(
        self, problem: SDEProblem, states: Sequence[Tensor], grid: Grid, brownian: BrownianDriver
    ) -> Iterator[Tensor]:
        if self._network.memory == 0:
            return super().resume(problem, states, grid, brownian)
        return self._behind(states, problem, grid, brownian)

    def _behind(
        self, states: Sequence[Tensor], problem: SDEProblem, grid: Grid, brownian: BrownianDriver
    ) -> Iterator[Tensor]:
        """The states that follow `states`, those at the grid's first times."""
        x, memory = states[-1], self._network.memory
        rows = self._network.coefficients(grid, x.dtype).to(x.device)
        earlier = [*reversed(states[:-1]), *([states[0]] * memory)][:memory]
        for step, row in list(zip(grid, rows.split(1), strict=True))[len(states) - 1 :]:
            signature = brownian.signature(step, self.signature_order)
            following = self._call(x, signature, row, problem.labels, *earlier)
            earlier, x = [x, *earlier][:memory], following
            yield x


def with_teacher(network: StudentNetwork, task: Task, device: torch.device, dtype: torch.dtype) -> StudentNetwork:
    """Returns a student's network with the task's own beside it, where it reads that; those calls are part of its."""
    if not isinstance(network, ReadsItsTeacher):
        return network
    problem = task.problem(device, dtype)  # with a counter of its own, which nobody looks at
    assert isinstance(problem, ReverseDiffusion)
    return network.beside(problem.denoiser)


def _step_of(network: StudentNetwork, compute: torch.dtype) -> Callable[..., Tensor]:
    """One call a step: (x, signature, row, labels, *earlier states) to the next states."""

    def step(x: Tensor, signature: PartialSignature, row: Tensor, labels: Tensor | None, *earlier: Tensor) -> Tensor:
        return network(x, torch.stack(signature.whitened(), dim=1), row, labels, compute, earlier)

    return step
