"""The task `mnist`: images of digits under the linear VP schedule, with a trained teacher as the denoiser."""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sigbench.abilities import Teacher
from sigbench.errors import BadInput
from sigbench.metrics.duplicates import Duplicates
from sigbench.metrics.image_sample import ImageSample
from sigbench.metrics.images import image_metrics
from sigbench.metrics.metric import Metric
from sigbench.metrics.spectra import Spectrum, image_spectrum
from sigbench.networks.recipe import Recipe
from sigbench.networks.scheduled import ScheduledDenoiser, load_denoiser
from sigbench.sde.denoiser import Denoiser
from sigbench.sde.problem import Classes, ReverseDiffusion
from sigbench.sde.schedule import VPLinear
from sigbench.task import Task
from sigbench_tasks.mnist import idx
from sigbench_tasks.mnist.classifier import CLASSES
from sigbench_tasks.mnist.classifier_training import ClassifierRecipe
from sigbench_tasks.mnist.pixels import quantised, standardised
from sigbench_tasks.mnist.teacher_training import TeacherRecipe
from sigbench_tasks.mnist.truth import MNISTTruth

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from PIL.Image import Image

ARTIFACTS = Path(__file__).parent / "artifacts"


@cache
def _truth(label: int | None) -> MNISTTruth:
    return MNISTTruth(ARTIFACTS / "classifier", label)


class MNIST(Task):
    """Digits of 28 × 28 pixels in standardised units: mean 0, standard deviation 1 over all training pixels.

    Each sample is asked for a digit, drawn by the digits' shares among the training images, so that all samples
    together should have the law of the data. With `label` all are asked for that one, and compared with its images
    alone; `guidance` sharpens the digits at the cost of their variety. Raises BadInput for values out of range.
    """

    name, version, title = "mnist", 2, "MNIST digits, 28 × 28, class-conditional, with a trained teacher"
    shape = (1, 28, 28)
    default_samples = 1_000
    default_steps = (5, 10)
    default_grid = "quadratic"
    batch_size = 256
    teacher = Teacher(300, "quadratic")

    def __init__(self, label: int | None = None, guidance: float = 0.0) -> None:
        if label is not None and not 0 <= label < CLASSES:
            raise BadInput(f"the label must be a digit from 0 to {CLASSES - 1}, got {label}.")
        if not 0.0 <= guidance < math.inf:
            raise BadInput(f"the guidance must be a finite number, 0 or above, got {guidance:g}.")
        self._label, self._guidance = label, guidance

    def conditioned(self, label: int | None, guidance: float) -> "MNIST":
        return MNIST(label, guidance)

    def conditions(self) -> Mapping[str, float]:
        chosen = {} if self._label is None else {"label": self._label}
        return {**chosen, **({"guidance": self._guidance} if self._guidance else {})}

    def problem(self, device: "torch.device", dtype: "torch.dtype") -> ReverseDiffusion:
        schedule = VPLinear()
        module = load_denoiser(ARTIFACTS / "teacher", schedule, device, dtype)
        classes = Classes(self.truth().class_weights.tolist())
        network = ScheduledDenoiser(module, schedule, dtype, self._guidance)
        denoiser = Denoiser(network, "x0", schedule, cost=network.cost)
        return ReverseDiffusion(schedule, denoiser, self.shape, device, classes)

    def truth(self) -> MNISTTruth:
        return _truth(self._label)

    def metrics(self) -> Sequence[Metric]:
        truth = self.truth()
        most = truth.test_images
        return (*image_metrics(truth.extractor, most=most, conditional=True), Duplicates(most))

    def observe(self, samples: "torch.Tensor", labels: "torch.Tensor | None") -> ImageSample:
        return self.truth().seen(quantised(samples).numpy(), None if labels is None else labels.numpy())

    def observe_truth(self, n: int, seed: int) -> ImageSample:
        return self.truth().held_out(n, seed)

    def students(self) -> Sequence[Path]:
        return sorted(ARTIFACTS.glob("student*"))

    def floors(self) -> Path:
        return ARTIFACTS / "floors.json"

    def networks(self) -> Mapping[str, Path]:
        return {name: ARTIFACTS / name for name in ("teacher", "classifier")}

    def recipes(self) -> Mapping[str, Recipe]:
        return {"classifier": ClassifierRecipe(), "teacher": TeacherRecipe()}

    def training_data(self) -> "tuple[torch.Tensor, torch.Tensor]":
        import torch

        labels = idx.labels("train").astype(np.int64)
        chosen = slice(None) if self._label is None else labels == self._label
        return standardised(idx.images("train")[chosen].copy()), torch.from_numpy(labels[chosen])

    def to_data(self, samples: "torch.Tensor") -> "torch.Tensor":
        return quantised(samples)

    def spectrum(self, samples: "NDArray[np.float64]") -> Spectrum:
        return image_spectrum(samples / 255.0)

    def picture(self, samples: "NDArray[np.float64]", title: str, labels: "NDArray[np.int64] | None" = None) -> "Image":
        from sigbench_tasks.mnist.pictures import image_grid

        return image_grid(samples.astype(np.uint8), title, labels)

    def strip(self, rows: "Sequence[tuple[str, NDArray[np.float64]]]", title: str) -> "Image":
        from sigbench_tasks.mnist.pictures import image_strip

        return image_strip([(name, images.astype(np.uint8)) for name, images in rows], title)
