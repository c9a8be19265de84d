"""Models of diffusers in a folder of `save_pretrained` or a pipeline's: UNets and DiT, with an autoencoder, of text."""

import copy
import logging
import math
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import safe_open
from torch import Tensor, nn

from sigbench.errors import BadInput
from sigbench.files import document, is_file, is_folder, read_text, sha256_of
from sigbench.guard import guarded, one_line, told
from sigbench.metrics.fidelity import mend_torchvision
from sigbench.models.file import ModelTable
from sigbench.models.networks.latents import Latents
from sigbench.models.networks.model import (
    Model,
    UNetFiles,
    arranged,
    as_arranged,
    check_finite,
    stamp_of,
)
from sigbench.models.networks.prompts import check_text, prompts_of
from sigbench.models.schedules import read_scheduler, schedule_of, scheduler_file
from sigbench.sde.denoiser import Network, Prediction
from sigbench.sde.discrete import VPDiscrete
from sigbench.sde.schedule import Schedule

WEIGHTS = "diffusion_pytorch_model.safetensors"
CONFIG = "config.json"
_INDEX = "model_index.json"
_PARTS = ("unet", "transformer")  # where a pipeline keeps its network
_AUTOENCODER = "AutoencoderKL"
_WITHOUT_PLACES = (
    "UNet2DModel",
    "UNet2DConditionModel",
    _AUTOENCODER,
)  # others hold a table of patches' places
_MOST_PATCHES = 1 << 16


@dataclass(frozen=True)
class _Kind:
    """How a class of diffusers is asked: its states by the name of that argument, its steps, and its classes."""

    state: str
    step: str
    classes: Callable[[Any], int]
    null: Callable[[Any], int | None]  # the label that means none, where such a network always has one


def _of_embeddings(config: Any) -> int:
    if config.class_embed_type is not None:
        raise BadInput(
            f"model.path: the model takes classes by {config.class_embed_type!r}, and only those of num_class_embeds "
            "run."
        )
    return int(config.num_class_embeds or 0)


_UNET = _Kind("sample", "timestep", _of_embeddings, lambda config: None)
_DIT = _Kind(
    "hidden_states",
    "timestep",
    lambda config: int(config.num_embeds_ada_norm or 0),
    lambda config: int(config.num_embeds_ada_norm),
)
_OF_TEXT = _Kind("sample", "timestep", lambda config: 0, lambda config: None)
_KINDS = {
    "UNet2DModel": _UNET,
    "UNet2DConditionModel": _OF_TEXT,
    "DiTTransformer2DModel": _DIT,
    "Transformer2DModel": _DIT,
}


