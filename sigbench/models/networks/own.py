"""Networks of kinds of our own: what a Python file makes, and denoisers of EDM's kind that this suite trained."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from sigbench.errors import BadInput
from sigbench.files import is_folder, sha256_of
from sigbench.guard import guarded
from sigbench.models.file import ModelTable
from sigbench.models.networks.model import Model, arranged, as_arranged
from sigbench.models.schedules import schedule_of
from sigbench.networks.artifacts import read_manifest
from sigbench.networks.scheduled import ScheduledDenoiser, load_denoiser
from sigbench.sde.denoiser import Network
from sigbench.sde.schedule import EDM, Schedule, schedule_named
from sigbench.user_code import load_file


def python_model(table: ModelTable, folder: Path) -> Model:
    """Returns the model that FILE.py:FUNCTION makes: network(t, x), or network(t, x, labels) of `classes`."""
    if ".py:" not in table.path:
        raise BadInput(f'model.path: {table.path!r} is no FILE.py:FUNCTION, which kind = "python" takes.')
    if table.predicts is None or table.schedule is None:
        raise BadInput('model: kind = "python" says what the network predicts and its schedule.')
    build = _function(folder / table.path)

    def make(device: torch.device, dtype: torch.dtype) -> Network:
        network = _made(build, table, device, dtype)

        def call(t: float, x: Tensor, *labels: Tensor) -> Tensor:
            found: Tensor = network(t, x, *labels)
            return found

        return call

    return Model(
        table.predicts,
        schedule_of(table.schedule),
        make,
        {"model": _code_hash(folder / table.path)},
        written_in=(build,),
        classes=table.classes or 0,
        null=table.null_label,
    )


def edm_model(table: ModelTable, folder: Path) -> Model:
    """Returns a denoiser of EDM's kind under noise levels: an artifact, or D(x, σ, labels) that FILE.py:FUNCTION makes.

    There σ has shape (n,), and so have the labels, which are None without classes.
    """
    if table.predicts not in (None, "x0"):
        raise BadInput(f"model.predicts: a network of EDM's kind predicts x0, not {table.predicts}.")
    if table.schedule is not None and table.schedule.kind != "edm":
        raise BadInput(f"model.schedule: a network of EDM's kind has noise levels, edm, not {table.schedule.kind}.")
    schedule, where = EDM() if table.schedule is None else schedule_of(table.schedule), folder / table.path
    if ".py:" in table.path:
        return _edm_of_file(table, where, schedule)
    if not is_folder(where):
        raise BadInput(f"model.path: there is no folder {where}.")
    sha256 = read_manifest(where).sha256
    classes = _classes_of(where)

    def make(device: torch.device, dtype: torch.dtype) -> Network:
        module = load_denoiser(where, _trained_under(where), device, dtype)
        return ScheduledDenoiser(module, schedule, dtype)

    return Model("x0", schedule, make, {"model": sha256}, classes=classes, null=classes or None)


def _edm_of_file(table: ModelTable, where: Path, schedule: Schedule) -> Model:
    build = _function(where)

    def make(device: torch.device, dtype: torch.dtype) -> Network:
        network = _made(build, table, device, dtype)

        def call(t: float, x: Tensor, labels: Tensor | None = None) -> Tensor:
            level = torch.full((len(x),), float(schedule.sigma(t)), device=x.device, dtype=x.dtype)
            of = None if labels is None else labels.expand(len(x))
            found: Tensor = network(x, level, of)
            return found

        return call

    classes, null = table.classes or 0, table.null_label
    hashes = {"model": _code_hash(where)}
    return Model("x0", schedule, make, hashes, written_in=(build,), classes=classes, null=null)


def _code_hash(where: Path) -> str:
    """The hash of the file of FILE.py:FUNCTION."""
    return sha256_of(Path(str(where).rpartition(":")[0]))


def _function(where: Path) -> Callable[[], Any]:
    """What makes the network, FILE.py:FUNCTION."""
    path, _, function = str(where).rpartition(":")
    build = getattr(load_file(path), function, None)
    if not callable(build):
        raise BadInput(f"model.path: there is no function {function!r} in {path}.")
    return cast(Callable[[], Any], build)


def _made(
    build: Callable[[], Any], table: ModelTable, device: torch.device, dtype: torch.dtype
) -> Callable[..., Tensor]:
    """The network as it is called; a module on its device in its dtype, as the file asks for it."""
    with guarded(f"{table.path} cannot make the network"):
        network = build()
        if isinstance(network, nn.Module):
            network = network.eval().requires_grad_(False).to(device=device, dtype=dtype)
    if not callable(network):
        raise BadInput(f"{table.path} returns {type(network).__name__}, and not a network(t, x).")
    if not isinstance(network, nn.Module):
        return cast(Callable[..., Tensor], network)
    called = arranged(network, channels_last=table.channels_last, compiled=table.compile)

    def call(*arguments: Any) -> Tensor:
        taken = (_taken(each, dtype, table.channels_last) for each in arguments)
        found: Tensor = called(*taken)
        return found

    return call


def _taken(argument: Any, dtype: torch.dtype, channels_last: bool) -> Any:
    """An argument in the network's dtype, where it is a tensor of numbers."""
    if not (isinstance(argument, Tensor) and argument.is_floating_point()):
        return argument
    return as_arranged(argument.to(dtype), channels_last=channels_last)


def _classes_of(folder: Path) -> int:
    """How many classes an artifact's network tells apart, 0 where its manifest says nothing of them."""
    found = read_manifest(folder).config.get("classes", 0)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else 0


def _trained_under(folder: Path) -> Schedule:
    """The schedule that an artifact names; as a function of noise levels its network serves every other too."""
    return schedule_named(str(read_manifest(folder).data.get("schedule")))
