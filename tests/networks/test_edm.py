"""The EDM denoiser: its preconditioning, its loss, and its service to a diffusion with a schedule."""

from pathlib import Path
from typing import Any

import pytest
import torch

from sigbench.errors import BadInput, BrokenContract
from sigbench.networks.artifacts import Manifest, save_artifact
from sigbench.networks.edm import KIND, EDMConfig, EDMDenoiser
from sigbench.networks.scheduled import ScheduledDenoiser, load_denoiser
from sigbench.networks.unet import UNetConfig
from sigbench.sde.denoiser import Denoiser
from sigbench.sde.schedule import VPCosine, VPLinear

TINY = EDMConfig(classes=3, sigma_data=0.7, unet=UNetConfig(fine=8, coarse=16, condition=12))
CPU = torch.device("cpu")


@pytest.fixture
def module() -> EDMDenoiser:
    torch.manual_seed(0)
    return EDMDenoiser(TINY)


def stir(module: EDMDenoiser) -> EDMDenoiser:
    for parameter in module.parameters():
        parameter.data.add_(0.1 * torch.randn(parameter.shape))
    return module


def test_untrained_it_is_the_best_linear_denoiser(module: EDMDenoiser) -> None:
    """With F = 0, D = σ_data²/(σ² + σ_data²)·y, the posterior mean of Gaussian data."""
    y, sigma = torch.randn(4, 1, 8, 8), torch.tensor([0.01, 0.5, 3.0, 100.0])
    expected = y * (0.49 / (0.49 + sigma**2))[:, None, None, None]
    assert torch.allclose(module(y, sigma, torch.zeros(4, dtype=torch.long)), expected)


def test_the_untrained_loss_is_one_at_every_noise_level(module: EDMDenoiser) -> None:
    """The target of F has unit variance whatever σ is, where the data have the standard deviation that is claimed."""
    clean, noise = 0.7 * torch.randn(400, 1, 8, 8), torch.randn(400, 1, 8, 8)
    for level in (0.01, 0.3, 1.0, 10.0, 150.0):
        loss = module.loss(clean, torch.zeros(400, dtype=torch.long), torch.full((400,), level), noise, torch.float32)
        assert float(loss.detach()) == pytest.approx(1.0, rel=0.05)


def test_the_loss_is_the_weighted_denoising_error(module: EDMDenoiser) -> None:
    stir(module)
    clean, noise, labels = torch.randn(6, 1, 8, 8), torch.randn(6, 1, 8, 8), torch.arange(6) % 4
    sigma = torch.linspace(0.1, 5.0, 6)
    denoised = module(clean + sigma[:, None, None, None] * noise, sigma, labels)
    weight = (sigma**2 + 0.49) / (sigma * 0.7) ** 2
    expected = ((denoised - clean).square().mean((1, 2, 3)) * weight).mean()
    assert torch.allclose(module.loss(clean, labels, sigma, noise, torch.float32), expected, rtol=1e-4)


def test_a_schedule_reads_it_through_sigma_over_alpha(module: EDMDenoiser) -> None:
    stir(module)
    schedule, t, x = VPLinear(), 0.4, torch.randn(5, 1, 8, 8)
    alpha, sigma = float(schedule.alpha(t)), float(schedule.sigma(t))
    labels = torch.tensor([0, 1, 2, 3, 3])
    network = ScheduledDenoiser(module, schedule, torch.float32)
    expected = module(x / alpha, torch.full((5,), sigma / alpha), labels)
    assert torch.allclose(network(t, x, labels), expected, atol=1e-5)
    score = Denoiser(network, "x0", schedule).labelled(labels).score(t, x)
    assert torch.allclose(score, (alpha * expected - x) / sigma**2, atol=1e-4)


def test_labels(module: EDMDenoiser) -> None:
    """No label is the label after the last; each sample has its own; classes differ."""
    stir(module)
    schedule, x = VPLinear(), torch.randn(3, 1, 8, 8)

    network = ScheduledDenoiser(module, schedule, torch.float32)

    def at(*labels: int) -> torch.Tensor:
        return network(0.3, x, torch.tensor(labels))

    assert torch.allclose(network(0.3, x), at(3, 3, 3), atol=1e-6)
    assert not torch.allclose(at(1, 1, 1), at(2, 2, 2), atol=1e-4)
    assert torch.allclose(at(1, 2, 0)[1], at(2, 2, 2)[1], atol=1e-6)
    with pytest.raises(RuntimeError, match="size of tensor"):
        at(1, 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_state_keeps_its_dtype(module: EDMDenoiser, dtype: torch.dtype) -> None:
    """bfloat16 is for the network alone: what it says near the clean end hardly touches the state."""
    network = ScheduledDenoiser(stir(module).to(dtype), VPLinear(), dtype)
    x = torch.randn(2, 1, 8, 8, dtype=torch.float64 if dtype == torch.float64 else torch.float32)
    out = network(1e-3, x)
    assert out.dtype == x.dtype
    assert (out - x).abs().max() < 0.1


def saved(module: EDMDenoiser, folder: Path, **changes: Any) -> Path:
    fields: dict[str, Any] = {
        "kind": KIND,
        "task": "toy",
        "task_version": 1,
        "sha256": "",
        "config": TINY.as_json(),
        "command": "",
        "commit": None,
        "created": "",
        "data": {"schedule": "vp-linear"},
        **changes,
    }
    save_artifact(folder, module.state_dict(), Manifest(**fields))
    return folder


def test_an_artifact_is_loaded_as_it_was(module: EDMDenoiser, tmp_path: Path) -> None:
    folder = saved(stir(module), tmp_path / "teacher")
    loaded = load_denoiser(folder, VPLinear(), CPU, torch.float64)
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    for name, tensor in module.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor.double())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "classifier"}, "is a classifier, not a denoiser"),
        ({"data": {"schedule": VPCosine.name}}, "was trained under 'vp-cosine', not 'vp-linear'"),
        ({"config": {**TINY.as_json(), "classes": 7}}, "does not fit its manifest"),
        ({"config": {"classes": 3}}, "does not fit its manifest"),
    ],
)
def test_what_does_not_fit_is_refused(
    module: EDMDenoiser, tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BadInput, match=sentence):
        load_denoiser(saved(module, tmp_path / "teacher", **changes), VPLinear(), CPU, torch.float32)


def test_guidance_leads_away_from_no_class(module: EDMDenoiser) -> None:
    stir(module)
    schedule, labels, x = VPLinear(), torch.tensor([0, 1, 2, 0]), torch.randn(4, 1, 8, 8)
    plain, guided = (ScheduledDenoiser(module, schedule, torch.float32, w) for w in (0.0, 1.5))
    with torch.no_grad():
        expected = 2.5 * plain(0.5, x, labels) - 1.5 * plain(0.5, x)
        torch.testing.assert_close(guided(0.5, x, labels), expected)
    assert (plain.cost, guided.cost) == (1, 2)
    with pytest.raises(BrokenContract, match="without labels"):
        guided(0.5, x)
