"""Pipelines that read text: prompts in the place of classes, and the very samples of diffusers' own pipeline."""

import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from sigbench.errors import BadInput
from sigbench.measure.cell import plan_cells
from sigbench.measure.settings import Settings
from sigbench.metrics.fidelity import mend_torchvision
from sigbench.registry import make_sampler, make_task
from sigbench.sde.brownian import NoNoise

mend_torchvision()
diffusers = pytest.importorskip("diffusers")
transformers = pytest.importorskip("transformers")

CPU = torch.device("cpu")
WIDTH, TOKENS = 16, 8
PROMPTS = ("a cat", "a black dog", "hat")


def tokenizer_in(folder: Path) -> None:
    """A tokenizer of CLIP's kind that knows letters alone."""
    folder.mkdir(parents=True)
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: place for place, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": TOKENS, "pad_token": "<|endoftext|>"})
    )


@pytest.fixture
def text(images: Path) -> Path:
    """A file that names a pipeline of Stable Diffusion's kind, as small as it can be, and three prompts."""
    torch.manual_seed(0)
    where = images / "model"
    tokenizer_in(where / "tokenizer")
    config = transformers.CLIPTextConfig(
        vocab_size=60,
        hidden_size=WIDTH,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=TOKENS,
        projection_dim=WIDTH,
        bos_token_id=52,
        eos_token_id=53,
        pad_token_id=53,
    )
    transformers.CLIPTextModel(config).save_pretrained(where / "text_encoder")
    diffusers.UNet2DConditionModel(
        sample_size=2,
        in_channels=3,
        out_channels=3,
        layers_per_block=1,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    ).save_pretrained(where / "unet", safe_serialization=True)
    diffusers.AutoencoderKL(
        in_channels=1,
        out_channels=1,
        latent_channels=3,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
    ).save_pretrained(where / "vae", safe_serialization=True)
    diffusers.DDIMScheduler(
        num_train_timesteps=1000,
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        beta_schedule="scaled_linear",
    ).save_pretrained(where / "scheduler")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.30.0",
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
    }
    (where / "model_index.json").write_text(json.dumps(index))
    (images / "prompts.txt").write_text("\n".join([PROMPTS[0], "", *PROMPTS[1:]]) + "\n")
    (images / "task.toml").write_text(
        'name = "mine"\n[model]\nkind = "diffusers"\npath = "model"\n'
        'prompts = "prompts.txt"\n[data]\nimages = "digits"\n'
    )
    return images / "task.toml"


def changed(file: Path, old: str, new: str) -> str:
    file.write_text(file.read_text().replace(old, new))
    return str(file)


def test_prompts_are_classes(text: Path) -> None:
    task = make_task(str(text))
    assert task.model.classes == len(PROMPTS)  # type: ignore[attr-defined]
    assert task.model.null == len(PROMPTS)  # type: ignore[attr-defined]
    problem = task.problem(CPU, torch.float32)
    labels = problem.labels_from(torch.linspace(-2.0, 2.0, 30))
    assert labels is not None
    assert labels.unique().tolist() == [0, 1, 2]
    hashes = task.hashes()  # type: ignore[attr-defined]
    assert {"prompts", "text encoder", "tokenizer vocab.json", "model", "vae"} <= hashes.keys()


def test_other_prompts_are_other_samples_and_another_key(text: Path) -> None:
    def found() -> tuple[torch.Tensor, dict[str, str]]:
        task = make_task(str(text))
        problem = task.problem(CPU, torch.float32).labelled(torch.tensor([0, 1]))
        x = torch.ones(2, *task.shape)
        return problem.denoiser.eps(0.5, x), task.hashes()  # type: ignore[attr-defined]

    first, before = found()
    assert not torch.allclose(first[0], first[1])
    (text.parent / "prompts.txt").write_text("a dog\na black dog\nhat\n")
    second, after = found()
    assert not torch.allclose(first[0], second[0])
    assert torch.allclose(first[1], second[1], atol=1e-6)
    assert {name for name in before if before[name] != after[name]} == {"prompts"}


