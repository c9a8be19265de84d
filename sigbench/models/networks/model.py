"""A trained network: what it predicts, under which schedule, of which classes, and how it is loaded."""

from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sigbench.errors import BadInput, BrokenContract
from sigbench.files import is_folder
from sigbench.models.networks.latents import Latents
from sigbench.sde.denoiser import Network, Prediction
from sigbench.sde.schedule import Schedule


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network: what it predicts, under which schedule, and how it is loaded.

    `make` loads it on a device in a dtype; `hashes` are of its weights or of the code that makes it, by what they are;
    `written_in` are functions of files that it is made by, `channels` how many a state has, None where it is not said,
    `size` the height and width that it was trained for, and `classes` how many a sample may be of: a network of some is
    called as network(t, x, labels), where the label `null` means none. States of `latents` are codes of images.
    `unet` is the configuration of a diffusers UNet2DModel and its weights' file, which a student may start from.
    """

    prediction: Prediction
    schedule: Schedule
    make: Callable[[torch.device, torch.dtype], Network]
    hashes: dict[str, str]
    written_in: tuple[Callable[..., Any], ...] = ()
    packages: tuple[str, ...] = ()
    channels: int | None = None
    size: tuple[int, int] | None = None
    classes: int = 0
    null: int | None = None
    latents: Latents | None = None
    unet: "UNetFiles | None" = None

    def state_shape(self, image: tuple[int, ...]) -> tuple[int, ...]:
        """Returns the shape of a state for images (c, H, W); raises BadInput where the network takes no such."""
        if self.latents is not None:
            return self.latents.shape_of(image)
        if self.channels is not None and self.channels != image[0]:
            several = "s" if self.channels > 1 else ""
            raise BadInput(f"the model takes {self.channels} channel{several}, and the images have {image[0]}.")
        return image

    def guided(self, network: Network, guidance: float) -> Network:
        """Returns the network guided towards its labels: (1 + w)·N(label) − w·N(none) (Ho & Salimans 2022, eq. 6).

        What it predicts is affine in the clean sample, so that guidance is the same whatever that is. Raises BadInput
        where no label means none.
        """
        if guidance == 0.0:
            return network
        if self.null is None:
            raise BadInput(
                "guidance asks a network for no class, too: model.null_label says which label means that, where it "
                "learnt one."
            )
        null = self.null

        def call(t: float, x: Tensor, labels: Tensor | None = None) -> Tensor:
            if labels is None:
                raise BrokenContract("a guided denoiser was asked without labels: call problem.labelled(labels) first.")
            given, without = network(t, x, labels), network(t, x, torch.full_like(labels, null))
            return given + guidance * (given - without)

        return call


@dataclass(frozen=True, slots=True)
class UNetFiles:
    """A UNet2DModel on disk: its configuration as diffusers wrote it, and the file of its weights."""

    configuration: dict[str, Any]
    weights: Path


def arranged(module: nn.Module, *, channels_last: bool, compiled: bool) -> Callable[..., Any]:
    """Returns a network as a file asks for it: its weights channels-last, compiled by torch."""
    if channels_last:
        module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return torch.compile(module) if compiled else module


def as_arranged(x: Tensor, *, channels_last: bool) -> Tensor:
    """Returns a state as a network of that arrangement takes it."""
    return x.contiguous(memory_format=torch.channels_last) if channels_last and x.ndim == 4 else x


def check_finite(module: nn.Module, where: Path) -> None:
    """Raises BadInput where a weight is not finite."""
    if bad := [name for name, value in module.named_parameters() if not bool(value.isfinite().all())]:
        raise BadInput(f"the model {where} has weights that are not finite: {bad[0]}.")


def stamp_of(place: Path) -> Hashable:
    """Returns what tells whether a file, or the files right in a folder and one below, have changed."""
    found = []
    with suppress(OSError, ValueError):  # what cannot be looked at, or has a zero byte in its path
        for file in sorted((*place.glob("*"), *place.glob("*/*"))) if is_folder(place) else [place]:
            with suppress(OSError):
                status = file.stat()
                found.append((str(file), status.st_mtime_ns, status.st_size))
    return tuple(found)
