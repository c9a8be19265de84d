"""How the winners of a run are set up in the library that their network belongs to."""

from collections.abc import Sequence
from contextlib import suppress

from sigbench.abilities import IsOfLibrary
from sigbench.adapter import Placement
from sigbench.errors import BadInput
from sigbench.measure.cell import Cell
from sigbench.records.family import rank_records
from sigbench.records.names import namer
from sigbench.records.record import Record
from sigbench.registry import adapter, make_sampler
from sigbench.sde.problem import ReverseDiffusion


def deployment_lines(cells: Sequence[Cell], records: Sequence[Record]) -> list[str]:
    """Returns, for each number of calls, the best sampler by the first metric and the code that sets it up.

    Students and what the library has not are left out; nothing is said of a network that is no library's.
    """
    task = cells[0].task
    if not isinstance(task, IsOfLibrary):
        return []
    cell_of, called = {cell.key: cell for cell in cells}, namer(records)
    good = [r for r in records if r["metrics"] and r["nfe"] and r["role"] != "teacher" and r["key"] in cell_of]
    found = []
    for calls in sorted({record["nfe"] or 0 for record in good}):
        group = [record for record in good if record["nfe"] == calls]
        with suppress(BadInput):  # what cannot be compared has no winner
            ranked = rank_records(group, next(iter(group[0]["metrics"])))
            best = next(record for record, own in zip(group, ranked, strict=True) if own.mark == "best")
            if (line := _line(cell_of[best["key"]], task)) is not None:
                counted = f"{calls} call{'s' if calls > 1 else ''}"
                found.append(f"{called(best)} at {counted} in {task.library}: {line}")
    return found


def _line(cell: Cell, task: IsOfLibrary) -> str | None:
    if not isinstance(cell.problem, ReverseDiffusion):
        return None
    denoised = cell.final == "denoise"
    asked = cell.grid.times if denoised else cell.grid.times[:-1]  # the network is not asked at the end of a walk
    steps = task.library_steps([cell.problem.time(s) for s in asked])
    place = Placement(cell.problem.schedule, cell.grid.name, steps, denoised)
    return adapter(task.library).line(cell.sampler, make_sampler, place)
