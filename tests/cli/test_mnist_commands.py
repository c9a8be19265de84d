"""The task `mnist` from the command line: a table's worth of scores, pictures, and refusals in one sentence."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from commandline import Command
from PIL import Image

from sigbench_tasks.mnist import task
from sigbench_tasks.mnist.teacher_training import NoisePlan, TeacherRecipe

MNIST = ("run", "--task", "mnist", "--device", "cpu", "--batch", "60")


@pytest.mark.slow
def test_scores_samples_and_pictures(sigbench: Command, tmp_path: Path) -> None:
    done = sigbench(
        *MNIST,
        "--sampler",
        "ddim,euler-maruyama",
        "--steps",
        "2",
        "--samples",
        "120",
        "--repeats",
        "2",
        "--save-samples",
        "out",
        "--json",
    )
    assert done.code == 0, done.err
    ddim, euler = done.records()
    for record in (ddim, euler):
        assert set(record["metrics"]) == {
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
            "duplicates",
        }
        for metric in record["metrics"].values():
            assert metric["low"] <= metric["value"] <= metric["high"]
            assert metric["n"] == 120
        assert record["metrics"]["fcd"]["value"] > 1.5 * record["metrics"]["fcd"]["floor"]
        assert record["nfe"] == 2
        hashes = record["provenance"]["artifacts"]
        assert set(hashes) == {"teacher", "classifier"}
        assert hashes["classifier"][:12] in record["metrics"]["fcd"]["method"]
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "mnist-ddim-2.npy",
        "mnist-ddim-2.png",
        "mnist-euler-maruyama-2.npy",
        "mnist-euler-maruyama-2.png",
        "mnist-strip.png",
    }
    samples = np.load(tmp_path / "out" / "mnist-ddim-2.npy")
    assert (samples.shape, samples.dtype) == ((120, 28, 28), np.uint8)
    for name in ("mnist-ddim-2.png", "mnist-strip.png"):
        picture = Image.open(tmp_path / "out" / name)
        assert picture.size > (300, 100)
        assert picture.mode == "L"


def test_fewer_samples_than_a_metric_needs(sigbench: Command) -> None:
    refused = sigbench(*MNIST, "--sampler", "ddim", "--steps", "2", "--samples", "15")
    assert refused.code == 2
    assert refused.sentence() == "fcd-inf needs at least 16 samples, got 15."


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--label", "12"), "the label must be a digit from 0 to 9, got 12."),
        (("--label", "-1"), "the label must be a digit from 0 to 9, got -1."),
        (("--guidance", "-1"), "the guidance must be a finite number, 0 or above, got -1."),
        (("--guidance", "nan"), "the guidance must be a finite number, 0 or above, got nan."),
        (("--guidance", "inf"), "the guidance must be a finite number, 0 or above, got inf."),
    ],
)
def test_conditions_out_of_range(sigbench: Command, options: tuple[str, str], sentence: str) -> None:
    refused = sigbench(*MNIST, "--sampler", "ddim", "--steps", "2", *options)
    assert refused.code == 2
    assert refused.sentence() == sentence


def test_a_task_without_classes(sigbench: Command) -> None:
    for options in (("--label", "1"), ("--guidance", "1")):
        refused = sigbench("run", "--task", "gmm", "--sampler", "ddim", *options)
        assert refused.code == 2
        assert "samples of the task 'gmm' have no classes" in refused.sentence()


def test_the_student_gives_no_guidance_that_it_was_not_distilled_at(sigbench: Command) -> None:
    refused = sigbench(*MNIST, "--sampler", "sigdeg", "--steps", "5", "--guidance", "1.5")
    assert refused.code == 2
    assert "was distilled at guidance 0, not 1.5" in refused.sentence()
    assert "sigbench train --task mnist --guidance 1.5" in refused.sentence()


@pytest.mark.slow
def test_a_student_of_one_digit(sigbench: Command) -> None:
    done = sigbench(
        *MNIST,
        "--sampler",
        "sigdeg,ddim",
        "--steps",
        "2",
        "--samples",
        "100",
        "--repeats",
        "1",
        "--label",
        "3",
        "--json",
    )
    assert done.code == 0, done.err
    student, ddim = done.records()
    for record in (student, ddim):
        assert record["conditions"] == {"label": 3}
        assert record["metrics"]["class-tv"]["value"] < 0.2
    assert student["nfe"] == 2
    assert student["metrics"]["fcd"]["value"] < ddim["metrics"]["fcd"]["value"]


def test_what_can_be_trained_is_listed(sigbench: Command) -> None:
    refused = sigbench("train", "--task", "mnist", "--what", "clasifier")
    assert refused.code == 2
    assert "did you mean 'classifier'" in refused.sentence()
    assert "classifier, student, teacher" in sigbench("train", "--task", "mnist", "--what", "x").sentence()


def test_iterations_of_a_network_must_be_positive(sigbench: Command) -> None:
    refused = sigbench("train", "--task", "mnist", "--what", "teacher", "--iterations", "0")
    assert refused.code == 2
    assert "--iterations must be at least 1, got 0" in refused.sentence()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--steps", "2-301"), "--steps must be at most 300"),
        (("--loss", "globl"), "unknown loss 'globl': did you mean 'global'"),
        (("--grid", "unifrom"), "unknown grid 'unifrom': did you mean 'uniform'"),
        (("--grid", "log-snr", "--steps", "200"), "300 steps are too coarse for 200 steps on the grid 'log-snr'"),
        (("--memory", "7"), "between 0 and 4 earlier states, got 7"),
        (("--order", "0"), "order"),
        (("--guidance", "nan"), "the guidance must be a finite number"),
    ],
)
def test_students_that_cannot_be(sigbench: Command, tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    refused = sigbench("train", "--task", "mnist", *options, "--out", "out")
    assert refused.code == 2
    assert words in refused.sentence()
    assert not (tmp_path / "out").exists()


def test_paths_need_a_folder_and_a_network(sigbench: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = sigbench("train", "--task", "mnist", "--order", "2", "--keep-paths", "file", "--out", "out")
    assert refused.code == 2
    assert "the folder of the teacher's paths file cannot be written" in refused.sentence()
    refused = sigbench("train", "--task", "mnist", "--order", "2", "--teacher-paths", "7", "--out", "out")
    assert refused.code == 2
    assert "positive multiple of 5, got 7" in refused.sentence()
    refused = sigbench("train", "--task", "gmm", "--teacher-paths", "5", "--out", "out")
    assert "have no number to choose" in refused.sentence()
    refused = sigbench("train", "--task", "gmm", "--keep-paths", "paths", "--out", "out")
    assert refused.code == 2
    assert "is no network: its paths are not stored" in refused.sentence()


@pytest.mark.slow
def test_a_short_teacher_is_an_artifact_and_is_not_overwritten(
    sigbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One iteration on eight images."""
    monkeypatch.setattr(task, "TeacherRecipe", partial(TeacherRecipe, noise=NoisePlan(batch=8)))
    train = ("train", "--task", "mnist", "--what", "teacher", "--iterations", "1", "--out", "out")
    done = sigbench(*train)
    assert done.code == 0, done.err
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["manifest.json", "weights.safetensors"]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["kind"], manifest["task"]) == ("edm-denoiser", "mnist")
    assert manifest["data"]["images_seen"] == 8
    assert manifest["command"] == "sigbench train --task mnist --what teacher --iterations 1"
    assert "there is an artifact in out already" in sigbench(*train).sentence()


@pytest.mark.slow
def test_a_short_classifier_brings_its_statistics(
    sigbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the first 3,000 training and 1,000 test images, which take a twentieth of the time of all."""
    from sigbench_tasks.mnist import idx
    from sigbench_tasks.mnist.truth import MNISTTruth

    images, labels, most = idx.images, idx.labels, {"train": 3_000, "test": 1_000}
    monkeypatch.setattr(idx, "images", lambda split: images(split)[: most[split]])
    monkeypatch.setattr(idx, "labels", lambda split: labels(split)[: most[split]])
    done = sigbench("train", "--task", "mnist", "--what", "classifier", "--iterations", "1", "--out", "out")
    assert done.code == 0, done.err
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "manifest.json",
        "statistics.safetensors",
        "weights.safetensors",
    ]
    truth = MNISTTruth(tmp_path / "out")
    sha256 = json.loads((tmp_path / "out" / "manifest.json").read_text())["sha256"]
    assert truth.extractor == f"classifier {sha256[:12]}"
