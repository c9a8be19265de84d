"""A network of diffusers that learned the digits that scikit-learn ships, saved and taken back as a user has it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sigbench.measure.cell import plan_cells
from sigbench.measure.run import measure
from sigbench.measure.settings import Settings
from sigbench.metrics.fidelity import mend_torchvision
from sigbench.registry import make_sampler, make_task
from sigbench.sde.problem import ReverseDiffusion

pytestmark = pytest.mark.slow
BLOCKS = {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2, "layers_per_block": 1}
FILE = 'name = "{name}"\n[model]\nkind = "diffusers"\npath = "{name}"\n[data]\nimages = "digits"\n'


def saved(folder: Path, name: str, model: Any, scheduler: Any) -> Path:
    """Saves a network and its scheduler as people do, and the file of a task beside them."""
    model.save_pretrained(folder / name, safe_serialization=True)
    scheduler.save_pretrained(folder / name)
    file = folder / f"{name}.toml"
    file.write_text(FILE.format(name=name))
    return file


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The files of a network that has learned nothing, and of the same one after some hundred iterations."""
    diffusers = pytest.importorskip("diffusers")
    digits = pytest.importorskip("sklearn.datasets").load_digits().images.astype(np.float32)
    mend_torchvision()
    folder = tmp_path_factory.mktemp("own")
    (folder / "digits").mkdir()
    pixels = np.round(digits * 255.0 / 16.0)
    for number, image in enumerate(pixels.astype(np.uint8)):
        Image.fromarray(image).save(folder / "digits" / f"{number:04d}.png")
    torch.manual_seed(0)
    model = diffusers.UNet2DModel(
        sample_size=8, in_channels=1, out_channels=1, block_out_channels=(16, 32), norm_num_groups=8, **BLOCKS
    )
    scheduler = diffusers.DDPMScheduler(num_train_timesteps=1000, beta_schedule="linear")
    before = saved(folder, "untrained", model, scheduler)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    states = torch.from_numpy(pixels)[:, None] / 127.5 - 1
    for _ in range(150):
        clean = states[torch.randint(len(states), (64,))]
        noise, steps = torch.randn_like(clean), torch.randint(1000, (64,))
        loss = (model(scheduler.add_noise(clean, noise, steps), steps).sample - noise).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return before, saved(folder, "trained", model, scheduler)


def test_samples_are_those_of_diffusers_own_pipeline(learned: tuple[Path, Path]) -> None:
    """On the same noise, at the pipeline's timesteps, with clip_sample=False."""
    import diffusers

    _, file = learned
    problem = make_task(str(file)).problem(torch.device("cpu"), torch.float32)
    assert isinstance(problem, ReverseDiffusion)
    scheduler = diffusers.DDIMScheduler.from_pretrained(
        file.with_suffix(""), clip_sample=False, timestep_spacing="trailing"
    )
    pipeline: Any = diffusers.DDIMPipeline(diffusers.UNet2DModel.from_pretrained(file.with_suffix("")), scheduler)
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(8, torch.Generator().manual_seed(5), num_inference_steps=10, output_type="np").images
    start = torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(5))
    indices = [int(index) for index in pipeline.scheduler.timesteps]
    values = ",".join(map(str, indices))
    grid = problem.grid(f"indices:values='{values}':t_end={(indices[-1] + 1) / 1000}", len(indices) - 1)
    with torch.no_grad():
        *_, end = make_sampler("ddim").walk(problem, start, grid, None)  # type: ignore[arg-type]
        ours = problem.denoiser.x0(problem.time(grid.times[-1]), end)
    as_they_show = (ours / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(as_they_show, theirs, rtol=0, atol=1e-4)


def test_what_it_learned_is_seen(learned: tuple[Path, Path]) -> None:
    """The distance between Gaussians of pixels falls to less than half of what it was."""
    found = []
    for file in learned:
        settings = Settings(str(file), samples=400, repeats=2, device="cpu", time_calls=False)
        (record,) = measure(plan_cells(settings, ["unipc"], [10]))
        assert record["status"] == "ok", record
        found.append(record["metrics"]["fd"]["value"])
    assert found[1] < 0.5 * found[0]
