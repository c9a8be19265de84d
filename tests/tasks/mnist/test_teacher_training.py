"""The teacher's training data and recipe: noise levels, dropped labels, and minibatches that know only their number."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sigbench.networks.edm import KIND, EDMConfig, EDMDenoiser
from sigbench.networks.unet import UNetConfig
from sigbench.progress import Progress, ignore
from sigbench.sde.schedule import VPLinear
from sigbench_tasks.mnist import idx
from sigbench_tasks.mnist.pixels import standardised
from sigbench_tasks.mnist.teacher_training import NoisePlan, TeacherRecipe, TeacherTraining

TINY = EDMConfig(unet=UNetConfig(fine=8, coarse=8, fine_blocks=(1, 1), coarse_blocks=1, condition=8))


class Listener(EDMDenoiser):
    """Keeps what its loss was asked for."""

    def loss(
        self, clean: torch.Tensor, labels: torch.Tensor, sigma: torch.Tensor, noise: torch.Tensor, compute: torch.dtype
    ) -> torch.Tensor:
        self.heard = (clean, labels, sigma, noise, compute)
        return super().loss(clean, labels, sigma, noise, compute)


@pytest.fixture
def training() -> TeacherTraining:
    torch.manual_seed(0)
    return TeacherTraining(Listener(TINY), VPLinear(), NoisePlan(batch=64), torch.bfloat16)


def heard(training: TeacherTraining, iteration: int) -> tuple[torch.Tensor, ...]:
    training.loss_at(iteration)
    assert isinstance(training.module, Listener)
    return training.module.heard[:4]


def test_a_minibatch_depends_on_its_iteration_alone(training: TeacherTraining) -> None:
    first, other, again = (heard(training, iteration) for iteration in (7, 8, 7))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_images_come_with_their_labels_and_a_tenth_without(training: TeacherTraining) -> None:
    of_image = {
        image.tobytes(): int(label) for image, label in zip(idx.images("train"), idx.labels("train"), strict=True)
    }
    levels = {
        float(v): k for k, v in enumerate(standardised(np.arange(256, dtype=np.uint8).reshape(256, 1, 1)).ravel())
    }
    dropped = 0
    for iteration in range(30):
        clean, labels, _, _ = heard(training, iteration)
        dropped += int((labels == 10).sum())
        image = np.array([levels[v] for v in clean[0].ravel().tolist()], dtype=np.uint8)
        assert int(labels[0]) in (of_image[image.tobytes()], 10)
    assert 0.07 < dropped / (30 * 64) < 0.13


def test_noise_levels_fill_their_law_and_stay_on_the_schedule(training: TeacherTraining) -> None:
    schedule, plan = VPLinear(), training.plan
    logs = np.concatenate([np.log(heard(training, iteration)[2].numpy()) for iteration in range(40)])
    low, high = (-float(schedule.log_snr(t)) for t in (schedule.t_end, schedule.t_start))
    assert logs.min() >= low - 1e-5
    assert logs.max() <= high + 1e-5
    core, edge = logs.reshape(40, 64)[:, :58], logs.reshape(40, 64)[:, 58:]
    assert core.mean() == pytest.approx(plan.log_mean, abs=0.03)
    assert core.std() == pytest.approx(plan.log_std, rel=0.03)
    assert edge.mean() == pytest.approx((low + high) / 2, abs=0.1)


def test_the_strata_quiet_the_mean_noise_level(training: TeacherTraining) -> None:
    """Drawn independently, the mean of 58 levels would spread by 1.3/√58 = 0.17."""
    means = [np.log(heard(training, iteration)[2].numpy())[:58].mean() for iteration in range(30)]
    assert np.std(means) < 0.04


def test_the_recipe_goes_on_from_its_checkpoint_with_the_same_bits(tmp_path: Path) -> None:
    recipe = TeacherRecipe(config=TINY, noise=NoisePlan(batch=8)).shortened(6)
    whole = recipe.train(tmp_path / "whole.pt", ignore)

    def stop(progress: Progress) -> None:
        if progress.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recipe.train(tmp_path / "halves.pt", stop)
    halves = recipe.train(tmp_path / "halves.pt", ignore)
    assert whole.kind == KIND
    assert all(torch.equal(tensor, halves.weights[name]) for name, tensor in whole.weights.items())
    assert whole.data["images_seen"] == 48
    assert whole.data["schedule"] == "vp-linear"
    assert EDMConfig.from_json(whole.config) == TINY
