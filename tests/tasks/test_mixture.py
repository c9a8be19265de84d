"""The mixture tasks: everything that is said to be known in closed form."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from sigbench.abilities import to_data
from sigbench.metrics.metric import Array, KnownCDF
from sigbench.sde.denoiser import CallCounter
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.schedule import SCHEDULES, VPLinear, schedule_named
from sigbench_tasks.mixture.law import GaussianMixture, LineMixture, MixtureScore
from sigbench_tasks.mixture.task import GMM, GMM2D

PROPERTY = settings(deadline=None, derandomize=True, database=None)
CPU = torch.device("cpu")
LINE, PLANE = GMM.law(), GMM2D.law()
LAWS = pytest.mark.parametrize("law", [LINE, PLANE], ids=["gmm", "gmm2d"])
TIMES = pytest.mark.parametrize("t", [1e-3, 0.05, 0.3, 0.7, 1.0])


def log_density(law: GaussianMixture, alpha: float, sigma: float, x: Tensor) -> Tensor:
    """The log density of α·x₀ + σ·ε by torch's own distributions."""
    means, stds = torch.from_numpy(alpha * law.means), torch.from_numpy(np.sqrt((alpha * law.stds) ** 2 + sigma**2))
    component = torch.distributions.Independent(torch.distributions.Normal(means, stds[:, None].expand_as(means)), 1)
    weights = torch.distributions.Categorical(torch.from_numpy(law.weights))
    found: Tensor = torch.distributions.MixtureSameFamily(weights, component).log_prob(x)
    return found


def points(law: GaussianMixture, t: float, n: int = 500) -> Array:
    """Draws of the noised law, and as many far out."""
    noised = law.noised(VPLinear(), t)
    drawn = noised.sample(n, 0)
    return np.concatenate([drawn, 3 * drawn])


def test_version_two_of_gmm() -> None:
    assert (GMM.name, GMM.version, GMM.shape) == ("gmm", 2, (1,))
    assert LINE.weights.tolist() == [0.3, 0.4, 0.3]
    assert LINE.means[:, 0].tolist() == [-2.0, 0.0, 2.5]
    assert LINE.stds.tolist() == [0.3, 0.2, 0.4]
    assert isinstance(LINE, KnownCDF)


def test_version_two_of_gmm2d() -> None:
    assert (GMM2D.name, GMM2D.version, GMM2D.shape) == ("gmm2d", 2, (2,))
    grid = {(float(x), float(y)) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)}
    assert {tuple(mean) for mean in PLANE.means.tolist()} == grid
    assert PLANE.weights.tolist() == [0.04] * 25
    assert PLANE.stds.tolist() == [0.15] * 25


@pytest.mark.parametrize("name", sorted(SCHEDULES))
@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
def test_density_on_the_line_integrates_to_one(name: str, fraction: float) -> None:
    schedule = schedule_named(name)
    law = LINE.noised(schedule, schedule.t_end + fraction * schedule.horizon)
    reach = 3 + 10 * law.stds.max()
    x = np.linspace(-reach, reach, 20_001)
    assert np.trapezoid(law.density(x[:, None]), x) == pytest.approx(1.0, abs=1e-10)


@pytest.mark.parametrize("t", [None, 0.1, 1.0])
def test_density_in_the_plane_integrates_to_one(t: float | None) -> None:
    law = PLANE if t is None else PLANE.noised(VPLinear(), t)
    axis = np.linspace(-8, 8, 401)
    density = law.density(np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)).reshape(401, 401)
    assert np.trapezoid(np.trapezoid(density, axis), axis) == pytest.approx(1.0, abs=1e-6)


