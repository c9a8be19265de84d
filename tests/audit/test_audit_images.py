"""The scores of digits again, from the same features and logits: eigenvalues, double loops, brute-force distances."""

import gzip
import math
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import sigbench_tasks.mnist
from sigbench.metrics.image_neighbours import Coverage, Density, Precision, Recall
from sigbench.metrics.image_pixels import PixelSlicedW2
from sigbench.metrics.image_sample import ImageSample
from sigbench.metrics.images import FCD, KID, ClassTV, ExtrapolatedFCD, InceptionScore, IntraClassFCD, LabelAccuracy
from sigbench.metrics.metric import Reference
from sigbench_tasks.mnist.task import MNIST

Array = NDArray[np.float64]

DATA = Path(sigbench_tasks.mnist.__path__[0]) / "data"
TRUTH = MNIST().truth()
REFERENCE = Reference(TRUTH, 5)


@cache
def drawn(n: int) -> ImageSample:
    """Test images, whose features are stored."""
    return TRUTH.held_out(n, 31)


@cache
def thousand_spoilt() -> ImageSample:
    """Test images without most of the high digits, blurred and noisy, seen by the classifier afresh."""
    whole = TRUTH.held_out(2000, 32)
    assert whole.labels is not None
    kept = np.flatnonzero((whole.labels < 7) | (np.arange(2000) % 7 == 0))[:1000]
    x = whole.pixels[kept].astype(np.float64)
    blurred = 0.5 * x + 0.25 * np.roll(x, 1, axis=1) + 0.25 * np.roll(x, 1, axis=2)
    noisy = blurred + np.random.default_rng(33).normal(0.0, 25.0, x.shape)
    return TRUTH.seen(np.clip(np.rint(noisy), 0, 255).astype(np.uint8), whole.labels[kept])


def spoilt(n: int) -> ImageSample:
    return thousand_spoilt()[:n]


KINDS = pytest.mark.parametrize("kind", [drawn, spoilt])
Kind = Callable[[int], ImageSample]


def mean_and_covariance(features: Array) -> tuple[Array, Array]:
    """The mean and the unbiased covariance, as a sum of outer products."""
    mean = features.sum(0) / len(features)
    covariance = np.zeros((features.shape[1], features.shape[1]))
    for row in features:
        covariance += np.outer(row - mean, row - mean) / (len(features) - 1)
    return mean, covariance


def frechet(features: Array, mean: Array, covariance: Array) -> float:
    """The squared Fréchet distance; the trace of (S₁S₂)^½ is the sum of the roots of the eigenvalues of S₁S₂."""
    own, spread = mean_and_covariance(features)
    eigenvalues = np.linalg.eigvals(spread @ covariance).real
    roots = np.sqrt(np.maximum(eigenvalues, 0.0)).sum()
    shift = math.fsum((a - b) ** 2 for a, b in zip(own, mean, strict=True))
    return float(shift + np.trace(spread) + np.trace(covariance) - 2 * roots)


@KINDS
@pytest.mark.parametrize("n", [100, 1000])
def test_fcd_by_eigenvalues(kind: Kind, n: int) -> None:
    """Of 100 samples, eigenvalues that should be 0 come out at 1e-16 of the largest, and their roots at 1e-8."""
    samples = kind(n)
    expected = frechet(samples.features, TRUTH.feature_mean, TRUTH.feature_covariance)
    assert FCD()(samples, REFERENCE) == pytest.approx(expected, rel=1e-7)


