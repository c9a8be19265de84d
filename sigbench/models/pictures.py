"""Pictures of images: a grid of samples, and a strip that compares samplers on the same noise."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]
_GAP, _LETTERS, _MARGIN = 2, 13, 8
_LEAST, _MOST = 56, 96  # pixels of an image's longer side on the sheet
_A_ROW, _ROWS = 10, 10
_PAPER, _INK = (255, 255, 255), (0, 0, 0)
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def image_grid(pixels: Pixels, title: str, labels: NDArray[np.int64] | None = None) -> Image.Image:
    """Returns at most 100 images (n, c, H, W) in rows of ten under a title; c is 1, 3 or 4.

    With labels (n,) a row holds images of one class, the first ten classes that there are; without, images stand in
    their own order.
    """
    if labels is None:
        rows = [("", pixels[start : start + _A_ROW]) for start in range(0, min(len(pixels), _ROWS * _A_ROW), _A_ROW)]
    else:
        shown = np.unique(labels)[:_ROWS].tolist()
        rows = [(str(label), pixels[labels == label][:_A_ROW]) for label in shown]
    return image_strip(rows, title)


def image_strip(rows: Sequence[tuple[str, Pixels]], title: str) -> Image.Image:
    """Returns a named row of images (n, c, H, W) for each sampler; a column is one initial state and one path."""
    font = ImageFont.load_default(_LETTERS)
    height, width = _size_on_sheet(rows)
    left = _MARGIN + max((round(font.getlength(f"{name}  ")) for name, _ in rows if name), default=0)
    top = _MARGIN + 2 * _LETTERS
    columns = max((len(images) for _, images in rows), default=0)
    across = max(left + columns * (width + _GAP), _MARGIN + round(font.getlength(title))) + _MARGIN
    sheet = Image.new("RGB", (across, top + len(rows) * (height + _GAP) + _MARGIN), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _MARGIN), title, fill=_INK, font=font)
    for line, (name, images) in enumerate(rows):
        y = top + line * (height + _GAP)
        draw.text((_MARGIN, y + (height + _GAP - _LETTERS) // 2), name, fill=_INK, font=font)
        for column, image in enumerate(images):
            shown = _as_picture(image).resize((width, height), _filter(image, width))
            sheet.paste(shown, (left + column * (width + _GAP), y), shown if shown.mode == "RGBA" else None)
    return sheet


def _size_on_sheet(rows: Sequence[tuple[str, Pixels]]) -> tuple[int, int]:
    """Height and width of an image there: small ones a whole number of times as large, large ones made smaller."""
    height, width = next((images.shape[-2:] for _, images in rows if len(images)), (_LEAST, _LEAST))
    longer = max(height, width)
    if longer > _MOST:
        return max(1, round(height * _MOST / longer)), max(1, round(width * _MOST / longer))
    zoom = max(1, round(_LEAST / longer))
    return height * zoom, width * zoom


def _as_picture(image: Pixels) -> Image.Image:
    """An image (c, H, W)."""
    mode = _MODES[len(image)]
    return Image.fromarray(np.ascontiguousarray(image[0] if mode == "L" else image.transpose(1, 2, 0)), mode)


def _filter(image: Pixels, width: int) -> Image.Resampling:
    """Whole pixels where an image is made larger, an average of them where it is made smaller."""
    return Image.Resampling.NEAREST if width >= image.shape[-1] else Image.Resampling.LANCZOS
