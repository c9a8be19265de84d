"""The task `mnist`: images of digits under the linear VP schedule, with a trained teacher as the denoiser."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sigbench.metrics.images import ImageSample, image_metrics
from sigbench.metrics.metric import Metric
from sigbench.networks.artifacts import read_manifest
from sigbench.networks.edm import ScheduledDenoiser, load_denoiser
from sigbench.sde.denoiser import Denoiser
from sigbench.sde.problem import Classes, ReverseDiffusion
from sigbench.sde.schedule import VPLinear
from sigbench.task import Recipe, Task, Teacher
from sigbench_tasks.mnist import idx
from sigbench_tasks.mnist.classifier import CLASSES
from sigbench_tasks.mnist.classifier_training import ClassifierRecipe
from sigbench_tasks.mnist.pixels import quantised
from sigbench_tasks.mnist.teacher_training import TeacherRecipe
from sigbench_tasks.mnist.truth import TEST_IMAGES, MNISTTruth

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from PIL.Image import Image

ARTIFACTS = Path(__file__).parent / "artifacts"


@cache
def _truth() -> MNISTTruth:
    return MNISTTruth(ARTIFACTS / "classifier")


class MNIST(Task):
    """Digits of 28 × 28 pixels in standardised units: mean 0, standard deviation 1 over all training pixels.

    Each sample is asked for a digit, drawn by the digits' shares among the training images, so that all samples
    together should have the law of the data.
    """

    name, version, title = "mnist", 1, "MNIST digits, 28 × 28, class-conditional, with a trained teacher"
    shape = (1, 28, 28)
    default_samples = 2_000
    default_steps = (5, 10)
    default_grid = "quadratic"
    batch_size = 256
    teacher = Teacher("euler-maruyama", 300, "quadratic")

    def problem(self, device: "torch.device", dtype: "torch.dtype") -> ReverseDiffusion:
        schedule = VPLinear()
        module = load_denoiser(ARTIFACTS / "teacher", schedule, device, dtype)
        classes = Classes(np.bincount(idx.labels("train"), minlength=CLASSES).tolist())
        network = ScheduledDenoiser(module, schedule, dtype, classes)
        return ReverseDiffusion(schedule, Denoiser(network, "x0", schedule), self.shape, device, classes)

    def truth(self) -> MNISTTruth:
        return _truth()

    def metrics(self) -> Sequence[Metric]:
        return image_metrics(_truth().extractor, most=TEST_IMAGES, conditional=True)

    def observe(self, samples: "torch.Tensor", labels: "torch.Tensor | None") -> ImageSample:
        return _truth().seen(quantised(samples).numpy(), None if labels is None else labels.numpy())

    def observe_truth(self, n: int, seed: int) -> ImageSample:
        return _truth().held_out(n, seed)

    def networks(self) -> Mapping[str, Path]:
        return {name: ARTIFACTS / name for name in ("teacher", "classifier")}

    def artifact_hashes(self) -> Mapping[str, str]:
        return {name: read_manifest(folder).sha256 for name, folder in self.networks().items()}

    def recipes(self) -> Mapping[str, Recipe]:
        return {"classifier": ClassifierRecipe(), "teacher": TeacherRecipe()}

    def to_data(self, samples: "torch.Tensor") -> "torch.Tensor":
        return quantised(samples)

    def picture(self, samples: "NDArray[np.float64]", title: str, labels: "NDArray[np.int64] | None" = None) -> "Image":
        from sigbench_tasks.mnist.pictures import image_grid

        return image_grid(samples.astype(np.uint8), title, labels)

    def strip(self, rows: "Sequence[tuple[str, NDArray[np.float64]]]", title: str) -> "Image":
        from sigbench_tasks.mnist.pictures import image_strip

        return image_strip([(name, images.astype(np.uint8)) for name, images in rows], title)
