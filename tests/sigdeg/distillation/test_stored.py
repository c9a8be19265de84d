"""What students of stored paths learn from: single steps and rollouts, both of the paths' own states and signatures."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.networks.gaussian_edm import GaussianDenoiserConfig
from sigbench.networks.training import TrainingPlan
from sigbench.sde.grid import Grid
from sigbench.sde.grids.find import diffusion_grid
from sigbench.sde.schedule import VPLinear
from sigbench.sigdeg.distillation.coarse_steps import Minibatch, Rollouts, SingleSteps
from sigbench.sigdeg.distillation.loss import Distillation
from sigbench.sigdeg.distillation.plan import DistillPlan, Loss
from sigbench.sigdeg.distillation.stored_paths import PathFacts, StoredPaths
from sigbench.sigdeg.distillation.stored_steps import StoredPlan, StoredSteps, fine_ends
from sigbench.sigdeg.generators.paths import PathGenerator, PathGeneratorConfig

SHAPE, STEPS, PATHS = (2, 32), 12, 192  # 64 paths share a block of noise
SCHEDULE = VPLinear()
FINE, COARSE = (diffusion_grid("quadratic", steps, SCHEDULE) for steps in (STEPS, 3))
FACTS = PathFacts("toy", 1, "euler-maruyama", "none", "quadratic", STEPS, PATHS, 3)


def generator(memory: int = 0) -> PathGenerator:
    torch.manual_seed(1)
    network = GaussianDenoiserConfig(SHAPE, width=16, depth=1, condition=8)
    module = PathGeneratorConfig(order=2, schedule=SCHEDULE.name, denoiser=network, memory=memory).network(SCHEDULE)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return module


def minibatch(
    paths: StoredPaths,
    network: PathGenerator,
    grid: Grid,
    loss: Loss,
    *,
    groups: int = 26,
    seed: int = 0,
    iteration: int = 0,
) -> Minibatch:
    """The minibatch of an iteration, of steps of one grid."""
    plan = DistillPlan(TrainingPlan(1), steps=(grid.steps,), loss=loss, seed=seed)
    return StoredSteps(paths, network, plan, StoredPlan(PATHS, groups=groups), [grid]).minibatch(iteration)


def own_walk(paths: StoredPaths, student: PathGenerator, group: int) -> list[Tensor]:
    """The student's walk on a group's paths from their first states, by single calls."""
    at = fine_ends(FINE, COARSE)
    x = torch.from_numpy(paths.states[group * paths.group : (group + 1) * paths.group, 0]).float()
    states = [x]
    for k, row in enumerate(student.coefficients(COARSE).split(1)):
        whitened = paths.whitened(group, at[k], at[k + 1], 2)
        earlier = [states[max(k - back, 0)] for back in range(1, student.memory + 1)]
        with torch.no_grad():
            states.append(student(states[-1], whitened, row, earlier=earlier))
    return states


@pytest.fixture
def paths(tmp_path: Path) -> StoredPaths:
    """Paths whose states are random numbers."""
    stored = StoredPaths.open(tmp_path, FACTS, FINE, SHAPE)
    torch.manual_seed(0)
    stored.states[:] = torch.randn(PATHS, STEPS + 1, *SHAPE).half().numpy()
    stored.done = PATHS
    return stored


@pytest.mark.parametrize("memory", [0, 1, 2])
@pytest.mark.parametrize("loss", ["local", "global", "both"])
def test_a_student_of_its_own_walk_has_nothing_to_learn(paths: StoredPaths, memory: int, loss: Loss) -> None:
    """Where the stored states are its own, the errors of steps and of rollouts vanish, memory included."""
    student = generator(memory)
    for group in range(PATHS // paths.group):
        members = slice(group * paths.group, (group + 1) * paths.group)
        for place, state in zip(fine_ends(FINE, COARSE), own_walk(paths, student, group), strict=True):
            paths.states[members, place] = state.half().numpy()
    module = Distillation(student)
    batch = minibatch(paths, student, COARSE, loss, groups=6, iteration=4)
    single, walked = batch.single, batch.walked
    assert (single is None, walked is None) == (loss == "global", loss == "local")
    errors = []
    if single is not None:
        reached = student(single.x, single.whitened, single.rows, earlier=single.earlier)
        errors.append((reached - single.x_next).abs().max())
    if walked is not None:
        x, earlier = walked.states[:, 0], [walked.states[:, 0]] * memory
        for k, row in enumerate(walked.rows.split(1)):
            x, earlier = student(x, walked.whitened[:, k], row, earlier=earlier), [x, *earlier][:memory]
            errors.append((x - walked.states[:, k + 1]).abs().max())
    assert float(torch.stack(errors).detach().max()) < 0.01  # states are stored in float16
    assert float(module.loss(batch, torch.float32).detach()) < 0.01
    if loss != "local":
        assert walked is not None
        moved = Rollouts(walked.states + 1.0, walked.whitened, walked.rows, walked.labels)
        assert float(module.loss(Minibatch(None, moved), torch.float32).detach()) > 0.01


def test_rollouts_of_one_step_are_single_steps(paths: StoredPaths) -> None:
    student = generator(1)
    grid = diffusion_grid("quadratic", 1, SCHEDULE)
    module = Distillation(student)
    walked = minibatch(paths, student, grid, "global", groups=4).walked
    assert walked is not None
    x = walked.states[:, 0]
    rows = walked.rows.expand(len(x), -1)
    single = SingleSteps(x, [x], walked.states[:, 1], walked.whitened[:, 0], rows, walked.labels)
    torch.testing.assert_close(
        module.loss(Minibatch(single, None), torch.float32),
        module.loss(Minibatch(None, walked), torch.float32),
        rtol=1e-4,
        atol=1e-4,
    )


@pytest.mark.parametrize("loss", ["local", "global", "both"])
@pytest.mark.parametrize("steps", [2, 5, 12])
def test_a_minibatch_costs_the_same_whatever_the_loss(paths: StoredPaths, loss: Loss, steps: int) -> None:
    """As many network calls, up to the remainder of a division."""
    grid = diffusion_grid("quadratic", steps, SCHEDULE)
    batch = minibatch(paths, generator(), grid, loss, groups=24)
    single, walked = batch.single, batch.walked
    calls = (0 if single is None else len(single.x)) + (0 if walked is None else len(walked.states) * steps)
    assert 24 * paths.group - steps * paths.group < calls <= 24 * paths.group


def test_a_minibatch_depends_on_seed_and_iteration_alone(paths: StoredPaths) -> None:
    made = [
        minibatch(paths, generator(), COARSE, "both", seed=seed, iteration=k)
        for seed, k in ((0, 1), (0, 1), (0, 2), (1, 1))
    ]
    first, again, *others = (batch.single.x for batch in made if batch.single is not None)
    assert torch.equal(first, again)
    assert not any(torch.equal(first, other) for other in others)


@pytest.mark.parametrize("family", ["quadratic", "uniform", "cosine", "karras"])
def test_coarse_times_lie_at_the_nearest_fine_ones(family: str) -> None:
    fine, coarse = diffusion_grid("quadratic", 300, SCHEDULE), diffusion_grid(family, 10, SCHEDULE)
    places = fine_ends(fine, coarse)
    assert places[0] == 0
    assert places[-1] == 300
    for place, time in zip(places, coarse.times, strict=True):
        lengths = [step.h for step in fine][max(place - 1, 0) : place + 1]
        assert abs(fine.times[place] - time) <= 0.51 * max(lengths)


def test_steps_shorter_than_the_teacher_s_are_refused() -> None:
    with pytest.raises(BadInput, match="the teacher's 12 steps are too coarse for 20 steps on the grid 'quadratic'"):
        fine_ends(FINE, diffusion_grid("quadratic", 20, SCHEDULE))
    assert fine_ends(FINE, FINE) == tuple(range(STEPS + 1))


def test_every_weight_learns(paths: StoredPaths) -> None:
    """Gradients reach the weights through a whole rollout, the scales of both kinds of errors included."""
    network = generator()
    module = Distillation(network)
    module.loss(minibatch(paths, network, COARSE, "both"), torch.float32).backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in module.parameters())
