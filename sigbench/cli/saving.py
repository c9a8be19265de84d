"""What `sigbench run --save-samples` writes: arrays and pictures of every cell, and one noise under all samplers."""

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from sigbench.records.names import Namer

if TYPE_CHECKING:
    from torch import Tensor

    from sigbench.measure.cell import Cell

_STRIP_COLUMNS = 12
_LONGEST = 120  # characters of a file's name before its ending


def stems(folder: Path, called: Namer, cells: "list[Cell]") -> dict[str, Path]:
    """Where each cell's samples go, by its key: TASK-SAMPLER-STEPS, with a piece of the key where that is too little.

    It is where the name is long, and where another cell of this run has the same.
    """
    names = {}
    for cell in cells:
        told_apart = called(cell.facts).removeprefix(cell.display_name)
        label = re.sub(r"[^A-Za-z0-9.=_-]+", "_", f"{cell.sampler_spec}{told_apart}").strip("_.")
        names[cell.key] = f"{cell.task.name}-{label}-{cell.grid.steps}"
    several = Counter(names.values())
    short = {key: name[:_LONGEST] for key, name in names.items()}
    return {
        key: folder / (f"{short[key]}-{key[:8]}" if several[name] > 1 or name != short[key] else name)
        for key, name in names.items()
    }


def save_cell(at: dict[str, Path], called: Namer, cell: "Cell", samples: "Tensor", labels: "Tensor | None") -> None:
    """Writes a cell's samples and, where the task has such, their picture."""
    import numpy as np

    from sigbench.abilities import HasPictures
    from sigbench.records.store import replacing
    from sigbench.report.charts import save_picture

    stem = at[cell.key]
    array = samples.numpy()
    with replacing(stem.with_name(stem.name + ".npy")) as temporary:
        np.save(temporary, array)
    if isinstance(cell.task, HasPictures):
        title = f"{called(cell.facts)}, {cell.grid.steps} steps"
        picture = cell.task.picture(array.astype(np.float64), title, None if labels is None else labels.numpy())
        save_picture(picture, stem.with_name(stem.name + ".png"))


def save_strip(folder: Path, called: Namer, cells: "list[Cell]") -> None:
    """Saves the same noise under all samplers side by side, where the task has such a picture."""
    from sigbench.abilities import HasStrips
    from sigbench.measure.draw import draw_strip
    from sigbench.report.charts import save_picture

    if not cells or not isinstance(task := cells[0].task, HasStrips):
        return
    names = [f"{called(cell.facts)}, {cell.grid.steps}" for cell in cells]
    rows = [(name, x.double().numpy()) for name, x in zip(names, draw_strip(cells, _STRIP_COLUMNS), strict=True)]
    picture = task.strip(rows, "one initial state and one Brownian path a column; sampler, steps")
    save_picture(picture, folder / f"{task.name}-strip.png")
