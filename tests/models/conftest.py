"""A folder with a model and data, as small as they can be: what tests change one thing of."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

NET = '''
import torch


def build():
    """The exact velocity of the flow from noise to N(1, 0.25) in every coordinate."""

    def network(t, x):
        alpha, variance = 1 - t, (1 - t) ** 2 * 0.25 + t * t
        x0 = 1 + alpha * 0.25 / variance * (x - alpha)
        return (x - x0) / t

    return network


def broken():
    return lambda t, x: x * float("nan")


def narrow():
    return lambda t, x: x[..., :1]


def nothing():
    return 3


def features(images):
    return images.double().flatten(1)[:, :5] / 255
'''
FILE = """
name = "mine"
[model]
kind = "python"
path = "net.py:build"
predicts = "flow"
schedule = { kind = "flow" }
[data]
array = "x.npy"
"""


OF_DIFFUSERS = 'name = "mine"\n[model]\nkind = "diffusers"\npath = "model"\n[data]\nimages = "digits"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "task.toml").write_text(FILE)
    np.save(tmp_path / "x.npy", 1 + 0.5 * np.random.default_rng(0).standard_normal((400, 3)))
    return tmp_path


@pytest.fixture
def images(folder: Path) -> Path:
    """The folder with 40 grey images of 4 × 4 pixels, and a file that names them."""
    (folder / "digits").mkdir()
    for number, pixels in enumerate(np.random.default_rng(1).integers(0, 256, (40, 4, 4), dtype=np.uint8)):
        Image.fromarray(pixels).save(folder / "digits" / f"{number:03d}.png")
    (folder / "task.toml").write_text(FILE.replace('array = "x.npy"', 'images = "digits"'))
    return folder


@pytest.fixture
def pipeline(images: Path) -> Path:
    """A file that names a pipeline's folder, in which there is a scheduler and no network yet."""
    diffusers = pytest.importorskip("diffusers")
    diffusers.DDIMScheduler(num_train_timesteps=1000).save_pretrained(images / "model" / "scheduler")
    (images / "task.toml").write_text(OF_DIFFUSERS)
    return images / "task.toml"


@pytest.fixture
def unet(images: Path) -> Callable[..., Path]:
    """Makes a diffusers model of few random weights for the images, with a scheduler's configuration beside it."""
    diffusers = pytest.importorskip("diffusers")
    import torch

    from sigbench.metrics.fidelity import mend_torchvision

    mend_torchvision()

    def make(channels: int = 1, classes: int | None = None, **config: object) -> Path:
        torch.manual_seed(0)
        model = diffusers.UNet2DModel(
            sample_size=4,
            in_channels=channels,
            out_channels=channels,
            layers_per_block=1,
            block_out_channels=(8, 8),
            norm_num_groups=4,
            num_class_embeds=classes,
            down_block_types=("DownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "UpBlock2D"),
        )
        model.save_pretrained(images / "model", safe_serialization=True)
        scheduler = {
            "_class_name": "DDPMScheduler",
            "num_train_timesteps": 1000,
            "beta_schedule": "linear",
            "beta_start": 0.0001,
            "beta_end": 0.02,
            "prediction_type": "epsilon",
            **config,
        }
        kept = {name: value for name, value in scheduler.items() if value is not None}
        (images / "model" / "scheduler_config.json").write_text(json.dumps(kept))
        (images / "task.toml").write_text(OF_DIFFUSERS)
        return images

    return make
