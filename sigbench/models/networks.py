"""The network of a model: loaded from where its file says, on a device, as what samplers ask.

Weights are read from safetensors alone, or made by a file of the user's, which is code; pickles are refused.
"""

import copy
import hashlib
import logging
import math
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import msgspec
import torch
from safetensors import safe_open
from torch import Tensor, nn

from sigbench.errors import BadInput
from sigbench.files import document, is_file, is_folder, read_text
from sigbench.guard import guarded, one_line, told
from sigbench.metrics.fidelity import mend_torchvision
from sigbench.models.file import ModelTable
from sigbench.models.schedules import read_scheduler, schedule_of, scheduler_file
from sigbench.networks.artifacts import read_manifest
from sigbench.networks.scheduled import ScheduledDenoiser, load_denoiser
from sigbench.sde.denoiser import Network, Prediction
from sigbench.sde.discrete import VPDiscrete
from sigbench.sde.schedule import EDM, Schedule, schedule_named
from sigbench.user_code import load_file

_PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt")
_WEIGHTS = "diffusion_pytorch_model.safetensors"
_CONFIG, _CLASS = "config.json", "UNet2DModel"
_CHUNK = 1 << 20


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network: what it predicts, under which schedule, and how it is loaded.

    `make` loads it on a device in a dtype; `hashes` are of its weights or of the code that makes it, by what they are;
    `written_in` are functions of files that it is made by, `channels` how many an image has, None where it is not said,
    and `classes` how many a sample may be of: a network of some is called as network(t, x, labels).
    """

    prediction: Prediction
    schedule: Schedule
    make: Callable[[torch.device, torch.dtype], Network]
    hashes: dict[str, str]
    written_in: tuple[Callable[..., Any], ...] = ()
    packages: tuple[str, ...] = ()
    channels: int | None = None
    classes: int = 0


def read_model(table: ModelTable, folder: Path) -> Model:
    """Returns the model of a file that lies in `folder`; raises BadInput, in a sentence, where it cannot be had."""
    where = folder / table.path
    if where.suffix in _PICKLES:
        raise BadInput(
            f"model.path: {table.path} is a pickle, which may run any code when it is loaded: save the weights as "
            "safetensors (safetensors.torch.save_file(module.state_dict(), FILE)), or load it in a FILE.py of yours "
            'and say kind = "python".'
        )
    return _KINDS[table.kind](table, where)


def _python(table: ModelTable, where: Path) -> Model:
    path, colon, function = str(where).rpartition(":")
    if not colon or not path.endswith(".py"):
        raise BadInput(f'model.path: {table.path!r} is no FILE.py:FUNCTION, which kind = "python" takes.')
    if table.predicts is None or table.schedule is None:
        raise BadInput('model: kind = "python" says what the network predicts and its schedule.')
    build = getattr(load_file(path), function, None)
    if not callable(build):
        raise BadInput(f"model.path: there is no function {function!r} in {path}.")

    def make(device: torch.device, dtype: torch.dtype) -> Network:
        with guarded(f"{table.path} cannot make the network"):
            network = build()
            if isinstance(network, nn.Module):
                network = network.eval().requires_grad_(False).to(device=device, dtype=dtype)
        if not callable(network):
            raise BadInput(f"{table.path} returns {type(network).__name__}, and not a network(t, x).")
        return cast(Network, network)

    return Model(table.predicts, schedule_of(table.schedule), make, {}, written_in=(build,))


def _edm(table: ModelTable, where: Path) -> Model:
    if not is_folder(where):
        raise BadInput(f"model.path: there is no folder {where}.")
    if table.predicts not in (None, "x0"):
        raise BadInput(f"model.predicts: a network of EDM's kind predicts x0, not {table.predicts}.")
    if table.schedule is not None and table.schedule.kind != "edm":
        raise BadInput(f"model.schedule: a network of EDM's kind has noise levels, edm, not {table.schedule.kind}.")
    schedule = EDM() if table.schedule is None else schedule_of(table.schedule)
    sha256 = read_manifest(where).sha256

    def make(device: torch.device, dtype: torch.dtype) -> Network:
        module = load_denoiser(where, _trained_under(where), device, dtype)
        return ScheduledDenoiser(module, schedule, dtype)

    return Model("x0", schedule, make, {"model": sha256})


def _trained_under(folder: Path) -> Schedule:
    """The schedule that an artifact names; as a function of noise levels its network serves every other too."""
    return schedule_named(str(read_manifest(folder).data.get("schedule")))


def _diffusers(table: ModelTable, where: Path) -> Model:
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
    inner = where / "unet" if (where / "unet").is_dir() else where
    if not is_file(inner / _WEIGHTS):
        raise BadInput(
            f"model.path: {inner} holds no {_WEIGHTS}: save it by save_pretrained(…, safe_serialization=True)."
        )
    config = _check_class(inner)
    if table.predicts is None or table.schedule is None:
        schedule, prediction = read_scheduler(where)
    if table.schedule is not None:
        schedule = schedule_of(table.schedule)
    if table.predicts is not None:
        prediction = table.predicts
    _check_size(inner, config)
    module = _unet(inner, stamp_of(inner))
    kind, classes = module.config.class_embed_type, module.config.num_class_embeds or 0
    if kind is not None:
        raise BadInput(f"model.path: {inner} takes classes by {kind!r}, and only those of num_class_embeds run.")

    def make(device: torch.device, dtype: torch.dtype) -> Network:
        if (device.type, dtype) == ("cpu", torch.float32):
            network = module  # as it was loaded
        else:
            with _quiet():
                network = copy.deepcopy(module).to(device=device, dtype=dtype)

        def call(t: float, x: Tensor, labels: Tensor | None = None) -> Tensor:
            asked = torch.full((len(x),), _time_of(schedule, t), device=x.device, dtype=torch.float32)
            of = None if labels is None else labels.expand(len(x))
            found: Tensor = network(x.to(dtype), asked, class_labels=of, return_dict=False)[0]
            return found

        return call

    hashes = {"model": sha256_of(inner / _WEIGHTS), "configuration": sha256_of(inner / _CONFIG)}
    if (scheduler := scheduler_file(where)) is not None:
        hashes["scheduler"] = sha256_of(scheduler)
    channels = int(module.config.in_channels)
    return Model(prediction, schedule, make, hashes, packages=("diffusers",), channels=channels, classes=classes)


def _check_class(folder: Path) -> dict[str, Any]:
    """The configuration of a model, which is of the class that runs."""
    file, what = folder / _CONFIG, "the model's configuration"
    text = read_text(file, what)
    with document(f"{what} {file}"):
        found = msgspec.json.decode(text, type=dict[str, Any])
    if (kind := found.get("_class_name")) != _CLASS:
        raise BadInput(f"model.path: {folder} is a {one_line(str(kind))}, and of diffusers' models a {_CLASS} runs.")
    return found


def _check_size(folder: Path, config: dict[str, Any]) -> None:
    """Raises BadInput where a configuration asks for another network than the weights are of, before one is built."""
    from diffusers import UNet2DModel

    what = f"the model {folder} cannot be loaded"
    with guarded(what), safe_open(folder / _WEIGHTS, framework="pt") as file:
        there = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118  no dictionary
    with guarded(what), _quiet(), torch.device("meta"):  # where nothing takes memory
        blocks = (*config["down_block_types"], *config["up_block_types"])
        layers = len(blocks) * config.get("layers_per_block", 1)
        asked = {} if layers > len(there) else _shapes_of(UNet2DModel.from_config(config))
    wrong = sorted(name for name in asked.keys() & there.keys() if asked[name] != there[name])
    if not asked or wrong or sum(map(math.prod, asked.values())) > sum(map(math.prod, there.values())):
        odd = f": {wrong[0]} is {asked[wrong[0]]} by the one, and {there[wrong[0]]} by the other" if wrong else ""
        raise BadInput(f"model.path: {_CONFIG} and {_WEIGHTS} of {folder} are not of one network{odd}.")


def _shapes_of(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in module.state_dict().items()}


def _time_of(schedule: Schedule, t: float) -> float:
    """What a diffusers network is asked with: the index of a step, or a thousandth of a flow's level."""
    return schedule.index(t) if isinstance(schedule, VPDiscrete) else 1000.0 * float(schedule.sigma(t))


