"""The task class of a file: `sigbench run --task cifar.toml`."""

from collections.abc import Hashable
from functools import lru_cache
from pathlib import Path
from typing import Any

from sigbench.abilities import Teacher
from sigbench.errors import BadInput
from sigbench.guard import guarded
from sigbench.models.data.arrays import ArrayData, read_array, read_labels
from sigbench.models.data.images import Images, read_images
from sigbench.models.data.statistics import FeatureStatistics, holds_statistics, read_statistics
from sigbench.models.extractors import extractor_of
from sigbench.models.file import ModelFile, read_model_file
from sigbench.models.networks.model import Model, stamp_of
from sigbench.models.networks.read import read_model
from sigbench.models.task import ClassImageTask, Data, ImageTask, VectorTask, image_truth
from sigbench.task import Task

_DEFAULT_SAMPLES = 2_000
_IMAGE_ORDER, _VECTOR_ORDER = 2, 4  # moments of the path: every one costs as many random numbers as a sample has


def file_task(text: str) -> type[Task]:
    """Returns the task class of a file; raises BadInput, in a sentence, for whatever does not fit in it."""
    path = Path(text).resolve()
    read = read_model_file(path)
    # A class is made anew, and networks are loaded again, where anything that it stands on has changed.
    named = [
        part
        for part in (read.model.path, read.model.vae, read.model.prompts, read.judge.features, read.data.labels)
        if part
    ]
    stamps = tuple(stamp_of(path.parent / _file_of(part)) for part in named)
    return _task(path, read, stamps, _data(path, read).sha256)


def _file_of(part: str) -> str:
    """The file or the folder that a part of the file names: of FILE.py:FUNCTION the file."""
    head, dot, _ = part.partition(".py:")
    return f"{head}.py" if dot else part


def _data(path: Path, read: ModelFile) -> Data:
    if read.data.images is None:
        return read_array(path.parent / str(read.data.array))
    where = path.parent / read.data.images
    return read_statistics(where) if holds_statistics(where) else read_images(where)


@lru_cache(maxsize=16)
def _task(path: Path, read: ModelFile, stamps: Hashable, sha256: str) -> type[Task]:
    model, data = read_model(read.model, path.parent), _data(path, read)
    facts: dict[str, Any] = {
        "name": read.name,
        "version": read.version,
        "default_steps": read.steps,
        "default_grid": read.grid,
        "batch_size": read.batch,
        "teacher": Teacher(read.teacher.steps, read.teacher.grid, read.teacher.scheme),
        "file": path,
        "read": read,
        "model": model,
        "data": data,
        "written_in": (file_task, *model.written_in),
        "packages": model.packages,
        "compiled": "torch.compile" if read.model.compile else "none",
    }
    if read.model.kind == "diffusers":
        facts["library"] = "diffusers"
    if isinstance(data, ArrayData):
        facts |= {"shape": data.shape, "path_order": _VECTOR_ORDER, **_counts(read, model, len(data))}
        return type(read.name, (VectorTask,), facts)
    image = _image_shape(path, read, model, data)
    with guarded(f"{path} does not fit together"):
        facts |= {"shape": model.state_shape(image), "image_shape": image, "path_order": _IMAGE_ORDER}
    facts |= _counts(read, model, len(data) if isinstance(data, Images) else None)
    facts["extractor"] = extractor = extractor_of(read.judge.features, path.parent, image)
    facts["written_in"] = (file_task, *model.written_in, *extractor.written_in)
    facts["packages"] = (*model.packages, *extractor.packages)
    if isinstance(data, FeatureStatistics):
        image_truth(data, extractor, image)  # statistics of another network's features are found now
    named = read.data.labels
    if not model.classes:
        if named is not None:
            raise BadInput(f"{path}: data.labels: the model tells no classes apart.")
        return type(read.name, (ImageTask,), facts)
    facts["labels"] = None
    if named is not None:
        if not isinstance(data, Images):
            raise BadInput(f"{path}: data.labels: there are no images that they could be of.")
        facts["labels"], _ = read_labels(path.parent / named, len(data), model.classes)
    return type(read.name, (ClassImageTask,), facts)


def _counts(read: ModelFile, model: Model, count: int | None) -> dict[str, Any]:
    """What depends on the number of data, None where it is not known."""
    of_data = "statistics of data" if count is None else f"{count:,} data"
    asked = read.judge.samples or _DEFAULT_SAMPLES
    return {
        "title": read.title or f"{read.name}: a {read.model.kind} model and {of_data}",
        "default_samples": asked if count is None else min(asked, count // 2),
    }


def _image_shape(path: Path, read: ModelFile, model: Model, data: Images | FeatureStatistics) -> tuple[int, ...]:
    """The shape of one image: the data's, or of mere statistics what the file or the model says."""
    if isinstance(data, Images):
        if read.data.shape is not None and tuple(read.data.shape) != data.shape:
            raise BadInput(f"{path}: data.shape: the images are of shape {data.shape}, not {tuple(read.data.shape)}.")
        return data.shape
    if read.data.shape is not None:
        return tuple(read.data.shape)
    if model.latents is None and model.channels is not None and model.size is not None:
        return (model.channels, *model.size)
    raise BadInput(f"{path}: data.shape: of statistics alone nobody knows an image's shape: say shape = [3, 32, 32].")
