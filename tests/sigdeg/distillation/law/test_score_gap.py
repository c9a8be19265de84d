"""The gap of scores, where both laws are N(0, v) and their denoisers are known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sigbench.networks.training import TrainingPlan, train
from sigbench.sigdeg.distillation.law.score_gap import ScoreGap, ScorePlan

LABELS = torch.zeros(1, dtype=torch.int64)


class OfVariance(nn.Module):
    """The denoiser of N(0, v), D(y; s) = v/(v + s²)·y, whose one weight is log v."""

    config = None

    def __init__(self, variance: float) -> None:
        super().__init__()
        self.log_variance = nn.Parameter(torch.tensor(float(np.log(variance))))

    def forward(self, y: Tensor, sigma: Tensor, labels: Tensor, compute: torch.dtype) -> Tensor:
        variance = self.log_variance.exp()
        return variance / (variance + sigma.square()[:, None]) * y

    def features(self, y: Tensor, sigma: Tensor, labels: Tensor, compute: torch.dtype) -> list[Tensor]:
        raise AssertionError("the gap reads no features")


def gap_of(own: float, rate: float = 1e-2) -> ScoreGap:
    return ScoreGap(OfVariance(1.0).requires_grad_(False), OfVariance(own), ScorePlan(rate=rate), torch.float32)


def generator(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("variance", "noise"), [(0.25, 0.0), (4.0, 0.0), (2.0, 0.5)])
def test_the_students_own_denoiser_learns_the_law_of_its_states(variance: float, noise: float) -> None:
    """States of variance v + noise² are noised data of variance v: that is what D_q is to find."""
    gap, rng, drawn = gap_of(1.0), np.random.default_rng(1), generator()
    for _ in range(600):
        states = (variance + noise**2) ** 0.5 * torch.randn(512, 1, generator=drawn)
        level = gap.level(noise, rng)
        assert level is not None
        gap.learn(states, noise, level, LABELS, drawn)
    assert isinstance(gap.own, OfVariance)
    assert float(gap.own.log_variance.detach().exp()) == pytest.approx(variance, rel=0.1)


@pytest.mark.parametrize(("own", "grows"), [(0.25, True), (4.0, False)])
def test_states_move_towards_the_right_law(own: float, grows: bool) -> None:
    """Too narrow a law is widened, and too wide a one shrunk: the slope along the states' scale has that sign."""
    gap, scale = gap_of(own), torch.tensor(own**0.5, requires_grad=True)
    states = scale * torch.randn(4_096, 1, generator=generator())
    gap.loss(states, 0.0, 0.7, LABELS, generator(4)).backward()  # type: ignore[no-untyped-call]
    assert scale.grad is not None
    assert (float(scale.grad) < 0.0) == grows


def test_where_the_laws_are_one_nothing_moves() -> None:
    states = torch.randn(64, 1, generator=generator(), requires_grad=True)
    gap_of(1.0).loss(states, 0.2, 0.7, LABELS, generator(4)).backward()  # type: ignore[no-untyped-call]
    assert states.grad is not None
    assert float(states.grad.abs().max()) == 0.0


def test_levels_are_above_the_states_own_noise() -> None:
    gap, rng = gap_of(1.0), np.random.default_rng(0)
    levels = [gap.level(0.5, rng) for _ in range(200)]
    assert all(level is not None and 0.525 <= level <= 3.0 for level in levels)
    assert gap.level(2.9, rng) is None


def test_a_training_that_was_interrupted_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    """What learns beside the student is in the checkpoint."""

    def trained(checkpoint: Path, stop: int) -> tuple[dict[str, Tensor], ScoreGap]:
        gap, scale = gap_of(4.0), nn.Linear(1, 1, bias=False)
        with torch.no_grad():
            scale.weight.fill_(2.0)

        def loss(iteration: int) -> Tensor:
            if iteration == stop:
                raise KeyboardInterrupt
            drawn = generator(iteration)
            states = scale(torch.randn(64, 1, generator=drawn))
            gap.learn(states.detach(), 0.0, 0.7, LABELS, drawn)
            return gap.loss(states, 0.0, 0.7, LABELS, drawn)

        plan = TrainingPlan(iterations=6, muon_rate=0.0)
        return train(scale, loss, plan, identity={}, checkpoint=checkpoint, beside=gap)[0], gap

    whole, learned = trained(tmp_path / "whole", -1)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "halves", 3)
    again, later = trained(tmp_path / "halves", -1)
    assert torch.equal(whole["weight"], again["weight"])
    assert isinstance(learned.own, OfVariance)
    assert isinstance(later.own, OfVariance)
    assert torch.equal(learned.own.log_variance, later.own.log_variance)
