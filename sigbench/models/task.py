"""Tasks of trained networks and of data that people bring; `sigbench.models.from_file` makes their classes."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.files import read_file
from sigbench.guard import guarded
from sigbench.metrics.image_sample import ImageSample
from sigbench.metrics.metric import Metric
from sigbench.models.data.arrays import ArrayData
from sigbench.models.data.images import Images
from sigbench.models.data.statistics import FeatureStatistics
from sigbench.models.features import Extractor
from sigbench.models.file import ModelFile
from sigbench.models.judges import image_judges, vector_judges
from sigbench.models.networks.diffusers_models import time_of
from sigbench.models.networks.model import Model
from sigbench.models.truth import FeatureTruth, StatisticsTruth, VectorTruth, in_pixels, in_state_units
from sigbench.progress import Listener
from sigbench.sde.denoiser import Denoiser, Network
from sigbench.sde.problem import Classes, ReverseDiffusion, state_dtype
from sigbench.task import Task

if TYPE_CHECKING:
    from PIL.Image import Image

_TRIED = 2  # states that a network is first asked for
Data = Images | ArrayData | FeatureStatistics


class FileTask(Task):
    """A task of a file. Its classes are made by `from_file.file_task`, one a file, with the file's facts on them."""

    file: Path
    read: ModelFile
    model: Model
    data: Data
    compiled: Literal["none", "torch.compile"]

    def problem(self, device: torch.device, dtype: torch.dtype) -> ReverseDiffusion:
        network, schedule = self.network(device, dtype), self.model.schedule
        cost = 2 if self.guidance else 1
        denoiser = Denoiser(self.model.guided(network, self.guidance), self.model.prediction, schedule, cost=cost)
        weights = self.class_weights()
        classes = None if weights is None else Classes(weights)
        return ReverseDiffusion(schedule, denoiser, self.shape, device, classes)

    def network(self, device: torch.device, dtype: torch.dtype) -> Network:
        """Returns the network as it was trained, the same one as long as its files are."""
        return _made(self.model, self.shape, device, dtype)

    @property
    def guidance(self) -> float:
        """The weight of the guidance towards labels; none here."""
        return 0.0

    def class_weights(self) -> Sequence[float] | None:
        """Returns how often samples are asked to be of each class; None, as here, where there are none."""
        return None

    def library_steps(self, times: Sequence[float]) -> list[float]:
        """Returns what a diffusers model is asked with at diffusion times t."""
        return [time_of(self.model.schedule, t) for t in times]

    def hashes(self) -> Mapping[str, str]:
        """Returns the hashes of what the numbers depend on beside code: the file, the weights, the data."""
        return {"file": _file_hash(self.file), "data": self.data.sha256, **self.model.hashes}


class VectorTask(FileTask):
    """Vectors or series, judged as they are."""

    data: ArrayData

    def truth(self) -> VectorTruth:
        return _vectors(self.data)

    def metrics(self) -> Sequence[Metric]:
        return vector_judges(self.truth())

    def observe(self, samples: Tensor, labels: Tensor | None) -> NDArray[np.float64]:
        """Returns samples as points (n, d), float64."""
        return samples.double().flatten(1).cpu().numpy()

    def observe_truth(self, n: int, seed: int) -> NDArray[np.float64]:
        """Returns n rows of the data that no metric compares with."""
        return self.truth().apart(n, seed)

    def training_data(self) -> tuple[Tensor, None]:
        """Returns all data as states, float32."""
        return torch.from_numpy(self.truth().points.reshape(-1, *self.shape)).float(), None


class ImageTask(FileTask):
    """Images (c, H, W) in units from −1 to 1, or their codes, judged as pixels in the features of a network."""

    data: Images | FeatureStatistics
    extractor: Extractor
    image_shape: tuple[int, ...]

    def truth(self) -> FeatureTruth | StatisticsTruth:
        return image_truth(self.data, self.extractor, self.image_shape)

    def prepare_truth(self, report: Listener) -> None:
        """Takes the features of all images that are not known yet."""
        self.truth().prepare(report)

    def metrics(self) -> Sequence[Metric]:
        return image_judges(self.truth())

    def observe(self, samples: Tensor, labels: Tensor | None) -> ImageSample:
        """Returns samples as pixels with their features."""
        return self.truth().seen(self.to_data(samples).numpy())

    def observe_truth(self, n: int, seed: int) -> ImageSample:
        """Returns n images that no metric compares with."""
        return self.truth().held_out_sample(n, seed)

    def to_data(self, samples: Tensor) -> Tensor:
        """Returns samples as pixels (n, c, H, W), uint8, codes decoded."""
        latents = self.model.latents
        images = samples if latents is None else latents.decode(samples)
        return torch.from_numpy(in_pixels(images.double().cpu().numpy()))

    def to_states(self, pixels: NDArray[np.uint8]) -> Tensor:
        """Returns images (n, c, H, W), uint8, as states, float32: from −1 to 1, or their codes."""
        images, latents = torch.from_numpy(in_state_units(pixels)).float(), self.model.latents
        return images if latents is None else latents.encode(images)

    def picture(self, samples: NDArray[np.float64], title: str, labels: NDArray[np.int64] | None = None) -> "Image":
        """Returns samples in data units side by side."""
        from sigbench.models.pictures import image_grid

        return image_grid(samples.astype(np.uint8), title, labels)

    def strip(self, rows: Sequence[tuple[str, NDArray[np.float64]]], title: str) -> "Image":
        """Returns rows of samples in data units, one noise in a column."""
        from sigbench.models.pictures import image_strip

        return image_strip([(name, images.astype(np.uint8)) for name, images in rows], title)


