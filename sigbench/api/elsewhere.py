"""Cells of a run on an engine of sweeps: other processes, or other machines, in the place of this one."""

import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from sigbench.api.cell_run import unfailed
from sigbench.measure.cell import plan_cells
from sigbench.measure.settings import Settings
from sigbench.progress import Listener, Progress
from sigbench.records.record import Record
from sigbench.records.store import Store
from sigbench.sweep.engines.choice import Choice
from sigbench.sweep.plan import PlannedCell, planned
from sigbench.sweep.run import run_sweep


def measure_elsewhere(
    choice: Choice,
    settings: Settings,
    specs: Sequence[str],
    steps: Sequence[int],
    *,
    store: Path | None,
    resume: bool,
    progress: Listener,
    on_record: Callable[[Record], object],
) -> Iterator[Record]:
    """Yields the records of samplers × steps in their order, once the engine has measured all that is missing.

    Raises BadInput as planning does, and where the engine's workers cannot be reached or cannot measure. A cell that
    was lost with its worker has no record, and a warning.
    """
    with choice.open(None, None) as engine, _store_at(store) as kept:
        settings = replace(settings, device=engine.device_for(settings.device))
        cells = _planned(settings, specs, steps)
        records = unfailed({cell.key: kept.read(cell.key) for cell in cells} if resume else {})
        todo = [cell for cell in cells if cell.key not in records]
        done = 0
        with closing(run_sweep(todo, kept, engine)) as events:
            for event in events:
                if event.record is not None:
                    records[event.cell.key] = event.record
                    on_record(event.record)
                elif event.what == "lost":
                    warnings.warn(f"{event.cell} has no record: {event.reason}.", stacklevel=4)
                done += event.what in ("finished", "lost", "elsewhere")
                progress(Progress(str(event.cell), done, len(todo)))
        yield from (records[cell.key] for cell in cells if cell.key in records)


@contextmanager
def _store_at(folder: Path | None) -> Iterator[Store]:
    """The store at a folder; where none was named, one that is gone at the end."""
    if folder is not None:
        yield Store(folder)
        return
    with tempfile.TemporaryDirectory(prefix="sigbench-") as place:
        yield Store(Path(place))


def _planned(settings: Settings, specs: Sequence[str], steps: Sequence[int]) -> list[PlannedCell]:
    """The cells as they are handed to workers, each as it can be planned again alone."""
    plan_cells(settings, specs, steps)  # refuses what only all of them together show
    found: dict[str, PlannedCell] = {}
    for spec in specs:
        cells = plan_cells(settings, [spec], steps)
        for cell in cells:
            asked = tuple(steps) if len(cells) == 1 else (cell.grid.steps,)
            found.setdefault(cell.key, planned(cell, settings, spec, asked))
    return list(found.values())
