"""Pictures: every image where it belongs, dark on light."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sigbench_tasks.mnist.pictures import image_grid, image_strip

TILE = 58  # 28 pixels twice as large, and a gap


def tiles(sheet: Image.Image, rows: int, columns: int) -> NDArray[np.float64]:
    """The mean ink of each tile, shape (rows, columns), 255 for a tile that is all ink."""
    values = 255.0 - np.asarray(sheet, dtype=float)
    left, top = sheet.width - 8 - columns * TILE, sheet.height - 8 - rows * TILE
    body = values[top : top + rows * TILE, left : left + columns * TILE].reshape(rows, TILE, columns, TILE)
    return body[:, :56, :, :56].mean((1, 3))


def flat(levels: list[int]) -> NDArray[np.uint8]:
    return np.repeat(np.array(levels, dtype=np.uint8), 784).reshape(-1, 28, 28)


def test_a_grid_in_the_order_of_the_samples() -> None:
    sheet = image_grid(flat(list(range(0, 200, 2))), "")
    assert np.allclose(tiles(sheet, 10, 10).ravel(), np.arange(0, 200, 2))


def test_a_grid_of_few_samples_has_no_empty_rows() -> None:
    sheet = image_grid(flat([9] * 13), "")
    found = tiles(sheet, 2, 10)
    assert np.allclose(found[0], 9)
    assert np.allclose(found[1], [9] * 3 + [0] * 7)


def test_classes_in_rows() -> None:
    labels = np.arange(60) % 10
    sheet = image_grid(flat((labels * 20 + 10).tolist()), "", labels)
    assert np.allclose(tiles(sheet, 10, 6), (np.arange(10) * 20 + 10)[:, None])


def test_a_strip_names_its_rows_and_keeps_its_columns() -> None:
    rows = [("ddim, 5", flat([10, 20, 30])), ("a sampler with a long name, 300", flat([40, 50, 60]))]
    sheet = image_strip(rows, "title")
    assert np.allclose(tiles(sheet, 2, 3), [[10, 20, 30], [40, 50, 60]])
    names = 255 - np.asarray(sheet)[-8 - 2 * TILE :, : sheet.width - 8 - 3 * TILE].astype(float)
    assert names[:TILE].sum() > 0
    assert names[TILE:].sum() > names[:TILE].sum()
    assert image_strip([("x", flat([1, 2, 3]))], "").width < sheet.width


def test_a_long_title_is_not_cut() -> None:
    assert image_grid(flat([1]), "a long title " * 10).width > image_grid(flat([1]), "").width
