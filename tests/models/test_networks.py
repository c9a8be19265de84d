"""Kinds of networks: transformers, latent models, denoisers of EDM's kind, classes, guidance, memory layouts."""

import json
import math
import re
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sigbench.abilities import HasClasses, to_data
from sigbench.errors import BadInput
from sigbench.measure.cell import plan_cells
from sigbench.measure.run import measure
from sigbench.measure.settings import Settings
from sigbench.metrics.fidelity import mend_torchvision
from sigbench.models.task import ClassImageTask, ImageTask
from sigbench.models.truth import in_pixels
from sigbench.registry import make_task
from sigbench.sde.problem import ReverseDiffusion

CPU = torch.device("cpu")
mend_torchvision()
diffusers = pytest.importorskip("diffusers")


def problem_of(file: Path) -> ReverseDiffusion:
    found = make_task(str(file)).problem(CPU, torch.float32)
    assert isinstance(found, ReverseDiffusion)
    return found


def edited(file: Path, old: str, new: str) -> Path:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    return file


@pytest.fixture
def dit(pipeline: Path) -> Path:
    """A pipeline's folder with a small DiT of three classes, whose outputs hold a learned variance."""
    torch.manual_seed(0)
    model = diffusers.DiTTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=4,
        in_channels=1,
        out_channels=2,
        num_layers=1,
        sample_size=4,
        patch_size=2,
        num_embeds_ada_norm=3,
    )
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(pipeline.parent / "model" / "transformer", safe_serialization=True)
    return pipeline


def test_a_transformer_of_classes_predicts_noise_and_its_variance_is_left_out(dit: Path) -> None:
    task = make_task(str(dit))
    assert isinstance(task, ClassImageTask)
    assert (task.model.classes, task.model.null) == (3, 3)
    problem = problem_of(dit)
    x, labels = torch.randn(5, 1, 4, 4), torch.tensor([0, 1, 2, 0, 1])
    t = 0.5
    theirs = diffusers.DiTTransformer2DModel.from_pretrained(dit.parent / "model" / "transformer").eval()
    with torch.no_grad():
        wanted = theirs(x, timestep=torch.full((5,), 499.0), class_labels=labels).sample[:, :1]
        found = problem.labelled(labels).denoiser.eps(t, x)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_guidance_asks_twice_and_counts_two(dit: Path) -> None:
    task = make_task(str(dit))
    assert isinstance(task, HasClasses)
    guided = task.conditioned(None, 1.5)
    assert guided.conditions() == {"guidance": 1.5}  # type: ignore[attr-defined]
    problem, plain = guided.problem(CPU, torch.float32), problem_of(dit)
    assert isinstance(problem, ReverseDiffusion)
    x, labels = torch.randn(4, 1, 4, 4), torch.tensor([0, 1, 2, 0])
    none = torch.full((4,), 3)
    eps = problem.labelled(labels).denoiser.eps(0.3, x)
    parts = [plain.labelled(of).denoiser.eps(0.3, x) for of in (labels, none)]
    torch.testing.assert_close(eps, 2.5 * parts[0] - 1.5 * parts[1])
    assert problem.counter.calls == 2


def test_guidance_of_the_file_holds_where_none_is_asked_for(dit: Path) -> None:
    edited(dit, "[data]", "guidance = 0.5\n[data]")
    assert make_task(str(dit)).conditions() == {"guidance": 0.5}  # type: ignore[attr-defined]
    settings = Settings(str(dit), samples=18, repeats=2, device="cpu", time_calls=False)
    (record,) = measure(plan_cells(settings, ["ddim"], [2]))
    assert (record["status"], record["nfe"], record["conditions"]) == ("ok", 4, {"guidance": 0.5}), record


def test_classes_come_as_often_as_the_data_have_them(dit: Path) -> None:
    labels = np.array([0] * 20 + [1] * 10 + [2] * 10)
    np.save(dit.parent / "labels.npy", labels)
    edited(dit, 'images = "digits"', 'images = "digits"\nlabels = "labels.npy"')
    task = make_task(str(dit))
    assert isinstance(task, ClassImageTask)
    assert list(task.class_weights()) == [20.0, 10.0, 10.0]
    drawn = problem_of(dit).labels_from(torch.linspace(-3, 3, 4001))
    assert drawn is not None
    one = task.conditioned(1, 0.0)
    assert list(one.class_weights()) == [0.0, 1.0, 0.0]
    assert one.truth().test_images == 5
    assert "labels" in one.hashes()
    settings = Settings(str(dit), samples=5, repeats=2, label=1, device="cpu", time_calls=False)
    with pytest.raises(BadInput, match="needs at least"):
        plan_cells(settings, ["ddim"], [2])


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros(39, dtype=int), r"holds int64 of shape \(39,\), not 40 whole numbers"),
        (np.full(40, 3), "has labels from 3 to 3, and the model's classes are 0 to 2"),
        (np.zeros(40), "holds float64"),
    ],
)
def test_labels_that_are_none(dit: Path, labels: Any, words: str) -> None:
    np.save(dit.parent / "labels.npy", labels)
    edited(dit, 'images = "digits"', 'images = "digits"\nlabels = "labels.npy"')
    with pytest.raises(BadInput, match=words):
        make_task(str(dit))


