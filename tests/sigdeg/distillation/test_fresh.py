"""Teacher trajectories, the coarse steps made of them, the two losses, and what a student of vectors is made of."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from sigbench.abilities import Teacher
from sigbench.errors import BadInput
from sigbench.networks.training import TrainingPlan
from sigbench.registry import make_sampler, make_task
from sigbench.sde.brownian import FreshBrownian
from sigbench.sde.noise import NoiseStream, seed_of
from sigbench.sde.signature import PartialSignature
from sigbench.sigdeg.distillation.coarse_steps import Minibatch, Rollouts
from sigbench.sigdeg.distillation.fresh_steps import FreshPlan, FreshSteps, single_steps
from sigbench.sigdeg.distillation.loss import Distillation
from sigbench.sigdeg.distillation.plan import DistillPlan, PathLoss
from sigbench.sigdeg.distillation.trajectories import Trajectories, draw_trajectories
from sigbench.sigdeg.generators.student import Base
from sigbench.sigdeg.generators.vectors import VectorGenerator, VectorGeneratorConfig

TASK = make_task("gmm")
PROBLEM = TASK.problem(torch.device("cpu"), torch.float32)
GRID = PROBLEM.grid("quadratic", 4)
CONFIG = VectorGeneratorConfig(
    order=3, shape=(1,), data_mean=(0.17,), data_std=1.76, local_std=0.3, schedule="vp-linear", width=8, depth=1
)
TRAINING = TrainingPlan(iterations=8)


def drawn(seed: int = 5) -> Trajectories:
    return draw_trajectories(
        PROBLEM, make_sampler("euler-maruyama"), GRID, teacher_steps=41, order=3, count=64, seed=seed
    )


def steps_of(network: VectorGenerator, plan: DistillPlan, source: FreshPlan, teacher_steps: int) -> FreshSteps:
    """Coarse steps of a teacher of so many steps."""
    teacher = Teacher(teacher_steps, "quadratic")
    return FreshSteps(PROBLEM, teacher, make_sampler(teacher.scheme), network, plan, source)


def losses_of(network: VectorGenerator, walked: Rollouts) -> tuple[float, float]:
    """The local and the global loss of paths, in squared errors: the logarithm of their scale is taken away."""
    student = Distillation(network)
    parts = Minibatch(single_steps(walked, network.memory), None), Minibatch(None, walked)
    with torch.no_grad():
        local, rollout = (float(student.loss(batch, torch.float32)) for batch in parts)
    start, scale = network.log_scale_start, float(torch.tensor(network.log_scale_start).exp())
    return (local - start) * scale, (rollout - start) * scale


def test_states_and_signatures_are_of_one_path() -> None:
    found = drawn()
    fine = GRID.refine(11)  # 41 steps at least, cut evenly into four
    noise = NoiseStream(seed_of(seed=5, purpose="path"), (1,))
    path = FreshBrownian(noise, 0, 64, 3)
    for index in range(GRID.steps):
        parts = [path.signature(step, 3) for step in list(fine)[11 * index : 11 * (index + 1)]]
        whole = reduce(PartialSignature.then, parts)
        assert torch.allclose(torch.stack(whole.whitened(), dim=1), found.whitened[:, index], atol=1e-4)
    walked = list(make_sampler("euler-maruyama").walk(PROBLEM, found.states[:, 0], fine, path))
    for index in range(GRID.steps):
        assert torch.allclose(walked[11 * (index + 1) - 1], found.states[:, index + 1], atol=1e-4)


def test_other_seeds_are_other_paths() -> None:
    assert not torch.equal(drawn(5).states, drawn(6).states)


class Perfect(VectorGenerator):
    """Returns the teacher's states, whatever it is asked."""

    def __init__(self, states: Tensor) -> None:
        super().__init__(CONFIG)
        self.answers = states

    def forward(
        self,
        x: Tensor,
        whitened: Tensor,
        rows: Tensor,
        labels: Tensor | None = None,
        compute: torch.dtype = torch.float32,
        earlier: Sequence[Tensor] = (),
    ) -> Tensor:
        for index in range(self.answers.shape[1] - 1):
            if len(x) == len(self.answers) and torch.equal(x, self.answers[:, index]):
                return self.answers[:, index + 1]
        return self.answers[:, 1:].flatten(0, 1)


def test_a_perfect_student_has_no_loss() -> None:
    found = drawn()
    student = Perfect(found.states)
    walked = Rollouts(found.states, found.whitened, student.coefficients(GRID), None)
    assert losses_of(student, walked) == (pytest.approx(0.0, abs=1e-8), pytest.approx(0.0, abs=1e-8))
    wanted = torch.cat([found.states[:, :1], found.states[:, 1:] + 1.0], dim=1)
    assert min(losses_of(student, Rollouts(wanted, found.whitened, walked.rows, None))) > 0.1


