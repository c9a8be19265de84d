"""The task as a whole: samples in data units, metrics that see faults, a picture, and a teacher worth the name."""

import numpy as np
import pytest
import torch

from sigbench.measure.cell import plan_cells
from sigbench.measure.draw import draw_samples
from sigbench.measure.settings import Settings
from sigbench.metrics.metric import Reference
from sigbench.registry import make_task
from sigbench_tasks.rbergomi.task import RBergomi

CPU = torch.device("cpu")


def test_samples_are_seen_and_saved_as_log_price_and_log_variance() -> None:
    task = RBergomi()
    paths = task.truth().paths(50, 1)
    states = task.truth().coordinates.to_states(paths)
    np.testing.assert_allclose(task.observe(states, None).paths, paths.numpy(), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(task.to_data(states), paths)
    assert task.to_data(states.float()).dtype == torch.float32


def test_exact_draws_are_cached_and_depend_on_their_seed() -> None:
    task = RBergomi()
    first, again, other = (task.observe_truth(20, seed) for seed in (1, 1, 2))
    assert first is again
    assert not np.allclose(first.paths, other.paths)


@pytest.mark.parametrize(
    ("fault", "metric"),
    [("price up", "w1-log-s"), ("variance up", "w1-log-v"), ("no leverage", "cross-correlation"), ("calm", "smile")],
)
def test_a_fault_in_exact_paths_is_seen(fault: str, metric: str) -> None:
    """Each fault is many standard errors large at 4,000 paths, for its metric and for these seeds."""
    task = RBergomi()
    reference, paths = Reference(task.truth(), 1), task.truth().paths(4_000, 2).numpy().copy()
    sound = task.truth().seen(paths.copy())
    if fault == "price up":
        paths[..., 0] += 0.05
    elif fault == "variance up":
        paths[..., 1] += 0.5
    elif fault == "no leverage":
        paths[..., 0] = np.roll(paths[..., 0], 1, axis=0)
    else:
        paths[..., 0] *= 0.8
    (judge,) = (each for each in task.metrics() if each.name == metric)
    assert judge(task.truth().seen(paths), reference) > 2 * judge(sound, reference)


@pytest.mark.slow
def test_the_picture_holds_the_smile() -> None:
    task = RBergomi()
    chart = task.picture(task.truth().paths(500, 3).numpy(), "a title")
    assert "implied volatility" in chart.to_json()


@pytest.mark.slow
def test_the_teacher_is_near_the_truth() -> None:
    """Its W1 at 300 paths is at most three times that of exact draws, and its Hurst exponent within 0.01."""
    (cell,) = plan_cells(Settings("rbergomi", samples=300, repeats=1, device="cpu"), ["euler-maruyama"], [300])
    task = make_task("rbergomi")
    samples, exact = task.observe(draw_samples(cell, 0).samples, None), task.observe_truth(300, 5)
    reference = Reference(task.truth(), 1)
    metrics = {metric.name: metric for metric in task.metrics()}
    assert metrics["w1"](samples, reference) < 3 * metrics["w1"](exact, reference)
    assert abs(metrics["hurst"](samples, reference)) < 0.01


@pytest.mark.slow
def test_the_student_keeps_its_promise() -> None:
    """At 5 steps and 5,000 paths: a quarter of DDIM's W1, and a forward within 0.02 of 1, six standard errors."""
    cells = plan_cells(Settings("rbergomi", samples=5_000, repeats=1, device="cpu"), ["sigdeg", "ddim"], [5])
    task = make_task("rbergomi")
    reference = Reference(task.truth(), 1)
    metrics = {metric.name: metric for metric in task.metrics()}
    student, ddim = (task.observe(draw_samples(cell, 0).samples, None) for cell in cells)
    assert metrics["w1"](student, reference) < 0.25 * metrics["w1"](ddim, reference)
    assert abs(metrics["forward"](student, reference)) < 0.02


# Two states, one path and metrics of 3,000 exact paths, noted before tasks of files shared the class.
STATES = [-0.6850908894009667, 0.644746859649627, 0.5964436097279875]
STATES += [0.0989312156013833, -0.34185147343408656, 0.23492765689666878]
PATH = [0.025367864800291774, -5.8130534040221065, -0.025184913092303318]
PATH += [-3.09232337976204, -0.21625888130400872, -4.584098783965512]
NOTED = {
    "w1": 0.03196244381724872,
    "w1-log-s": 0.0051366919824062714,
    "w1-log-v-worst": 0.10878470677094702,
    "cross-correlation": 0.02775776511989669,
    "leverage": 0.003549534526400671,
    "sig-w1": 0.12021671084610105,
    "hurst": -0.0017920116927062218,
    "smile": 0.5516234880266315,
    "forward": 0.008825243251261217,
    "lost-variance": 0.0949045641909233,
}


def test_its_numbers_are_those_of_its_version() -> None:
    """A version's truth and metrics stay what they are, to the rounding of another processor."""
    task = RBergomi()
    truth = task.truth()
    assert task.version == 3
    np.testing.assert_allclose(truth.sample(2, 3)[:, :3].ravel(), STATES, rtol=1e-9)
    paths = truth.paths(3_000, 7)
    np.testing.assert_allclose(paths[1, [0, 31, 63]].flatten().numpy(), PATH, rtol=1e-9)
    seen, reference = truth.seen(paths.numpy()), Reference(truth, 1)
    found = {metric.name: metric(seen, reference) for metric in task.metrics() if metric.name in NOTED}
    assert found == pytest.approx(NOTED, rel=1e-8)
