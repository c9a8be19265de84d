"""What `sigbench run --save-samples` writes: each cell's samples and their pictures, and a strip of all cells."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sigbench.cli.printing import say, show_traceback
from sigbench.errors import BadInput
from sigbench.guard import guarded
from sigbench.records.names import Namer

if TYPE_CHECKING:
    from torch import Tensor

    from sigbench.measure.cell import Cell

_STRIP_COLUMNS = 12
_LONGEST = 120  # characters of a file's name before its ending


class Saver:
    """Writes samples and pictures into a folder; a picture that a task cannot draw is told, and costs nothing else."""

    def __init__(self, folder: Path, called: Namer, cells: "list[Cell]") -> None:
        self._folder, self._called, self._stems = folder, called, _stems(folder, called, cells)
        self._done: set[str] = set()
        self.failed = 0

    def __call__(self, cell: "Cell", samples: "Tensor", labels: "Tensor | None") -> None:
        """Writes a cell's samples (n, *shape) in data units, and their picture where the task has one."""
        import numpy as np

        from sigbench.abilities import HasPictures
        from sigbench.records.store import replacing
        from sigbench.report.charts import save_picture

        stem, task = self._stems[cell.key], cell.task
        self._done.add(cell.key)
        array = samples.numpy()
        with replacing(stem.with_name(f"{stem.name}.npy")) as temporary, temporary.open("wb") as file:
            np.save(file, array)
        if not isinstance(task, HasPictures):
            return
        title = f"{self._called(cell.facts)}, {cell.grid.steps} steps"
        of = None if labels is None else labels.numpy()
        file_of_picture = stem.with_name(f"{stem.name}.png")
        self._draw(lambda: save_picture(task.picture(array.astype(np.float64), title, of), file_of_picture), title)

    def lacks(self, cell: "Cell") -> bool:
        """Whether the cell's samples have not been written: its record came from the store."""
        return cell.key not in self._done

    def draw(self, cell: "Cell") -> None:
        """Draws the first repeat of a cell again, which is the same whenever it is drawn, and writes it."""
        from sigbench.abilities import to_data
        from sigbench.measure.draw import draw_samples

        with guarded(f"{cell} cannot be drawn again"):
            drawn = draw_samples(cell, 0)
            samples = to_data(cell.task, drawn.samples)
        self(cell, samples, drawn.labels)

    def strip(self, cells: "list[Cell]") -> None:
        """Saves the same noise under all samplers side by side, where the task has such a picture."""
        from sigbench.abilities import HasStrips
        from sigbench.measure.draw import draw_strip
        from sigbench.report.charts import save_picture

        if not cells or not isinstance(task := cells[0].task, HasStrips):
            return
        names = [f"{self._called(cell.facts)}, {cell.grid.steps}" for cell in cells]
        file = self._folder / f"{_plain(task.name)}-strip.png"

        def draw() -> None:
            drawn = [x.double().numpy() for x in draw_strip(cells, _STRIP_COLUMNS)]
            rows = list(zip(names, drawn, strict=True))
            save_picture(task.strip(rows, "one initial state and one Brownian path a column; sampler, steps"), file)

        self._draw(draw, "all samplers")

    def _draw(self, draw: Callable[[], object], of: str) -> None:
        try:
            with guarded(f"the picture of {of} cannot be drawn"):
                draw()
        except BadInput as error:
            show_traceback(error)
            say(str(error))
            self.failed += 1


def _stems(folder: Path, called: Namer, cells: "list[Cell]") -> dict[str, Path]:
    """Where each cell's samples go, by its key: TASK-SAMPLER-STEPS, with a piece of the key where that is too little.

    It is where the name is long, and where another cell of this run has the same.
    """
    names = {}
    for cell in cells:
        told_apart = called(cell.facts).removeprefix(cell.display_name)
        label = _plain(f"{cell.sampler_spec}{told_apart}")
        names[cell.key] = f"{_plain(cell.task.name)}-{label}-{cell.grid.steps}"
    several = Counter(names.values())
    short = {key: name[:_LONGEST] for key, name in names.items()}
    return {
        key: folder / (f"{short[key]}-{key[:8]}" if several[name] > 1 or name != short[key] else name)
        for key, name in names.items()
    }


def _plain(name: str) -> str:
    """A name of which nothing leads out of the folder, and nothing is more to a shell than a letter."""
    return re.sub(r"[^A-Za-z0-9.=_-]+", "_", name).strip("_.") or "_"
