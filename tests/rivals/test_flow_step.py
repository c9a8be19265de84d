"""The exact step of the flow for Gaussian data, and the networks that add to it."""

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from one_gaussian import MEAN, STD, OneGaussian, end_of

from sigbench.errors import BadInput
from sigbench.registry import make_sampler, make_task
from sigbench.rivals.flow import chosen_flow, no_signature
from sigbench.sde.brownian import NoNoise
from sigbench.sde.schedule import SCHEDULES, VPLinear, schedule_named
from sigbench.sigdeg.distillation.kinds import StudentChoices
from sigbench.sigdeg.distillation.recipe import teacher_weights
from sigbench.sigdeg.generators.linear_step import flow_step
from sigbench.sigdeg.generators.student import StudentConfig
from sigbench.sigdeg.generators.vectors import VectorGeneratorConfig

CPU = torch.device("cpu")
TIME = st.floats(0.01, 0.95)


@pytest.mark.parametrize("name", SCHEDULES)
@given(first=TIME, second=TIME, third=TIME)
def test_steps_join_and_keep_the_law(name: str, first: float, second: float, third: float) -> None:
    """From t over t′ to t″ is from t to t″, and the law N(αμ, α²c² + σ²) goes over into that at the step's end."""
    schedule = schedule_named(name)
    t, between, end = sorted((first, second, third), reverse=True)
    whole = flow_step(schedule, t, end, STD)
    parts = flow_step(schedule, t, between, STD), flow_step(schedule, between, end, STD)
    assert parts[0].decay * parts[1].decay == pytest.approx(whole.decay, rel=1e-9)
    assert parts[1].decay * parts[0].shift + parts[1].shift == pytest.approx(whole.shift, rel=1e-6, abs=1e-9)
    before, after = ((schedule.alpha(u) * STD) ** 2 + schedule.sigma(u) ** 2 for u in (t, end))
    assert whole.decay**2 * before == pytest.approx(after, rel=1e-9)
    assert whole.decay * schedule.alpha(t) + whole.shift == pytest.approx(schedule.alpha(end), rel=1e-6)
    assert whole.loadings.shape == (0,)


def test_it_is_where_a_fine_solver_ends() -> None:
    problem = OneGaussian().problem(CPU, torch.float64)
    x = torch.linspace(-2.0, 2.0, 9, dtype=torch.float64)[:, None]
    *_, end = make_sampler("heun").walk(problem, x, problem.grid("quadratic", 400), NoNoise())
    assert torch.allclose(end, end_of(1.0, x), atol=2e-4)


@pytest.mark.parametrize(
    "task", ["gmm", "gmm2d", *(pytest.param(name, marks=pytest.mark.slow) for name in ("mnist", "rbergomi"))]
)
def test_an_untrained_student_takes_the_step_that_is_known(task: str) -> None:
    """Without a network that of the training data's moments; with the teacher's that of DDIM or better."""
    of = make_task(task)
    problem = of.problem(CPU, torch.float32)
    config, _ = chosen_flow("sfd", of, StudentChoices())
    network = config.network(problem.schedule)
    network.start_from(teacher_weights(of))
    grid = problem.grid("quadratic", 4)
    x = torch.randn(6, *of.shape, generator=torch.Generator().manual_seed(0))
    rows = network.coefficients(grid)
    with torch.no_grad():
        found = network(x, no_signature(x), rows[1:2])
    step = list(grid)[1]
    if task in ("gmm", "gmm2d"):
        assert isinstance(config, VectorGeneratorConfig)
        exact = flow_step(problem.schedule, step.t, step.t_next, config.data_std)
        wanted = exact.decay * x + exact.shift * torch.tensor(config.data_mean)
        assert torch.allclose(found, wanted, atol=1e-5)
    else:
        one = grid.with_times([step.start, step.end])
        with torch.no_grad():
            (ddim,) = make_sampler("ddim").walk(problem, x, one, NoNoise())
            *_, fine = make_sampler("heun").walk(problem, x, one.refine(40), NoNoise())
        if task == "mnist":
            assert torch.allclose(found, ddim, atol=2e-3)
        else:  # around the exact step of a Gaussian with the data's covariance, which DDIM does not know
            assert (found - fine).abs().mean() < 0.3 * (ddim - fine).abs().mean()


def test_a_flow_reads_no_signature() -> None:
    config, _ = chosen_flow("sfd", make_task("gmm"), StudentChoices())
    assert (config.order, config.base) == (0, "flow")
    with pytest.raises(BadInput, match="reads no signature"):
        dataclasses.replace(config, order=2)
    with pytest.raises(BadInput, match="signature order"):
        dataclasses.replace(config, base="exponential")


def test_the_mean_is_kept_whatever_the_step() -> None:
    """A state at the mean of its time stays there."""
    schedule = VPLinear()
    for t, end in ((0.9, 0.5), (0.5, 0.001)):
        exact = flow_step(schedule, t, end, STD)
        at, there = (float(schedule.alpha(u)) * MEAN for u in (t, end))
        assert exact.decay * at + exact.shift * MEAN == pytest.approx(there)


def test_configurations_are_read_back() -> None:
    config, _ = chosen_flow("sfd", make_task("gmm"), StudentChoices(width=16))
    assert isinstance(config, StudentConfig)
    assert type(config).from_json(config.as_json()) == config
