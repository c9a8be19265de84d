"""The truth: draws of real images, statistics that belong to their classifier, and a refusal where they do not."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from sigbench.errors import BadInput
from sigbench.networks.artifacts import load_artifact, save_artifact
from sigbench_tasks.mnist import idx
from sigbench_tasks.mnist.pixels import quantised
from sigbench_tasks.mnist.statistics import STATISTICS, load_statistics
from sigbench_tasks.mnist.task import ARTIFACTS
from sigbench_tasks.mnist.truth import MNISTTruth

FOLDER = ARTIFACTS / "classifier"


@pytest.fixture(scope="module")
def truth() -> MNISTTruth:
    return MNISTTruth(FOLDER)


def test_samples_are_test_images(truth: MNISTTruth) -> None:
    states = truth.sample(50, 1)
    pixels = quantised(torch.from_numpy(states).view(-1, 1, 28, 28)).numpy()
    test = {image.tobytes() for image in idx.images("test")}
    assert all(image.tobytes() in test for image in pixels)
    assert len({image.tobytes() for image in pixels}) == 50
    assert np.array_equal(pixels, truth.held_out(50, 1).pixels)


def test_the_reference_is_of_training_images(truth: MNISTTruth) -> None:
    real = truth.real(50, 1)
    train = {image.tobytes() for image in idx.images("train")}
    assert all(image.tobytes() in train for image in real.pixels)
    assert truth.real(50, 1) is real
    assert not np.array_equal(truth.real(50, 2).pixels, real.pixels)


def test_stored_features_are_what_the_classifier_says_here(truth: MNISTTruth) -> None:
    stored = truth.held_out(1000, 3)
    computed = truth.seen(stored.pixels)
    assert np.allclose(stored.features, computed.features, rtol=1e-3, atol=1e-3)
    assert np.allclose(stored.logits, computed.logits, atol=0.05)
    assert (stored.logits.argmax(1) == computed.logits.argmax(1)).mean() > 0.998


@pytest.mark.slow
@pytest.mark.parametrize("digit", [0, 8])
def test_stored_moments_are_those_of_the_training_images(truth: MNISTTruth, digit: int) -> None:
    """Of two digits; those of all images are made of the digits' by the test below, and of a third by the audit's."""
    images = idx.images("train")[idx.labels("train") == digit]
    features = truth.seen(images).features
    assert np.allclose(features.mean(0), truth.class_means[digit], atol=1e-4)
    assert np.allclose(np.cov(features, rowvar=False), truth.class_covariances[digit], atol=1e-4)


def test_the_moments_of_the_classes_make_those_of_all(truth: MNISTTruth) -> None:
    assert np.allclose(truth.class_weights @ truth.class_means, truth.feature_mean, atol=1e-4)
    between = truth.class_means - truth.feature_mean
    total = np.einsum("k,kij->ij", truth.class_weights, truth.class_covariances)
    total += np.einsum("k,ki,kj->ij", truth.class_weights, between, between)
    assert np.allclose(total, truth.feature_covariance, atol=2e-3)


def test_the_features_have_unit_scale(truth: MNISTTruth) -> None:
    square = np.trace(truth.feature_covariance) / 128 + np.mean(truth.feature_mean**2)
    assert square == pytest.approx(1.0, rel=0.05)


def test_held_out_images_come_with_their_labels(truth: MNISTTruth) -> None:
    held = truth.held_out(2000, 0)
    assert held.labels is not None
    assert (held.logits.argmax(1) == held.labels).mean() > 0.98


def test_class_weights_are_the_labels(truth: MNISTTruth) -> None:
    assert truth.class_weights.sum() == pytest.approx(1.0)
    assert truth.class_weights[1] == pytest.approx(6742 / 60_000)


def test_no_more_than_there_are(truth: MNISTTruth) -> None:
    with pytest.raises(BadInput, match="there are 10000 test images, and 10001 were asked for"):
        truth.sample(10_001, 0)
    with pytest.raises(BadInput, match="there are 60000 training images"):
        truth.real(60_001, 0)


def test_statistics_of_another_classifier_are_refused(tmp_path: Path) -> None:
    """The same network with one weight moved: the statistics are no longer its own."""
    weights, manifest = load_artifact(FOLDER)
    weights["head.bias"] += 1e-3
    changed = save_artifact(tmp_path, weights, manifest)
    shutil.copy(FOLDER / STATISTICS, tmp_path / STATISTICS)
    with pytest.raises(BadInput, match="features of two classifiers cannot be compared") as caught:
        MNISTTruth(tmp_path)
    assert changed.sha256[:12] in str(caught.value)
    assert manifest.sha256[:12] in str(caught.value)


def test_missing_and_corrupt_statistics(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="are missing"):
        load_statistics(tmp_path, "0" * 64)
    save_file({"mean": torch.zeros(128)}, tmp_path / STATISTICS, metadata={"classifier": "0" * 64})
    with pytest.raises(BadInput, match="do not hold what they should"):
        load_statistics(tmp_path, "0" * 64)
    (tmp_path / STATISTICS).write_bytes((FOLDER / STATISTICS).read_bytes()[:1000])
    with pytest.raises(BadInput, match="cannot be read"):
        load_statistics(tmp_path, "0" * 64)
