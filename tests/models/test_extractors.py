"""What images are compared in: networks with weights of their own, refused in a sentence where they cannot be had."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from sigbench.errors import BadInput
from sigbench.metrics.fidelity import mend_torchvision
from sigbench.models.extractors import extractor_of
from sigbench.models.features import Extractor

GREY, COLOURED = (1, 40, 40), (3, 40, 40)


def pixels_of(shape: tuple[int, ...], count: int = 5) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with random weights of small backbones of torchvision and timm."""
    from safetensors.torch import save_file

    mend_torchvision()
    from torchvision import models

    timm = pytest.importorskip("timm")
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    torch.save(models.squeezenet1_1().state_dict(), folder / "squeeze.pth")
    torch.save(models.resnet18().state_dict(), folder / "resnet18.pth")
    save_file(timm.create_model("test_resnet").state_dict(), folder / "timm.safetensors")
    return folder


CASES = [
    ("torchvision:resnet18:weights=resnet18.pth", 512, "torchvision resnet18 [0-9a-f]{12}, bicubic to 224 × 224 with"),
    ("timm:test_resnet:weights=timm.safetensors", 96, "timm test_resnet [0-9a-f]{12}, bicubic to 160 × 160 with anti"),
]


@pytest.mark.parametrize(("spec", "count", "words"), CASES)
def test_a_backbone_s_features_are_named_and_belong_to_their_images(
    weights: Path, spec: str, count: int, words: str
) -> None:
    found = extractor_of(spec, weights, COLOURED)
    assert re.match(words, found.name)
    assert found.costly
    pixels = pixels_of(COLOURED)
    features = found.features(pixels)
    assert features.shape == (len(pixels), count)
    np.testing.assert_allclose(found.features(pixels[2:3]), features[2:3], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("spec", "count", "words"), CASES)
def test_a_grey_image_is_its_grey_in_three_colours(weights: Path, spec: str, count: int, words: str) -> None:
    grey = pixels_of(GREY)
    coloured = np.repeat(grey, 3, axis=1)
    seen = np.concatenate([coloured, np.full((len(grey), 1, 40, 40), 7, dtype=np.uint8)], axis=1)  # and how opaque
    ours = [extractor_of(spec, weights, part.shape[1:]).features(part) for part in (grey, coloured, seen)]
    assert (ours[0] == ours[1]).all()
    assert (ours[0] == ours[2]).all()


def test_the_hash_of_the_weights_is_in_the_name(weights: Path) -> None:
    """Other weights are another judge."""
    mend_torchvision()
    from torchvision import models

    torch.manual_seed(1)
    torch.save(models.resnet18().state_dict(), weights / "other.pth")
    names = {
        extractor_of(f"torchvision:resnet18:weights={file}.pth", weights, COLOURED).name
        for file in ("resnet18", "other")
    }
    assert len(names) == 2


def test_the_classifier_of_digits_is_one(tmp_path: Path) -> None:
    from sigbench_tasks.mnist import idx
    from sigbench_tasks.mnist.task import ARTIFACTS, MNIST

    found = extractor_of(f"classifier:{ARTIFACTS / 'classifier'}", tmp_path, (1, 28, 28))
    digits = idx.images("test")[:20].copy()
    np.testing.assert_allclose(
        found.features(digits[:, None]), MNIST().truth().seen(digits).features, rtol=1e-5, atol=1e-5
    )
    with pytest.raises(BadInput, match=r"reads images of shape \(1, 28, 28\), and these have \(3, 40, 40\)"):
        extractor_of(f"classifier:{ARTIFACTS / 'classifier'}", tmp_path, COLOURED)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("torchvision:resnet17:weights=resnet18.pth", "unknown torchvision backbone 'resnet17'.*resnet18"),
        ("torchvision:resnet18", "needs its weights, which nothing here downloads: torchvision:resnet18:weights=FILE"),
        ("torchvision:resnet18:weights=none.pth", "the weights .*none.pth cannot be read"),
        ("torchvision:resnet18:weights=squeeze.pth", "the weights .*squeeze.pth are not of torchvision resnet18"),
        ("torchvision:resnet18:weight=resnet18.pth", "'weight' is not known here: the options are weights"),
        ("timm:test_resnet:weights=resnet18.pth", "are not of timm test_resnet"),
        ("timm:no_such:weights=resnet18.pth", "unknown timm backbone 'no_such'"),
        ("dinov2", "dinov2 needs its weights, which nothing here downloads: dinov2:weights=FILE"),
        ("dinov2:weights=resnet18.pth", "are not of timm vit_small_patch14_dinov2"),
        ("inception", "inception needs its weights: download weights-inception-2015-12-05-6726825d.pth"),
        ("inception:v3:weights=resnet18.pth", "inception is one network, and not 'v3'"),
        ("inceptions:weights=resnet18.pth", "unknown kind of features 'inceptions'.*inception"),
        ("classifier:nowhere", "there is no artifact in .*nowhere"),
    ],
)
def test_what_cannot_be_had(weights: Path, monkeypatch: pytest.MonkeyPatch, spec: str, words: str) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(weights / "hub"))
    with pytest.raises(BadInput, match=words) as refused:
        extractor_of(spec, weights, (1, 28, 28) if spec.startswith("classifier") else COLOURED)
    assert "\n" not in str(refused.value)


def test_a_pickle_of_code_is_not_loaded(weights: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (eval, ("1 + 1",))

    torch.save({"fc.weight": Evil()}, weights / "evil.pth")
    with pytest.raises(BadInput, match=r"evil\.pth are not of|evil\.pth cannot be read"):
        extractor_of("torchvision:resnet18:weights=evil.pth", weights, COLOURED)


def test_extractors_round_to_float32_on_both_sides() -> None:
    """What is kept of the data in the cache is float32, and so the samples' are."""
    third = Extractor("thirds", lambda pixels: np.full((len(pixels), 2), 1 / 3))
    assert (third.features(pixels_of(GREY)) == np.float32(1 / 3)).all()


def test_inception_takes_colours(tmp_path: Path) -> None:
    """torch-fidelity's network with random weights: 2,048 features of grey and of coloured images."""
    from sigbench.metrics.fidelity import torch_fidelity
    from sigbench.metrics.inception import inception_features

    kind = torch_fidelity().FeatureExtractorInceptionV3
    file = tmp_path / "inception.pth"
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "load", lambda *args, **options: {})
        patch.setattr(kind, "load_state_dict", lambda self, state: None)
        torch.save(kind("untrained", ["2048"], feature_extractor_weights_path="none").state_dict(), file)
    coloured = pixels_of(COLOURED, 2)
    assert inception_features(coloured, file).shape == (2, 2048)
    found = extractor_of(f"inception:weights={file}", tmp_path, GREY)
    grey = pixels_of(GREY, 2)
    np.testing.assert_allclose(found.features(grey), inception_features(grey[:, 0], file), rtol=1e-5)
    assert "299 × 299 without antialiasing" in found.name


def test_a_picture_of_samples_shows_their_colours(tmp_path: Path) -> None:
    from sigbench.models.pictures import image_grid

    red = np.zeros((3, 3, 8, 8), dtype=np.uint8)
    red[:, 0] = 255
    sheet = image_grid(red, "red")
    assert isinstance(sheet, Image.Image)
    assert (255, 0, 0) in {colour for _, colour in sheet.getcolors(10_000)}
