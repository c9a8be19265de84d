"""The classifier: its shifts, its features, and that the shipped one is as good as it should be."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sigbench.errors import BadInput
from sigbench.networks.artifacts import read_manifest, save_artifact
from sigbench.progress import Progress
from sigbench_tasks.mnist import idx
from sigbench_tasks.mnist.classifier import Classifier, features_of, load_classifier
from sigbench_tasks.mnist.classifier_training import ClassifierRecipe, accuracy, shifted
from sigbench_tasks.mnist.task import ARTIFACTS

FOLDER = ARTIFACTS / "classifier"


def test_shifts_move_each_image_by_its_own() -> None:
    images = torch.zeros(3, 28, 28, dtype=torch.uint8)
    images[:, 10, 20] = 7
    moved = shifted(images, torch.tensor([0, 2, -1]), torch.tensor([0, -2, 1]), reach=2)
    assert [tuple(found[0].tolist()) for found in (image.nonzero() for image in moved)] == [(10, 20), (12, 18), (9, 21)]
    assert moved.sum() == 21


def test_what_is_shifted_out_is_gone() -> None:
    images = torch.full((1, 28, 28), 5, dtype=torch.uint8)
    assert int((shifted(images, torch.tensor([2]), torch.tensor([0]), reach=2) > 0).sum()) == 26 * 28


def test_features_and_logits() -> None:
    torch.manual_seed(0)
    module = Classifier()
    states = torch.randn(7, 1, 28, 28)
    features = features_of(module, states)
    assert features.shape == (7, 128)
    assert (features >= 0).all()
    assert torch.allclose(module(states), module.head(features), atol=1e-6)


def test_scaling_features_leaves_the_logits() -> None:
    torch.manual_seed(0)
    module = Classifier()
    states = torch.randn(7, 1, 28, 28)
    features, logits = module.features(states), module(states)
    module.scale_features(0.25)
    assert torch.allclose(module.features(states), 0.25 * features, atol=1e-6)
    assert torch.allclose(module(states), logits, atol=1e-5)


def test_batches_do_not_matter_to_features() -> None:
    torch.manual_seed(0)
    module = Classifier()
    states = torch.randn(501, 1, 28, 28)
    assert torch.allclose(features_of(module, states)[500:], features_of(module, states[500:]), atol=1e-5)


@pytest.mark.slow
def test_the_shipped_classifier_is_accurate_and_says_so() -> None:
    module, sha256 = load_classifier(FOLDER)
    manifest = read_manifest(FOLDER)
    found = accuracy(module, "test")
    assert found >= 0.992
    assert found == pytest.approx(manifest.data["test_accuracy"], abs=3e-4)
    assert sha256 == manifest.sha256
    assert (manifest.kind, manifest.task) == ("classifier", "mnist")
    assert manifest.command.startswith("sigbench train --task mnist --what classifier")


def test_another_kind_of_artifact_is_refused(tmp_path: Path) -> None:
    manifest = replace(read_manifest(FOLDER), kind="edm-denoiser")
    save_artifact(tmp_path, Classifier().state_dict(), manifest)
    with pytest.raises(BadInput, match="is a edm-denoiser, not a classifier"):
        load_classifier(tmp_path)


def test_weights_of_another_form_are_refused(tmp_path: Path) -> None:
    weights = {**Classifier().state_dict(), "head.weight": torch.zeros(11, 128)}
    save_artifact(tmp_path, weights, read_manifest(FOLDER))
    with pytest.raises(BadInput, match="does not fit the classifier"):
        load_classifier(tmp_path)


@pytest.mark.slow
def test_a_short_training_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the first 2,000 images of both sets, of which the statistics are as well."""
    images, labels = idx.images, idx.labels
    monkeypatch.setattr(idx, "images", lambda split: images(split)[:2_000])
    monkeypatch.setattr(idx, "labels", lambda split: labels(split)[:2_000])
    heard: list[Progress] = []
    recipe = ClassifierRecipe(batch=16).shortened(30)
    trained = recipe.train(tmp_path / "checkpoint.pt", heard.append)
    losses = [progress.loss for progress in heard if progress.loss is not None]
    assert np.mean(losses[-5:]) < 0.95 * np.mean(losses[:5])
    assert trained.data["test_accuracy"] > 0.3
    assert asdict(recipe.plan)["iterations"] == trained.cost["iterations"] == len(losses) == 30
