"""Latent models: states are codes of images, which a variational autoencoder turns into pixels and back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sigbench.errors import BadInput

_BATCH = 16  # images that are decoded at once: they are larger than their codes


@dataclass(frozen=True, eq=False)
class Latents:
    """An autoencoder: images (c, H, W) from −1 to 1 and codes (`channels`, H/`factor`, W/`factor`).

    `module` gives it on a device. Codes are what the encoder expects, less `shift`, times `scale`, as diffusers has it
    (Rombach et al. 2022, section D.1).
    """

    module: Callable[[torch.device], Any]
    image_channels: int
    channels: int
    factor: int
    scale: float
    shift: float = 0.0

    def shape_of(self, image: tuple[int, ...]) -> tuple[int, ...]:
        """Returns the shape of the codes of images (c, H, W); raises BadInput where it has none for them."""
        colours, *size = image
        if colours != self.image_channels:
            several = "s" if self.image_channels > 1 else ""
            raise BadInput(
                f"the model's autoencoder takes {self.image_channels} channel{several}, and the images have {colours}."
            )
        if any(length % self.factor for length in size):
            raise BadInput(
                f"the model's autoencoder makes one number of {self.factor} pixels, and the images have "
                f"{size[1]} × {size[0]}, which are no multiples."
            )
        return (self.channels, *(length // self.factor for length in size))

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Returns the images of codes (n, channels, h, w), shape (n, c, H, W), float32, on their device."""
        module = self.module(codes.device)
        parts = (codes / self.scale + self.shift).float().split(_BATCH)
        return torch.cat([module.decode(part, return_dict=False)[0] for part in parts])

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """Returns the codes that are expected of images (n, c, H, W), shape (n, channels, h, w)."""
        module = self.module(images.device)
        parts = [module.encode(part.float()).latent_dist.mean for part in images.split(_BATCH)]
        return (torch.cat(parts) - self.shift) * self.scale
