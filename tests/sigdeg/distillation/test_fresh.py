"""Teacher trajectories, the two losses, and what a student is made of."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.networks.training import TrainingPlan
from sigbench.registry import make_sampler, make_task
from sigbench.sde.brownian import CoupledBrownian
from sigbench.sde.noise import NoiseStream, seed_of
from sigbench.sigdeg.distillation.fresh import Distillation, DistillPlan, Loss
from sigbench.sigdeg.distillation.trajectories import Trajectories, draw_trajectories, stack_whitened
from sigbench.sigdeg.generators.vectors import Base, Generator, GeneratorConfig

TASK = make_task("gmm")
PROBLEM = TASK.problem(torch.device("cpu"), torch.float32)
GRID = PROBLEM.grid("quadratic", 4)
CONFIG = GeneratorConfig(3, (1,), (0.17,), 1.76, 0.3, "vp-linear", width=8, depth=1)


def drawn(seed: int = 5) -> Trajectories:
    return draw_trajectories(
        PROBLEM, make_sampler("euler-maruyama"), GRID, teacher_steps=41, order=3, count=64, seed=seed
    )


def test_states_and_signatures_are_of_one_path() -> None:
    found = drawn()
    fine = GRID.refine(11)  # 41 steps at least, cut evenly into four
    noise = NoiseStream(seed_of(seed=5, purpose="path"), (1,), positions=fine.steps * 3)
    path = CoupledBrownian(noise, 0, 64, fine, 3)
    for index, step in enumerate(GRID):
        assert torch.allclose(stack_whitened(path.signature(step, 3)), found.whitened[:, index], atol=1e-4)
    walked = list(make_sampler("euler-maruyama").walk(PROBLEM, found.states[:, 0], fine, path_of(noise)))
    for index in range(GRID.steps):
        assert torch.allclose(walked[11 * (index + 1) - 1], found.states[:, index + 1], atol=1e-4)


def path_of(noise: NoiseStream) -> CoupledBrownian:
    return CoupledBrownian(noise, 0, 64, GRID.refine(11), 3)


def test_other_seeds_are_other_paths() -> None:
    assert not torch.equal(drawn(5).states, drawn(6).states)


class Perfect(Generator):
    """Returns the teacher's states, whatever it is asked."""

    def __init__(self, states: Tensor) -> None:
        super().__init__(CONFIG)
        self.answers = states

    def forward(self, x: Tensor, whitened: Tensor, rows: Tensor, earlier: Sequence[Tensor] = ()) -> Tensor:
        for index in range(self.answers.shape[1] - 1):
            if len(x) == len(self.answers) and torch.equal(x, self.answers[:, index]):
                return self.answers[:, index + 1]
        return self.answers[:, 1:].flatten(0, 1)


def test_a_perfect_student_has_no_loss() -> None:
    found = drawn()
    student = Perfect(found.states)
    distillation = Distillation(PROBLEM, make_sampler("euler-maruyama"), student, DistillPlan(steps=(4,)))
    rows = student.coefficients(GRID)
    assert float(distillation.local_loss(found.states, found.whitened, rows)) == 0.0
    assert float(distillation.global_loss(found.states, found.whitened, rows)) == 0.0


def test_over_one_step_both_losses_are_the_same_error() -> None:
    found = drawn()
    student = Generator(CONFIG)
    distillation = Distillation(PROBLEM, make_sampler("euler-maruyama"), student, DistillPlan(steps=(4,)))
    rows = student.coefficients(GRID)[:1]
    states, whitened = found.states[:, :2], found.whitened[:, :1]
    with torch.no_grad():
        local = float(distillation.local_loss(states, whitened, rows) * rows[0, 3] ** 2)
        rollout = float(distillation.global_loss(states, whitened, rows)) * CONFIG.data_std**2
    assert local == pytest.approx(rollout, rel=1e-4)


