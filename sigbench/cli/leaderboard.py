"""`sigbench leaderboard`: records shown in the terminal, built into a page, handed in and run again."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sigbench.cli import names
from sigbench.cli.committed import FOLDER
from sigbench.cli.gathering import (
    GRID_CHOICES,
    check_mentioned,
    gather,
    pick_board,
    submissions_in,
)
from sigbench.cli.help import Command, Group
from sigbench.cli.leaderboard_build import Folder, Records, build
from sigbench.cli.options import JUDGED, MACHINE, RESULTS, AddedMetrics, Task, json_lines
from sigbench.cli.parsing import split_ints
from sigbench.cli.printing import TableConsole, print_json, say
from sigbench.errors import BadInput, unknown_name
from sigbench.records.names import display_name
from sigbench.report.text import printable

if TYPE_CHECKING:
    from sigbench.leaderboard.board import Board

_REFUSED = 3
_ROWS = 40
SHOWN = "What is shown"

app = typer.Typer(
    cls=Group,
    help="Compare records, build the page, hand records in and run them again.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.command(cls=Command)
def show(
    task: Task,
    records: Records = None,
    metric: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            autocompletion=names.complete_metrics,
            rich_help_panel=JUDGED,
            help="The metric that compares (default: the task's headline).",
        ),
    ] = "",
    steps: Annotated[
        str,
        typer.Option(metavar="COUNTS", rich_help_panel=SHOWN, help="Only these step counts, separated by commas."),
    ] = "",
    nfe: Annotated[
        int | None,
        typer.Option(
            "--nfe",
            "--max-nfe",
            metavar="N",
            rich_help_panel=SHOWN,
            help="The most network calls a sample: only cells of no more.",
        ),
    ] = None,
    grid: Annotated[
        str,
        typer.Option(
            metavar="GRID",
            autocompletion=names.complete_grid,
            rich_help_panel=SHOWN,
            help="A grid, 'best' (each sampler on its best), 'all' or 'main'.",
        ),
    ] = "best",
    samples: Annotated[
        int | None,
        typer.Option(metavar="N", rich_help_panel=SHOWN, help="The board with so many samples (default: most cells)."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="SEED", rich_help_panel=SHOWN, help="The board of this seed (default: most cells)."),
    ] = None,
    rows: Annotated[
        int, typer.Option(metavar="N", rich_help_panel=RESULTS, help="The most rows to print; 0 prints all.")
    ] = _ROWS,
    folder: Folder = FOLDER,
    as_json: Annotated[bool, json_lines("a row")] = False,
) -> None:
    """Show the records of a task in the terminal, a block for each number of network calls, the best first.

    Compared are the cells of one block, and of one task version, number of samples, seed and number of repeats, each
    sampler on its best grid: with the best of them, and all with one another for the ranks that each may have. What is
    handed in and not reproduced, what has other repeats than the rest, and what calls no network has no rank.

    \b
    sigbench leaderboard show --task gmm --nfe 10
    sigbench leaderboard show --task mnist --metric is --grid quadratic
    """
    check_mentioned(records, folder, task, metric, grid)

    from sigbench.leaderboard.board import boards
    from sigbench.leaderboard.overview import blocks, narrowed, selection
    from sigbench.leaderboard.table import board_table, heading_of, line_of
    from sigbench.report.marks import LEGEND

    if rows < 0:
        raise BadInput(f"--rows must be at least 0, got {rows}.")
    if nfe is not None and nfe < 1:
        raise BadInput(f"--nfe must be at least 1, got {nfe}.")
    wanted = set(split_ints(steps, "--steps"))
    entries, tasks = gather(records, folder, task)
    found = boards(entries)
    if task not in found:
        raise unknown_name("task among the records", task, tasks)
    board = pick_board(found[task], samples, seed)
    name = metric or next(iter(board.metrics), "")
    if metric and metric not in board.metrics:
        raise unknown_name(f"metric of {task}", metric, board.metrics)
    grids = {entry.record["grid"] for entry in board.entries}
    if grid not in {*GRID_CHOICES, *grids}:
        raise unknown_name("grid among the records", grid, {*GRID_CHOICES, *grids})
    everything = blocks(board, name, board.main_grid if grid == "main" else grid)
    shown, more = narrowed(everything, steps=wanted, most_calls=nfe, most_rows=rows)
    if not shown:
        raise BadInput(f"no cell of {task} fits: the board has the steps {_listed(board)}.")
    if as_json:
        for block in shown:
            for row in block.rows:
                print_json(json.dumps(line_of(name, row)))
        return
    console = TableConsole()
    console.print(heading_of(board, name), highlight=False)
    console.print()
    console.print(board_table(name, shown, console.width))
    console.print()
    console.print(LEGEND, highlight=False)
    if more:
        say(f"{more} more rows: --rows 0 prints all.")
    if grid == "best" and (how := selection([board])):
        say(how)
    if len(found[task]) > 1:
        others = "; ".join(
            f"{b.samples} samples, seed {b.seed}: {len(b.group)} records" for b in found[task][:4] if b is not board
        )
        say(f"{len(found[task]) - 1} more comparisons of {task} (--samples, --seed), among them {others}.")


app.command(cls=Command)(build)


@app.command(cls=Command)
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Records made elsewhere: JSON, or JSON Lines.")],
    folder: Folder = FOLDER,
) -> None:
    """Take records that were made elsewhere, to be shown as reported.

    Each is checked against the schema. Exit code 1 where some are refused, 2 where none is taken.
    """
    added = submissions_in(folder).add(file)
    for problem in (*added.refused, *added.known)[:_REFUSED]:
        say(str(problem))
    if (more := len(added.refused) + len(added.known) - _REFUSED) > 0:
        say(f"{more} more are refused, or submitted already.")
    for record in added.taken:
        print(
            printable(f"{record['key']}  {record['task']}, {display_name(record)} at {record['steps']} steps: reported")
        )
    if not added.taken and not added.known:
        raise BadInput(f"{file} holds no record that can be taken.")
    raise typer.Exit(1 if added.refused else 0)


@app.command(cls=Command)
def verify(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key of a submitted record, or its beginning.")],
    folder: Folder = FOLDER,
    device: Annotated[
        str,
        typer.Option(metavar="DEVICE", rich_help_panel=MACHINE, help="auto, cpu or cuda (default: the record's)."),
    ] = "",
    add_metric: AddedMetrics = None,
    allow_files: Annotated[
        bool, typer.Option("--allow-files", help="Read files that the record names; a Python file runs as you.")
    ] = False,
) -> None:
    """Run a submitted record's cell again here, with the same settings, noise included.

    It is reproduced where no metric differs by more standard errors than chance explains (5 %, divided among the
    metrics). Exit code 1 where one does, 3 where one repeat leaves it open.
    """
    from sigbench.leaderboard.table import difference_table
    from sigbench.leaderboard.verification import compare, sentence
    from sigbench.measure.again import cell_of, differences, files_of, run_again

    kept = submissions_in(folder)
    reported = kept.find(key)
    if not allow_files and (files := files_of(reported)):
        raise BadInput(f"the record names {', '.join(files)}: look at what that is, and --allow-files reads it.")
    kept.prepare()
    cell = cell_of(reported, device=device or None, metrics=tuple(add_metric or ()))
    if changed := differences(reported, cell):
        say(f"not the same here as where the record was made: {', '.join(changed)}.")
    say(f"running {display_name(reported)} at {reported['steps']} steps on {reported['task']} again …")
    ours = run_again(cell)
    verdict, found = compare(reported, ours)
    remark = sentence(verdict, reported, ours, found)
    kept.keep(reported, ours, verdict, remark)
    console = TableConsole()
    if found:
        console.print(difference_table(found))
    console.print(f"{reported['key']}: {verdict}. {remark}", highlight=False, markup=False)
    raise typer.Exit({"reproduced": 0, "differs": 1, "undecided": 3}[verdict])


def _listed(board: "Board") -> str:
    return ", ".join(str(n) for n in sorted({entry.record["steps"] for entry in board.entries}))
