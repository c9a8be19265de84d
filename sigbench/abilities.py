"""What only some tasks can do: small protocols, found by `isinstance`, and what holds for tasks without them.

A task has an ability by having the methods, with no base class to name: a task with `picture` has pictures.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from sigbench.errors import BadInput, BrokenContract

if TYPE_CHECKING:
    import altair as alt
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor

    from sigbench.metrics.metric import Metric
    from sigbench.metrics.spectra import Spectrum
    from sigbench.networks.recipe import Recipe
    from sigbench.progress import Listener
    from sigbench.task import Task


_OF_DATA = ("file", "data", "labels")  # hashes of what a task of a file depends on beside its network


@dataclass(frozen=True, slots=True)
class Teacher:
    """The slow sampler that students of a task are distilled from: so many steps of a scheme on a grid.

    `scheme` is a sampler's spec; every teacher walks the simplest one unless its task says otherwise.
    """

    steps: int
    grid: str
    scheme: str = "euler-maruyama"


@runtime_checkable
class HasTeacher(Protocol):
    """A task with a slow sampler of its own."""

    teacher: Teacher


@runtime_checkable
class HasClasses(Protocol):
    """A task whose samples belong to classes, and whose denoiser can be guided towards them."""

    def conditioned(self, label: int | None, guidance: float) -> "Task":
        """Returns the task with every sample asked to be of one class, and its denoiser guided towards the class.

        `guidance` ≥ 0 is the weight w in (1 + w)·D(x; class) − w·D(x; none) (Ho & Salimans 2022, eq. 6). Raises
        BadInput for values that the task does not have.
        """
        ...

    def conditions(self) -> Mapping[str, float]:
        """Returns what `conditioned` was given, defaults left out: "label", "guidance"."""
        ...


@runtime_checkable
class ObservesSamples(Protocol):
    """A task whose metrics read more of a sample than its coordinates: features, paths in data units."""

    def observe(self, samples: "Tensor", labels: "Tensor | None") -> Any:
        """Returns what the metrics read of samples (n, *shape), sliceable; `labels` (n,) are their classes.

        It is called once a repeat, so that what is costly (a classifier's features) is shared by all metrics.
        """
        ...

    def observe_truth(self, n: int, seed: int) -> Any:
        """Returns what the metrics read of n independent exact draws, a function of `seed` alone."""
        ...


@runtime_checkable
class HasDataUnits(Protocol):
    """A task whose states are not in the units of its data."""

    def to_data(self, samples: "Tensor") -> "Tensor":
        """Returns samples (n, *shape) in data units, as they are saved."""
        ...


@runtime_checkable
class HasPictures(Protocol):
    """A task with a picture of its samples."""

    def picture(
        self, samples: "NDArray[np.float64]", title: str, labels: "NDArray[np.int64] | None" = None
    ) -> "alt.TopLevelMixin | Image":
        """Returns a picture of samples in data units; `labels` (n,) are their classes."""
        ...


@runtime_checkable
class HasStrips(Protocol):
    """A task whose samples can be shown in rows, the same noise in a column."""

    def strip(self, rows: "Sequence[tuple[str, NDArray[np.float64]]]", title: str) -> "Image":
        """Returns a picture of named rows of samples in data units.

        Samples at the same place in their rows come from one initial state and one Brownian path.
        """
        ...


@runtime_checkable
class HasSpectrum(Protocol):
    """A task whose samples, images or paths, have a power spectrum."""

    def spectrum(self, samples: "NDArray[np.float64]") -> "Spectrum":
        """Returns the power spectrum of samples in data units."""
        ...


@runtime_checkable
class HasNetworks(Protocol):
    """A task with trained networks of its own, in the folders of their artifacts."""

    def networks(self) -> Mapping[str, Path]:
        """Returns the folders by the networks' names; "teacher" is the denoiser that a teacher walks with."""
        ...


@runtime_checkable
class HasHashes(Protocol):
    """A task whose numbers depend on more than code and artifacts: data and weights that a user named."""

    def hashes(self) -> Mapping[str, str]:
        """Returns the hashes of all that, by what it is."""
        ...


@runtime_checkable
class PreparesTruth(Protocol):
    """A task whose truth takes long to be read: it is, with progress, before samples are judged."""

    def prepare_truth(self, report: "Listener") -> None:
        """Reads what is not known yet; does nothing where all is."""
        ...


@runtime_checkable
class HasCompiledNetwork(Protocol):
    """A task that says how its network is compiled: "none", or by what."""

    compiled: Literal["none", "torch.compile"]


@runtime_checkable
class IsOfLibrary(Protocol):
    """A task whose network belongs to another library, in which its winners are set up."""

    library: str  # an adapter's name

    def library_steps(self, times: "Sequence[float]") -> "list[float]":
        """Returns the library's own times of diffusion times t."""
        ...


@runtime_checkable
class HasRecipes(Protocol):
    """A task whose own networks can be trained again."""

    def recipes(self) -> "Mapping[str, Recipe]":
        """Returns how they are trained, by their names; students are no concern of the task."""
        ...


@runtime_checkable
class HasTrainingData(Protocol):
    """A task with samples that networks may learn from: none that a metric judges by."""

    def training_data(self) -> "tuple[Tensor, Tensor | None]":
        """Returns states (n, *shape), float32, with their classes (n,), None without classes."""
        ...


@runtime_checkable
class HasFloors(Protocol):
    """A task that comes with the floors of its metrics at its default sizes, as `sigbench floors` writes them."""

    def floors(self) -> Path:
        """Returns the file."""
        ...


@runtime_checkable
class HasStudents(Protocol):
    """A task that comes with trained students: artifacts, whose manifests say of what kind each is."""

    def students(self) -> Sequence[Path]:
        """Returns their folders."""
        ...


def teacher_of(task: "Task") -> Teacher | None:
    """Returns the task's teacher, None where it has none; raises BadInput where it is no Teacher."""
    if not isinstance(task, HasTeacher):
        return None
    if not isinstance(task.teacher, Teacher):
        raise BadInput(f"the teacher of the task {task.name!r} is {task.teacher!r}, not a sigbench.abilities.Teacher.")
    return task.teacher


def conditions_of(task: "Task") -> dict[str, float]:
    """Returns the label and the guidance that samples of the task are asked for, defaults left out."""
    return dict(task.conditions()) if isinstance(task, HasClasses) else {}


def to_data(task: "Task", samples: "Tensor") -> "Tensor":
    """Returns samples in data units, which are those of the state unless the task says otherwise.

    Raises BrokenContract where it gives no tensor of as many.
    """
    from torch import Tensor

    found = task.to_data(samples) if isinstance(task, HasDataUnits) else samples
    if not isinstance(found, Tensor) or len(found) != len(samples):
        raise BrokenContract(f"the task {task.name!r} gave {type(found).__name__} for samples in data units.")
    return found


def observe(task: "Task", samples: "Tensor", labels: "Tensor | None") -> Any:
    """Returns what metrics read of samples: float64 of shape (n, d) unless the task says otherwise."""
    if isinstance(task, ObservesSamples):
        return task.observe(samples, labels)
    return samples.double().flatten(1).cpu().numpy()


def metrics_of(task: "Task") -> "list[Metric]":
    """Returns the metrics that judge samples of a task, the headline first; copies among them are looked for always.

    A task that observes its samples says for itself whether these can be copies of each other.
    """
    from sigbench.metrics.duplicates import Duplicates

    found = list(task.metrics())
    if not isinstance(task, ObservesSamples) and all(metric.name != Duplicates.name for metric in found):
        found.append(Duplicates())
    return found


def observe_truth(task: "Task", n: int, seed: int) -> Any:
    """Returns what metrics read of n exact draws, a function of `seed` alone."""
    return task.observe_truth(n, seed) if isinstance(task, ObservesSamples) else task.truth().sample(n, seed)


def prepare_truth(task: "Task", report: "Listener") -> None:
    """Has the task's truth read where that takes long."""
    if isinstance(task, PreparesTruth):
        task.prepare_truth(report)


def compilation_of(task: "Task") -> Literal["none", "torch.compile"]:
    """Returns by what the task's network is compiled, "none" where it is not."""
    return task.compiled if isinstance(task, HasCompiledNetwork) else "none"


def networks_of(task: "Task") -> dict[str, Path]:
    """Returns the folders of the task's own networks, by their names."""
    return dict(task.networks()) if isinstance(task, HasNetworks) else {}


def teacher_hash(task: "Task") -> str | None:
    """Returns the hash of the network that the task's teacher walks with, None where that is in closed form.

    Of a network that a user brought it is the hash of all that it depends on, and not of the data.
    """
    found = network_hashes(task)
    own = sorted((name, value) for name, value in found.items() if name not in _OF_DATA)
    if "teacher" in found or not own:
        return found.get("teacher")
    return hashlib.sha256(json.dumps(own).encode()).hexdigest()


def network_hashes(task: "Task") -> dict[str, str]:
    """Returns the hashes of the task's own networks, by their names, and of what else its numbers depend on."""
    from sigbench.networks.artifacts import read_manifest

    own = {name: read_manifest(folder).sha256 for name, folder in networks_of(task).items()}
    return {**own, **(task.hashes() if isinstance(task, HasHashes) else {})}