class ClassImageTask(ImageTask):
    """Images whose network tells classes apart: samples are of all of them as often as the data are, or of `label`."""

    labels: NDArray[np.int64] | None

    def __init__(self, label: int | None = None, guidance: float | None = None) -> None:
        if label is not None and not 0 <= label < self.model.classes:
            raise BadInput(f"the label must be one of the model's classes, 0 to {self.model.classes - 1}, got {label}.")
        if label is not None and self.labels is None:
            raise BadInput("to compare with one class, data.labels must say which images are of it.")
        self._label = label
        self._guidance = self.read.model.guidance if guidance is None else guidance

    @property
    def guidance(self) -> float:
        """The weight of the guidance towards labels."""
        return self._guidance

    def conditioned(self, label: int | None, guidance: float) -> Self:
        """Returns the task of one class, guided; without guidance it has that of its file."""
        return type(self)(label, guidance or None)

    def conditions(self) -> Mapping[str, float]:
        """Returns the label and the guidance, defaults left out."""
        chosen = {} if self._label is None else {"label": float(self._label)}
        return {**chosen, **({"guidance": self._guidance} if self._guidance else {})}

    def class_weights(self) -> Sequence[float]:
        """Returns the shares of the classes among the data, all the same where nobody labelled these."""
        count = self.model.classes
        if self._label is not None:
            return [float(index == self._label) for index in range(count)]
        if self.labels is None:
            return [1.0] * count
        return np.bincount(self.labels, minlength=count).astype(float).tolist()

    def truth(self) -> FeatureTruth | StatisticsTruth:
        if self._label is None:
            return super().truth()
        return _of_class(self.data, self.extractor, self._label, type(self))

    def hashes(self) -> Mapping[str, str]:
        named = self.read.data.labels
        return {**super().hashes(), **({} if named is None else {"labels": _file_hash(self.file.parent / named)})}


@lru_cache(maxsize=2)  # features are extracted once
def _vectors(data: ArrayData) -> VectorTruth:
    return VectorTruth(data)


@lru_cache(maxsize=2)
def image_truth(
    data: Images | FeatureStatistics, extractor: Extractor, shape: tuple[int, ...]
) -> FeatureTruth | StatisticsTruth:
    """Returns the truth of images or of their statistics, the same one at every call.

    Raises BadInput for statistics of another network's features.
    """
    if isinstance(data, FeatureStatistics):
        return StatisticsTruth(data, extractor, shape)
    return FeatureTruth(data, extractor)


@lru_cache(maxsize=16)
def _of_class(
    data: Images | FeatureStatistics, extractor: Extractor, label: int, of: type[ClassImageTask]
) -> FeatureTruth:
    assert isinstance(data, Images) and of.labels is not None
    return FeatureTruth(data, extractor, np.flatnonzero(of.labels == label))


def _file_hash(path: Path) -> str:
    return hashlib.sha256(read_file(path, "the task")).hexdigest()


@lru_cache(maxsize=4)  # a run plans several samplers on one network
def _made(model: Model, shape: tuple[int, ...], device: torch.device, dtype: torch.dtype) -> Network:
    """The network, asked once at the noisy end: what does not fit the data is found before any long work."""
    network = model.make(device, dtype)
    states = torch.zeros((_TRIED, *shape), device=device, dtype=state_dtype(dtype))
    with guarded(f"the model cannot be asked for data of shape {shape}"), torch.no_grad():
        labels = (torch.zeros(_TRIED, device=device, dtype=torch.int64),) if model.classes else ()
        found = network(model.schedule.t_start, states, *labels)
        fits = isinstance(found, Tensor) and found.shape == states.shape
    if not fits:
        given = tuple(found.shape[1:]) if isinstance(found, Tensor) else type(found).__name__
        raise BadInput(f"the model gives {given} for data of shape {shape}.")
    if not bool(found.isfinite().all()):
        raise BadInput(
            "the model gives values that are not finite: its weights are broken, or it is asked too far out."
        )
    return network
