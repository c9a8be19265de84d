"""Pictures of digits: a grid of samples, and a strip that compares samplers on the same noise."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

_ZOOM, _GAP, _LETTERS, _MARGIN = 2, 2, 13, 8
_PAPER, _INK = 255, 0


def image_grid(pixels: NDArray[np.uint8], title: str, labels: NDArray[np.int64] | None = None) -> Image.Image:
    """Returns at most 100 images (n, 28, 28) in rows of ten under a title, dark on light.

    With labels (n,) row k holds images of class k; without, images stand in their own order.
    """
    if labels is None:
        rows = [pixels[start : start + 10] for start in range(0, min(len(pixels), 100), 10)]
    else:
        rows = [pixels[labels == label][:10] for label in range(10)]
    names = ["" if labels is None else str(label) for label in range(len(rows))]
    return _table(list(zip(names, rows, strict=True)), title)


def image_strip(rows: Sequence[tuple[str, NDArray[np.uint8]]], title: str) -> Image.Image:
    """Returns a named row of images (n, 28, 28) for each sampler; a column is one initial state and one path."""
    return _table(rows, title)


def _table(rows: Sequence[tuple[str, NDArray[np.uint8]]], title: str) -> Image.Image:
    font = ImageFont.load_default(_LETTERS)
    side = 28 * _ZOOM + _GAP
    left = _MARGIN + max((round(font.getlength(f"{name}  ")) for name, _ in rows if name), default=0)
    top = _MARGIN + 2 * _LETTERS
    columns = max((len(images) for _, images in rows), default=0)
    width = max(left + columns * side, _MARGIN + round(font.getlength(title))) + _MARGIN
    sheet = Image.new("L", (width, top + len(rows) * side + _MARGIN), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _MARGIN), title, fill=_INK, font=font)
    for line, (name, images) in enumerate(rows):
        y = top + line * side
        draw.text((_MARGIN, y + (side - _LETTERS) // 2), name, fill=_INK, font=font)
        for column, image in enumerate(images):
            digit = Image.fromarray(255 - np.asarray(image, dtype=np.uint8))
            sheet.paste(digit.resize((28 * _ZOOM, 28 * _ZOOM), Image.Resampling.NEAREST), (left + column * side, y))
    return sheet