@LAWS
@TIMES
def test_score_is_the_gradient_of_the_log_density(law: GaussianMixture, t: float) -> None:
    schedule = VPLinear()
    x = torch.from_numpy(points(law, t)).requires_grad_()
    density = log_density(law, float(schedule.alpha(t)), float(schedule.sigma(t)), x)
    (exact,) = torch.autograd.grad(density.sum(), x)
    found = MixtureScore(law, schedule, CPU, torch.float64)(t, x.detach())
    torch.testing.assert_close(found, exact, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(
        law.noised(schedule, t).density(x.detach().numpy()), density.detach().exp().numpy(), rtol=1e-9, atol=1e-300
    )


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_score_under_every_schedule(name: str) -> None:
    schedule = schedule_named(name)
    t = 0.4
    x = torch.linspace(-4, 4, 101, dtype=torch.float64)[:, None].requires_grad_()
    density = log_density(LINE, float(schedule.alpha(t)), float(schedule.sigma(t)), x)
    (exact,) = torch.autograd.grad(density.sum(), x)
    torch.testing.assert_close(MixtureScore(LINE, schedule, CPU, torch.float64)(t, x.detach()), exact)


@LAWS
def test_gradients_flow_through_several_times(law: GaussianMixture) -> None:
    """A rollout can be differentiated, though the score remembers each new time that it meets."""
    schedule = VPLinear()
    score = MixtureScore(law, schedule, CPU, torch.float64)
    x = torch.from_numpy(law.sample(50, 0)).requires_grad_()
    y, exact = x, x
    for t in (0.9, 0.5, 0.2):
        y = y + 0.1 * score(t, y)
        density = log_density(law, float(schedule.alpha(t)), float(schedule.sigma(t)), exact)
        exact = exact + 0.1 * torch.autograd.grad(density.sum(), exact, create_graph=True)[0]
    found, expected = (torch.autograd.grad(end.square().sum(), x)[0] for end in (y, exact))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_score_at_more_times_than_it_remembers(mode: Callable[[], torch.no_grad]) -> None:
    times = np.linspace(0.01, 0.99, 2500).tolist()
    x = torch.from_numpy(LINE.sample(3, 0))
    score = MixtureScore(LINE, VPLinear(), CPU, torch.float64)
    with mode():
        found = [score(t, x).clone() for t in times]
        again = [score(t, x).clone() for t in times[::-1]]
    for t, one, other in zip(times, found, again[::-1], strict=True):
        assert torch.equal(one, other)
        if t in times[::500]:
            torch.testing.assert_close(one, MixtureScore(LINE, VPLinear(), CPU, torch.float64)(t, x))


@LAWS
@TIMES
def test_single_precision_score_is_close(law: GaussianMixture, t: float) -> None:
    schedule = VPLinear()
    x = torch.from_numpy(law.noised(schedule, t).sample(5000, 1)).float()
    single = MixtureScore(law, schedule, CPU, torch.float32)(t, x)
    double = MixtureScore(law, schedule, CPU, torch.float64)(t, x.double())
    assert single.dtype == torch.float32
    scale = float(double.square().mean().sqrt())
    assert float((single - double).square().mean().sqrt()) < 1e-4 * scale


@TIMES
def test_noised_law_is_the_convolution(t: float) -> None:
    """The density of α·x₀ + σ·ε, integrated over x₀ by a fine trapezoid rule."""
    schedule = VPLinear()
    alpha, sigma = float(schedule.alpha(t)), float(schedule.sigma(t))
    clean = np.linspace(-6, 6, 60_001)
    x = np.linspace(-4, 4, 17)
    kernel = stats.norm.pdf(x[:, None], alpha * clean, sigma)
    exact = np.trapezoid(LINE.density(clean[:, None]) * kernel, clean, axis=1)
    np.testing.assert_allclose(LINE.noised(schedule, t).density(x[:, None]), exact, atol=1e-8)


@LAWS
@TIMES
def test_moments_of_the_noised_law(law: GaussianMixture, t: float) -> None:
    schedule = VPLinear()
    alpha, sigma = float(schedule.alpha(t)), float(schedule.sigma(t))
    noised = law.noised(schedule, t)
    d = law.means.shape[1]
    np.testing.assert_allclose(noised.mean, alpha * law.mean, atol=1e-12)
    np.testing.assert_allclose(noised.covariance, alpha**2 * law.covariance + sigma**2 * np.eye(d), atol=1e-12)


def test_moments_by_quadrature() -> None:
    x = np.linspace(-8, 8, 40_001)
    density = LINE.density(x[:, None])
    mean = np.trapezoid(x * density, x)
    assert LINE.mean[0] == pytest.approx(mean, abs=1e-10)
    assert LINE.covariance[0, 0] == pytest.approx(np.trapezoid((x - mean) ** 2 * density, x), abs=1e-10)


@PROPERTY
@given(p=st.floats(1e-9, 1 - 1e-9))
def test_quantile_inverts_the_distribution_function(p: float) -> None:
    x = LINE.quantile(np.array([p]))
    assert LINE.cdf(x)[0] == pytest.approx(p, abs=1e-9)


@PROPERTY
@given(x=st.floats(-3.0, 4.0))
def test_distribution_function_is_inverted(x: float) -> None:
    """Where there is density enough for an inverse to exist in float64."""
    at = np.array([x])
    slack = 1e-9 + 1e-15 / float(LINE.density(at[:, None])[0])
    assert LINE.quantile(LINE.cdf(at))[0] == pytest.approx(x, abs=slack)


def test_distribution_function_is_the_integral_of_the_density() -> None:
    x = np.linspace(-6, 6, 40_001)
    density = LINE.density(x[:, None])
    steps = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(x))])
    np.testing.assert_allclose(LINE.cdf(x), steps, atol=1e-7)
    assert LINE.cdf(np.array([[-50.0, 50.0]])).tolist() == [[0.0, pytest.approx(1.0)]]


