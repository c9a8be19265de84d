"""From cells to their records: what `sigbench run` and `sigbench.run` share."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from sigbench.measure.cell import Cell
from sigbench.measure.failure import OnFailure, unheard
from sigbench.measure.run import OnRecord, OnSamples, measure, unkept
from sigbench.progress import Listener, Progress, ignore
from sigbench.records.key import Determinants
from sigbench.records.record import Record
from sigbench.records.store import Store


class CellRun:
    """The cells of one run: those whose records a store has, which are taken from there, and those to measure.

    Without `resume` all are measured. What failed is measured again.
    """

    def __init__(self, cells: Sequence[Cell], store: Store | None, *, resume: bool = False) -> None:
        self.cells, self._store = cells, store
        found = {cell.key: store.read(cell.key) for cell in cells} if resume and store is not None else {}
        self.kept = unfailed(found)
        self.todo = [cell for cell in cells if cell.key not in self.kept]
        self._unknown = [cell for cell in self.todo if found.get(cell.key) is None]

    def new(self) -> Iterator[Determinants]:
        """Yields what determines the cells of which the store has no record."""
        return (cell.determinants() for cell in self._unknown)

    def measure(
        self,
        *,
        progress: Listener = ignore,
        on_record: OnRecord = unkept,
        on_samples: OnSamples | None = None,
        on_failure: OnFailure = unheard,
    ) -> Iterator[tuple[Cell, Record]]:
        """Yields each cell with its record, in their order.

        A fresh record is in the store before anybody hears of it: `on_record`, and `on_samples` as in
        `sigbench.measure.run.measure`. `progress` counts the cells that are measured.
        """
        shown = _Shown(len(self.todo), progress)

        def keep(record: Record) -> None:
            if self._store is not None:
                self._store.write(record)  # before the samples, whose disk may be full
            on_record(record)

        fresh = measure(self.todo, progress=shown.repeat, on_record=keep, on_samples=on_samples, on_failure=on_failure)
        for cell in self.cells:
            if (record := self.kept.get(cell.key)) is not None:
                yield cell, record
                continue
            yield cell, next(fresh)
            shown.finished()


def unfailed(found: Mapping[str, Record | None]) -> dict[str, Record]:
    """Returns the records that `resume` takes: what failed is measured again."""
    return {key: record for key, record in found.items() if record is not None and record["status"] != "failed"}


class _Shown:
    """Progress over the repeats of all cells."""

    def __init__(self, cells: int, show: Callable[[Progress], None]) -> None:
        self._cells, self._show, self._index = cells, show, 0

    def repeat(self, progress: Progress) -> None:
        """Tells which repeat of which cell is running."""
        done = self._index + 0.9 * progress.done / progress.total
        self._show(replace(progress, done=done, total=self._cells))

    def finished(self) -> None:
        """Counts a finished cell."""
        self._index += 1
        self._show(Progress("", self._index, self._cells))
