"""`sigbench sweep --forecast`: how long what is missing takes, from a few cells tried in little and not kept."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import typer

from sigbench.cli.measuring import Machine, measure_cells
from sigbench.cli.printing import TableConsole, say
from sigbench.cli.skipped import say_skipped
from sigbench.report.numbers import long_duration

if TYPE_CHECKING:
    from sigbench.sweep.file import SweepFile
    from sigbench.sweep.forecast import Forecast
    from sigbench.sweep.plan import Chooser, PlannedCell
    from sigbench.sweep.run import Event


def tuning_store(store: Path) -> Path:
    """Returns the folder of the candidates of a sweep whose records are in `store`."""
    return store.with_name(f"{store.name}-tuning")


def print_forecast(wanted: "SweepFile", store: Path, machine: Machine) -> None:
    """Says what is left out, and how long all that is missing would take.

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
    workers, threads = machine.share([*candidates, *cells])
    found = _tried([*candidates, *cells], threads)
    _print(wanted.tasks, cells, candidates, found, workers)


def _tried(cells: "Sequence[PlannedCell]", threads: int) -> "Forecast":
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
        stopped, _ = measure_cells(few, Store(Path(folder)), Machine(1, threads), seen=seen)
    if stopped:
        say("interrupted: there is no forecast.")
        raise typer.Exit(4)
    return found


def _print(
    tasks: Sequence[str],
    cells: "Sequence[PlannedCell]",
    candidates: "Sequence[PlannedCell]",
    found: "Forecast",
    workers: int,
) -> None:
    from sigbench.report.fitting import FittingTable

    table = FittingTable()
    for name in ("task", "candidates", "cells", "time"):
        table.column(name, right=name != "task")
    for task in tasks:
        own, tried = ([cell for cell in those if cell.task == task] for those in (cells, candidates))
        table.row(task, str(len(tried) or ""), str(len(own)), long_duration(found.seconds([*own, *tried], workers)[0]))
    TableConsole().print(table)
    total = long_duration(found.seconds([*cells, *candidates], workers)[0])
    say(f"about {total} on {workers} worker{'s' if workers > 1 else ''}, if nothing else keeps the machine busy.")
