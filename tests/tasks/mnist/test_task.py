"""The task: labels that belong to samples, networks that are what they say, and data units."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sigbench.abilities import network_hashes, observe
from sigbench.errors import BadInput
from sigbench.measure.batch import start_batch, walk_batch
from sigbench.measure.cell import Cell, plan_cells
from sigbench.measure.draw import draw_samples
from sigbench.measure.run import measure
from sigbench.measure.settings import Settings
from sigbench.metrics.metric import Reference
from sigbench.networks.artifacts import read_manifest
from sigbench.registry import make_task
from sigbench.sde.problem import ReverseDiffusion
from sigbench_tasks.mnist import idx
from sigbench_tasks.mnist.pixels import standardised
from sigbench_tasks.mnist.task import MNIST
from sigbench_tasks.mnist.truth import MNISTTruth

CPU = torch.device("cpu")


def cell_of(samples: int, seed: int = 0) -> Cell:
    (cell,) = plan_cells(Settings("mnist", samples=256, repeats=1, seed=seed, device="cpu"), ["ddim"], [2])
    return replace(cell, samples=samples)


def labels(cell: Cell, repeat: int, first: int, count: int) -> torch.Tensor:
    found = start_batch(cell, repeat, first, count).problem.labels
    assert found is not None
    return found


def test_labels_have_the_shares_of_the_training_images() -> None:
    drawn = labels(cell_of(8), 0, 0, 60_000)
    shares = np.bincount(drawn.numpy(), minlength=10) / 60_000
    assert np.abs(shares - np.bincount(idx.labels("train")) / 60_000).max() < 0.005


def test_a_label_belongs_to_the_sample() -> None:
    """Whatever the batch; another repeat and another seed have others."""
    cell = cell_of(8)
    whole = labels(cell, 0, 0, 300)
    assert torch.equal(labels(cell, 0, 200, 50), whole[200:250])
    assert (labels(cell, 1, 0, 300) == whole).float().mean() < 0.3
    assert (labels(cell_of(8, seed=1), 0, 0, 300) == whole).float().mean() < 0.3


def test_samples_are_drawn_under_the_labels_that_they_come_with() -> None:
    cell = cell_of(8)
    draw = draw_samples(replace(cell, batch=3), 0)
    assert draw.labels is not None
    assert torch.equal(draw.labels, labels(cell, 0, 0, 8))
    part = walk_batch(cell, 0, 3, 3)
    assert part.labels is not None
    assert torch.equal(part.labels, draw.labels[3:6])
    torch.testing.assert_close(part.samples, draw.samples[3:6])


def test_the_networks_are_this_tasks_own() -> None:
    task = MNIST()
    assert set(task.networks()) == set(task.recipes()) == {"classifier", "teacher"}
    for name, folder in task.networks().items():
        manifest = read_manifest(folder)
        assert manifest.task == task.name
        assert task.artifacts_since <= manifest.task_version <= task.version
        assert manifest.command == f"sigbench train --task mnist --what {name}"
        assert network_hashes(task)[name] == manifest.sha256
        for file in folder.iterdir():
            assert file.stat().st_size < 16 * 2**20


def test_the_teacher_denoises_test_images() -> None:
    """At σ/α = 1 the mean squared error of a useful denoiser is a small part of the data's variance, which is 1."""
    problem = make_task("mnist").problem(CPU, torch.float32)
    assert isinstance(problem, ReverseDiffusion)
    t = float(problem.schedule.time_of_log_snr(0.0))
    clean = standardised(idx.images("test")[:64].copy())
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    x = float(problem.schedule.alpha(t)) * clean + float(problem.schedule.sigma(t)) * noise
    with torch.no_grad():
        assert float((problem.denoiser.x0(t, x) - clean).square().mean()) < 0.06


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_label_decides_the_digit(dtype: torch.dtype) -> None:
    """From pure noise the denoiser's mean looks like the digit that was asked for, to the classifier too."""
    task, digits = MNIST(), torch.arange(10)
    problem = task.problem(CPU, dtype).labelled(digits)
    with torch.no_grad():
        means = problem.denoiser.x0(1.0, torch.randn(10, 1, 28, 28, generator=torch.Generator().manual_seed(0)))
    seen = task.observe(means, digits)
    assert (seen.logits.argmax(1) == np.arange(10)).mean() >= 0.8


