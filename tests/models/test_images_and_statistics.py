"""Images are read as they are needed, their features are taken once and go on where they stopped; statistics alone."""

import io
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sigbench.errors import BadInput
from sigbench.measure.cell import plan_cells
from sigbench.measure.run import measure
from sigbench.measure.settings import Settings
from sigbench.models.data import images as images_module
from sigbench.models.data.images import read_images
from sigbench.models.data.statistics import holds_statistics, read_statistics
from sigbench.models.features import Extractor, FeaturesOf
from sigbench.models.truth import FeatureTruth
from sigbench.progress import Progress
from sigbench.registry import make_task


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGBENCH_CACHE", str(tmp_path / "cache"))


def a_zip(where: Path, count: int, side: int) -> Path:
    content = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)).save(content, "png")
    with zipfile.ZipFile(where, "w") as archive:
        for number in range(count):
            archive.writestr(f"{number:05d}.png", content.getvalue())
    return where


def means(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    return pixels.reshape(len(pixels), -1, 4).mean(1)


def test_memory_knows_no_number_of_images(tmp_path: Path) -> None:
    """Three times as many images, 37 MB of pixels for 12: the peak of what Python holds stays where it was."""
    peaks = []
    for count in (1_000, 3_000):
        images = read_images(a_zip(tmp_path / f"{count}.zip", count, 64))
        tracemalloc.start()
        features = FeaturesOf(images, Extractor("means", means, costly=True))
        features.prepare()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(images) == count
    assert peaks[1] < 1.2 * peaks[0]
    assert peaks[1] < 20e6


def test_images_are_looked_at_once_and_again_when_they_change(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    decoded = images_module.decoded

    def counted(name: str, content: bytes) -> NDArray[np.uint8]:
        calls.append(name)
        return decoded(name, content)

    monkeypatch.setattr(images_module, "decoded", counted)
    first = read_images(images / "digits")
    assert len(calls) == 40
    images_module._images.cache_clear()
    assert read_images(images / "digits").sha256 == first.sha256
    assert len(calls) == 40
    Image.new("L", (4, 4), 7).save(images / "digits" / "003.png")
    images_module._images.cache_clear()
    assert read_images(images / "digits").sha256 != first.sha256
    assert len(calls) == 80


def test_an_image_that_changes_under_a_run_is_named(images: Path) -> None:
    found = read_images(images / "digits")
    Image.new("L", (5, 5)).save(images / "digits" / "003.png")
    with pytest.raises(BadInput, match=r"003\.png is of 5 × 5 pixels"):
        found.take(np.arange(40))


def test_features_go_on_where_they_were_interrupted(images: Path) -> None:
    """And say how far they are."""
    found, calls, told = read_images(images / "digits"), [], list[Progress]()

    def extract(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        calls.append(len(pixels))
        if sum(calls) == 13 and len(calls) == 4:  # one to see how many there are, and two batches
            raise KeyboardInterrupt
        return means(pixels)

    extractor = Extractor("means", extract, costly=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sigbench.models.features._BATCH", 4)
        with pytest.raises(KeyboardInterrupt):
            FeaturesOf(found, extractor).prepare()
        assert calls == [1, 4, 4, 4]
        features = FeaturesOf(found, extractor)
        features.prepare(told.append)
    assert sum(calls[4:]) == 1 + 32  # 8 of 40 were there
    assert [each.done for each in told if each.stage == "features of 40 images"] == [*range(8, 41, 4)]
    direct = means(found.take(np.arange(40))).astype(np.float32)
    assert (features.rows(np.arange(40)) == direct).all()
    np.testing.assert_allclose(features.mean, direct.astype(float).mean(0), rtol=1e-12)
    np.testing.assert_allclose(features.covariance, np.cov(direct.astype(float), rowvar=False), rtol=1e-9)


@pytest.mark.parametrize("costly", [True, False])
def test_a_cache_that_cannot_be_written_costs_time_alone(
    images: Path, monkeypatch: pytest.MonkeyPatch, costly: bool
) -> None:
    (images / "no-folder").write_text("")
    monkeypatch.setenv("SIGBENCH_CACHE", str(images / "no-folder"))
    found = read_images(images / "digits")
    features = FeaturesOf(found, Extractor("means", means, costly=costly))
    assert features.mean.shape == (4,)
    assert features.rows(np.array([3])).shape == (1, 4)


def test_a_class_is_compared_with_its_own_images(images: Path) -> None:
    found, members = read_images(images / "digits"), np.arange(0, 40, 2)
    truth = FeatureTruth(found, Extractor("means", means), members)
    own = means(found.take(members)).astype(np.float32).astype(float)
    np.testing.assert_allclose(truth.feature_mean, own.mean(0))
    assert truth.test_images == 10
    assert {tuple(row) for row in truth.real(10, 0).features} | {
        tuple(row) for row in truth.held_out_sample(10, 0).features
    } == {tuple(row) for row in own}


def statistics_task(images: Path, **arrays: NDArray[np.float64]) -> Path:
    given = {"mu": np.full(16, 0.5), "sigma": np.eye(16) * 0.04, **arrays}
    np.savez(images / "stats.npz", **given)
    text = (images / "task.toml").read_text().replace("digits", "stats.npz")
    (images / "task.toml").write_text(f"{text}shape = [1, 4, 4]\n")
    return images / "task.toml"


def test_statistics_of_others_give_fd_and_its_floor(images: Path) -> None:
    task = statistics_task(images)
    assert holds_statistics(images / "stats.npz")
    assert [metric.name for metric in make_task(str(task)).metrics()] == ["fd", "fd-inf", "duplicates"]
    settings = Settings(str(task), samples=64, repeats=3, device="cpu", time_calls=False)
    (record,) = measure(plan_cells(settings, ["ddim"], [4]))
    assert record["status"] == "ok", record
    fd = record["metrics"]["fd"]
    assert 0.0 < fd["floor"] < fd["value"]
    assert "floors of Gaussian features" in fd["method"]
    assert "data" in record["provenance"]["artifacts"]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"mu": np.zeros(9), "sigma": np.eye(9)}, "are of 9 features, and pixels/255, no resizing gives 16: they are"),
        ({"mu": np.zeros((16, 1))}, r"holds mu of shape \(16, 1\) and sigma of shape \(16, 16\), not the mean"),
        ({"sigma": np.full((16, 16), np.nan)}, "are not finite"),
        ({"sigma": np.triu(np.ones((16, 16)))}, "is not symmetric"),
        ({"mu": np.zeros(16, dtype=int)}, "not the mean"),  # type: ignore[dict-item]
    ],
)
def test_statistics_that_are_none(images: Path, arrays: dict[str, NDArray[np.float64]], words: str) -> None:
    task = statistics_task(images, **arrays)
    with pytest.raises(BadInput, match=words):
        make_task(str(task))


def test_of_statistics_alone_an_image_s_shape_must_be_said(images: Path) -> None:
    task = statistics_task(images)
    task.write_text(task.read_text().replace("shape = [1, 4, 4]\n", ""))
    with pytest.raises(BadInput, match=r"nobody knows an image's shape: say shape = \[3, 32, 32\]"):
        make_task(str(task))
    assert read_statistics(images / "stats.npz").mean.shape == (16,)