def diffusers_model(table: ModelTable, folder: Path) -> Model:
    """Returns the model of a file in `folder`; raises BadInput, in a sentence, for what is none that runs."""
    where = folder / table.path
    if not is_folder(where):
        raise BadInput(
            f"model.path: there is no folder {where}: a hub name is downloaded before, by diffusers' own "
            "DiffusionPipeline.from_pretrained(NAME).save_pretrained(FOLDER)."
        )
    try:
        mend_torchvision()
        import diffusers  # noqa: F401
    except Exception as error:  # it imports much, and dies of what does not fit together
        raise BadInput(f"model.kind: diffusers cannot be imported ({told(error)}): pip install diffusers.") from error
    index = _document(where / _INDEX, "the pipeline's configuration") if is_file(where / _INDEX) else {}
    prompts = prompts_of(table, folder, where, index)
    inner = next((where / part for part in _PARTS if is_folder(where / part)), where)
    name = _class_of(inner)
    module = _loaded(name, inner, stamp_of(inner))
    schedule, prediction = _schedule_and_prediction(table, where)
    kind, null = _KINDS[name], table.null_label
    with _facts_of(inner):
        classes, channels = kind.classes(module.config), int(module.config.in_channels)
        sides = _sides(module.config.sample_size)
    if null is None and classes:
        null = kind.null(module.config)
    elif null is not None and null == classes - 1:
        classes -= 1  # of a UNet, the last of its embeddings is what means none
    check_text(kind is _OF_TEXT, prompts, module.config, inner)
    if prompts is not None:
        classes, null = len(prompts.texts), prompts.null

    def make(device: torch.device, dtype: torch.dtype) -> Network:
        own = module  # as it was loaded
        if (device.type, dtype) != ("cpu", torch.float32) or table.channels_last or table.compile:
            with quiet():
                own = copy.deepcopy(module).to(device=device, dtype=dtype)
        called = arranged(own, channels_last=table.channels_last, compiled=table.compile)
        codes = None if prompts is None else prompts.codes.to(device=device, dtype=dtype)

        def call(t: float, x: Tensor, labels: Tensor | None = None) -> Tensor:
            asked = torch.full((len(x),), time_of(schedule, t), device=x.device, dtype=torch.float32)
            of = None if labels is None else labels.expand(len(x))
            states = as_arranged(x.to(dtype), channels_last=table.channels_last)
            given = {kind.state: states, kind.step: asked, "return_dict": False}
            if codes is None:
                given["class_labels"] = of
            else:
                given["encoder_hidden_states"] = codes[null if of is None else of].expand(len(x), -1, -1)
            found: Tensor = called(**given)[0]
            return found[:, : x.shape[1]]  # what is beside it is a learned variance

        return call

    hashes = {"model": sha256_of(inner / WEIGHTS), "configuration": sha256_of(inner / CONFIG)}
    if prompts is not None:
        hashes |= prompts.hashes
    if (scheduler := scheduler_file(where)) is not None:
        hashes["scheduler"] = sha256_of(scheduler)
    latents = _latents(where / "vae" if table.vae is None else folder / table.vae, table.vae, hashes)
    return Model(
        prediction,
        schedule,
        make,
        hashes,
        packages=("diffusers",) if prompts is None else ("diffusers", "transformers"),
        channels=channels,
        size=sides,
        classes=classes,
        null=null,
        latents=latents,
        unet=UNetFiles(dict(module.config), inner / WEIGHTS) if kind is _UNET and latents is None else None,
    )


@contextmanager
def _facts_of(folder: Path) -> Iterator[None]:
    """A context in which a configuration is read, whose values may be of any kind: diffusers checks none of them."""
    with document(f"the configuration {folder / CONFIG}"):
        yield


def _sides(size: Any) -> tuple[int, int] | None:
    """The height and width that a configuration gives as one number or as two."""
    if size is None:
        return None
    return (int(size), int(size)) if isinstance(size, int | float) else (int(size[0]), int(size[1]))


def _schedule_and_prediction(table: ModelTable, where: Path) -> tuple[Schedule, Prediction]:
    schedule = None if table.schedule is None else schedule_of(table.schedule)
    if schedule is not None and table.predicts is not None:
        return schedule, table.predicts
    of_scheduler, predicts = read_scheduler(where)
    return schedule or of_scheduler, table.predicts or predicts


def _document(file: Path, what: str) -> dict[str, Any]:
    text = read_text(file, what)
    with document(f"{what} {file}"):
        return msgspec.json.decode(text, type=dict[str, Any])


def _class_of(folder: Path) -> str:
    """The name of the class in a model's folder; raises BadInput for one that does not run, or without weights."""
    if not is_file(folder / WEIGHTS):
        raise BadInput(
            f"model.path: {folder} holds no {WEIGHTS}: save it by save_pretrained(…, safe_serialization=True)."
        )
    name = str(_document(folder / CONFIG, "the model's configuration").get("_class_name"))
    if name not in _KINDS:
        raise BadInput(f"model.path: {folder} is a {one_line(name)}, and of diffusers' models {', '.join(_KINDS)} run.")
    return name


def time_of(schedule: Schedule, t: float) -> float:
    """Returns what a diffusers network is asked with: the index of a step, or a thousandth of a flow's level."""
    return schedule.index(t) if isinstance(schedule, VPDiscrete) else 1000.0 * float(schedule.sigma(t))


