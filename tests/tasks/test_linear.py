"""The linear tasks: exact steps, exact laws, both calculi."""

import math

import numpy as np
import pytest
import torch

from sigbench.errors import BadInput
from sigbench.metrics.metric import KnownCDF
from sigbench.registry import make_sampler, make_task
from sigbench.sde.grid import Step, uniform_grid
from sigbench.sde.noise import NoiseStream
from sigbench.sde.problem import SDEProblem
from sigbench.sde.signature import MAX_ORDER, PartialSignature, signature_of_normals

CPU = torch.device("cpu")


def problem_of(task: str) -> SDEProblem:
    """The task's problem in float64."""
    return make_task(task).problem(CPU, torch.float64)


def test_the_ou_kernel_integral_from_moments_has_the_exact_variance_and_covariance() -> None:
    """On one long step: Var ∫e^{−θ(b−u)}dW = (1−e^{−2θh})/2θ, and the covariance with ΔW is (1−e^{−θh})/θ."""
    problem, h, n = problem_of("ou"), 1 / 8, 400_000
    order = problem.exact_order(h)
    assert order is not None and order <= MAX_ORDER
    generator = torch.Generator().manual_seed(0)
    normals = [torch.randn(n, 1, dtype=torch.float64, generator=generator) for _ in range(order)]
    signature = signature_of_normals(normals, h)
    x = torch.zeros(n, 1, dtype=torch.float64)
    rate, level, volatility = 1.5, 0.5, 0.8
    noise = problem.exact_step(Step(0, 0.0, h), x, signature) - level * -math.expm1(-rate * h)
    variance = volatility**2 * -math.expm1(-2 * rate * h) / (2 * rate)
    covariance = volatility * -math.expm1(-rate * h) / rate
    assert float(noise.var()) == pytest.approx(variance, rel=5 * math.sqrt(2 / n))
    assert float((noise * signature.increment).mean()) == pytest.approx(covariance, rel=0.02)


def test_the_ou_remainder_is_below_rounding_and_more_moments_change_nothing() -> None:
    problem, h = problem_of("ou"), 1 / 256
    order = problem.exact_order(h)
    assert order is not None and order < MAX_ORDER
    generator = torch.Generator().manual_seed(0)
    normals = [torch.randn(100, 1, dtype=torch.float64, generator=generator) for _ in range(MAX_ORDER)]
    full = signature_of_normals(normals, h)
    x = torch.linspace(-1, 2, 100, dtype=torch.float64)[:, None]
    step = Step(0, 0.0, h)
    enough = problem.exact_step(step, x, full.truncated(order))
    torch.testing.assert_close(enough, problem.exact_step(step, x, full), rtol=0, atol=3e-16)
    too_few = problem.exact_step(step, x, full.truncated(2))
    assert float((too_few - enough).abs().max()) > 1e-9


def test_gbm_solves_its_equation() -> None:
    problem, h = problem_of("gbm"), 0.5
    x, w = torch.tensor([[2.0]], dtype=torch.float64), torch.tensor([[0.3]], dtype=torch.float64)
    found = problem.exact_step(Step(0, 0.0, h), x, PartialSignature(h, (w,)))
    assert float(found) == pytest.approx(2.0 * math.exp((0.2 - 0.125) * h + 0.5 * 0.3))
    assert problem.exact_order(h) == 1


@pytest.mark.parametrize("task", ["ou", "gbm"])
def test_the_law_is_where_exact_paths_end(task: str) -> None:
    problem, truth, n = problem_of(task), make_task(task).truth(), 200_000
    x = problem.initial(NoiseStream(1, (1,), dtype=torch.float64).normal(0, n, 0))
    noise = NoiseStream(2, (1,), dtype=torch.float64)
    for step in uniform_grid(8, 1.0):
        order = problem.exact_order(step.h)
        assert order is not None
        normals = [noise.normal(0, n, step.index * MAX_ORDER + k) for k in range(order)]
        x = problem.exact_step(step, x, signature_of_normals(normals, step.h))
    values = np.sort(x[:, 0].numpy())
    assert isinstance(truth, KnownCDF)
    gap = np.abs(truth.cdf(values) - (np.arange(n) + 0.5) / n).max()
    assert gap < 2.2 / math.sqrt(n)  # Kolmogorov's distance is above this once in 10,000 draws


@pytest.mark.parametrize("task", ["ou", "gbm"])
def test_the_law_is_consistent(task: str) -> None:
    truth = make_task(task).truth()
    p = np.linspace(0.01, 0.99, 50)
    np.testing.assert_allclose(truth.cdf(truth.quantile(p)), p, atol=1e-12)
    assert truth.expectation(lambda x: x[:, 0]) == pytest.approx(float(truth.mean[0]))
    second = truth.expectation(lambda x: (x[:, 0] - truth.mean[0]) ** 2)
    assert second == pytest.approx(float(truth.covariance[0, 0]), rel=1e-9)
    draws = truth.sample(200_000, seed=0)
    assert draws.shape == (200_000, 1)
    assert abs(draws.mean() - truth.mean[0]) < 5 * math.sqrt(truth.covariance[0, 0] / 200_000)
    np.testing.assert_array_equal(draws, truth.sample(200_000, seed=0))


def test_the_lognormal_law_has_no_mass_below_zero() -> None:
    truth = make_task("gbm").truth()
    np.testing.assert_array_equal(truth.cdf(np.array([-1.0, 0.0])), [0.0, 0.0])
    assert 0 < truth.mode[0] < truth.quantile(np.array([0.5]))[0] < truth.mean[0]


def test_stratonovich_drifts() -> None:
    x = torch.tensor([[1.0], [-2.0]], dtype=torch.float64)
    ou, gbm, gmm = (problem_of(task) for task in ("ou", "gbm", "gmm"))
    torch.testing.assert_close(ou.stratonovich_drift(0.3, x), ou.drift(0.3, x))
    torch.testing.assert_close(gmm.stratonovich_drift(0.3, x), gmm.drift(0.3, x))
    torch.testing.assert_close(gbm.stratonovich_drift(0.3, x), (0.2 - 0.5 * 0.5**2) * x)


def test_calls_are_counted() -> None:
    for task in ("ou", "gbm"):
        problem = problem_of(task)
        problem.drift(0.0, torch.zeros(3, 1))
        problem.stratonovich_drift(0.0, torch.ones(3, 1))
        assert problem.counter.calls == 2


def test_a_problem_without_an_exact_path_says_so() -> None:
    problem = problem_of("gmm")
    assert problem.exact_order(0.1) is None
    with pytest.raises(BadInput, match="no exact pathwise solution"):
        problem.exact_step(Step(0, 0.0, 0.1), torch.zeros(1, 1), PartialSignature(0.1, ()))


def test_torchsde_milstein_is_milstein_under_inference_mode() -> None:
    """torchsde differentiates g in reverse mode; where inference mode switches that off, nothing may go missing."""
    problem = problem_of("gbm")
    grid = uniform_grid(4, 1.0)
    x = torch.ones(5, 1, dtype=torch.float64)
    noise = torch.linspace(-1, 1, 5, dtype=torch.float64)[:, None]

    class Given:
        def signature(self, step: Step, order: int = 1) -> PartialSignature:
            return PartialSignature(step.h, (noise,) * order)

    with torch.inference_mode():
        ours, theirs = (
            list(make_sampler(name).walk(problem, x, grid, Given()))[-1] for name in ("milstein", "torchsde-milstein")
        )
    torch.testing.assert_close(ours, theirs)
