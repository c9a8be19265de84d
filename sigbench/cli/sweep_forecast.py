"""`sigbench sweep --forecast`: how long what is missing takes, from a few cells tried in little and not kept."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import typer

from sigbench.cli.measuring import measure_cells
from sigbench.cli.printing import TableConsole, print_json, say
from sigbench.cli.skipped import say_skipped
from sigbench.report.numbers import long_duration

if TYPE_CHECKING:
    from sigbench.sweep.engines.engine import Engine
    from sigbench.sweep.file import SweepFile
    from sigbench.sweep.forecast import Forecast
    from sigbench.sweep.plan import Chooser, PlannedCell
    from sigbench.sweep.run import Event


def tuning_store(store: Path) -> Path:
    """Returns the folder of the candidates of a sweep whose records are in `store`."""
    return store.with_name(f"{store.name}-tuning")


@dataclass(frozen=True, slots=True)
class _Row:
    """How many candidates and cells of a task are missing, and the seconds that they take; `known` where all tried."""

    task: str
    candidates: int
    cells: int
    seconds: float
    known: bool

    @staticmethod
    def of(
        task: str,
        cells: "Sequence[PlannedCell]",
        candidates: "Sequence[PlannedCell]",
        found: "Forecast",
        workers: int,
    ) -> "_Row":
        own, tried = ([cell for cell in those if cell.task == task] for those in (cells, candidates))
        return _Row(task, len(tried), len(own), *found.seconds([*own, *tried], workers))


def print_forecast(wanted: "SweepFile", store: Path, engine: "Engine", *, as_json: bool) -> None:
    """Says what is left out, and how long all that is missing would take: a table, or a JSON object a task.

    Until a sweep is tuned, each sampler stands on its first candidate.
    """
    from sigbench.records.store import Store
    from sigbench.sweep.plan import plan_sweep
    from sigbench.sweep.run import missing_cells
    from sigbench.sweep.tuning import choose, different_cells, first_candidates, plan_tuning

    def missing(cells: "Sequence[PlannedCell]", folder: Path) -> "list[PlannedCell]":
        return missing_cells(cells, Store(folder) if folder.is_dir() else None, retry_failed=False)

    all_candidates, _ = plan_tuning(wanted)
    candidates = missing(different_cells(all_candidates), tuning_store(store))
    chooser: Chooser = first_candidates(wanted)
    if all_candidates and not candidates:
        chooser = choose(all_candidates, Store(tuning_store(store))).chosen
    plan = plan_sweep(wanted, chooser)
    say_skipped(plan.skipped)
    cells = missing(plan.cells, store)
    if not cells and not candidates:
        say("nothing is missing.")
        return
    workers = engine.workers_for([*candidates, *cells])
    found = _tried([*candidates, *cells], engine)
    rows = [_Row.of(task, cells, candidates, found, workers) for task in wanted.tasks]
    if as_json:
        for row in rows:
            print_json(json.dumps(asdict(row), separators=(",", ":")))
        return
    _print(rows)
    seconds, known = found.seconds([*cells, *candidates], workers)
    several = f"{workers} worker{'s' if workers > 1 else ''}"
    say(f"{_about(seconds, known)} on {several}, if nothing else keeps the machine busy.")


def _tried(cells: "Sequence[PlannedCell]", engine: "Engine") -> "Forecast":
    from sigbench.records.store import Store
    from sigbench.sweep.forecast import Forecast, plan_trials

    trials = {trial.cell.key: trial for trial in plan_trials(cells)}
    found = Forecast()

    def seen(event: "Event") -> None:
        trial = trials[event.cell.key]
        if event.what == "finished" and trial.of is not None:
            found.add(trial.of, event.seconds / trial.share)

    say(f"trying {len(trials)} cells in little, to know what the others take.")
    with TemporaryDirectory() as folder:
        few = [trial.cell for trial in trials.values()]
        stopped, _ = measure_cells(few, Store(Path(folder)), engine.alone(cells), seen=seen)
    if stopped:
        say("interrupted: there is no forecast.")
        raise typer.Exit(4)
    return found


def _print(rows: "Sequence[_Row]") -> None:
    from sigbench.report.fitting import FittingTable

    table = FittingTable()
    for name in ("task", "candidates", "cells", "time"):
        table.column(name, right=name != "task")
    for row in rows:
        table.row(row.task, str(row.candidates or ""), str(row.cells), _about(row.seconds, row.known))
    TableConsole().print(table)


def _about(seconds: float, known: bool) -> str:
    return f"{'about' if known else 'more than'} {long_duration(seconds)}"
