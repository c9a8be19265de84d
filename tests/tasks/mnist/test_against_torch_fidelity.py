"""Our scores against torch-fidelity's own calculation, end to end from images, with the classifier registered there."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from sigbench.metrics.fidelity import torch_fidelity
from sigbench.metrics.image_neighbours import Precision, Recall
from sigbench.metrics.image_sample import ImageSample
from sigbench.metrics.images import FCD, KID, InceptionScore, frechet_distance
from sigbench.metrics.metric import Reference
from sigbench_tasks.mnist import idx
from sigbench_tasks.mnist.extractor import register_extractor
from sigbench_tasks.mnist.task import ARTIFACTS
from sigbench_tasks.mnist.truth import MNISTTruth

FOLDER = ARTIFACTS / "classifier"


class Images(Dataset[torch.Tensor]):
    """Images as torch-fidelity reads them: uint8, three channels."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels = torch.from_numpy(pixels.copy())

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.pixels[index].expand(3, 28, 28)


def end_to_end(samples: NDArray[np.uint8], real: NDArray[np.uint8], **chosen: Any) -> dict[str, float]:
    found: dict[str, float] = torch_fidelity().calculate_metrics(
        input1=Images(samples),
        input2=Images(real),
        feature_extractor=register_extractor(FOLDER),
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
        batch_size=500,
        **chosen,
    )
    return found


@pytest.fixture(scope="module")
def truth() -> MNISTTruth:
    return MNISTTruth(FOLDER)


class PartOfTheTruth:
    """A truth of the first training images only, so that torch-fidelity need not read all."""

    def __init__(self, truth: MNISTTruth, n: int) -> None:
        self.extractor, self.class_weights = truth.extractor, truth.class_weights
        self.class_means, self.class_covariances = truth.class_means, truth.class_covariances
        self.images = truth.seen(idx.images("train")[:n])
        self.feature_mean = self.images.features.mean(0)
        self.feature_covariance = np.cov(self.images.features, rowvar=False)

    def sample(self, n: int, seed: int) -> NDArray[np.float64]:
        raise AssertionError("nothing here draws samples")

    def real(self, n: int, seed: int) -> ImageSample:
        return self.images[:n]


@pytest.mark.slow
def test_all_scores_agree(truth: MNISTTruth) -> None:
    n = 1200
    part = PartOfTheTruth(truth, n)
    samples = truth.seen(idx.images("test")[:n])
    theirs = end_to_end(
        samples.pixels,
        idx.images("train")[:n],
        fid=True,
        isc=True,
        kid=True,
        prc=True,
        isc_splits=1,
        kid_subset_size=n,
        kid_subsets=1,
    )
    reference = Reference(part, 0)
    ours = {
        kind.name: kind(part.extractor, 10_000)(samples, reference)
        for kind in (FCD, InceptionScore, KID, Precision, Recall)
    }
    assert ours["fcd"] == pytest.approx(theirs["frechet_inception_distance"], rel=1e-5)
    assert ours["is"] == pytest.approx(theirs["inception_score_mean"], rel=1e-5)
    assert ours["kid"] == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-4, abs=1e-9)
    assert ours["precision"] == pytest.approx(theirs["precision"], abs=2 / n)
    assert ours["recall"] == pytest.approx(theirs["recall"], abs=2 / n)


@pytest.mark.slow
def test_fcd_agrees_against_the_stored_statistics(truth: MNISTTruth) -> None:
    """Theirs reads all 5,421 training images of the digit 5; ours knows their stored moments."""
    pixels, fives = idx.images("test")[:2000], idx.images("train")[idx.labels("train") == 5]
    theirs = end_to_end(pixels, fives, fid=True)["frechet_inception_distance"]
    ours = frechet_distance(truth.seen(pixels).features, truth.class_means[5], truth.class_covariances[5])
    assert ours == pytest.approx(theirs, rel=1e-5)


def test_the_registered_name_holds_the_hash(truth: MNISTTruth) -> None:
    """torch-fidelity's cache knows an extractor by its name alone."""
    name = register_extractor(FOLDER)
    assert name.removeprefix("mnist-classifier-").startswith(truth.extractor.removeprefix("classifier "))
    assert len(name) == len("mnist-classifier-") + 16
