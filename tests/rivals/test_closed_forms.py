"""Each rival where a closed form is: one Gaussian, whose flow is a straight line from x_T to the sample."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from one_gaussian import MEAN, STD, OneGaussian, end_of

from sigbench.networks.recipe import train_artifact
from sigbench.registry import make_sampler
from sigbench.rivals.consistency import NeighboursPlan, consistency_recipe, heun_step
from sigbench.rivals.flow import chosen_flow, no_signature
from sigbench.rivals.learned_solver_training import EndsPlan, learned_solver_recipe
from sigbench.rivals.noised import NoisedData, NoisedPlan
from sigbench.rivals.progressive import HalvedSteps, ddim_step, student_step
from sigbench.rivals.trajectory import AlongItsOwnWalk, FlowPlan, sfd_recipe
from sigbench.sde.brownian import FreshBrownian, NoNoise
from sigbench.sde.noise import NoiseStream
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sigdeg.distillation.kinds import StudentChoices

CPU = torch.device("cpu")
TASK = OneGaussian()
PROBLEM = TASK.problem(CPU, torch.float32)
assert isinstance(PROBLEM, ReverseDiffusion)
CHOICES = StudentChoices(steps=(1, 2, 4), width=8, depth=1)
CONFIG, PLAN = chosen_flow("sfd", TASK, CHOICES)
EXACT = CONFIG.network(PROBLEM.schedule)  # untrained, it is the flow of this law but for its estimated moments
ESTIMATED = 0.02  # of 20,000 draws


def errors_of(single_or_walked: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((single_or_walked - wanted).abs().mean())


def test_trajectories_lead_where_the_flow_does(tmp_path: Path) -> None:
    plan = replace(PLAN, loss="global")
    steps = FlowPlan(pool=256, batch=256).open(TASK, plan, EXACT, tmp_path, lambda heard: None)
    walked = steps.minibatch(0).walked
    assert walked is not None
    assert walked.whitened.shape == (len(walked.states), len(walked.rows), 0, 1)
    assert errors_of(walked.states[:, -1], end_of(1.0, walked.states[:, 0])) < 2e-3
    (first, *_), reached = walked.rows.split(1), walked.states[:, 0]
    with torch.no_grad():
        reached = EXACT(reached, no_signature(reached), first)
    assert errors_of(reached, walked.states[:, 1]) < ESTIMATED


def test_a_step_of_a_walk_starts_where_the_last_ended_without_its_gradient(tmp_path: Path) -> None:
    """The loss of a walk is that of its steps, each from the student's own state: gradients of one step alone."""
    plan = replace(PLAN, steps=(4,), loss="global")
    steps = FlowPlan(pool=64, batch=64).open(TASK, plan, EXACT, tmp_path, lambda heard: None)
    batch = steps.minibatch(0)
    walked = batch.walked
    assert walked is not None
    network = CONFIG.network(PROBLEM.schedule)
    with torch.no_grad():
        for parameter in network.parameters():  # type: ignore[attr-defined]
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    learner = AlongItsOwnWalk(network)
    learner.loss(batch, torch.float32).backward()
    found = [p.grad.clone() for p in network.parameters() if p.grad is not None]  # type: ignore[attr-defined]
    network.zero_grad()  # type: ignore[attr-defined]
    states = [walked.states[:, 0]]
    with torch.no_grad():
        for row in walked.rows.split(1):
            states.append(network(states[-1], no_signature(states[-1]), row))
    parts = []
    for k, row in enumerate(walked.rows.split(1)):
        reached = network(states[k], no_signature(states[k]), row)
        error = network.error(reached, walked.states[:, k + 1], row).abs().mean(1)
        scale = torch.exp(torch.tensor(network.log_scale_start))
        parts.append((error / scale).mean())
    torch.stack(parts).mean().backward()
    again = [p.grad for p in network.parameters() if p.grad is not None]  # type: ignore[attr-defined]
    assert all(torch.allclose(one, other, rtol=1e-4, atol=1e-6) for one, other in zip(found, again, strict=True))


@pytest.mark.parametrize("halvings", [0, 3])
def test_two_halves_of_an_exact_student_are_its_own_step(halvings: int) -> None:
    data = NoisedData(TASK, PROBLEM)
    exact, ddim = student_step(EXACT, torch.float32), ddim_step(PROBLEM)
    single = HalvedSteps(data, EXACT, PLAN, NoisedPlan(256, 4), halvings, exact, ddim).minibatch(3).single
    assert single is not None
    with torch.no_grad():
        reached = EXACT(single.x, single.whitened, single.rows)
    assert errors_of(reached, single.x_next) < 1e-4


