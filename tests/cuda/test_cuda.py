"""The suite on a GPU: the same commands, the same noise, float32 and bfloat16."""

import importlib.util

import pytest
import torch

from sigbench.measure.cell import plan_cells
from sigbench.measure.draw import draw_samples
from sigbench.measure.run import measure
from sigbench.measure.settings import Settings
from sigbench.registry import adapter, sampler_names
from sigbench.sde.noise import NoiseStream

pytestmark = pytest.mark.cuda
INSTALLED = [
    name
    for name, package in (("diffusers", "diffusers"), ("kdiffusion", "k_diffusion"))
    if importlib.util.find_spec(package) is not None
]
ADAPTED = [f"{name}:{target}" for name in INSTALLED for target in adapter(name).allowed()]


def test_noise_is_the_same_on_both_devices() -> None:
    host, device = (NoiseStream(7, (2,), device=d) for d in ("cpu", "cuda"))
    assert torch.equal(host.normal(100, 5000, 3), device.normal(100, 5000, 3).cpu())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("sampler", [*sampler_names(), *ADAPTED])
def test_every_sampler_is_measured(sampler: str, dtype: str) -> None:
    settings = Settings("gmm", samples=2000, repeats=2, device="cuda", dtype=dtype)
    (record,) = measure(plan_cells(settings, [sampler], [5]))
    assert record["status"] == "ok", record.get("error")
    assert record["provenance"]["device"] == "cuda"
    assert record["provenance"]["dtype"] == dtype


@pytest.mark.parametrize("sampler", [*sampler_names(), *ADAPTED])
def test_samples_agree_with_the_cpu(sampler: str) -> None:
    drawn = []
    for device in ("cpu", "cuda"):
        settings = Settings("gmm2d", samples=500, repeats=1, device=device, dtype="float64")
        (cell,) = plan_cells(settings, [sampler], [5])
        drawn.append(draw_samples(cell, 0).samples)
    # Students compute in the dtype of their weights, where two devices round differently.
    assert torch.allclose(*drawn, atol=1e-3 if sampler in ADAPTED else 1e-6)  # some of the former compute in float32