def test_over_one_step_both_losses_are_the_same_error() -> None:
    found = drawn()
    student = VectorGenerator(CONFIG)
    rows = student.coefficients(GRID)[:1]
    walked = Rollouts(found.states[:, :2], found.whitened[:, :1], rows, None)
    local, rollout = losses_of(student, walked)
    assert local == pytest.approx(rollout, rel=1e-4)
    with torch.no_grad():
        reached = student(found.states[:, 0], found.whitened[:, 0], rows)
    assert local == pytest.approx(float((reached - found.states[:, 1]).square().mean() / rows[0, 3] ** 2), rel=1e-3)


def test_scales_start_where_the_network_says_and_are_learned() -> None:
    """The loss is e²/s + ln s: its least over a common scale is 1 + ln e²."""
    found = drawn()
    network = VectorGenerator(CONFIG)
    walked = Rollouts(found.states, found.whitened, network.coefficients(GRID), None)
    error = losses_of(network, walked)[0]
    student = Distillation(network)
    batch = Minibatch(single_steps(walked, 0), None)
    scale = student.log_scales["single"]
    with torch.no_grad():
        scale.bias.fill_(float(torch.tensor(error).log()) - network.log_scale_start)
        least = float(student.loss(batch, torch.float32))
        assert least == pytest.approx(1 + float(torch.tensor(error).log()), rel=1e-3)
        scale.bias.add_(0.5)
        assert float(student.loss(batch, torch.float32)) > least


def test_an_iteration_costs_the_same_whatever_the_loss() -> None:
    """In states that go through the network."""
    calls: dict[str, int] = {}
    for loss in get_args(PathLoss):
        network = VectorGenerator(CONFIG)
        passed: list[int] = []
        network.register_forward_hook(lambda module, given, out, passed=passed: passed.append(len(given[0])))
        plan = DistillPlan(TRAINING, steps=(4,), loss=loss)
        steps = steps_of(network, plan, FreshPlan(batch=1_024, pool=256), teacher_steps=8)
        Distillation(network).loss(steps.minibatch(0), torch.float32)
        calls[loss] = sum(passed)
    assert calls == dict.fromkeys(get_args(PathLoss), 1_024)


def shaken(config: VectorGeneratorConfig) -> VectorGenerator:
    """A student whose weights are random to the last."""
    torch.manual_seed(0)
    student = VectorGenerator(config)
    torch.nn.init.normal_(student.network.last.weight, std=0.05)
    return student


def test_without_a_base_an_untrained_student_stays_where_it_is() -> None:
    found = drawn()
    student = VectorGenerator(replace(CONFIG, base="identity"))
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
            states.append(student(states[i], found.whitened[:, i], rows[i : i + 1], earlier=earlier))
            other = student(states[i], found.whitened[:, i], rows[i : i + 1], earlier=[earlier[0], earlier[1] + 1])
            assert not torch.equal(other, states[-1])
    walked = Rollouts(torch.stack(states, 1), found.whitened, rows, None)
    assert losses_of(student, walked) == (pytest.approx(0, abs=1e-8), pytest.approx(0, abs=1e-8))


@pytest.mark.parametrize("wrong", [{"base": "linear"}, {"memory": -1}, {"memory": 5}])
def test_there_are_two_bases_and_a_short_memory(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r"base step|memory lies between"):
        replace(CONFIG, **wrong)


def test_an_untrained_student_is_the_linear_step() -> None:
    """The network's output starts at zero, so that only the exact linear part acts."""
    found = drawn()
    student = VectorGenerator(CONFIG)
    rows = student.coefficients(GRID)
    with torch.no_grad():
        first = student(found.states[:, 0], found.whitened[:, 0], rows[:1])
        noise = found.whitened[:, 0, :, 0] @ rows[0, 8:11, None]
        by_hand = rows[0, 0] * found.states[:, 0] + rows[0, 1] * CONFIG.data_mean[0] + noise
    assert torch.allclose(first, by_hand, atol=1e-5)


def test_pools_depend_on_plan_and_iteration_alone() -> None:
    plan, source = DistillPlan(TRAINING, steps=(2, 3)), FreshPlan(batch=64, pool=64, refresh=2)

    def losses(first: int) -> list[float]:
        torch.manual_seed(0)
        network = VectorGenerator(CONFIG)
        steps, student = steps_of(network, plan, source, teacher_steps=10), Distillation(network)
        return [float(student.loss(steps.minibatch(i), torch.float32).detach()) for i in range(first, 8)]

    assert losses(0)[5:] == losses(5)


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(BadInput, match="did you mean 'local'"):
        DistillPlan(TRAINING, loss="locl")  # type: ignore[arg-type]


def test_paths_that_belong_to_classes_are_not_walked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = DistillPlan(steps=(4,), grid="quadratic", training=TRAINING)
    FreshPlan().check(TASK, plan)
    monkeypatch.setattr(type(PROBLEM), "labels_from", lambda self, normals: torch.zeros(1, dtype=torch.int64))
    with pytest.raises(BadInput, match="'gmm' belong to classes"):
        FreshPlan().check(TASK, plan)
