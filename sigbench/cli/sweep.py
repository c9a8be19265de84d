"""`sigbench sweep`: measure all cells of a file, over worker processes; what is measured stays measured."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from sigbench.cli.again import say_why_again
from sigbench.cli.committed import here_or_copy
from sigbench.cli.measuring import Machine, measure_cells
from sigbench.cli.options import (
    DEFAULT_STORE,
    RESULTS,
    DryRun,
    Engine,
    RetryFailed,
    Store,
    Threads,
    Workers,
    json_lines,
)
from sigbench.cli.parsing import split_names
from sigbench.cli.printing import TableConsole, print_json, say
from sigbench.cli.skipped import say_skipped
from sigbench.cli.sweep_forecast import print_forecast, tuning_store
from sigbench.report.numbers import long_duration

if TYPE_CHECKING:
    from sigbench.records.key import Determinants
    from sigbench.records.store import Store as RecordStore
    from sigbench.sweep.engines.engine import Engine as SweepEngine
    from sigbench.sweep.file import SweepFile
    from sigbench.sweep.plan import PlannedCell, SweepPlan
    from sigbench.sweep.tuning import Tuning


def sweep(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The sweep, a TOML file; leaderboard/sweep.toml is an example.")
    ],
    task: Annotated[
        str,
        typer.Option(
            "--task",
            metavar="NAMES",
            help="Only these tasks of the file, separated by commas: the rest may follow, on another machine or day.",
            rich_help_panel="What is measured",
        ),
    ] = "",
    store: Store = DEFAULT_STORE,
    workers: Workers = None,
    threads: Threads = None,
    engine: Engine = "local",
    retry_failed: RetryFailed = False,
    dry_run: DryRun = False,
    forecast: Annotated[
        bool,
        typer.Option(
            "--forecast",
            help="Only try a few cells in little, and say how long all that is missing would take.",
            rich_help_panel=RESULTS,
        ),
    ] = False,
    as_json: Annotated[bool, json_lines("a cell that this command finishes, its record")] = False,
) -> None:
    """Measure what a file asks for: tasks × samplers × steps × grids × seeds × guidance.

    Each finished cell is in the store at once, and the same command again measures only what is missing there,
    however the last one ended. Numbers do not depend on the number of workers, times do: records say how many
    cells ran at once. A table [tune] has each training-free sampler measured on its best grid and options, which are
    chosen first, on noise of their own.

    \b
    sigbench sweep leaderboard/sweep.toml --dry-run
    sigbench sweep leaderboard/sweep.toml --forecast --workers 2
    sigbench sweep leaderboard/sweep.toml --store records --task gmm,gmm2d
    """
    machine = Machine(workers, threads, engine)

    from sigbench.records.store import Store as RecordStore
    from sigbench.sweep.file import read_sweep

    wanted = read_sweep(here_or_copy(file), elsewhere=machine.is_elsewhere)
    if task:
        wanted = wanted.only(split_names(task, "--task"))
    if not dry_run and not forecast:
        RecordStore(store)  # whether it can be written, before anybody is asked for work
    with machine.open() as workforce:
        if machine.is_elsewhere:
            wanted = wanted.on(workforce.device_for)
        if forecast:
            print_forecast(wanted, store, workforce, as_json=as_json)
            return
        _sweep(wanted, store, workforce, retry_failed=retry_failed, dry_run=dry_run, as_json=as_json)


def _sweep(
    wanted: "SweepFile", store: Path, engine: "SweepEngine", *, retry_failed: bool, dry_run: bool, as_json: bool
) -> None:
    """Measures what is missing of a sweep, or says what that is, and leaves with the exit code of its outcome."""
    from sigbench.records.store import Store as RecordStore
    from sigbench.sweep.plan import plan_sweep
    from sigbench.sweep.run import missing_cells

    tuning = None if wanted.tune is None else _tuned(wanted, store, engine, retry_failed=retry_failed, dry_run=dry_run)
    records_at = None if dry_run and not store.is_dir() else RecordStore(store)
    plan = plan_sweep(wanted) if tuning is None else plan_sweep(wanted, tuning.chosen)
    todo = missing_cells(plan.cells, records_at, retry_failed=retry_failed)
    if records_at is not None:
        say_why_again(_unknown(todo, records_at), records_at)
    if dry_run:
        _print_plan(plan, todo, records_at, as_json=as_json)
        return
    assert records_at is not None
    say_skipped(plan.skipped)
    began = monotonic()
    stopped, progress = measure_cells(todo, records_at, engine, as_json=as_json)
    statuses = _statuses(plan.cells, records_at)
    done = sum(status != "missing" for status in statuses.values())
    if stopped and (done < len(plan.cells) or progress.left):
        say(f"interrupted: {done} of {len(plan.cells)} cells are in {store}; the same command goes on.")
        raise typer.Exit(3 if done else 4)
    if not as_json:
        _print_summary(plan, statuses)
    say(
        f"{progress.measured} of {len(plan.cells)} cells measured in {long_duration(monotonic() - began)}, "
        f"{len(plan.cells) - len(todo)} were there before; the records are in {store}."
    )
    good = sum(status == "ok" for status in statuses.values())
    raise typer.Exit(0 if good == len(plan.cells) else 1 if good else 4)


def _tuned(
    wanted: "SweepFile", store: Path, engine: "SweepEngine", *, retry_failed: bool, dry_run: bool
) -> "Tuning | None":
    """Measures the candidates of [tune] that are missing beside the store; returns the choices, None in a dry run
    where there are no choices yet.
    """
    from sigbench.records.store import Store as RecordStore
    from sigbench.records.store import replacing
    from sigbench.sweep.run import missing_cells
    from sigbench.sweep.tuning import choose, different_cells, plan_tuning, read_tuning

    candidates, skipped = plan_tuning(wanted)
    beside = tuning_store(store)
    kept = None if dry_run and not beside.is_dir() else RecordStore(beside)
    different = different_cells(candidates)
    todo = missing_cells(different, kept, retry_failed=retry_failed)
    say_skipped(skipped)
    if todo and dry_run:
        say(f"{len(todo)} of {len(different)} candidates would be measured first; the best of them are no cells yet.")
        return None
    if kept is None:
        return None
    if todo:
        say(f"tuning: {len(todo)} of {len(different)} candidates, on noise of their own, before what is chosen.")
        stopped, progress = measure_cells(todo, kept, engine)
        if stopped:
            say(f"interrupted: {progress.measured} candidates are in {beside}; the same command goes on.")
            raise typer.Exit(3)
    tuning = choose(candidates, kept)
    if not dry_run:
        choices = beside / "choices.json"
        with replacing(choices) as temporary:
            temporary.write_text(tuning.beside(read_tuning(choices)).to_text(), encoding="utf-8")
        say(f"the choices among {len(different)} candidates are in {choices}.")
    return tuning


def _unknown(todo: "Sequence[PlannedCell]", store: "RecordStore") -> "list[Determinants]":
    """What determines the cells that have no file in the store."""
    return [cell.determinants for cell in todo if not store.path_of(cell.key).exists() and cell.determinants]


def _statuses(cells: "Sequence[PlannedCell]", store: "RecordStore | None") -> dict[str, str]:
    found = {cell.key: None if store is None else store.read(cell.key) for cell in cells}
    return {key: "missing" if record is None else record["status"] for key, record in found.items()}


def _print_plan(
    plan: "SweepPlan", todo: "Sequence[PlannedCell]", store: "RecordStore | None", *, as_json: bool
) -> None:
    statuses = _statuses(plan.cells, store)
    wanted = {cell.key for cell in todo}
    if as_json:
        for cell in plan.cells:
            line = {
                "key": cell.key,
                "task": cell.task,
                "sampler": cell.name,
                "steps": cell.steps,
                "grid": cell.grid,
                "seed": cell.settings.seed,
                "guidance": cell.settings.guidance,
                "stored": statuses[cell.key],
                "measure": cell.key in wanted,
            }
            print_json(json.dumps(line, separators=(",", ":")))
    say_skipped(plan.skipped)
    if not as_json:
        _print_summary(plan, statuses)
        say(f"{len(todo)} of {len(plan.cells)} cells would be measured.")


def _print_summary(plan: "SweepPlan", statuses: dict[str, str]) -> None:
    from sigbench.report.fitting import FittingTable

    kinds = ("ok", "diverged", "over-budget", "failed", "missing")
    table = FittingTable()
    table.column("task")
    for name in ("cells", *kinds, "skipped"):
        table.column(name, right=True)
    skipped = Counter(cell.task for cell in plan.skipped)
    for task in dict.fromkeys([*(cell.task for cell in plan.cells), *skipped]):
        keys = [cell.key for cell in plan.cells if cell.task == task]
        found = Counter(statuses[key] for key in keys)
        table.row(task, str(len(keys)), *(str(found[kind] or "") for kind in kinds), str(skipped[task] or ""))
    TableConsole().print(table)
