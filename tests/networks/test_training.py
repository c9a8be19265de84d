"""The training loop: it learns, it can be interrupted, and it goes on as if it had not been."""

import math
import signal
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook

from sigbench.errors import BadInput
from sigbench.networks import training
from sigbench.networks.training import TrainingPlan, make_optimizers, set_rates, train
from sigbench.progress import Progress

PLAN = TrainingPlan(iterations=30, learning_rate=0.02, warmup=5)
IDENTITY = {"task": "toy", "order": 2, "grid": [0.0, 1.0]}
Weights = dict[str, Tensor]


def toy() -> tuple[nn.Module, Callable[[int], Tensor]]:
    """A small network and a noisy regression that draws anew, as a function of the iteration."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 8), nn.SiLU(), nn.Linear(8, 8), nn.SiLU(), nn.Linear(8, 1))

    def loss_at(iteration: int) -> Tensor:
        x = torch.randn(16, 3, generator=torch.Generator().manual_seed(iteration))
        loss: Tensor = (module(x) - x.sum(1, keepdim=True)).square().mean()
        return loss

    return module, loss_at


def run(
    checkpoint: Path | None,
    *,
    plan: TrainingPlan = PLAN,
    identity: dict[str, Any] = IDENTITY,
    stop_at: int | None = None,
    stop_with: type[BaseException] = KeyboardInterrupt,
) -> tuple[Weights, Weights, list[int]]:
    """Trains the toy; returns its averaged weights, its last weights and the iterations that it made."""
    module, loss_at = toy()
    made: list[int] = []

    def stopping(iteration: int) -> Tensor:
        if iteration == stop_at:
            raise stop_with
        made.append(iteration)
        return loss_at(iteration)

    average, seconds = train(module, stopping, plan, identity=identity, checkpoint=checkpoint)
    assert seconds >= 0
    return average, module.state_dict(), made


def assert_same_bits(one: Weights, other: Weights) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def uninterrupted() -> tuple[Weights, Weights]:
    average, last, made = run(None)
    assert made == list(range(30))
    return average, last


@pytest.mark.parametrize("stop_at", [0, 1, 7, 29])
def test_resuming_gives_the_same_bits(uninterrupted: tuple[Weights, Weights], tmp_path: Path, stop_at: int) -> None:
    checkpoint = tmp_path / "deep" / "toy.checkpoint"
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint, stop_at=stop_at)
    assert [path.name for path in checkpoint.parent.iterdir()] == ["toy.checkpoint"]
    average, last, made = run(checkpoint)
    assert made == list(range(stop_at, 30))
    assert_same_bits(average, uninterrupted[0])
    assert_same_bits(last, uninterrupted[1])
    assert [path.name for path in checkpoint.parent.iterdir()] == ["toy.checkpoint"]


def test_resuming_twice_gives_the_same_bits(uninterrupted: tuple[Weights, Weights], tmp_path: Path) -> None:
    checkpoint = tmp_path / "toy.checkpoint"
    for stop_at in (4, 17):
        with pytest.raises(KeyboardInterrupt):
            run(checkpoint, stop_at=stop_at)
    assert_same_bits(run(checkpoint)[0], uninterrupted[0])


def test_ctrl_c_in_the_middle_of_an_update(uninterrupted: tuple[Weights, Weights], tmp_path: Path) -> None:
    """A real SIGINT between one optimiser's step and the next must not leave half an iteration behind."""
    checkpoint = tmp_path / "toy.checkpoint"
    steps: list[Optimizer] = []

    def press(optimizer: Optimizer, *arguments: object) -> None:
        steps.append(optimizer)
        if len(steps) == 15:  # Adam has made its eighth step, Muon seven
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    handler = signal.getsignal(signal.SIGINT)
    hook = register_optimizer_step_post_hook(press)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(checkpoint)
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        hook.remove()
        signal.signal(signal.SIGINT, before)
    assert len(steps) == 16
    average, last, made = run(checkpoint)
    assert made == list(range(8, 30))
    assert_same_bits(average, uninterrupted[0])
    assert_same_bits(last, uninterrupted[1])


def test_a_crash_goes_on_from_the_last_checkpoint(
    uninterrupted: tuple[Weights, Weights], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(training.time, "monotonic", lambda: clock.__setitem__(0, clock[0] + 7.0) or clock[0])
    checkpoint = tmp_path / "toy.checkpoint"
    with pytest.raises(ZeroDivisionError):
        run(checkpoint, stop_at=20, stop_with=ZeroDivisionError)
    assert checkpoint.exists()
    average, last, made = run(checkpoint)
    assert 0 < made[0] <= 20
    assert_same_bits(average, uninterrupted[0])
    assert_same_bits(last, uninterrupted[1])


def test_seconds_include_earlier_sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(training.time, "monotonic", lambda: clock[0])
    module, loss_at = toy()

    def slow(iteration: int) -> Tensor:
        clock[0] += 1.0
        if iteration == stop_at:
            raise KeyboardInterrupt
        return loss_at(iteration)

    checkpoint, stop_at = tmp_path / "toy.checkpoint", 10
    with pytest.raises(KeyboardInterrupt):
        train(module, slow, PLAN, identity=IDENTITY, checkpoint=checkpoint)
    stop_at = -1
    assert train(module, slow, PLAN, identity=IDENTITY, checkpoint=checkpoint)[1] == 11.0 + 20.0


def test_without_a_checkpoint_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run(None, stop_at=3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("plan", "identity", "named"),
    [
        (TrainingPlan(iterations=31, learning_rate=0.02, warmup=5), IDENTITY, "iterations"),
        (TrainingPlan(iterations=30, learning_rate=0.03, warmup=5), IDENTITY, "learning_rate"),
        (PLAN, {**IDENTITY, "order": 3}, "order"),
        (PLAN, {**IDENTITY, "more": 1}, "more"),
        (PLAN, {"task": "other", "order": 3, "grid": [0.0, 1.0]}, "order, task"),
    ],
)
def test_checkpoint_of_another_training(
    tmp_path: Path, plan: TrainingPlan, identity: dict[str, Any], named: str
) -> None:
    checkpoint = tmp_path / "toy.checkpoint"
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint, stop_at=5)
    before = checkpoint.read_bytes()
    with pytest.raises(BadInput, match=rf"belongs to another training \({named} differ\)"):
        run(checkpoint, plan=plan, identity=identity)
    assert checkpoint.read_bytes() == before


