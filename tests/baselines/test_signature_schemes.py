"""Stochastic Heun, SEA and Itô–Taylor 1.5: their steps against formulas written out by hand, and what they count."""

import math

import pytest
import torch
from torch import Tensor

from sigbench.errors import BadInput, BudgetExceeded
from sigbench.registry import make_sampler, make_task
from sigbench.sampler import Sampler
from sigbench.sde.denoiser import CallCounter
from sigbench.sde.grid import Step, uniform_grid
from sigbench.sde.problem import SDEProblem
from sigbench.sde.signature import PartialSignature, signature_of_normals
from sigbench_baselines.taylor15 import Taylor15

CPU = torch.device("cpu")


class Wavy(SDEProblem):
    """dX = (sin X + s·X) ds + (1 + s) dW in d dimensions, each coordinate coupled to the next by a product."""

    noise_type = "additive"
    horizon = 1.0
    device = CPU

    def __init__(self, dimension: int) -> None:
        self.shape = (dimension,)
        self.counter = CallCounter()
        self._f = self.counted(lambda s, x: torch.sin(x) * x.roll(1, 1) + s * x)

    def drift(self, s: float, x: Tensor) -> Tensor:
        return self._f(s, x)

    def diffusion(self, s: float, x: Tensor) -> float:
        return 1.0 + s

    def initial(self, normals: Tensor) -> Tensor:
        return normals


class Given:
    """A driver that knows one signature."""

    def __init__(self, signature: PartialSignature) -> None:
        self.known = signature

    def signature(self, step: Step, order: int = 1) -> PartialSignature:
        return self.known.truncated(order)


def one_step(sampler: Sampler, problem: SDEProblem, x: Tensor, moments: PartialSignature, h: float) -> Tensor:
    """The state after one step of length h from time 0."""
    grid = uniform_grid(round(1 / h), 1.0)
    return next(iter(sampler.walk(problem, x, grid, Given(moments))))


def setting(dimension: int, h: float = 0.125, n: int = 7) -> tuple[Wavy, Tensor, PartialSignature]:
    """A problem, states and an order-3 signature."""
    generator = torch.Generator().manual_seed(0)
    normals = [torch.randn(n, dimension, dtype=torch.float64, generator=generator) for _ in range(3)]
    x = torch.randn(n, dimension, dtype=torch.float64, generator=generator)
    return Wavy(dimension), x, signature_of_normals(normals, h)


def test_stochastic_heun_is_the_trapezoidal_rule() -> None:
    problem, x, signature = setting(2)
    h, w = 0.125, signature.increment
    guess = x + h * problem.drift(0.0, x) + w
    expected = x + 0.5 * h * (problem.drift(0.0, x) + problem.drift(h, guess)) + 0.5 * (1 + 1 + h) * w
    torch.testing.assert_close(one_step(make_sampler("stochastic-heun"), problem, x, signature, h), expected)


def test_stochastic_heun_integrates_the_stratonovich_drift() -> None:
    problem = make_task("gbm").problem(CPU, torch.float64)
    x = torch.tensor([[1.0], [2.0]], dtype=torch.float64)
    w = torch.tensor([[0.3], [-0.1]], dtype=torch.float64)
    rate, sigma, h = 0.2 - 0.5 * 0.5**2, 0.5, 0.25
    guess = x * (1 + rate * h + sigma * w)
    expected = x + 0.5 * (rate * h + sigma * w) * (x + guess)
    found = one_step(make_sampler("stochastic-heun"), problem, x, PartialSignature(h, (w,)), h)
    torch.testing.assert_close(found, expected)


def test_sea_shifts_by_the_mean_of_the_path() -> None:
    problem, x, signature = setting(2)
    h, w, u = 0.125, signature.increment, signature.time_integral
    expected = x + h * problem.drift(0.0, x + u / h) + w + h * (w - u / h)
    torch.testing.assert_close(one_step(make_sampler("sea"), problem, x, signature, h), expected)


