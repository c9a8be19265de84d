"""What a student learns from: a minibatch of coarse steps, and what every source of them can do."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from sigbench.progress import Listener
from sigbench.sigdeg.distillation.plan import DistillPlan
from sigbench.sigdeg.generators.student import StudentNetwork
from sigbench.task import Task


@dataclass(frozen=True, slots=True)
class SingleSteps:
    """Coarse steps of the teacher: states (n, *shape) before, earlier and after, whitened (n, order, *shape).

    `rows` has shape (n, columns), `labels` (n,), None without classes; `earlier` holds the states before x that the
    student reads.
    """

    x: Tensor
    earlier: list[Tensor]
    x_next: Tensor
    whitened: Tensor
    rows: Tensor
    labels: Tensor | None


@dataclass(frozen=True, slots=True)
class Rollouts:
    """Coarse paths: states (n, K + 1, *shape), whitened (n, K, order, *shape), rows (K, columns), labels (n,)."""

    states: Tensor
    whitened: Tensor
    rows: Tensor
    labels: Tensor | None


@dataclass(frozen=True, slots=True)
class Minibatch:
    """What one iteration learns from: single steps for the local loss, rollouts for the global one."""

    single: SingleSteps | None
    walked: Rollouts | None

    def to(self, device: torch.device) -> "Minibatch":
        """Returns the same steps on a device."""
        return Minibatch(
            None if self.single is None else _moved(self.single, device),
            None if self.walked is None else _moved(self.walked, device),
        )


_T = TypeVar("_T", SingleSteps, Rollouts)


def _moved(steps: _T, device: torch.device) -> _T:
    """The same steps, each of their tensors on a device."""

    def moved(value: Any) -> Any:
        if isinstance(value, list):
            return [moved(each) for each in value]
        return None if value is None else value.to(device)

    return replace(steps, **{each.name: moved(getattr(steps, each.name)) for each in fields(steps)})


class StepSource(Protocol):
    """Coarse steps of a teacher with the signatures of the very same paths."""

    @property
    def seconds(self) -> float:
        """What was spent on the teacher's paths before the training."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """Returns what determines the teacher's paths, as plain JSON values."""
        ...

    def minibatch(self, iteration: int) -> Minibatch:
        """Returns the steps of an iteration, which depend on it and on the plan's seed alone."""
        ...


class SourcePlan(Protocol):
    """Where coarse steps come from: paths that the teacher walks anew, or paths on disk."""

    def facts(self) -> dict[str, Any]:
        """Returns the fields as plain JSON values."""
        ...

    def check(self, task: Task, plan: DistillPlan) -> None:
        """Raises BadInput where the task's teacher has no such steps."""
        ...

    def walk(self, task: Task, plan: DistillPlan, folder: Path, report: Listener) -> None:
        """Walks what students share before any of them learns, into `folder`; what is there is not walked again."""
        ...

    def open(
        self, task: Task, plan: DistillPlan, network: StudentNetwork, folder: Path, report: Listener
    ) -> StepSource:
        """Returns the steps that `network` learns from; raises BadInput where `folder` holds another teacher's."""
        ...
