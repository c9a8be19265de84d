"""The cell of a record, to be measured again."""

import math
from dataclasses import replace

from sigbench.errors import BadInput
from sigbench.measure.cell import Cell, plan_cells
from sigbench.measure.run import measure
from sigbench.measure.settings import Settings
from sigbench.progress import Listener, ignore
from sigbench.records.changes import changes
from sigbench.records.key import determinants_of
from sigbench.records.record import Record
from sigbench.registry import is_file_task
from sigbench.sde.grids.names import ENDING, is_computed_name
from sigbench.spec import Spec, parse_spec

_NAMES = ("task", "sampler", "family", "conditions")


def settings_of(record: Record, *, device: str | None = None, metrics: tuple[str, ...] = ()) -> Settings:
    """Returns the settings under which a record was measured.

    `metrics` are the specs of those that judged beside the task's own, which a record does not keep.
    """
    asked, conditions = record["asked"], record["conditions"]
    return Settings(
        task=record["task_spec"],
        samples=record["samples"],
        repeats=asked["stop"]["repeats"],
        precision=asked["stop"]["half_width"],
        seed=record["seed"],
        nfe=asked["nfe"],
        grid=record["grid"],
        batch=asked["batch"],
        device=device or str(record["provenance"]["device"]),
        dtype=asked["dtype"],
        label=int(conditions["label"]) if "label" in conditions else None,
        guidance=conditions.get("guidance", 0.0),
        paths=record["noise"]["paths"],
        metrics=metrics,
    )


def planned_again(record: Record, settings: Settings) -> Cell:
    """Returns the cell of a record's sampler and number of steps; raises BadInput where it cannot be planned here."""
    spec = str(replace(parse_spec(record["spec"]), steps=record["steps"]))  # a teacher's own sampler, too
    if not is_computed_name(record["grid"]):
        (cell,) = plan_cells(settings, [spec], ())
        return replace(cell, role=record["role"])
    (cell,) = plan_cells(replace(settings, grid=None), [spec], ())
    grid = replace(cell.grid, name=record["grid"], times=tuple(record["times"]))  # its file may be gone
    return replace(cell, role=record["role"], grid=grid)


def cell_of(record: Record, *, device: str | None = None, metrics: tuple[str, ...] = ()) -> Cell:
    """Returns the cell that a record says it measured; raises BadInput where it cannot be planned here."""
    cell = planned_again(record, settings_of(record, device=device, metrics=metrics))
    check_same(record, cell)
    check_named(record, cell)
    return cell


def run_again(cell: Cell, progress: Listener = ignore) -> Record:
    """Returns a new record of the cell."""
    (record,) = measure([cell], progress=progress)
    return record


def differences(record: Record, cell: Cell) -> list[str]:
    """Returns what the record's key hashes that is not the same here: artifacts, sources, versions."""
    return changes(determinants_of(record), cell.determinants())


def check_named(record: Record, cell: Cell) -> None:
    """Raises BadInput where a record calls something by another name than what its specs ask for has."""
    known = cell.known()
    for fact in _NAMES:
        if record[fact] != known[fact]:  # type: ignore[literal-required]
            raise BadInput(
                f"{record['key']} says that its {fact.replace('_', ' ')} is {str(record[fact])[:100]!r}, and that of "  # type: ignore[literal-required]
                f"what it asks for is {known[fact]!r}: numbers under a false name are not run again."  # type: ignore[literal-required]
            )


def files_of(record: Record) -> list[str]:
    """Returns what a record asks to be read from files that come with it: code, grids, weights.

    Whoever made the record chose these names, and a Python file runs when it is read.
    """
    asked = parse_spec(record["spec"])
    told = [record["task_spec"], asked.name, *asked.options.values()]
    told += [] if is_computed_name(record["grid"]) else [record["grid"]]
    return [text for text in told if _is_a_file(text) or text in _paths(asked)]


def _is_a_file(text: str) -> bool:
    """Whether a name leads to a file: code, a task's file, which names code, a grid's; or anything in a folder."""
    return ".py" in text or "/" in text or text.endswith(ENDING) or is_file_task(text)


def _paths(asked: Spec) -> list[str]:
    return [value for name, value in asked.options.items() if name in ("artifact", "weights")]


def check_same(record: Record, cell: Cell) -> None:
    """Raises BadInput where the numbers of a record and of the cell that was planned after it cannot be compared."""
    if len(cell.grid.times) != len(record["times"]) or not all(
        math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12) for a, b in zip(cell.grid.times, record["times"], strict=True)
    ):
        raise BadInput(f"the grid {record['grid']!r} of {record['key']} has other times here.")
    if cell.task.version != record["task_version"]:
        raise BadInput(
            f"{record['key']} is of version {record['task_version']} of {record['task']}; here is version "
            f"{cell.task.version}, whose numbers are others."
        )