def by_hand(problem: Wavy, x: Tensor, signature: PartialSignature, h: float) -> Tensor:
    """Itô–Taylor 1.5 with every derivative by reverse mode, one entry at a time."""
    w, u, g = signature.increment, signature.time_integral, 1.0
    rows = []
    for i in range(len(x)):
        point = x[i]

        def drift(y: Tensor) -> Tensor:
            return problem.drift(0.0, y[None])[0]

        f = drift(point)
        jacobian = torch.autograd.functional.jacobian(drift, point)
        laplacian = torch.stack(
            [
                torch.autograd.functional.hessian(lambda y, k=k: drift(y)[k], point).diagonal().sum()
                for k in range(len(point))
            ]
        )
        change = problem.drift(h, x)[i] - f
        rows.append(
            point
            + h * f
            + g * w[i]
            + jacobian @ (g * u[i] + 0.5 * h * h * f)
            + h * (w[i] - u[i] / h)
            + 0.5 * h * change
            + 0.25 * h * h * g * g * laplacian
        )
    return torch.stack(rows)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_taylor15_in_low_dimension_is_the_formula(dimension: int) -> None:
    problem, x, signature = setting(dimension)
    found = one_step(Taylor15(), problem, x, signature, 0.125)
    torch.testing.assert_close(found, by_hand(problem, x, signature, 0.125), rtol=1e-10, atol=1e-12)


def test_taylor15_by_hutchinson_is_right_on_average() -> None:
    problem, x, signature = setting(5, n=1)
    h, count = 0.125, 20_000
    signs = torch.randn(count, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    # M₂ carries the third normal, and nothing in the step but the signs of the estimator reads it.
    moments = [m.repeat(count, 1) for m in signature.moments[:2]]
    whitened = PartialSignature(h, tuple(moments)).whitened()
    many = signature_of_normals([*whitened, signs], h)
    found = one_step(Taylor15(), problem, x.repeat(count, 1), many, h)
    spread = float(found.std(0).max())
    error = float((found.mean(0) - by_hand(problem, x, signature, h)[0]).abs().max())
    assert spread > 0
    assert error < 5 * spread / math.sqrt(count)


def test_calls_are_counted_with_their_derivatives() -> None:
    problem, x, signature = setting(1)
    for name, calls in (("stochastic-heun", 2), ("sea", 1), ("taylor15", 5)):
        sampler = make_sampler(name)
        problem.counter.reset()
        one_step(sampler, problem, x, signature, 0.125)
        assert problem.counter.calls == calls == sampler.nfe_per_step
    wide, x, signature = setting(5)
    one_step(Taylor15(), wide, x, signature, 0.125)
    assert wide.counter.calls == 4 + 2 + 1  # nested, first derivative, plain


def test_the_budget_holds_for_derivatives_too() -> None:
    problem, x, signature = setting(1)
    problem.counter.budget = 4
    with pytest.raises(BudgetExceeded, match="budget of 4"):
        one_step(Taylor15(), problem, x, signature, 0.125)
    problem.counter.reset()
    problem.counter.budget = 3
    with pytest.raises(BudgetExceeded, match="budget of 3"):
        one_step(Taylor15(), problem, x, signature, 0.125)


@pytest.mark.parametrize("name", ["sea", "taylor15"])
def test_additive_schemes_refuse_multiplicative_noise(name: str) -> None:
    problem = make_task("gbm").problem(CPU, torch.float64)
    x = torch.ones(2, 1, dtype=torch.float64)
    with pytest.raises(BadInput, match="additive noise"):
        one_step(make_sampler(name), problem, x, PartialSignature(0.25, (x, x)), 0.25)


def test_taylor15_refuses_probes_that_no_signature_holds() -> None:
    with pytest.raises(BadInput, match="1 to 6 probes, got 7"):
        make_sampler("taylor15:probes=7")


def test_taylor15_works_where_run_calls_it() -> None:
    """Under inference mode, with a score that caches its constants."""
    problem = make_task("gmm").problem(CPU, torch.float64)
    x = torch.linspace(-2, 2, 5, dtype=torch.float64)[:, None]
    zero = torch.zeros_like(x)
    with torch.inference_mode():
        found = one_step(Taylor15(), problem, x, PartialSignature(0.1, (zero, zero)), 0.1)
    assert torch.isfinite(found).all()
