"""The denoiser of vectors: exact for Gaussian data untrained, its basis never rounded, its loss what it says."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sigbench.networks.artifacts import Manifest, save_artifact
from sigbench.networks.gaussian_edm import KIND, GaussianDenoiser, GaussianDenoiserConfig
from sigbench.networks.scheduled import ScheduledDenoiser, load_denoiser
from sigbench.sde.schedule import VPLinear

CONFIG = GaussianDenoiserConfig((3, 2), width=16, depth=2, condition=8)
MIX = torch.tensor(
    [
        [2.0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [0, 0.3, 0.5, 0, 0, 0],
        [0.2, 0, 0, 1, 0, 0],
        [0, 0, 1, 0, 0.7, 0],
        [0.5, 0, 0, 0, 0, 0.2],
    ]
)
COVARIANCE = MIX @ MIX.T


def denoiser(*, trained: bool = False) -> GaussianDenoiser:
    torch.manual_seed(0)
    module = GaussianDenoiser(CONFIG)
    module.use_covariance(COVARIANCE)
    if trained:
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    return module.eval().requires_grad_(False)


@given(st.floats(-4, 5))
@settings(deadline=None, derandomize=True, database=None, max_examples=30)
def test_untrained_it_is_the_posterior_mean_of_gaussian_data(log_sigma: float) -> None:
    module = denoiser().double()
    y, sigma = torch.randn(5, 3, 2, dtype=torch.float64), torch.tensor([log_sigma], dtype=torch.float64).exp()
    gain = COVARIANCE.double() @ torch.linalg.inv(COVARIANCE.double() + sigma**2 * torch.eye(6))
    torch.testing.assert_close(module(y, sigma).flatten(1), y.flatten(1) @ gain.T, rtol=1e-4, atol=1e-5)


def test_the_loss_of_gaussian_data_is_one() -> None:
    """Mean over 20,000 × 6 squares of unit normal numbers: the standard error is 0.004."""
    module = denoiser().double()
    generator = torch.Generator().manual_seed(1)
    clean, noise = torch.randn(2, 20_000, 6, generator=generator, dtype=torch.float64)
    sigma = torch.rand(20_000, generator=generator, dtype=torch.float64) * 3 + 0.01
    loss = module.loss((clean @ MIX.T.double()).view(-1, 3, 2), sigma, noise.view(-1, 3, 2), torch.float64)
    assert float(loss) == pytest.approx(1.0, abs=0.02)


def test_the_loss_measures_the_denoiser_that_samplers_call() -> None:
    module = denoiser(trained=True).double()
    clean, noise = torch.randn(2, 7, 3, 2, dtype=torch.float64)
    sigma = torch.linspace(0.1, 3, 7, dtype=torch.float64)
    estimate = module(clean + sigma[:, None, None] * noise, sigma, compute=torch.float64)
    stds = module.stds.double()
    out = sigma[:, None] * stds * (stds**2 + sigma[:, None] ** 2).rsqrt()
    expected = (module.rotated(estimate - clean) / out).square().mean()
    torch.testing.assert_close(module.loss(clean, sigma, noise, torch.float64), expected)


def test_a_rotation_stays_one_in_half_precision() -> None:
    module = denoiser().to(torch.bfloat16)
    assert module.basis.dtype == torch.float32
    assert module.clock[0].weight.dtype == torch.bfloat16
    torch.testing.assert_close(module.basis @ module.basis.T, torch.eye(6), rtol=0, atol=1e-6)
    x = torch.randn(4, 3, 2)
    torch.testing.assert_close(module.rotated_back(module.rotated(x)), x, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_an_artifact_serves_a_diffusion(tmp_path: Path, dtype: torch.dtype) -> None:
    module, schedule = denoiser(trained=True), VPLinear()
    manifest = Manifest(KIND, "t", 1, "", CONFIG.as_json(), "c", None, "now", data={"schedule": schedule.name})
    save_artifact(tmp_path, module.state_dict(), manifest)
    loaded = load_denoiser(tmp_path, schedule, torch.device("cpu"), dtype)
    state = torch.float64 if dtype == torch.float64 else torch.float32
    x, t = torch.randn(4, 3, 2, dtype=state), 0.3
    found = ScheduledDenoiser(loaded, schedule, dtype)(t, x)
    alpha, sigma = float(schedule.alpha(t)), float(schedule.sigma(t))
    expected = module.double()(
        x.double() / alpha, torch.tensor([sigma / alpha], dtype=torch.float64), compute=torch.float64
    )
    tolerance = {torch.float32: 1e-5, torch.bfloat16: 0.2, torch.float64: 1e-9}[dtype]
    torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=tolerance)
