"""The reference: draws made once, exact quantiles where they are known. Metrics: what they do not read they refuse."""

import numpy as np
import pytest

from sigbench.abilities import metrics_of, observe_truth
from sigbench.errors import BadInput
from sigbench.metrics.discrepancy import MMD, KolmogorovSmirnov
from sigbench.metrics.image_pixels import LostPixelVariance
from sigbench.metrics.images import FCD
from sigbench.metrics.metric import Array, KnownCDF, Metric, Reference
from sigbench.metrics.moments import LostVariance, MeanError, ModeTV, VarianceError
from sigbench.metrics.paths import path_metrics
from sigbench.metrics.transport import W1, W2, ExactW2, SlicedW2
from sigbench.registry import make_task, task_names
from sigbench_tasks.mixture.task import GMM, GMM2D


class CountingTruth:
    """A truth on the line without a distribution function, which counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def sample(self, n: int, seed: int) -> Array:
        self.asked.append((n, seed))
        return np.random.default_rng(seed).standard_normal((n, 1))


def test_draws_are_made_once() -> None:
    truth = CountingTruth()
    reference = Reference(truth, 5)
    assert reference.draw(10) is reference.draw(10)
    assert reference.draw(20).shape == (20, 1)
    assert truth.asked == [(10, 5), (20, 5)]


def test_sorted_draw_where_no_quantile_is_known() -> None:
    truth = CountingTruth()
    assert not isinstance(truth, KnownCDF)
    reference = Reference(truth, 5)
    np.testing.assert_array_equal(reference.sorted_values(50), np.sort(truth.sample(50, 5)[:, 0]))
    assert reference.sorted_values(50) is reference.sorted_values(50)


def test_exact_quantiles_where_they_are_known() -> None:
    law = GMM.law()
    assert isinstance(law, KnownCDF)
    assert not isinstance(GMM2D.law(), KnownCDF)
    values = Reference(law, 5).sorted_values(50)
    np.testing.assert_allclose(law.cdf(values), (np.arange(50) + 0.5) / 50, atol=1e-9)
    np.testing.assert_array_equal(values, Reference(law, 6).sorted_values(50))


IMAGES = np.zeros((12, 768))  # of (3, 16, 16), flat
LINE, PLANE = np.zeros((12, 1)), np.zeros((12, 2))


class NoModes:
    """A truth in the plane of which nothing is known but draws."""

    def sample(self, n: int, seed: int) -> Array:
        return np.random.default_rng(seed).standard_normal((n, 2))


@pytest.mark.parametrize("metric", [W1(), W2(), KolmogorovSmirnov()], ids=lambda metric: metric.name)
def test_metrics_of_the_line_refuse_images_and_planes(metric: Metric) -> None:
    """They read the first coordinate, one pixel of an image, and would give a number for it."""
    for samples, shape in ((IMAGES, "768"), (PLANE, "2")):
        wanted = rf"^{metric.name} reads samples of shape \(n, 1\), and these are of shape \(n, {shape}\)\.$"
        with pytest.raises(BadInput, match=wanted):
            metric.check(samples, GMM.law())
    metric.check(LINE, GMM.law())


@pytest.mark.parametrize("metric", [ModeTV(), LostVariance()], ids=lambda metric: metric.name)
def test_metrics_of_modes_refuse_a_truth_without(metric: Metric) -> None:
    with pytest.raises(BadInput, match=f"^{metric.name} needs a truth with known modes, which this task's has not"):
        metric.check(PLANE, NoModes())
    metric.check(PLANE, GMM2D.law())


@pytest.mark.parametrize("metric", [MeanError(), VarianceError()], ids=lambda metric: metric.name)
def test_metrics_of_moments_refuse_a_truth_without(metric: Metric) -> None:
    with pytest.raises(BadInput, match=f"^{metric.name} needs a truth with known moments"):
        metric.check(PLANE, NoModes())
    metric.check(PLANE, GMM2D.law())


@pytest.mark.parametrize("samples", [PLANE, IMAGES, [1.0, 2.0], "text", None], ids=type)
def test_metrics_of_images_refuse_whatever_is_none(samples: object) -> None:
    for metric in (FCD("0" * 64, 100), LostPixelVariance()):
        with pytest.raises(BadInput, match=f"^{metric.name} reads ImageSamples, and these samples are "):
            metric.check(samples, GMM.law())


def test_metrics_of_paths_refuse_whatever_is_none() -> None:
    for metric in path_metrics(0.07):
        with pytest.raises(BadInput, match=f"^{metric.name} reads PathSamples, and these samples are of shape"):
            metric.check(PLANE, NoModes())


def test_metrics_of_any_number_of_coordinates_refuse_what_is_no_table() -> None:
    for metric in (SlicedW2(), ExactW2(), MMD(bandwidths=(1.0,))):
        for table in (LINE, PLANE, IMAGES):
            metric.check(table, NoModes())
        with pytest.raises(BadInput, match=rf"^{metric.name} reads samples of shape \(n, any\)"):
            metric.check(np.zeros((12, 3, 16, 16)), NoModes())


@pytest.mark.parametrize("name", task_names())
def test_every_metric_of_a_task_reads_its_samples(name: str) -> None:
    """And refuses those of a task of another kind."""
    task = make_task(name)
    seen, truth = observe_truth(task, 4, 0), task.truth()
    stranger = observe_truth(make_task("mnist" if name != "mnist" else "rbergomi"), 4, 0)
    for metric in metrics_of(task):
        metric.check(seen, truth)
        if metric.name == "duplicates":  # it reads points of any kind
            metric.check(stranger, truth)
            continue
        with pytest.raises(BadInput, match=f"^{metric.name} reads "):
            metric.check(stranger, truth)