def test_one_class_wants_labels_of_the_data(dit: Path) -> None:
    task = make_task(str(dit))
    assert isinstance(task, HasClasses)
    with pytest.raises(BadInput, match=r"data\.labels must say which images are of it"):
        task.conditioned(1, 0.0)
    with pytest.raises(BadInput, match="one of the model's classes, 0 to 2, got 7"):
        task.conditioned(7, 0.0)


def test_a_unet_s_last_embedding_may_mean_none(unet: Callable[..., Path]) -> None:
    file = unet(classes=4) / "task.toml"
    task = make_task(str(file))
    assert isinstance(task, ClassImageTask)
    assert (task.model.classes, task.model.null) == (4, None)
    with pytest.raises(BadInput, match=r"model\.null_label says which label means that"):
        task.conditioned(None, 1.0).problem(CPU, torch.float32)
    edited(file, "[data]", "null_label = 3\n[data]")
    task = make_task(str(file))
    assert isinstance(task, ClassImageTask)
    assert (task.model.classes, task.model.null) == (3, 3)


@pytest.fixture
def latent(pipeline: Path) -> Path:
    """A pipeline's folder with an autoencoder of factor 2 and a UNet on its codes of 2 × 2 × 3."""
    torch.manual_seed(0)
    unet = diffusers.UNet2DModel(
        sample_size=2,
        in_channels=3,
        out_channels=3,
        layers_per_block=1,
        block_out_channels=(8,),
        norm_num_groups=4,
        down_block_types=("DownBlock2D",),
        up_block_types=("UpBlock2D",),
    )
    autoencoder = diffusers.AutoencoderKL(
        in_channels=1,
        out_channels=1,
        latent_channels=3,
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        scaling_factor=0.5,
    )
    unet.save_pretrained(pipeline.parent / "model" / "unet", safe_serialization=True)
    autoencoder.save_pretrained(pipeline.parent / "model" / "vae", safe_serialization=True)
    return pipeline


def test_a_latent_model_samples_codes_and_is_judged_in_pixels(latent: Path) -> None:
    task = make_task(str(latent))
    assert isinstance(task, ImageTask)
    assert (task.shape, task.image_shape) == ((3, 2, 2), (1, 4, 4))
    codes = torch.randn(6, 3, 2, 2)
    theirs = diffusers.AutoencoderKL.from_pretrained(latent.parent / "model" / "vae").eval()
    with torch.no_grad():
        wanted = theirs.decode(codes / 0.5).sample
    assert (to_data(task, codes).numpy() == in_pixels(wanted.double().numpy())).all()
    assert {"vae", "vae configuration", "model"} <= task.hashes().keys()
    settings = Settings(str(latent), samples=18, repeats=2, device="cpu", time_calls=False)
    (record,) = measure(plan_cells(settings, ["dpmpp-2m"], [3]))
    assert record["status"] == "ok", record


def test_states_of_a_latent_model_are_what_its_encoder_expects(latent: Path) -> None:
    task = make_task(str(latent))
    assert isinstance(task, ImageTask)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 1, 4, 4), dtype=np.uint8)
    theirs = diffusers.AutoencoderKL.from_pretrained(latent.parent / "model" / "vae").eval()
    with torch.no_grad():
        wanted = theirs.encode(torch.from_numpy(pixels).float() / 127.5 - 1).latent_dist.mean * 0.5
    torch.testing.assert_close(task.to_states(pixels), wanted)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda vae: (vae / "diffusion_pytorch_model.safetensors").unlink(), "model.vae: .* holds no diffusion_pyt"),
        (
            lambda vae: edited(vae / "config.json", "AutoencoderKL", "VQModel"),
            "is a VQModel, and of diffusers' autoencoders AutoencoderKL runs",
        ),
    ],
)
def test_autoencoders_that_are_none(latent: Path, spoil: Callable[[Path], object], words: str) -> None:
    spoil(latent.parent / "model" / "vae")
    with pytest.raises(BadInput, match=words):
        make_task(str(latent))


