"""The task's contract: a problem to integrate, the truth to compare with, and the metrics that judge.

What only some tasks have (classes, pictures, a teacher, networks to train) are the protocols of `sigbench.abilities`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import torch

    from sigbench.metrics.metric import Metric, Truth
    from sigbench.sde.problem import SDEProblem


class Task(ABC):
    """A benchmark task. The class attributes are its facts; `version` changes when its numbers would.

    `shape` is that of one sample, `default_grid` is used by every sampler of a comparison unless the user names
    another, and `batch_size` is the number of samples that are integrated at once. `path_order` is the number of
    moments of the Brownian path: no sampler of the task can read more. Networks that were trained for version
    `artifacts_since` or later still serve: what is integrated, and the truth, have not changed since.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    title: ClassVar[str]
    shape: ClassVar[tuple[int, ...]]
    default_samples: ClassVar[int]
    default_steps: ClassVar[tuple[int, ...]]
    default_grid: ClassVar[str]
    batch_size: ClassVar[int]
    artifacts_since: ClassVar[int] = 1
    path_order: ClassVar[int] = 4  # paths of another order are other paths; 0: a problem without noise

    @abstractmethod
    def problem(self, device: "torch.device", dtype: "torch.dtype") -> "SDEProblem":
        """Returns a new problem, with a call counter of its own, on `device`, its networks in `dtype`.

        States are float32 where `dtype` is bfloat16, which is for networks only, and in `dtype` otherwise.
        """

    @abstractmethod
    def truth(self) -> "Truth":
        """Returns the law that samples should have."""

    @abstractmethod
    def metrics(self) -> "Sequence[Metric]":
        """Returns the metrics that judge samples of this task, the headline first."""