@pytest.mark.parametrize("guidance", [0.0, 2.5])
@pytest.mark.parametrize("steps", [4, 10])
def test_samples_are_those_of_the_pipeline_itself(text: Path, steps: int, guidance: float) -> None:
    """ddim through our path at the scheduler's own times, to 1e-4 of what StableDiffusionPipeline gives."""
    where = text.parent / "model"
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(str(where), local_files_only=True, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    noise = torch.randn(3, 3, 2, 2, generator=torch.Generator().manual_seed(3))
    theirs = pipeline(
        list(PROMPTS),
        num_inference_steps=steps,
        guidance_scale=1.0 + guidance,
        latents=noise,
        output_type="latent",
        height=8,  # which the pipeline asks for; the codes are what they are
        width=8,
    ).images
    task = make_task(str(text))
    if guidance:
        task = task.conditioned(None, guidance)  # type: ignore[attr-defined]
    problem = task.problem(CPU, torch.float32).labelled(torch.arange(3))
    indices = [int(t) for t in pipeline.scheduler.timesteps]
    schedule = problem.schedule  # type: ignore[attr-defined]
    times = [(index + 1) / 1000 for index in indices] + [schedule.t_end]
    x = noise
    ddim = make_sampler("ddim")
    for t, t_next in pairwise(times):
        if t_next >= t:
            break
        grid = problem.grid("uniform", 1).with_times([schedule.t_start - t, schedule.t_start - t_next])
        (x,) = ddim.walk(problem, x, grid, NoNoise())
    torch.testing.assert_close(x, theirs, rtol=0, atol=1e-4)


def test_a_run_plans_and_counts_guided_calls(text: Path) -> None:
    settings = Settings(str(text), samples=18, repeats=2, device="cpu", time_calls=False, guidance=1.0)
    (cell,) = plan_cells(settings, ["ddim"], [3])
    assert cell.sampler.calls(cell.problem, cell.grid) == 3
    assert cell.problem.counter.cost == 2


def _without(part: str) -> Callable[[Path], None]:
    return lambda folder: shutil.rmtree(folder / "model" / part)


def _index(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / "model" / "model_index.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))

    return change


def _prompts(text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "prompts.txt").write_text(text) and None


def _config(part: str, **changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / "model" / part / "config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))

    return change


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_without("tokenizer"), "has no tokenizer"),
        (_without("text_encoder"), "has no text_encoder"),
        (lambda folder: (folder / "model" / "text_encoder" / "model.safetensors").unlink(), "holds no model.safetens"),
        (
            lambda folder: (folder / "model" / "text_encoder" / "model.safetensors").write_bytes(b"x"),
            "cannot be loaded",
        ),
        (lambda folder: (folder / "model" / "tokenizer" / "vocab.json").write_text("{"), "cannot be loaded"),
        (_index(text_encoder_2=["transformers", "CLIPTextModelWithProjection"]), "text_encoder_2: CLIPTextModelWith"),
        (_index(text_encoder=["transformers", "T5EncoderModel"]), "text_encoder: T5EncoderModel"),
        *((_index(text_encoder=odd), "text_encoder: none") for odd in (None, 5, "x", [], {}, [None, None])),
        (_index(text_encoder=["transformers", {"a\n": 1}]), "text_encoder: "),
        (_prompts("\n  \n"), "holds no prompt"),
        (_prompts("x" * 3_000), "more than"),
        (lambda folder: (folder / "prompts.txt").unlink(), "cannot be read: No such file"),
        (_config("unet", addition_embed_type="text"), "are not of one network"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence(text: Path, spoil: Callable[[Path], object], words: str) -> None:
    spoil(text.parent)
    with pytest.raises(BadInput, match=words) as told:
        make_task(str(text))
    assert "\n" not in str(told.value)


def test_prompts_belong_to_what_reads_text(text: Path, unet: Callable[..., Path]) -> None:
    with pytest.raises(BadInput, match="name a file of prompts, a line each"):
        make_task(changed(text, 'prompts = "prompts.txt"\n', ""))
    shutil.rmtree(text.parent / "model")
    folder = unet()
    with pytest.raises(BadInput, match="is no pipeline with a text encoder"):
        make_task(changed(folder / "task.toml", 'path = "model"\n', 'path = "model"\nprompts = "prompts.txt"\n'))


def test_the_network_alone_is_not_enough(text: Path) -> None:
    changed(text, 'prompts = "prompts.txt"\n', "")
    with pytest.raises(BadInput, match="reads text: name its pipeline's folder"):
        make_task(
            changed(text, 'path = "model"', 'path = "model/unet"\nschedule = { kind = "vp-linear" }\npredicts = "eps"')
        )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"prompts.txt"\n', '"prompts.txt"\nnull_label = 1\n', "the empty prompt means none"),
        ('kind = "diffusers"', 'kind = "edm"', "prompts are for a pipeline of kind diffusers"),
    ],
)
def test_keys_that_do_not_go_together(text: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        make_task(changed(text, old, new))
