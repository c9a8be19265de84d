"""The task's contract: a problem to integrate, the truth to compare with, and the metrics that judge."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from sigbench.errors import BadInput

if TYPE_CHECKING:
    import altair as alt
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor

    from sigbench.metrics.metric import Metric, Truth
    from sigbench.metrics.spectra import Spectrum
    from sigbench.sde.problem import SDEProblem


@dataclass(frozen=True, slots=True)
class Teacher:
    """The slow sampler that a task holds for its own: what students are distilled from."""

    sampler: str
    steps: int
    grid: str


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training gives: weights, what rebuilds the module, what it was trained on, and what that cost."""

    kind: str
    weights: "dict[str, Tensor]"
    config: dict[str, Any]
    data: dict[str, Any]
    cost: dict[str, Any]


class Recipe(Protocol):
    """How one of a task's own networks is trained."""

    @property
    def iterations(self) -> int:
        """The number of minibatches."""
        ...

    def train(self, checkpoint: Path, report: Callable[[int, float], None]) -> Trained:
        """Trains from nothing, or goes on from `checkpoint`; `report(iteration, loss)` hears of every iteration."""
        ...

    def shortened(self, iterations: int) -> "Recipe":
        """Returns the recipe with another number of minibatches."""
        ...

    def finish(self, folder: Path) -> None:
        """Adds what else belongs into the artifact's folder, once its weights and manifest lie there."""
        ...


class Task(ABC):
    """A benchmark task. The class attributes are its facts; `version` changes when its numbers would.

    `default_grid` is used by every sampler of a comparison unless the user names another; `batch_size` is
    the number of samples that are integrated at once.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    title: ClassVar[str]
    shape: ClassVar[tuple[int, ...]]
    default_samples: ClassVar[int]
    default_steps: ClassVar[tuple[int, ...]]
    default_grid: ClassVar[str]
    batch_size: ClassVar[int]
    teacher: ClassVar[Teacher | None] = None

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

    def conditioned(self, label: int | None, guidance: float) -> "Task":
        """Returns the task with every sample asked to be of one class, and its denoiser guided towards the class.

        `guidance` ≥ 0 is the weight w in (1 + w)·D(x; class) − w·D(x; none) (Ho & Salimans 2022, eq. 6). Raises
        BadInput for values that the task does not have, as here, where samples have no classes.
        """
        raise BadInput(f"samples of the task {self.name!r} have no classes: --label and --guidance are not for it.")

    def judged_by_inception(self, weights: Path) -> "Task":
        """Returns the task with FID on the Inception network whose weights are in a file as a further metric.

        Raises BadInput for a file without them and, as here, where samples are no images.
        """
        raise BadInput(f"samples of the task {self.name!r} are no images: --inception-weights is not for it.")

    def conditions(self) -> Mapping[str, float]:
        """Returns what `conditioned` was asked for, defaults left out: "label", "guidance"."""
        return {}

    def artifacts(self) -> Mapping[str, Path]:
        """Returns the folders of the trained artifacts that come with the task, by the sampler's name."""
        return {}

    def recipes(self) -> Mapping[str, Recipe]:
        """Returns how the task's own networks are trained, by their names; the student is no concern of the task."""
        return {}

    def networks(self) -> Mapping[str, Path]:
        """Returns the folders of the task's own trained networks, by their names."""
        return {}

    def artifact_hashes(self) -> Mapping[str, str]:
        """Returns the hashes of the task's own networks, by their names."""
        return {}

    def observe(self, samples: "Tensor", labels: "Tensor | None") -> Any:
        """Returns what the metrics read of samples (n, *shape), sliceable: by default float64 of shape (n, d).

        `labels` (n,) are the classes that the samples were asked to be of, None where there are none. It is called
        once for each repeat, so that what is costly (a classifier's features) is shared by all metrics.
        """
        return samples.double().flatten(1).cpu().numpy()

    def observe_truth(self, n: int, seed: int) -> Any:
        """Returns what the metrics read of n independent exact draws, a function of `seed` alone."""
        return self.truth().sample(n, seed)

    def to_data(self, samples: "Tensor") -> "Tensor":
        """Returns samples in data units, as they are saved; by default as they are."""
        return samples

    def picture(
        self, samples: "NDArray[np.float64]", title: str, labels: "NDArray[np.int64] | None" = None
    ) -> "alt.TopLevelMixin | Image | None":
        """Returns a picture of samples in data units, None where the task has none; `labels` are their classes."""
        return None

    def spectrum(self, samples: "NDArray[np.float64]") -> "Spectrum":
        """Returns the power spectrum of samples in data units; raises BadInput where, as here, they have none."""
        raise BadInput(f"samples of the task {self.name!r} have no spectrum: they are neither images nor paths.")

    def strip(self, rows: "Sequence[tuple[str, NDArray[np.float64]]]", title: str) -> "Image | None":
        """Returns a picture of named rows of samples in data units, None where the task has none.

        Samples at the same place in their rows come from one initial state and one Brownian path.
        """
        return None