def test_data_units_are_bytes() -> None:
    task = MNIST()
    pixels = idx.images("test")[:5]
    found = task.to_data(standardised(pixels.copy()))
    assert found.dtype == torch.uint8
    assert np.array_equal(found.numpy(), pixels)


def test_all_samples_of_one_digit_are_judged_by_its_images() -> None:
    task = MNIST().conditioned(3, 0.0)
    assert task.conditions() == {"label": 3}
    problem = task.problem(CPU, torch.float32)
    drawn = problem.labels_from(torch.linspace(-6, 6, 101))
    assert drawn is not None
    assert set(drawn.tolist()) == {3}
    truth = task.truth()
    assert isinstance(truth, MNISTTruth)
    assert truth.test_images == (idx.labels("test") == 3).sum()
    for sample in (truth.held_out(50, 0), truth.real(50, 0)):
        assert (sample.logits.argmax(1) == 3).mean() > 0.95
    reference = Reference(truth, 0)
    everything = task.observe_truth(500, 0)
    values = {metric.name: metric(everything, reference) for metric in task.metrics()}
    assert values["class-tv"] < 0.05
    assert values["label-accuracy"] > 0.95
    assert values["fcd"] == pytest.approx(values["fcd-intra"])
    assert all(metric.sample_size(2_000) == truth.test_images for metric in task.metrics())


def test_guidance_costs_two_evaluations_a_call_and_sharpens() -> None:
    found = {}
    for guidance in (0.0, 3.0):
        settings = Settings("mnist", samples=256, repeats=1, device="cpu", guidance=guidance)
        (cell,) = plan_cells(settings, ["ddim"], [3])
        draw = draw_samples(replace(cell, samples=32), 0)
        assert draw.nfe == (6 if guidance else 3)
        seen = observe(cell.task, draw.samples, draw.labels)
        found[guidance] = np.exp(seen.logits - np.logaddexp.reduce(seen.logits, axis=1, keepdims=True)).max(1).mean()
    assert found[3.0] > found[0.0]


def test_conditions_belong_to_a_cell() -> None:
    keys = {
        plan_cells(Settings("mnist", samples=256, device="cpu", label=label, guidance=w), ["ddim"], [2])[0].key
        for label, w in ((None, 0.0), (3, 0.0), (4, 0.0), (3, 1.0), (None, 1.0))
    }
    assert len(keys) == 5


@pytest.mark.slow
def test_cells_of_two_labels_are_each_judged_by_their_own_images() -> None:
    cells = [
        plan_cells(Settings("mnist", samples=100, repeats=1, device="cpu", label=label), ["ddim"], [2])[0]
        for label in (0, 1)
    ]
    zeros, ones = measure(cells)
    assert (zeros["conditions"], ones["conditions"]) == ({"label": 0}, {"label": 1})
    assert zeros["metrics"]["fcd"]["floor"] != ones["metrics"]["fcd"]["floor"]
    assert ones["metrics"]["class-tv"]["floor"] < 0.1


@pytest.mark.parametrize("weight", [1.0, 2.0, 4.0])
def test_guided_students_come_with_the_task(weight: float) -> None:
    """By one call a step; at a weight between them the plain student would be refused by its manifest."""
    weights = {
        read_manifest(folder).sha256: read_manifest(folder).data.get("guidance", 0.0) for folder in MNIST().students()
    }
    assert sorted(weights.values()) == [0.0, 1.0, 2.0, 4.0]
    (cell,) = plan_cells(Settings("mnist", samples=256, repeats=1, guidance=weight, device="cpu"), ["sigdeg"], [2])
    assert weights[cell.sampler.artifact_hashes()["sigdeg"]] == weight
    with pytest.raises(BadInput, match=r"was distilled at guidance 0, not 2\.5"):
        plan_cells(Settings("mnist", samples=256, guidance=2.5, device="cpu"), ["sigdeg"], [2])
    assert draw_samples(replace(cell, samples=4), 0).nfe == 2
