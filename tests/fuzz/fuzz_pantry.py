"""The small inputs that fuzzed commands find in their folder: good ones of every kind, and things that are no files.

python fuzz_pantry.py FOLDER        makes them there
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from sigbench.metrics.fidelity import mend_torchvision

SWEEP = """tasks = ["gmm"]
samplers = ["ddim", "euler-maruyama"]
steps = [2, 3]
grids = ["uniform", "karras:rho=5"]
seeds = [0, 1]
samples = 60
repeats = 2

[task.gmm]
batch = 30

[sampler.ddim]
options = { eta = [0.0, 0.5] }
"""
ABLATION = """task = "gmm"
iterations = 2
samples = 60
repeats = 2

[student]
order = 2
steps = 2

[[vary]]
order = [1, 2]
loss = ["local", "global"]
"""
CLAIMS = """[[claim]]
task = "gmm"
kind = "quality"
words = "It is better."
source = "a source"
url = "https://example.org/paper"
sampler = "ddim"
steps = 2
against = "ddim"
against_steps = 3
metrics = ["w1"]
"""
PLUG_IN = '''"""A sampler."""
import math

from sigbench.sampler import Sampler


class Mine(Sampler):
    name, citation, family = "mine", "a fuzzer", "sde"

    def __init__(self, strength: float = 1.0) -> None:
        self.strength = strength

    def walk(self, problem, x, grid, brownian):
        for step in grid:
            noise = brownian.signature(step).increment
            x = x + step.h * problem.drift(step.start, x) + self.strength * problem.diffusion(step.start, x) * noise
            yield x
'''
NET = '''"""A network of a task's file, and features."""


def build():
    return lambda t, x: x * (1 - t)


def features(images):
    return images.double().flatten(1)[:, :5] / 255