@lru_cache(maxsize=4)
def _loaded(name: str, folder: Path, stamp: Hashable) -> Any:
    """A module of diffusers, frozen, as it is on disk."""
    import diffusers

    _check_size(getattr(diffusers, name), folder)
    options = {"use_safetensors": True, "local_files_only": True, "low_cpu_mem_usage": False}
    with guarded(f"the model {folder} cannot be loaded"), quiet():
        module, found = getattr(diffusers, name).from_pretrained(str(folder), output_loading_info=True, **options)
    if missing := sorted(map(str, found["missing_keys"])):  # diffusers would take random numbers, without a word
        raise BadInput(f"model.path: {WEIGHTS} of {folder} holds no {one_line(missing[0])}, which {CONFIG} asks for.")
    check_finite(module, folder)
    return module.eval().requires_grad_(False)


def _check_size(of: Any, folder: Path) -> None:
    """Raises BadInput where a configuration asks for another network than the weights are of, before one is built."""
    what = f"the model {folder} cannot be loaded"
    config = _document(folder / CONFIG, "the model's configuration")
    with guarded(what), safe_open(folder / WEIGHTS, framework="pt") as file:
        there = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118  no dictionary
    with guarded(what), quiet(), torch.device("meta"):  # where nothing takes memory
        blocks = (*config.get("down_block_types", ()), *config.get("up_block_types", ()))
        patches = math.prod(_sides(config.get("sample_size")) or (1, 1)) / max(1, config.get("patch_size") or 1) ** 2
        if of.__name__ not in _WITHOUT_PLACES and patches > _MOST_PATCHES:
            raise BadInput(f"model.path: {CONFIG} of {folder} asks for more than {_MOST_PATCHES:,} patches of a state.")
        layers = max(len(blocks), 1) * max(config.get("layers_per_block", 1), config.get("num_layers", 1))
        asked = {} if layers > len(there) else _shapes_of(of.from_config(config))
    wrong = sorted(name for name in asked.keys() & there.keys() if asked[name] != there[name])
    if not asked or wrong or sum(map(math.prod, asked.values())) > sum(map(math.prod, there.values())):
        odd = f": {wrong[0]} is {asked[wrong[0]]} by the one, and {there[wrong[0]]} by the other" if wrong else ""
        raise BadInput(f"model.path: {CONFIG} and {WEIGHTS} of {folder} are not of one network{odd}.")


def _shapes_of(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in module.state_dict().items()}


def _latents(folder: Path, named: str | None, hashes: dict[str, str]) -> Latents | None:
    """The autoencoder that a file names, or that lies in a pipeline's folder; None where states are images."""
    if named is None and not is_folder(folder):
        return None
    if not is_file(folder / WEIGHTS):
        raise BadInput(f"model.vae: {folder} holds no {WEIGHTS}.")
    config = _document(folder / CONFIG, "the autoencoder's configuration")
    if (name := config.get("_class_name")) != _AUTOENCODER:
        raise BadInput(
            f"model.vae: {folder} is a {one_line(str(name))}, and of diffusers' autoencoders {_AUTOENCODER} runs."
        )
    hashes["vae"] = sha256_of(folder / WEIGHTS)
    hashes["vae configuration"] = sha256_of(folder / CONFIG)
    stamp = stamp_of(folder)
    own = _loaded(_AUTOENCODER, folder, stamp).config
    with _facts_of(folder):
        scale, shift = float(own.scaling_factor), float(getattr(own, "shift_factor", None) or 0.0)
        if not (0.0 < scale < math.inf and math.isfinite(shift)):
            raise BadInput(f"model.vae: {CONFIG} of {folder} scales codes by {scale:g} and shifts them by {shift:g}.")
        return Latents(
            module=lambda device: _autoencoder(folder, stamp, device),
            image_channels=int(own.in_channels),
            channels=int(own.latent_channels),
            factor=2 ** (len(own.block_out_channels) - 1),
            scale=scale,
            shift=shift,
        )


@lru_cache(maxsize=2)
def _autoencoder(folder: Path, stamp: Hashable, device: torch.device) -> Any:
    module = _loaded(_AUTOENCODER, folder, stamp)
    return module if device.type == "cpu" else copy.deepcopy(module).to(device)


@contextmanager
def quiet() -> Iterator[None]:
    """A context in which diffusers says nothing but errors: what it advises is for those who call it themselves."""
    logger = logging.getLogger("diffusers")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