@lru_cache(maxsize=2)
def _unet(folder: Path, stamp: Hashable) -> Any:
    from diffusers import UNet2DModel

    options = {"use_safetensors": True, "local_files_only": True, "low_cpu_mem_usage": False}
    with guarded(f"the model {folder} cannot be loaded"), _quiet():
        module, found = UNet2DModel.from_pretrained(str(folder), output_loading_info=True, **options)
        lacking = sorted(found["missing_keys"])
    if lacking:  # they would be random numbers
        raise BadInput(f"model.path: {_WEIGHTS} of {folder} holds no {lacking[0]}, which {_CONFIG} asks for.")
    bad = [name for name, value in module.named_parameters() if not bool(value.isfinite().all())]
    if bad:
        raise BadInput(f"the model {folder} has weights that are not finite: {bad[0]}.")
    return module.eval().requires_grad_(False)


@contextmanager
def _quiet() -> Iterator[None]:
    """A context in which diffusers says nothing but errors: what it advises is for those who call it themselves."""
    logger = logging.getLogger("diffusers")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def stamp_of(place: Path) -> Hashable:
    """Returns what tells whether a file, or the files right in a folder and one below, have changed."""
    found = []
    with suppress(OSError, ValueError):  # what cannot be looked at, or has a zero byte in its path
        for file in sorted((*place.glob("*"), *place.glob("*/*"))) if is_folder(place) else [place]:
            with suppress(OSError):
                status = file.stat()
                found.append((str(file), status.st_mtime_ns, status.st_size))
    return tuple(found)


def sha256_of(file: Path) -> str:
    """Returns the SHA-256 of a file, read in parts."""
    digest = hashlib.sha256()
    with file.open("rb") as handle:
        while part := handle.read(_CHUNK):
            digest.update(part)
    return digest.hexdigest()


_KINDS: dict[str, Callable[[ModelTable, Path], Model]] = {"python": _python, "edm": _edm, "diffusers": _diffusers}
