"""FID on Inception: features and distance are torch-fidelity's, and only tensors are unpickled."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from sigbench.errors import BadInput
from sigbench.measure.cell import plan_cells
from sigbench.measure.settings import Settings
from sigbench.metrics.fidelity import torch_fidelity
from sigbench.metrics.inception import InceptionFID, hash_of, inception_features
from sigbench.metrics.metric import Reference
from sigbench.registry import make_metric
from sigbench_tasks.mnist.task import MNIST


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of the right shapes that were never trained: the official ones are the user's to bring."""
    kind = torch_fidelity().FeatureExtractorInceptionV3
    file = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "load", lambda *args, **options: {})
        patch.setattr(kind, "load_state_dict", lambda self, state: None)
        torch.save(kind("untrained", ["2048"], feature_extractor_weights_path="none").state_dict(), file)
    return file


def test_the_metric_says_whose_weights_it_has(weights: Path) -> None:
    truth = MNIST().truth()
    metric = make_metric(f"fid:weights={weights}").for_truth(truth)
    assert isinstance(metric, InceptionFID)
    assert f"Inception {hash_of(weights)[:12]}, not the official weights" in metric.method
    assert metric.sample_size(10**6) == truth.test_images


@pytest.mark.slow
def test_the_distance_is_that_of_torch_fidelity(weights: Path) -> None:
    """Roots of 2,048 × 2,048 matrices; the distance on fewer features is held to it in tests/tasks/mnist."""
    truth = MNIST().truth()
    metric = make_metric(f"fid:weights={weights}").for_truth(truth)
    reference, samples, real = Reference(truth, 0), MNIST().observe_truth(6, 0), truth.real(6, 0)

    class Images(torch.utils.data.Dataset):  # type: ignore[type-arg]
        def __init__(self, pixels: np.ndarray) -> None:  # type: ignore[type-arg]
            self.pixels = torch.from_numpy(pixels.copy())[:, None].expand(-1, 3, -1, -1).contiguous()

        def __len__(self) -> int:
            return len(self.pixels)

        def __getitem__(self, index: int) -> torch.Tensor:
            return self.pixels[index]

    expected = torch_fidelity().calculate_metrics(
        input1=Images(samples.pixels),
        input2=Images(real.pixels),
        fid=True,
        cuda=False,
        cache=False,
        verbose=False,
        feature_extractor="inception-v3-compat",
        feature_extractor_weights_path=str(weights),
        batch_size=6,
    )
    assert metric(samples, reference) == pytest.approx(expected["frechet_inception_distance"], rel=1e-4)


def test_features_do_not_depend_on_the_batch(weights: Path) -> None:
    pixels = MNIST().observe_truth(3, 0).pixels
    whole = inception_features(pixels, weights)
    assert whole.shape == (3, 2048)
    np.testing.assert_allclose(inception_features(pixels[1:2], weights), whole[1:2], rtol=1e-3, atol=1e-6)


def test_files_without_the_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read: No such file"):
        make_metric(f"fid:weights={tmp_path}/none.pth")
    (tmp_path / "text.pth").write_text("no weights")
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pth")
    (tmp_path / "code.pth").write_bytes(pickle.dumps(print))
    for name in ("text.pth", "other.pth", "code.pth"):
        with pytest.raises(BadInput, match="holds no weights of torch-fidelity's Inception"):
            make_metric(f"fid:weights={tmp_path}/{name}")


def test_a_task_without_images_is_refused(weights: Path) -> None:
    settings = Settings("gmm", device="cpu", metrics=(f"fid:weights={weights}",))
    with pytest.raises(BadInput, match="fid reads images, and samples of this task are none"):
        plan_cells(settings, ["ddim"], [2])
