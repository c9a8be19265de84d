"""Pictures of digits, dark on light."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sigbench.models import pictures


def image_grid(pixels: NDArray[np.uint8], title: str, labels: NDArray[np.int64] | None = None) -> Image.Image:
    """Returns at most 100 digits (n, 28, 28) in rows of ten under a title, with labels (n,) a row a class."""
    return pictures.image_grid(_dark(pixels), title, labels).convert("L")


def image_strip(rows: Sequence[tuple[str, NDArray[np.uint8]]], title: str) -> Image.Image:
    """Returns a named row of digits (n, 28, 28) for each sampler; a column is one initial state and one path."""
    return pictures.image_strip([(name, _dark(digits)) for name, digits in rows], title).convert("L")


def _dark(digits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return 255 - digits[:, None]
