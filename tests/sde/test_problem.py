"""Problems: reverse diffusions against a Gaussian law in closed form, and the Milstein correction."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sigbench.errors import BadInput, BudgetExceeded
from sigbench.sde.denoiser import CallCounter, Denoiser
from sigbench.sde.noise import NoiseStream
from sigbench.sde.problem import Classes, ReverseDiffusion, SDEProblem
from sigbench.sde.schedule import SCHEDULES, Schedule, VPLinear, schedule_named

PROPERTY = settings(deadline=None, derandomize=True, database=None)
EVERY_SCHEDULE = pytest.mark.parametrize("name", sorted(SCHEDULES))
CPU = torch.device("cpu")
MEAN, STD = 1.3, 0.6


def variance(schedule: Schedule, t: float) -> float:
    return float((schedule.alpha(t) * STD) ** 2 + schedule.sigma(t) ** 2)


def gaussian_diffusion(schedule: Schedule) -> ReverseDiffusion:
    """The reverse diffusion of data N(MEAN, STD²), with the posterior mean of x0 for a network."""

    def posterior_mean(t: float, x: Tensor) -> Tensor:
        alpha = float(schedule.alpha(t))
        return MEAN + alpha * STD**2 / variance(schedule, t) * (x - alpha * MEAN)

    return ReverseDiffusion(schedule, Denoiser(posterior_mean, "x0", schedule), (1,), CPU)


def linear_coefficients(drift: Callable[[float, Tensor], Tensor], s: float) -> tuple[float, float]:
    """The (a, b) of a drift a·x + b, read off at two points."""
    at_zero, at_one = drift(s, torch.tensor([[0.0], [1.0]], dtype=torch.float64)).flatten().tolist()
    return at_one - at_zero, at_zero


@EVERY_SCHEDULE
@PROPERTY
@given(fraction=st.floats(0.0, 1.0), x=st.floats(-5.0, 5.0))
def test_reverse_drift_formula(name: str, fraction: float, x: float) -> None:
    schedule = schedule_named(name)
    problem = gaussian_diffusion(schedule)
    s = fraction * schedule.horizon
    t = problem.time(s)
    f, g2 = float(schedule.drift_rate(t)), float(schedule.diffusion_squared(t))
    score = -(x - float(schedule.alpha(t)) * MEAN) / variance(schedule, t)
    state = torch.tensor([[x]], dtype=torch.float64)
    size = abs(f * x) + g2 * (abs(score) + 1)
    assert problem.drift(s, state).item() == pytest.approx(-f * x + g2 * score, abs=1e-8 * size)
    assert problem.probability_flow(s, state).item() == pytest.approx(-f * x + g2 * score / 2, abs=1e-8 * size)
    assert problem.diffusion(s, state) == pytest.approx(math.sqrt(g2))


@EVERY_SCHEDULE
@PROPERTY
@given(fraction=st.floats(0.0, 1.0))
def test_both_equations_carry_the_marginals(name: str, fraction: float) -> None:
    """The moments of a linear equation obey ṁ = a·m + b and v̇ = 2a·v + g²; both must run back the forward law."""
    schedule = schedule_named(name)
    problem = gaussian_diffusion(schedule)
    s = fraction * schedule.horizon
    t, dt = problem.time(s), 1e-6
    mean, now = float(schedule.alpha(t)) * MEAN, variance(schedule, t)
    mean_slope = -float(schedule.alpha(t + dt) - schedule.alpha(t - dt)) * MEAN / (2 * dt)
    variance_slope = -(variance(schedule, t + dt) - variance(schedule, t - dt)) / (2 * dt)
    noise = float(schedule.diffusion_squared(t))
    for drift, g2 in ((problem.drift, noise), (problem.probability_flow, 0.0)):
        a, b = linear_coefficients(drift, s)
        assert a * mean + b == pytest.approx(mean_slope, abs=1e-5 * (1 + noise / now))
        assert 2 * a * now + g2 == pytest.approx(variance_slope, abs=1e-5 * (1 + noise))


def test_reverse_diffusion_counts_and_keeps_its_input() -> None:
    problem = gaussian_diffusion(VPLinear())
    x = torch.ones(4, 1)
    problem.drift(0.1, x)
    problem.probability_flow(0.1, x)
    assert problem.counter.calls == 2
    assert problem.counter is problem.denoiser.counter
    assert torch.equal(x, torch.ones(4, 1))


@EVERY_SCHEDULE
def test_initial_law_and_grid(name: str) -> None:
    schedule = schedule_named(name)
    problem = gaussian_diffusion(schedule)
    normals = torch.linspace(-2, 2, 5)[:, None]
    torch.testing.assert_close(problem.initial(normals), normals * schedule.prior_std)
    assert problem.grid("karras", 6).times[-1] == problem.horizon == schedule.horizon
    with pytest.raises(BadInput, match="unknown grid"):
        problem.grid("kariba", 6)


def test_additive_noise_has_no_correction() -> None:
    correction = gaussian_diffusion(VPLinear()).milstein_correction(0.3, torch.ones(2, 1))
    assert isinstance(correction, float)
    assert correction == 0.0


class Diagonal(SDEProblem):
    """dX = μX ds + g(s, X) dW; with g = σX it is geometric Brownian motion."""

    shape, device, horizon, noise_type = (2,), CPU, 1.0, "diagonal"

    def __init__(self, diffusion: Callable[[float, Tensor], Tensor], counter: CallCounter | None = None) -> None:
        self._diffusion, self.counter = diffusion, counter or CallCounter()
        self._rate = self.counted(lambda x: 0.05 * x)

    def drift(self, s: float, x: Tensor) -> Tensor:
        return self._rate(x)

    def diffusion(self, s: float, x: Tensor) -> Tensor:
        return self._diffusion(s, x)

    def initial(self, normals: Tensor) -> Tensor:
        return torch.ones_like(normals)


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(
    ("diffusion", "exact"),
    [
        (lambda s, x: 0.4 * x, lambda s, x: 0.16 * x),
        (lambda s, x: (1 + s) * torch.sin(x), lambda s, x: (1 + s) ** 2 * torch.sin(x) * torch.cos(x)),
        (lambda s, x: x.square() + 1, lambda s, x: 2 * x * (x.square() + 1)),
    ],
    ids=["gbm", "sine", "square"],
)
def test_milstein_correction_is_g_times_its_slope(
    mode: Callable[[], torch.inference_mode],
    dtype: torch.dtype,
    diffusion: Callable[[float, Tensor], Tensor],
    exact: Callable[[float, Tensor], Tensor],
) -> None:
    x = torch.linspace(-2, 3, 14, dtype=dtype).reshape(7, 2)
    with mode():
        found = Diagonal(diffusion).milstein_correction(0.25, x)
    assert isinstance(found, Tensor)
    assert found.dtype == dtype
    torch.testing.assert_close(found, exact(0.25, x))


def test_a_problem_without_schedule_has_the_uniform_grid_alone() -> None:
    problem = Diagonal(lambda s, x: x)
    assert problem.grid("uniform", 2).times == (0.0, 0.5, 1.0)
    with pytest.raises(BadInput, match="only named grid is 'uniform', not 'karras'"):
        problem.grid("karras", 2)
    with pytest.raises(BadInput, match="got 0"):
        problem.grid("uniform", 0)


def test_a_problem_counts_its_own_networks() -> None:
    problem = Diagonal(lambda s, x: x, CallCounter(budget=2))
    for _ in range(2):
        problem.drift(0.0, torch.ones(1, 2))
    with pytest.raises(BudgetExceeded):
        problem.drift(0.0, torch.ones(1, 2))


def test_classes_are_drawn_by_their_weights() -> None:
    classes = Classes([1.0, 0.0, 3.0])
    labels = classes.labels(NoiseStream(3, (1,)).normal(0, 40_000, 0)[:, 0])
    shares = torch.bincount(labels, minlength=3) / 40_000
    torch.testing.assert_close(shares, torch.tensor([0.25, 0.0, 0.75]), atol=0.01, rtol=0)
    assert labels.dtype == torch.int64


def test_the_ends_of_the_normal_law_are_classes_too() -> None:
    assert Classes([1.0, 1.0]).labels(torch.tensor([-40.0, 40.0])).tolist() == [0, 1]


def test_a_problem_without_classes_draws_none() -> None:
    plain = gaussian_diffusion(VPLinear())
    assert plain.labels_from(torch.randn(3)) is None
    assert plain.labelled(None) is plain
    with_classes = ReverseDiffusion(plain.schedule, plain.denoiser, (1,), CPU, Classes([1.0, 1.0]))
    labels = with_classes.labels_from(torch.tensor([-1.0, 1.0]))
    assert labels is not None
    assert labels.tolist() == [0, 1]