'''
TASK = """name = "mine"
steps = [ 2, 3 ]
grid = "log-snr"
batch = 32

[model]
kind = "python"
path = "net.py:build"
predicts = "eps"
schedule = { kind = "discrete" , betas = "linear" , beta_start = 0.0001 , beta_end = 0.02 , steps = 1000 }

[data]
array = "x.npy"

[judge]
samples = 20

[teacher]
scheme = "ddpm"
steps = 4
grid = "uniform"
"""
OF_IMAGES = """name = "digits"
[model]
kind = "python"
path = "net.py:build"
predicts = "flow"
schedule = { kind = "flow" , shift = 1.0 , t_start = 0.999 , t_end = 0.001 }
[data]
images = "digits"
[judge]
features = "net.py:features"
samples = 10
"""
OF_DIFFUSERS = """name = "unet"
[model]
kind = "diffusers"
path = "unet"
[data]
images = "digits.zip"
"""
OF_CODES = """name = "codes"
[model]
kind = "diffusers"
path = "transformer"
vae = "vae"
null_label = 3
guidance = 0.5
[data]
images = "digits.npz"
labels = "labels.npy"
"""


def stock(folder: Path) -> Path:
    """Returns `folder`, filled by a process of its own."""
    folder.mkdir(parents=True)
    subprocess.run([sys.executable, __file__, str(folder)], check=True, stdout=subprocess.DEVNULL)
    return folder


def _write(folder: Path) -> None:
    files = {"sweep.toml": SWEEP, "ablation.toml": ABLATION, "mine.py": PLUG_IN, "net.py": NET}
    files |= {"task.toml": TASK, "images.toml": OF_IMAGES, "unet.toml": OF_DIFFUSERS, "codes.toml": OF_CODES}
    files["moments.toml"] = OF_IMAGES.replace('images = "digits"', 'images = "statistics.npz"\nshape = [ 1 , 4 , 4 ]')
    files["npz.toml"] = OF_IMAGES.replace('"digits"\n[judge]', '"digits.npz"\n[judge]')
    for name, text in files.items():
        (folder / name).write_text(text)
    (folder / "list.txt").write_text("ddim\nddim:eta=0.5  # stochastic\nheun@3\n")
    (folder / "board").mkdir()
    (folder / "board" / "claims.toml").write_text(CLAIMS)
    (folder / "empty").write_text("")
    (folder / "bytes").write_bytes(bytes(range(256)))
    (folder / "sub").mkdir()


def _bring(folder: Path) -> None:
    """Data and a small model of diffusers', as people bring them."""
    import diffusers
    import torch

    chance = np.random.default_rng(0)
    np.save(folder / "x.npy", chance.standard_normal((200, 3)))
    images = chance.integers(0, 256, (40, 4, 4), dtype=np.uint8)
    np.savez(folder / "digits.npz", images)
    (folder / "digits").mkdir()
    with zipfile.ZipFile(folder / "digits.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number, pixels in enumerate(images):
            file = folder / "digits" / f"{number:02d}.png"
            Image.fromarray(pixels).save(file)
            archive.write(file, file.name)
    torch.manual_seed(0)
    blocks = {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2, "layers_per_block": 1}
    model = diffusers.UNet2DModel(
        sample_size=4, in_channels=1, out_channels=1, block_out_channels=(8, 8), norm_num_groups=4, **blocks
    )
    model.save_pretrained(folder / "unet", safe_serialization=True)
    transformer = diffusers.DiTTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=4,
        in_channels=3,
        out_channels=6,
        num_layers=1,
        sample_size=2,
        patch_size=1,
        num_embeds_ada_norm=3,
    )
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}
    vae = diffusers.AutoencoderKL(
        in_channels=1, out_channels=1, latent_channels=3, block_out_channels=(8, 8), norm_num_groups=4, **blocks
    )
    transformer.save_pretrained(folder / "transformer", safe_serialization=True)
    vae.save_pretrained(folder / "vae", safe_serialization=True)
    for name in ("unet", "transformer"):
        diffusers.DDPMScheduler().save_pretrained(folder / name)
    np.save(folder / "labels.npy", chance.integers(0, 3, 40))
    points = chance.standard_normal((50, 5))
    np.savez(folder / "statistics.npz", mu=points.mean(0), sigma=np.cov(points.T))


def _measure(folder: Path) -> None:
    from sigbench.gate.baseline import KIND, SCHEMA, write_baseline
    from sigbench.measure.cell import plan_cells
    from sigbench.measure.run import measure
    from sigbench.measure.settings import Settings
    from sigbench.networks.recipe import train_artifact
    from sigbench.records.record import to_json
    from sigbench.records.store import Store
    from sigbench.registry import make_task
    from sigbench.sigdeg.distillation.kinds import StudentChoices
    from sigbench.sigdeg.distillation.students import student_recipe

    settings = Settings("gmm", samples=60, repeats=2, device="cpu", floor_draws=2)
    records = list(measure(plan_cells(settings, ["ddim", "sigdeg"], [2, 3])))
    for record in records:
        Store(folder / "store").write(record)
    (folder / "records.jsonl").write_text("".join(f"{to_json(record)}\n" for record in records))
    margins = [{"task": "gmm", "metric": "w1", "excess": 0.1, "floor": 0.1}]
    head = {"schema": SCHEMA, "kind": KIND, "alpha": 0.05, "time_margin": 0.5, "margins": margins, "curves": []}
    write_baseline({**head, "records": records}, folder / "baseline.json")  # type: ignore[typeddict-item]
    task = make_task("gmm")
    recipe = student_recipe(task, StudentChoices(order=2, steps=(2, 3), iterations=2))
    train_artifact(task, recipe, folder / "student", command="a fuzzer")
    (folder / "half").mkdir()
    recipe.train(folder / "half" / "checkpoint.pt", lambda progress: None)


def _ask(folder: Path) -> None:
    """What commands print and write."""
    os.chdir(folder)
    few = ("--samples", "60", "--device", "cpu")
    for name, arguments in (
        ("orders", ("convergence", "--task", "gbm", "--sampler", "milstein", "--paths", "400", "--levels", "3")),
        ("gap", ("gap", "--task", "gmm", "--sampler", "ddim", "--steps", "2", "--repeats", "2", *few)),
        ("spectrum", ("spectrum", "--task", "rbergomi", "--sampler", "ddim", "--steps", "2", "--repeats", "2", *few)),
        ("ablation", ("ablate", "ablation.toml", "--work", "work", "--workers", "1", "--threads", "1")),
    ):
        place = folder / "board" / "studies" / name
        place.mkdir(parents=True)
        out = _run(*arguments, "--json")
        assert all(json.loads(line) for line in out.splitlines())
        assert out, arguments
        (place / "gmm.jsonl").write_text(out)
    shutil.rmtree("work")
    grid = ("grid", "--task", "gmm", "--sampler", "ddim", "--steps", "3", "--points", "4", "--candidates", "2")
    _run(*grid, *few, "--repeats", "1", "--out", "grid.json")
    _run("floors", "--task", "gmm", "--samples", "60", "--draws", "2", "--others", "2", "--out", "floors.json")


def _run(*arguments: str) -> str:
    program = "import sys; sys.argv[0] = 'sigbench'; from sigbench.cli.app import main; main()"
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True)
    assert done.returncode in (0, 1, 3), (arguments, done.stderr)
    return done.stdout


if __name__ == "__main__":
    PLACE = Path(sys.argv[1]).resolve()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["SIGBENCH_CACHE"] = str(PLACE.parent / "cache")
    _write(PLACE)
    mend_torchvision()
    _bring(PLACE)
    _measure(PLACE)
    _ask(PLACE)