@pytest.mark.parametrize("damage", ["truncated", "emptied", "foreign"])
def test_corrupt_checkpoint(tmp_path: Path, damage: str) -> None:
    checkpoint = tmp_path / "toy.checkpoint"
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint, stop_at=5)
    blob = checkpoint.read_bytes()
    if damage == "foreign":
        torch.save({"weights": torch.ones(2)}, checkpoint)
    else:
        checkpoint.write_bytes(blob[: len(blob) // 2] if damage == "truncated" else b"")
    with pytest.raises(BadInput, match=r"the checkpoint .* cannot be read") as error:
        run(checkpoint)
    assert str(checkpoint) in str(error.value)


def test_it_learns_and_reports() -> None:
    module, loss_at = toy()
    reported: list[Progress] = []
    plan = TrainingPlan(iterations=400, learning_rate=0.02, warmup=5, averaging=0.95)
    average, _ = train(module, loss_at, plan, identity={}, report=reported.append)
    assert [(p.stage, p.done, p.total) for p in reported] == [("training", k, 400) for k in range(1, 401)]
    assert reported[0].loss is not None
    assert reported[0].loss > 1.0
    module.load_state_dict(average)
    assert float(loss_at(1000).detach()) < 0.05


def test_average_is_the_stated_recursion() -> None:
    module = nn.Linear(2, 1, bias=False)
    nn.init.constant_(module.weight, 1.0)
    seen: list[float] = []

    def loss_at(iteration: int) -> Tensor:
        loss: Tensor = module.weight.square().sum()
        return loss

    plan = TrainingPlan(iterations=20, learning_rate=0.1, warmup=1, averaging=0.5)
    average, _ = train(
        module,
        loss_at,
        plan,
        identity={},
        report=lambda progress: seen.append(float(module.weight[0, 0].detach())),
    )
    expected = 1.0
    for iteration, weight in enumerate(seen, start=1):
        forget = min(0.5, iteration / (iteration + 10))
        expected = forget * expected + (1 - forget) * weight
    assert float(average["weight"][0, 0]) == pytest.approx(expected, rel=1e-5)


def test_no_training_is_shorter_than_one_iteration() -> None:
    with pytest.raises(BadInput, match="--iterations must be at least 1, got 0"):
        TrainingPlan(iterations=0)


def test_gradients_are_clipped() -> None:
    module = nn.Linear(2, 1, bias=False)
    norms: list[float] = []

    def see(optimizer: Optimizer, *arguments: object) -> None:
        assert module.weight.grad is not None
        norms.append(float(module.weight.grad.norm()))

    hook = register_optimizer_step_post_hook(see)
    try:
        train(module, lambda i: 1e6 * module.weight.sum(), TrainingPlan(3, clip=0.25, warmup=1), identity={})
    finally:
        hook.remove()
    assert norms == pytest.approx([0.25] * 3, rel=1e-4)


def test_learning_rates_rise_and_fall() -> None:
    plan = TrainingPlan(iterations=1000, warmup=100)
    factors = [plan.decay_at(iteration) for iteration in range(1000)]
    assert factors[0] == pytest.approx(1 / 100, rel=1e-4)
    assert factors[49] == pytest.approx(0.5 * 0.5 * (1 + math.cos(math.pi * 0.049)))
    assert factors[500] == pytest.approx(0.5)
    assert factors[999] == pytest.approx(1e-3)
    assert max(factors) == max(factors[95:105])
    assert all(early >= late for early, late in pairwise(factors[100:]))


def test_every_parameter_has_one_optimizer_at_its_own_rate() -> None:
    """Square matrices, the hidden layers, go to Muon; everything else to Adam."""
    module = nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 8), nn.Linear(8, 1))
    plan = TrainingPlan(iterations=1000, learning_rate=0.01, muon_rate=0.5, warmup=1)
    optimizers = make_optimizers(module, plan)
    groups = [(type(o).__name__, group) for o in optimizers for group in o.param_groups]
    owners = {id(p): name for name, group in groups for p in group["params"]}
    assert {name: owners[id(p)] for name, p in module.named_parameters()} == {
        "0.weight": "Adam",
        "0.bias": "Adam",
        "1.weight": "Muon",
        "1.bias": "Adam",
        "2.weight": "Adam",
        "2.bias": "Adam",
    }
    assert sum(len(group["params"]) for _, group in groups) == 6
    set_rates(optimizers, plan, 500)
    assert {name: group["lr"] for name, group in groups} == pytest.approx({"Adam": 0.005, "Muon": 0.25})


@pytest.mark.parametrize(("sizes", "kinds"), [((3, 1), ["Adam"]), ((4, 4), ["Muon"])])
def test_no_optimizer_without_parameters(sizes: tuple[int, int], kinds: list[str]) -> None:
    optimizers = make_optimizers(nn.Linear(*sizes, bias=False), PLAN)
    assert [type(optimizer).__name__ for optimizer in optimizers] == kinds
