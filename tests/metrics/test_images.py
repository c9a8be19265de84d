"""Scores of images, on features whose scores are known: Gaussians, copies, and classes that are missing."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from sigbench.errors import BadInput
from sigbench.metrics.image_neighbours import Coverage, Density, Precision, Recall
from sigbench.metrics.image_pixels import PixelSlicedW2
from sigbench.metrics.image_sample import ImageMetric, ImageSample
from sigbench.metrics.images import (
    FCD,
    KID,
    ClassTV,
    ExtrapolatedFCD,
    InceptionScore,
    IntraClassFCD,
    LabelAccuracy,
    frechet_distance,
    image_metrics,
)
from sigbench.metrics.metric import Reference

DIMENSION, CLASSES = 16, 4
HASH = "0123456789abcdef"


def drawn(n: int, seed: int, shift: float = 0.0, scale: float = 1.0) -> ImageSample:
    """Gaussian features, logits that are sure of a class that cycles, and pixels of noise."""
    rng = np.random.default_rng(seed)
    logits = np.full((n, CLASSES), -50.0)
    logits[np.arange(n), np.arange(n) % CLASSES] = 50.0
    features = shift + scale * rng.standard_normal((n, DIMENSION))
    return ImageSample(rng.integers(0, 256, (n, 4, 4), dtype=np.uint8), features, logits, np.arange(n) % CLASSES)


def part(samples: ImageSample, chosen: NDArray[np.bool_]) -> ImageSample:
    assert samples.labels is not None
    return ImageSample(samples.pixels[chosen], samples.features[chosen], samples.logits[chosen], samples.labels[chosen])


class Gaussians:
    """A truth whose features are standard normal."""

    extractor = f"classifier {HASH[:12]}"
    feature_mean = np.zeros(DIMENSION)
    feature_covariance = np.eye(DIMENSION)
    class_weights = np.full(CLASSES, 1 / CLASSES)
    class_means = np.zeros((CLASSES, DIMENSION))
    class_covariances = np.tile(np.eye(DIMENSION), (CLASSES, 1, 1))

    def sample(self, n: int, seed: int) -> NDArray[np.float64]:
        return drawn(n, seed).pixels.reshape(n, -1).astype(float)

    def real(self, n: int, seed: int) -> ImageSample:
        return self._kept.setdefault((n, seed), drawn(n, seed + 1000))

    def __init__(self) -> None:
        self._kept: dict[tuple[int, int], ImageSample] = {}


@pytest.fixture
def reference() -> Reference:
    return Reference(Gaussians(), seed=3)


def score(kind: type[ImageMetric], samples: ImageSample, reference: Reference) -> float:
    return kind(HASH, 10_000)(samples, reference)


def test_frechet_distance_of_gaussians_in_closed_form() -> None:
    """‖Δμ‖² + d·(s − 1)² for isotropic Gaussians, up to sampling."""
    found = frechet_distance(drawn(200_000, 0, shift=0.5, scale=1.5).features, np.zeros(DIMENSION), np.eye(DIMENSION))
    assert found == pytest.approx(DIMENSION * (0.25 + 0.25), rel=0.02)


def test_extrapolation_removes_the_bias(reference: Reference) -> None:
    """FCD of a draw of the truth is d(d+3)/4n and more; its extrapolation is nothing, on average over draws."""
    plain, extrapolated = [], []
    for seed in range(40):
        samples = drawn(400, seed)
        plain.append(score(FCD, samples, reference))
        extrapolated.append(score(ExtrapolatedFCD, samples, reference))
    assert np.mean(plain) > 0.1
    assert abs(np.mean(extrapolated)) < 0.1 * np.mean(plain)
    assert abs(np.mean(extrapolated)) < 4 * np.std(extrapolated) / 40**0.5


def test_extrapolation_keeps_a_distance(reference: Reference) -> None:
    found = np.mean([score(ExtrapolatedFCD, drawn(800, seed, shift=0.5), reference) for seed in range(10)])
    assert found == pytest.approx(DIMENSION * 0.25, rel=0.05)


def test_inception_score_counts_the_classes(reference: Reference) -> None:
    whole = drawn(400, 0)
    assert score(InceptionScore, whole, reference) == pytest.approx(CLASSES, rel=1e-6)
    half = whole.logits.argmax(1) < 2
    assert score(InceptionScore, part(whole, half), reference) == pytest.approx(2, rel=1e-6)


def test_class_tv_is_the_share_that_is_missing(reference: Reference) -> None:
    whole = drawn(400, 0)
    assert score(ClassTV, whole, reference) == pytest.approx(0.0, abs=1e-12)
    kept = whole.logits.argmax(1) != 0
    assert score(ClassTV, part(whole, kept), reference) == pytest.approx(1 / CLASSES)


def test_label_accuracy(reference: Reference) -> None:
    samples = drawn(400, 0)
    assert samples.labels is not None
    assert score(LabelAccuracy, samples, reference) == 1.0
    swapped = replace(samples, labels=np.where(np.arange(400) < 100, samples.labels + 1, samples.labels))
    assert score(LabelAccuracy, swapped, reference) == 0.75


def test_intra_class_distance_sees_what_the_whole_does_not(reference: Reference) -> None:
    """Classes moved against each other; over all of them the mean stays, and the variance hardly grows."""
    samples = drawn(8000, 0)
    assert samples.labels is not None
    moved = replace(samples, features=samples.features + np.where(samples.labels % 2, 0.2, -0.2)[:, None])
    assert score(IntraClassFCD, moved, reference) == pytest.approx(0.04 * DIMENSION, rel=0.15)
    assert score(FCD, moved, reference) < 0.2 * score(IntraClassFCD, moved, reference)


def test_a_class_without_samples(reference: Reference) -> None:
    samples = drawn(400, 0)
    assert samples.labels is not None
    with pytest.raises(BadInput, match="fcd-intra needs at least 2 samples of every class, and class 2 has 0"):
        score(IntraClassFCD, part(samples, samples.labels != 2), reference)


def test_kid_is_unbiased_and_sees_a_shift(reference: Reference) -> None:
    equal = [score(KID, drawn(500, seed), Reference(Gaussians(), seed)) for seed in range(12)]
    assert abs(np.mean(equal)) < 4 * np.std(equal) / 12**0.5
    assert score(KID, drawn(500, 0, shift=0.5), reference) > 10 * np.std(equal)


def test_manifold_scores_of_the_truth_of_copies_and_of_strangers(reference: Reference) -> None:
    equal, far = drawn(600, 0), drawn(600, 0, shift=50.0)
    narrow = drawn(600, 0, scale=0.1)
    for kind in (Precision, Recall, Coverage):
        assert 0.5 < score(kind, equal, reference) <= 1.0
        assert score(kind, far, reference) == 0.0
    assert 0.8 < score(Density, equal, reference) < 1.2
    assert score(Precision, narrow, reference) > score(Precision, equal, reference)
    assert score(Recall, narrow, reference) < 0.1


def test_pixels_of_the_same_law_are_near(reference: Reference) -> None:
    samples = drawn(500, 0)
    dark = replace(samples, pixels=samples.pixels // 2)
    assert score(PixelSlicedW2, samples, reference) < 0.1 * score(PixelSlicedW2, dark, reference)


def test_too_few_samples_for_kid() -> None:
    with pytest.raises(BadInput, match="kid needs at least 2 samples, got 1"):
        KID(HASH, 10_000).sample_size(1)
    assert KID(HASH, 10_000).sample_size(20_000) == 10_000


def test_every_metric_names_its_extractor() -> None:
    metrics = image_metrics(HASH, 10_000, conditional=True)
    assert [metric.name for metric in metrics] == [
        "fcd",
        "fcd-inf",
        "is",
        "kid",
        "precision",
        "recall",
        "density",
        "coverage",
        "sliced-w2",
        "class-tv",
        "label-accuracy",
        "fcd-intra",
    ]
    assert len(image_metrics(HASH, 10_000, conditional=False)) == len(metrics) - 2
    assert all(HASH[:12] in metric.method for metric in metrics)


def test_a_slice_of_everything_is_the_sample_itself() -> None:
    samples = drawn(10, 0)
    assert samples[:10] is samples
    assert samples[:20] is samples
    assert len(samples[2:5]) == 3
    assert np.array_equal(samples[2:5].features, samples.features[2:5])