def test_quantiles_of_any_shape_increase() -> None:
    p = np.linspace(0.001, 0.999, 999)
    assert (np.diff(LINE.quantile(p)) > 0).all()
    np.testing.assert_array_equal(LINE.quantile(p.reshape(3, 333)).ravel(), LINE.quantile(p))


@LAWS
def test_sample_moments(law: GaussianMixture) -> None:
    """Means and covariances of 200,000 draws; right draws fail once in 10,000 times."""
    n = 200_000
    x = law.sample(n, 11)
    assert x.shape == (n, law.means.shape[1])
    centred = x - law.mean
    d = x.shape[1]
    products = centred[:, :, None] * centred[:, None, :]
    bound = stats.norm.isf(1e-4 / 2 / (d + d * (d + 1) // 2))
    assert (np.abs(centred.mean(0)) < bound * centred.std(0) / math.sqrt(n)).all()
    assert (np.abs(products.mean(0) - law.covariance) < bound * products.std(0) / math.sqrt(n)).all()


def test_samples_follow_the_distribution_function() -> None:
    """Right draws fail once in 10,000 times."""
    assert stats.ks_1samp(LINE.sample(100_000, 5)[:, 0], LINE.cdf).pvalue > 1e-4


@LAWS
def test_modes_of_the_samples(law: GaussianMixture) -> None:
    """The mean posterior under the truth is the weight; right draws fail once in 10,000 times."""
    n = 100_000
    posterior = law.responsibilities(law.sample(n, 6))
    bound = stats.norm.isf(1e-4 / 2 / len(law.weights))
    assert (np.abs(posterior.mean(0) - law.weights) < bound * posterior.std(0) / math.sqrt(n)).all()


@LAWS
def test_samples_are_a_function_of_the_seed(law: GaussianMixture) -> None:
    np.testing.assert_array_equal(law.sample(100, 1), law.sample(100, 1))
    assert not np.isin(law.sample(100, 1), law.sample(100, 2)).any()


@LAWS
def test_responsibilities_are_posteriors(law: GaussianMixture) -> None:
    x = law.sample(300, 2)
    d = x.shape[1]
    joint = np.stack(
        [
            weight * stats.multivariate_normal(mean, std**2 * np.eye(d)).pdf(x)
            for weight, mean, std in zip(law.weights, law.means, law.stds, strict=True)
        ],
        axis=1,
    )
    np.testing.assert_allclose(law.responsibilities(x), joint / joint.sum(1, keepdims=True), atol=1e-12)
    np.testing.assert_allclose(np.exp(law.log_joint(x)), joint, rtol=1e-9, atol=1e-300)


@LAWS
def test_responsibilities_far_out(law: GaussianMixture) -> None:
    far = np.full((2, law.means.shape[1]), 1e3) * [[1.0], [-1.0]]
    posterior = law.responsibilities(far)
    np.testing.assert_allclose(posterior.sum(1), 1.0)
    assert np.isfinite(posterior).all()


@pytest.mark.parametrize("task", [GMM(), GMM2D()], ids=["gmm", "gmm2d"])
def test_a_million_samples(task: GMM | GMM2D) -> None:
    n = 1_000_000
    samples = task.truth().sample(n, 0)
    assert samples.shape == (n, *task.shape)
    problem = task.problem(CPU, torch.float32)
    x = torch.from_numpy(samples).float()
    score = problem.denoiser.score(0.2, x)
    assert score.shape == x.shape
    assert torch.isfinite(score).all()
    assert problem.counter.calls == 1
    torch.testing.assert_close(score[-100:], problem.denoiser.score(0.2, x[-100:]))


@pytest.mark.parametrize("task", [GMM(), GMM2D()], ids=["gmm", "gmm2d"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_problem_of_the_task(task: GMM | GMM2D, dtype: torch.dtype) -> None:
    problem = task.problem(CPU, dtype)
    assert isinstance(problem, ReverseDiffusion)
    assert isinstance(problem.counter, CallCounter)
    assert problem.counter is not task.problem(CPU, dtype).counter
    assert problem.shape == task.shape
    assert (problem.schedule.name, problem.horizon) == ("vp-linear", 1 - 1e-3)
    assert problem.drift(0.5, torch.ones(3, *task.shape, dtype=dtype)).dtype == dtype


def test_data_units() -> None:
    line, plane = torch.randn(5, 1), torch.randn(5, 2)
    assert torch.equal(to_data(GMM(), line), line[:, 0])
    assert torch.equal(to_data(GMM2D(), plane), plane)


@pytest.mark.parametrize("task", [GMM(), GMM2D()], ids=["gmm", "gmm2d"])
def test_metrics_of_the_task_have_distinct_names(task: GMM | GMM2D) -> None:
    names = [metric.name for metric in task.metrics()]
    assert len(set(names)) == len(names)
    assert names[0] == {"gmm": "w1", "gmm2d": "sliced-w2"}[task.name]


def test_picture_of_the_line() -> None:
    samples = GMM().to_data(torch.from_numpy(LINE.sample(20_000, 0))).numpy()
    chart = GMM().picture(samples, "twenty thousand draws").to_dict()
    assert chart["title"] == "twenty thousand draws"
    bars, curve = (layer["data"]["values"] for layer in chart["layer"])
    widths, heights = ([bar["x2"] - bar["x"] for bar in bars], [bar["density"] for bar in bars])
    assert np.dot(widths, heights) == pytest.approx(1.0, abs=0.01)
    for bar in bars[::10]:
        exact = float(np.diff(LINE.cdf(np.array([bar["x"], bar["x2"]])))[0]) / (bar["x2"] - bar["x"])
        assert bar["density"] == pytest.approx(exact, abs=0.08)
    assert max(point["density"] for point in curve) == pytest.approx(0.4 * stats.norm.pdf(0) / 0.2, abs=0.01)


def test_picture_of_the_plane() -> None:
    samples = PLANE.sample(6000, 0)
    chart = GMM2D().picture(samples, "six thousand draws").to_dict()
    assert chart["title"] == "six thousand draws"
    scatter, modes = (layer["data"]["values"] for layer in chart["layer"])
    np.testing.assert_allclose([(point["x"], point["y"]) for point in scatter], samples[:5000])
    np.testing.assert_allclose([(point["x"], point["y"]) for point in modes], PLANE.means)


def test_a_line_has_one_dimension() -> None:
    noised = LINE.noised(VPLinear(), 0.5)
    assert type(noised) is LineMixture
    assert noised.cdf(np.array([100.0]))[0] == pytest.approx(1.0)
