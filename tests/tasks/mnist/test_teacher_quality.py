"""What the teacher is worth: its samples against what separates training from test images."""

import numpy as np
import pytest

from sigbench.measure.cell import plan_cells
from sigbench.measure.draw import draw_samples
from sigbench.measure.settings import Settings
from sigbench.metrics.images import ExtrapolatedFCD, LabelAccuracy, frechet_distance
from sigbench.metrics.metric import Reference
from sigbench.registry import make_task
from sigbench_tasks.mnist.truth import MNISTTruth


@pytest.mark.slow
def test_the_teachers_distance_is_within_six_times_that_of_the_test_images() -> None:
    """By 20 ancestral steps, which take a fifteenth of the 300 that the task's teacher takes."""
    task = make_task("mnist")
    truth = task.truth()
    assert isinstance(truth, MNISTTruth)
    test = frechet_distance(truth.held_out(truth.test_images, 0).features, truth.feature_mean, truth.feature_covariance)
    (cell,) = plan_cells(Settings("mnist", samples=300, repeats=1, device="cpu"), ["ddpm"], [20])
    draw = draw_samples(cell, 0)
    seen, reference = task.observe(draw.samples, draw.labels), Reference(truth, 0)
    assert ExtrapolatedFCD(truth.extractor, truth.test_images)(seen, reference) < 6 * test
    assert LabelAccuracy(truth.extractor, truth.test_images)(seen, reference) > 0.95
    confidence = np.exp(seen.logits - np.logaddexp.reduce(seen.logits, axis=1, keepdims=True)).max(1)
    assert confidence.mean() > 0.98