@KINDS
def test_extrapolated_fcd_by_a_line(kind: Kind) -> None:
    """The intercept of least squares over ten blocks, from the normal equations of a line."""
    samples, points = kind(1000), []
    for parts in (1, 2, 3, 4):
        ends = np.cumsum([0] + [1000 // parts + (i < 1000 % parts) for i in range(parts)])
        for start, end in pairwise(ends):
            block = samples.features[start:end]
            points.append((1 / len(block), frechet(block, TRUTH.feature_mean, TRUTH.feature_covariance)))
    middle = math.fsum(u for u, _ in points) / 10
    level = math.fsum(v for _, v in points) / 10
    slope = math.fsum((u - middle) * v for u, v in points) / math.fsum((u - middle) ** 2 for u, _ in points)
    assert ExtrapolatedFCD()(samples, REFERENCE) == pytest.approx(level - slope * middle, rel=1e-6, abs=1e-6)


@KINDS
def test_fcd_within_classes_by_eigenvalues(kind: Kind) -> None:
    """The mean over ten digits of what each one's samples score against that digit's moments."""
    samples = kind(500)
    assert samples.labels is not None
    parts = [
        frechet(samples.features[samples.labels == k], TRUTH.class_means[k], TRUTH.class_covariances[k])
        for k in range(10)
    ]
    assert IntraClassFCD()(samples, REFERENCE) == pytest.approx(math.fsum(parts) / 10, rel=1e-6)


def test_the_moments_of_all_digits_are_those_of_their_classes() -> None:
    """By the law of total covariance; the moments of classes are kept in float32, the labels are read afresh."""
    with gzip.open(DATA / "train-labels-idx1-ubyte.gz") as file:
        counts = np.bincount(np.frombuffer(file.read()[8:], np.uint8))
    mean = sum(n * m for n, m in zip(counts, TRUTH.class_means, strict=True)) / 60_000
    scatter = np.zeros((128, 128))
    for n, own, covariance in zip(counts, TRUTH.class_means, TRUTH.class_covariances, strict=True):
        scatter += (n - 1) * covariance + n * np.outer(own - mean, own - mean)
    np.testing.assert_allclose(TRUTH.class_weights, counts / 60_000, rtol=1e-14)
    np.testing.assert_allclose(TRUTH.feature_mean, mean, atol=1e-6)
    np.testing.assert_allclose(TRUTH.feature_covariance, scatter / 59_999, atol=1e-5)


@pytest.mark.slow
def test_the_moments_of_a_digit_are_those_of_its_training_images() -> None:
    """All 5,421 training images of the digit 5, read afresh and seen by the classifier; moments are kept in float32."""
    with gzip.open(DATA / "train-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read()[8:], np.uint8)
    with gzip.open(DATA / "train-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read()[16:], np.uint8).reshape(60_000, 28, 28)
    mean, covariance = mean_and_covariance(TRUTH.seen(pixels[labels == 5]).features)
    np.testing.assert_allclose(TRUTH.class_means[5], mean, atol=1e-4)
    np.testing.assert_allclose(TRUTH.class_covariances[5], covariance, atol=1e-3)


def test_stored_features_score_as_fresh_ones() -> None:
    """Features of test images are kept in float16, which no score may see: FCD moves by less than a thousandth."""
    stored = drawn(500)
    fresh = TRUTH.seen(stored.pixels)
    np.testing.assert_allclose(stored.features, fresh.features, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(stored.logits, fresh.logits, atol=0.02)
    assert FCD()(stored, REFERENCE) == pytest.approx(FCD()(fresh, REFERENCE), rel=1e-3)


@KINDS
def test_inception_score_by_logits(kind: Kind) -> None:
    """exp of the mean over images of Σp·log(p/q), q the mean of p."""
    logits = kind(500).logits
    shares = [np.exp(row - row.max()) / np.exp(row - row.max()).sum() for row in logits]
    whole = sum(shares) / 500
    divergences = [float((p * (np.log(np.maximum(p, 1e-300)) - np.log(whole))).sum()) for p in shares]
    assert InceptionScore()(kind(500), REFERENCE) == pytest.approx(math.exp(math.fsum(divergences) / 500), rel=1e-10)


def cubic(x: Array, y: Array) -> float:
    return (float(x @ y) / 128 + 1) ** 3


@KINDS
def test_kid_by_a_double_loop(kind: Kind) -> None:
    """The full U-statistic of the cubic kernel: all pairs within either sample, and all between them."""
    n = 200
    samples = kind(n)
    own, real = samples.features, TRUTH.real(n, REFERENCE.seed).features
    within = [math.fsum(cubic(x[i], x[j]) for i in range(n) for j in range(n) if i != j) for x in (own, real)]
    between = math.fsum(cubic(x, y) for x in own for y in real)
    expected = sum(within) / (n * (n - 1)) - 2 * between / n**2
    assert KID()(samples, REFERENCE) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def most_probable(logits: Array) -> list[int]:
    return [max(range(10), key=lambda k: float(row[k])) for row in logits]


@KINDS
def test_class_shares_and_label_accuracy_by_loops(kind: Kind) -> None:
    """Labels of training images are counted in their file."""
    with gzip.open(DATA / "train-labels-idx1-ubyte.gz") as file:
        labels = list(file.read()[8:])
    samples = kind(800)
    assert samples.labels is not None
    found = most_probable(samples.logits)
    expected = 0.5 * sum(abs(found.count(k) / 800 - labels.count(k) / 60_000) for k in range(10))
    right = sum(int(a == b) for a, b in zip(found, samples.labels, strict=True))
    assert ClassTV()(samples, REFERENCE) == pytest.approx(expected, abs=1e-12)
    assert LabelAccuracy()(samples, REFERENCE) == pytest.approx(right / 800, abs=1e-12)


def distances(x: Array, y: Array) -> Array:
    """All distances, each from its own differences in float64."""
    return np.array([np.sqrt(((y - row) ** 2).sum(1)) for row in x])


def radii(x: Array, k: int) -> Array:
    """The distance of each point to its k-th nearest other one."""
    return np.array([sorted(np.delete(row, i))[k - 1] for i, row in enumerate(distances(x, x))])


Counts = Callable[[Array, Array, float], float]


def precision(own: Array, real: Array, stretch: float) -> float:
    return float((distances(own, real) <= stretch * radii(real, 3)).any(1).mean())


def recall(own: Array, real: Array, stretch: float) -> float:
    return precision(real, own, stretch)


def density(own: Array, real: Array, stretch: float) -> float:
    return float((distances(own, real) <= stretch * radii(real, 5)).sum() / (5 * len(own)))


def coverage(own: Array, real: Array, stretch: float) -> float:
    return float((distances(own, real) <= stretch * radii(real, 5)).any(0).mean())


@KINDS
@pytest.mark.parametrize(
    ("metric", "count"),
    [(Precision(), precision), (Recall(), recall), (Density(), density), (Coverage(), coverage)],
    ids=["precision", "recall", "density", "coverage"],
)
def test_neighbourhoods_by_brute_force(kind: Kind, metric: Precision, count: Counts) -> None:
    """The package counts in float32: what it finds lies between the counts for radii 1e-4 smaller and larger."""
    samples = kind(500)
    real = TRUTH.real(500, REFERENCE.seed).features
    low, high = (count(samples.features, real, 1 + change) for change in (-1e-4, 1e-4))
    assert high - low <= 2 / 500
    assert low - 1e-7 <= metric(samples, REFERENCE) <= high + 1e-7


@KINDS
def test_sliced_w2_of_pixels_by_its_directions(kind: Kind) -> None:
    """The 100 directions are normals of NumPy's old generator at the repeat's seed, over their lengths."""
    samples = kind(300)
    normals = np.random.RandomState(REFERENCE.seed).randn(784, 100)
    own, real = (part.pixels.reshape(300, 784) / 255.0 for part in (samples, TRUTH.real(300, REFERENCE.seed)))
    squares = []
    for direction in normals.T:
        unit = direction / math.sqrt(math.fsum(value * value for value in direction))
        pairs = zip(sorted(float(x @ unit) for x in own), sorted(float(x @ unit) for x in real), strict=True)
        squares.append(math.fsum((a - b) ** 2 for a, b in pairs) / 300)
    expected = math.sqrt(math.fsum(squares) / 100)
    assert PixelSlicedW2()(samples, REFERENCE) == pytest.approx(expected, rel=1e-10)