def test_an_iteration_costs_the_same_whatever_the_loss() -> None:
    """In states that go through the network."""
    calls: dict[str, int] = {}
    for loss in get_args(Loss):
        student = Generator(CONFIG)
        passed: list[int] = []
        student.register_forward_hook(lambda module, given, out, passed=passed: passed.append(len(given[0])))
        plan = DistillPlan(steps=(4,), loss=loss, batch=1_024, pool=256, teacher_steps=8)
        Distillation(PROBLEM, make_sampler("euler-maruyama"), student, plan).loss_at(0)
        calls[loss] = sum(passed)
    assert calls == dict.fromkeys(get_args(Loss), 1_024)


def shaken(config: GeneratorConfig) -> Generator:
    """A student whose weights are random to the last."""
    torch.manual_seed(0)
    student = Generator(config)
    torch.nn.init.normal_(student.network.last.weight, std=0.05)
    return student


def test_without_a_base_an_untrained_student_stays_where_it_is() -> None:
    found = drawn()
    student = Generator(replace(CONFIG, base="identity"))
    rows = student.coefficients(GRID)
    assert torch.equal(student(found.states[:, 0], found.whitened[:, 0], rows[:1]), found.states[:, 0])


@pytest.mark.parametrize("base", ["exponential", "identity"])
def test_memory_is_read_and_a_rollout_keeps_it(base: Base) -> None:
    """The global loss is that of the states which the sampler's own loop would walk, memory included."""
    found = drawn()
    student = shaken(replace(CONFIG, base=base, memory=2))
    rows = student.coefficients(GRID)
    states = [found.states[:, 0]]
    with torch.no_grad():
        for i in range(GRID.steps):
            earlier = [states[max(i - 1, 0)], states[max(i - 2, 0)]]
            states.append(student(states[i], found.whitened[:, i], rows[i : i + 1], earlier))
            other = student(states[i], found.whitened[:, i], rows[i : i + 1], [earlier[0], earlier[1] + 1])
            assert not torch.equal(other, states[-1])
        walked = torch.stack(states, 1)
        distillation = Distillation(PROBLEM, make_sampler("euler-maruyama"), student, DistillPlan(steps=(4,)))
        assert float(distillation.global_loss(walked, found.whitened, rows)) == pytest.approx(0, abs=1e-12)
        assert float(distillation.local_loss(walked, found.whitened, rows)) == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("wrong", [{"base": "linear"}, {"memory": -1}, {"memory": 5}])
def test_there_are_two_bases_and_a_short_memory(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r"base step|memory lies between"):
        replace(CONFIG, **wrong)


def test_an_untrained_student_is_the_linear_step() -> None:
    """The network's output starts at zero, so that only the exact linear part acts."""
    found = drawn()
    student = Generator(CONFIG)
    rows = student.coefficients(GRID)
    with torch.no_grad():
        first = student(found.states[:, 0], found.whitened[:, 0], rows[:1])
        noise = found.whitened[:, 0, :, 0] @ rows[0, 8:11, None]
        by_hand = rows[0, 0] * found.states[:, 0] + rows[0, 1] * CONFIG.data_mean[0] + noise
    assert torch.allclose(first, by_hand, atol=1e-5)


def test_pools_depend_on_plan_and_iteration_alone() -> None:
    plan = DistillPlan(
        steps=(2, 3), batch=64, pool=64, refresh=2, teacher_steps=10, training=TrainingPlan(iterations=8)
    )

    def losses(first: int) -> list[float]:
        torch.manual_seed(0)
        distillation = Distillation(PROBLEM, make_sampler("euler-maruyama"), Generator(CONFIG), plan)
        return [float(distillation.loss_at(i).detach()) for i in range(first, 8)]

    assert losses(0)[5:] == losses(5)


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(BadInput, match="did you mean 'local'"):
        DistillPlan(loss="locl")  # type: ignore[arg-type]
