"""Tasks that a file makes of a trained network and of data: `sigbench run --task cifar.toml`."""

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sigbench.abilities import Teacher
from sigbench.errors import BadInput
from sigbench.files import read_file
from sigbench.guard import guarded
from sigbench.metrics.image_sample import ImageSample
from sigbench.metrics.metric import Metric
from sigbench.models.data import Data, read_array, read_images
from sigbench.models.file import ModelFile, read_model_file
from sigbench.models.judges import Extractor, extractor_of, image_judges, vector_judges
from sigbench.models.networks import Model, read_model, stamp_of
from sigbench.models.truth import FeatureTruth, VectorTruth, in_pixels
from sigbench.sde.denoiser import Denoiser, Network
from sigbench.sde.problem import Classes, ReverseDiffusion, state_dtype
from sigbench.task import Task

_DEFAULT_SAMPLES = 2_000
_IMAGE_ORDER, _VECTOR_ORDER = 2, 4  # moments of the path: every one costs as many random numbers as a sample has
_TRIED = 2  # states that a network is first asked for


class FileTask(Task):
    """A task of a file. Its classes are made by `file_task`, one a file, with the file's facts on their faces."""

    file: Path
    read: ModelFile
    model: Model

    def problem(self, device: torch.device, dtype: torch.dtype) -> ReverseDiffusion:
        network, schedule = _made(self.model, self.shape, device, dtype), self.model.schedule
        denoiser = Denoiser(network, self.model.prediction, schedule)
        classes = Classes([1.0] * self.model.classes) if self.model.classes else None  # all as often
        return ReverseDiffusion(schedule, denoiser, self.shape, device, classes)

    def hashes(self) -> Mapping[str, str]:
        """Returns the hashes of what the numbers depend on beside code: the file, the weights, the data."""
        return {"file": _file_hash(self.file), "data": self.truth().data.sha256, **self.model.hashes}

    def truth(self) -> VectorTruth | FeatureTruth:
        raise NotImplementedError


class VectorTask(FileTask):
    """Vectors or series, judged as they are."""

    def truth(self) -> VectorTruth:
        return _vectors(_data(self.file, self.read))

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
    """Images (c, H, W) in units from −1 to 1, judged in the features of a network."""

    extractor: Extractor

    def truth(self) -> FeatureTruth:
        return _images(_data(self.file, self.read), self.extractor)

    def metrics(self) -> Sequence[Metric]:
        return image_judges(self.truth())

    def observe(self, samples: Tensor, labels: Tensor | None) -> ImageSample:
        """Returns samples as pixels with their features."""
        return self.truth().seen(in_pixels(samples.double().cpu().numpy()))

    def observe_truth(self, n: int, seed: int) -> ImageSample:
        """Returns n images that no metric compares with."""
        return self.truth().held_out_sample(n, seed)

    def to_data(self, samples: Tensor) -> Tensor:
        """Returns samples as pixels, uint8."""
        return torch.from_numpy(in_pixels(samples.double().cpu().numpy()))


def file_task(text: str) -> type[Task]:
    """Returns the task class of a file; raises BadInput, in a sentence, for whatever does not fit in it."""
    path = Path(text).resolve()
    read = read_model_file(path)
    # A class is made anew, and networks are loaded again, where anything that it stands on has changed.
    named = [part for part in (read.model.path, read.judge.features) if part is not None]
    stamps = tuple(stamp_of(path.parent / _file_of(part)) for part in named)
    return _task(path, read, stamps, _data(path, read).sha256)


def _file_of(part: str) -> str:
    """The file or the folder that a part of the file names: of FILE.py:FUNCTION the file."""
    head, dot, _ = part.partition(".py:")
    return f"{head}.py" if dot else part


def _data(path: Path, read: ModelFile) -> Data:
    if read.data.images is not None:
        return read_images(path.parent / read.data.images)
    return read_array(path.parent / str(read.data.array))


@lru_cache(maxsize=16)
def _task(path: Path, read: ModelFile, stamps: Hashable, sha256: str) -> type[Task]:
    model = read_model(read.model, path.parent)
    of_images = read.data.images is not None
    data = _data(path, read)
    facts: dict[str, Any] = {
        "name": read.name,
        "version": read.version,
        "title": read.title or f"{read.name}: a {read.model.kind} model and {len(data):,} data",
        "shape": data.shape,
        "default_samples": min(read.judge.samples or _DEFAULT_SAMPLES, len(data) // 2),
        "default_steps": read.steps,
        "default_grid": read.grid,
        "batch_size": read.batch,
        "path_order": _IMAGE_ORDER if of_images else _VECTOR_ORDER,
        "teacher": Teacher(read.teacher.steps, read.teacher.grid, read.teacher.scheme),
        "file": path,
        "read": read,
        "model": model,
        "written_in": model.written_in,
        "packages": model.packages,
    }
    if of_images:
        if model.channels is not None and model.channels != data.shape[0]:
            raise BadInput(f"{path}: the model takes {model.channels} channels, and the images have {data.shape[0]}.")
        facts["extractor"] = extractor_of(read.judge.features, path.parent, data.shape)
        facts["written_in"] = (*model.written_in, *facts["extractor"].written_in)
    return type(read.name, (ImageTask if of_images else VectorTask,), facts)


@lru_cache(maxsize=2)  # features are extracted once
def _vectors(data: Data) -> VectorTruth:
    return VectorTruth(data)


@lru_cache(maxsize=2)
def _images(data: Data, extractor: Extractor) -> FeatureTruth:
    return FeatureTruth(data, extractor.name, extractor.extract, kept=extractor.costly)


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
