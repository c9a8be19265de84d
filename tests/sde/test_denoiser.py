"""The denoiser: conversions between predictions, and the counter of network calls."""

from itertools import product
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sigbench.errors import BadInput, BrokenContract, BudgetExceeded
from sigbench.sde.denoiser import CallCounter, Denoiser, Prediction, conversion
from sigbench.sde.grids.find import diffusion_grid
from sigbench.sde.schedule import SCHEDULES, VPLinear, schedule_named

PROPERTY = settings(deadline=None, derandomize=True, database=None)
PREDICTIONS: tuple[Prediction, ...] = get_args(Prediction)
PAIRS = list(product(PREDICTIONS, PREDICTIONS))
COEFFICIENTS = st.floats(0.05, 2.0)


@pytest.mark.parametrize(("source", "target"), PAIRS)
@PROPERTY
@given(alpha=COEFFICIENTS, sigma=COEFFICIENTS)
def test_there_and_back(source: Prediction, target: Prediction, alpha: float, sigma: float) -> None:
    a, b = conversion(source, target, alpha, sigma)
    c, d = conversion(target, source, alpha, sigma)
    assert c + d * a == pytest.approx(0.0, abs=1e-9)
    assert d * b == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize("name", sorted(SCHEDULES))
@PROPERTY
@given(fraction=st.floats(0.0, 1.0), seed=st.integers(0, 1000))
def test_predictions_mean_what_they_say(
    name: str, source: Prediction, target: Prediction, fraction: float, seed: int
) -> None:
    schedule = schedule_named(name)
    t = schedule.t_end + fraction * (schedule.t_start - schedule.t_end)
    alpha, sigma = float(schedule.alpha(t)), float(schedule.sigma(t))
    generator = torch.Generator().manual_seed(seed)
    x0, eps = torch.randn(2, 5, 3, dtype=torch.float64, generator=generator)
    x = alpha * x0 + sigma * eps
    truth = {"x0": x0, "eps": eps, "v": alpha * eps - sigma * x0, "score": -eps / sigma, "flow": eps - x0}
    before = x.clone(), truth[source].clone()
    denoiser = Denoiser(lambda t, x: truth[source], source, schedule)
    found = getattr(denoiser, target)(t, x)
    scale = max(float(value.abs().max()) for value in (*truth.values(), x))
    torch.testing.assert_close(found, truth[target], rtol=0, atol=1e-12 * scale**2)
    assert torch.equal(x, before[0])
    assert torch.equal(truth[source], before[1])


def double(t: float, x: Tensor) -> Tensor:
    return 2.0 * x + t


def test_the_network_gets_time_and_state() -> None:
    x = torch.ones(3, 1)
    assert torch.equal(Denoiser(double, "x0", VPLinear()).x0(0.25, x), torch.full((3, 1), 2.25))


def test_calls_are_counted() -> None:
    counter = CallCounter()
    denoiser = Denoiser(double, "eps", VPLinear(), counter)
    assert denoiser.counter is counter
    for predict in (denoiser.eps, denoiser.x0, denoiser.v, denoiser.score):
        predict(0.5, torch.ones(100, 2))
    assert counter.calls == 4
    guided = counter.wrap(double, cost=2)
    guided(0.5, torch.ones(1))
    assert counter.calls == 6
    assert (counter.cost, counter.last_cost) == (2, 2)
    counter.charge(3)
    assert counter.calls == 12
    counter.reset()
    assert counter.calls == 0
    assert counter.replay() is None


def test_each_denoiser_counts_for_itself() -> None:
    one, other = (Denoiser(double, "eps", VPLinear()) for _ in range(2))
    one.eps(0.5, torch.ones(1))
    assert (one.counter.calls, other.counter.calls) == (1, 0)


@pytest.mark.parametrize(("budget", "cost", "allowed"), [(3, 1, 3), (4, 2, 2), (5, 2, 2), (0, 1, 0)])
def test_budget_is_enforced(budget: int, cost: int, allowed: int) -> None:
    seen: list[float] = []

    def network(t: float, x: Tensor) -> Tensor:
        seen.append(t)
        return x

    counter = CallCounter(budget)
    counted = counter.wrap(network, cost)
    for _ in range(allowed):
        counted(0.5, torch.ones(1))
    with pytest.raises(BudgetExceeded, match=f"budget of {budget} calls"):
        counted(0.5, torch.ones(1))
    assert len(seen) == allowed
    assert counter.calls == allowed * cost


def test_replay_repeats_the_last_call_uncounted() -> None:
    counter = CallCounter(budget=1)
    assert counter.replay() is None
    denoiser = Denoiser(double, "x0", VPLinear(), counter)
    output = denoiser.x0(0.5, torch.arange(3.0))
    for _ in range(3):
        replayed = counter.replay()
        assert replayed is not None
        assert torch.equal(replayed, output)
    assert counter.calls == 1


def test_unknown_prediction() -> None:
    with pytest.raises(BadInput, match="unknown prediction 'epsilon': did you mean 'eps'"):
        Denoiser(double, "epsilon", VPLinear())  # type: ignore[arg-type]


class ToTheEnd(VPLinear):
    """The linear schedule down to t = 0, where there is no noise."""

    name, t_end = "vp-to-the-end", 0.0


def test_no_noise_no_conversion() -> None:
    denoiser = Denoiser(double, "x0", ToTheEnd())
    with pytest.raises(BadInput, match="at t=0 there is no noise, so 'x0' has no 'eps'"):
        denoiser.eps(0.0, torch.ones(1))
    assert denoiser.x0(0.0, torch.ones(1)).item() == 2.0


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_times_outside_the_schedule_are_refused_and_not_counted(name: str) -> None:
    """Reversed time runs from 0 to t_start − t_end: its first steps lie below t_end, where a walk that mixes the clocks
    is caught at once."""
    schedule = schedule_named(name)
    denoiser = Denoiser(double, "x0", schedule)
    for t in (0.0, schedule.t_end - 1e-6, schedule.t_start + 1e-6, -1.0, float("nan")):
        for predict in (denoiser.x0, denoiser.eps, denoiser.score, denoiser.v):
            with pytest.raises(BrokenContract, match=r"did you pass reversed time\? The denoiser takes step\.t"):
                predict(t, torch.ones(1))
    assert denoiser.counter.calls == 0


@pytest.mark.parametrize("name", sorted(SCHEDULES))
@pytest.mark.parametrize("steps", [1, 3, 10, 50, 300])
def test_no_rounding_of_a_grid_is_taken_for_the_other_clock(name: str, steps: int) -> None:
    schedule = schedule_named(name)
    denoiser = Denoiser(double, "x0", schedule)
    for step in diffusion_grid("quadratic", steps, schedule):
        for t in (step.t, step.t_next):
            denoiser.x0(t, torch.ones(1))
    assert denoiser.counter.calls == 2 * steps


def test_labels_of_another_batch_are_refused_with_the_remedy() -> None:
    denoiser = Denoiser(lambda t, x, labels: x, "x0", VPLinear()).labelled(torch.zeros(4, dtype=torch.int64))
    assert denoiser.x0(0.5, torch.ones(4, 2)).shape == (4, 2)
    with pytest.raises(BrokenContract, match=r"labels for 4 samples and was asked for 2: .* problem.labelled"):
        denoiser.x0(0.5, torch.ones(2, 2))
    one = denoiser.labelled(torch.zeros(1, dtype=torch.int64))
    assert one.x0(0.5, torch.ones(2, 2)).shape == (2, 2)