def test_a_network_that_reads_text_is_refused_by_name(latent: Path) -> None:
    index = {"_class_name": "StableDiffusionPipeline", "text_encoder": ["transformers", "CLIPTextModel"]}
    (latent.parent / "model" / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(BadInput, match="is a StableDiffusionPipeline, whose network reads text"):
        make_task(str(latent))


EDM_FILE = '''
import torch


class Exact(torch.nn.Module):
    """D(x; σ) of data N(0, 0.25), shifted by its label."""

    def forward(self, x, sigma, labels):
        assert sigma.shape == (len(x),)
        shift = 0.0 if labels is None else labels[:, None].to(x)
        share = 0.25 / (0.25 + sigma[:, None].square())
        return shift + share * (x - shift)


def build():
    return Exact()
'''


def test_a_denoiser_of_edm_s_kind_made_by_python(folder: Path) -> None:
    (folder / "edm.py").write_text(EDM_FILE)
    (folder / "task.toml").write_text(
        'name = "mine"\n[model]\nkind = "edm"\npath = "edm.py:build"\n[data]\narray = "x.npy"\n'
    )
    problem = problem_of(folder / "task.toml")
    x = torch.randn(4, 3)
    torch.testing.assert_close(problem.denoiser.x0(0.5, x), 0.5 * x)
    assert problem.schedule.t_start == 80.0
    settings = Settings(str(folder / "task.toml"), samples=60, repeats=2, device="cpu", time_calls=False)
    (record,) = measure(plan_cells(settings, ["heun"], [20]))
    assert record["status"] == "ok", record
    assert "edm.py" in record["code"]["plug_ins"][0]["files"]


def test_a_pickle_is_refused_with_the_command_that_converts_it(folder: Path) -> None:
    for name in ("net.pkl", "net.pt"):
        edited_text = f'name = "mine"\n[model]\nkind = "edm"\npath = "{name}"\n[data]\narray = "x.npy"\n'
        (folder / "task.toml").write_text(edited_text)
        with pytest.raises(BadInput, match=r"is a pickle, which .*safetensors\.torch as s; s\.save_file"):
            make_task(str(folder / "task.toml"))


@pytest.mark.parametrize("option", ["channels_last = true", pytest.param("compile = true", marks=pytest.mark.slow)])
def test_how_a_network_lies_in_memory_changes_its_key_and_not_its_numbers(
    unet: Callable[..., Path], option: str
) -> None:
    file = unet() / "task.toml"
    x = torch.randn(3, 1, 4, 4)

    def found() -> tuple[torch.Tensor, str, str]:
        settings = Settings(str(file), samples=18, repeats=2, device="cpu")
        (cell,) = plan_cells(settings, ["ddim"], [2])
        return problem_of(file).denoiser.eps(0.4, x), cell.key, cell.known()["asked"]["compile"]

    before, key, compiled = found()
    assert compiled == "none"
    edited(file, "[data]", f"{option}\n[data]")
    after, other_key, compiled = found()
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-5)
    assert other_key != key
    assert compiled == ("torch.compile" if "compile" in option else "none")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("classes = 3", r"model\.classes: how many classes a model of diffusers has stands in its configuration"),
        ("guidance = 1.0", r"model\.guidance: the model has no classes to be guided towards"),
        ("guidance = -1.0", r"model\.guidance: expected float >= 0"),
        ('vae = "nowhere"', r"model\.vae: .*nowhere holds no diffusion_pytorch_model"),
    ],
)
def test_options_that_do_not_fit(unet: Callable[..., Path], line: str, words: str) -> None:
    file = edited(unet() / "task.toml", "[data]", f"{line}\n[data]")
    with pytest.raises(BadInput) as refused:
        make_task(str(file))
    assert re.search(words, str(refused.value))


ODD = [None, "x", -1, 0, 10**400, 1e400, [], {}, [1], 10**9, 30_000, True, 0.5]
FACTS = [
    ("transformer", name) for name in ("sample_size", "patch_size", "num_layers", "num_embeds_ada_norm", "in_channels")
]
FACTS += [("vae", name) for name in ("scaling_factor", "shift_factor", "latent_channels", "block_out_channels")]
FACTS += [("unet", name) for name in ("sample_size", "in_channels", "num_class_embeds", "class_embed_type")]


@pytest.mark.parametrize(("part", "fact"), FACTS)
def test_facts_of_a_configuration_may_be_anything(request: pytest.FixtureRequest, part: str, fact: str) -> None:
    """It is a task, or one sentence says why not, without the memory that it asks for."""
    file: Path = request.getfixturevalue("dit" if part == "transformer" else "latent")
    place = file.parent / "model" / part / "config.json"
    usual = json.loads(place.read_text())
    for value in ODD:
        place.write_text(json.dumps({**usual, fact: value}))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            make_task(str(file)).problem(CPU, torch.float32)
        except BadInput as error:
            assert "\n" not in str(error), (fact, value)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000, (fact, value)


@pytest.mark.parametrize("scale", [0, -0.5, math.nan, math.inf])
def test_codes_are_scaled_by_a_number(latent: Path, scale: float) -> None:
    place = latent.parent / "model" / "vae" / "config.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), "scaling_factor": scale}))
    with pytest.raises(BadInput, match=r"scales codes by|is corrupt"):
        make_task(str(latent))