def test_the_first_teacher_of_fine_steps_follows_the_flow() -> None:
    data = NoisedData(TASK, PROBLEM)
    exact, ddim = student_step(EXACT, torch.float32), ddim_step(PROBLEM)
    at_most = replace(PLAN, steps=(1,))
    single = HalvedSteps(data, EXACT, at_most, NoisedPlan(256, 4), 8, exact, ddim).minibatch(0).single
    assert single is not None
    with torch.no_grad():
        reached = EXACT(single.x, single.whitened, single.rows)
    assert errors_of(reached, single.x_next) < 2e-3  # 512 steps of order 1


def test_neighbours_of_an_exact_student_agree(tmp_path: Path) -> None:
    plan = replace(PLAN, training=replace(PLAN.training, iterations=10))
    source = NeighboursPlan(batch=256, groups=4, times=1_280)
    single = source.open(TASK, plan, EXACT, tmp_path, lambda heard: None).minibatch(9).single
    assert single is not None
    with torch.no_grad():
        answers = EXACT(single.x, single.whitened, single.rows)
    assert errors_of(answers, single.x_next) < 2e-3


def test_a_step_of_heun_follows_the_flow() -> None:
    problem = OneGaussian().problem(CPU, torch.float64)
    assert isinstance(problem, ReverseDiffusion)
    x = torch.linspace(-2.0, 2.0, 9, dtype=torch.float64)[:, None]
    for step in problem.grid("quadratic", 300):
        x = heun_step(problem, step, x)
    assert torch.allclose(x, end_of(1.0, torch.linspace(-2.0, 2.0, 9, dtype=torch.float64)[:, None]), atol=2e-4)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_noise_that_is_added_again_has_the_law_of_its_time(tmp_path: Path, steps: int) -> None:
    """With an exact F every call ends in the law, whatever was noised between; false in 1 of 10,000 seeds."""
    recipe = consistency_recipe(TASK, replace(CHOICES, iterations=1), None)
    train_artifact(TASK, recipe, tmp_path / "student", command="a test")
    sampler = make_sampler(f"consistency:artifact={tmp_path / 'student'}")
    sampler.prepare(TASK, PROBLEM, torch.float32)
    n, shape = 40_000, TASK.shape
    grid = PROBLEM.grid("quadratic", steps)
    sampler.check(grid)
    x = NoiseStream(1, shape).normal(0, n, 0)
    states = list(sampler.walk(PROBLEM, x, grid, FreshBrownian(NoiseStream(2, shape), 0, n, 1)))
    schedule = PROBLEM.schedule
    for step, state in zip(grid, states, strict=True):
        alpha, sigma = float(schedule.alpha(step.t_next)), float(schedule.sigma(step.t_next))
        spread = float(np.hypot(alpha * STD, sigma))
        assert float(state.mean()) == pytest.approx(alpha * MEAN, abs=ESTIMATED + 4 * spread / n**0.5)
        assert float(state.std()) == pytest.approx(spread, rel=ESTIMATED + 4 / (2 * n) ** 0.5)


@pytest.mark.slow
def test_a_learned_solver_gives_the_exact_spread(tmp_path: Path) -> None:
    """On one Gaussian coefficients alone can be exact: the solver's samples are the flow's, where 2M's are not."""
    recipe = replace(
        learned_solver_recipe(TASK, replace(CHOICES, width=None, depth=None, steps=(1, 2, 3), iterations=400), None),
        source=EndsPlan(pool=1_024, batch=256),
    )
    train_artifact(TASK, recipe, tmp_path / "solver", command="a test")
    x = NoiseStream(5, TASK.shape).normal(0, 2_000, 0)
    found = {}
    for spec in (f"learned-solver:artifact={tmp_path / 'solver'}", "dpmpp-2m"):
        sampler = make_sampler(spec)
        sampler.prepare(TASK, PROBLEM, torch.float32)
        for steps in (1, 2, 3):
            *_, end = sampler.walk(PROBLEM, x, PROBLEM.grid(sampler.own_grid or "quadratic", steps), NoNoise())
            found[spec[:5], steps] = errors_of(end, end_of(1.0, x))
    assert all(found["learn", steps] < 0.1 * found["dpmpp", steps] for steps in (1, 2, 3)), found


def test_sfd_asks_for_the_walks_of_the_flow() -> None:
    recipe = sfd_recipe(TASK, CHOICES, None)
    assert recipe.learns is AlongItsOwnWalk
    assert (recipe.plan.loss, recipe.config.order, recipe.kind) == ("global", 0, "sfd-student")
