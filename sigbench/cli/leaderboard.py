"""`sigbench leaderboard`: records shown in the terminal, built into a page, handed in and run again."""

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sigbench.cli.gathering import gather, submissions_in
from sigbench.cli.options import AddedMetrics
from sigbench.cli.parsing import split_ints
from sigbench.cli.printing import TableConsole, say
from sigbench.errors import BadInput, unknown_name
from sigbench.records.names import display_name
from sigbench.report.numbers import digits
from sigbench.report.text import printable

if TYPE_CHECKING:
    from sigbench.leaderboard.board import Board

FOLDER = Path("leaderboard")
_NAMED, _REFUSED = 10, 3
_ROWS = 40

app = typer.Typer(
    help="Compare records, build the page, hand records in and run them again.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Records = Annotated[
    list[Path] | None,
    typer.Option(
        "--records", help="Store folder or JSON Lines file; may be given several times (default: FOLDER/records)."
    ),
]
Folder = Annotated[
    Path, typer.Option("--folder", help="The board's folder: records, claims, pictures and submissions.")
]


@app.command()
def show(
    task: Annotated[str, typer.Option(help="The task.")],
    records: Records = None,
    metric: Annotated[str, typer.Option(help="The metric that compares (default: the task's headline).")] = "",
    steps: Annotated[str, typer.Option(help="Only these step counts, separated by commas.")] = "",
    max_nfe: Annotated[int | None, typer.Option(help="Only cells of at most so many network calls a sample.")] = None,
    grid: Annotated[str, typer.Option(help="A grid, 'best' (each sampler on its best), 'all' or 'main'.")] = "best",
    samples: Annotated[int | None, typer.Option(help="The board with so many samples (default: most cells).")] = None,
    seed: Annotated[int | None, typer.Option(help="The board of this seed (default: most cells).")] = None,
    rows: Annotated[int, typer.Option(help="The most rows to print; 0 prints all.")] = _ROWS,
    folder: Folder = FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a row, and no table.")] = False,
) -> None:
    """Show the records of a task in the terminal, a block for each number of network calls, the best first.

    Compared are the cells of one block, and of one task version, number of samples, seed and number of repeats, each
    sampler on its best grid: with the best of them, and all with one another for the ranks that each may have. What is
    handed in and not reproduced, what has other repeats than the rest, and what calls no network has no rank.

    \b
    sigbench leaderboard show --task gmm --max-nfe 10
    sigbench leaderboard show --task mnist --metric is --grid quadratic
    """
    from sigbench.leaderboard.board import boards
    from sigbench.leaderboard.overview import SELECTION, blocks, narrowed
    from sigbench.leaderboard.table import board_table, heading_of, line_of
    from sigbench.report.marks import LEGEND

    if rows < 0:
        raise BadInput(f"--rows must be at least 0, got {rows}.")
    if max_nfe is not None and max_nfe < 1:
        raise BadInput(f"--max-nfe must be at least 1, got {max_nfe}.")
    wanted = set(split_ints(steps, "--steps"))
    entries, tasks = gather(records, folder, task)
    found = boards(entries)
    if task not in found:
        raise unknown_name("task among the records", task, tasks)
    board = _pick(found[task], samples, seed)
    name = metric or next(iter(board.metrics), "")
    if metric and metric not in board.metrics:
        raise unknown_name(f"metric of {task}", metric, board.metrics)
    grids = {entry.record["grid"] for entry in board.entries}
    if grid not in {"main", "best", "all"} | grids:
        raise unknown_name("grid among the records", grid, {"main", "best", "all"} | grids)
    everything = blocks(board, name, board.main_grid if grid == "main" else grid)
    shown, more = narrowed(everything, steps=wanted, most_calls=max_nfe, most_rows=rows)
    if not shown:
        raise BadInput(f"no cell of {task} fits: the board has the steps {_listed(board)}.")
    if as_json:
        for block in shown:
            for row in block.rows:
                print(json.dumps(line_of(name, row)))
        return
    console = TableConsole()
    console.print(heading_of(board, name), highlight=False)
    console.print()
    console.print(board_table(name, shown, console.width))
    console.print()
    console.print(LEGEND, highlight=False)
    if more:
        say(f"{more} more rows: --rows 0 prints all.")
    if grid == "best" and len(grids) > 1:
        say(SELECTION)
    if len(found[task]) > 1:
        others = "; ".join(
            f"{b.samples} samples, seed {b.seed}: {len(b.group)} records" for b in found[task][:4] if b is not board
        )
        say(f"{len(found[task]) - 1} more comparisons of {task} (--samples, --seed), among them {others}.")


@app.command()
def build(
    records: Records = None,
    out: Annotated[Path | None, typer.Option(help="The page (default: index.html in the board's folder).")] = None,
    folder: Folder = FOLDER,
) -> None:
    """Build the page, one file that works from disk without a network, and README.md beside it.

    The board's folder holds records/, and may hold claims.toml, mnist-strip.png, rbergomi-smile.png (or .svg),
    submitted/, and studies/KIND/TASK.jsonl: of the kinds orders, gap, spectrum and ablation what `convergence` and the
    commands of these names print with --json, of the kind guidance records of several weights of guidance.
    """
    from sigbench.leaderboard.board import boards
    from sigbench.leaderboard.claims import answers, read_claims
    from sigbench.leaderboard.markdown import build_markdown, check_own
    from sigbench.leaderboard.page.build import build_page, newest_date
    from sigbench.leaderboard.page.pictures import find_pictures
    from sigbench.leaderboard.sections import find_sections, with_sections
    from sigbench.records.store import make_folder, replacing

    page = out or folder / "index.html"
    if page.suffix != ".html":
        raise BadInput(f"the page is written as .html, not as {page.name!r}.")
    check_own(page.with_name("README.md"))
    measured = boards(gather(records, folder)[0])
    claims = answers(read_claims(folder / "claims.toml"), measured) if (folder / "claims.toml").is_file() else {}
    sections = find_sections(folder / "studies", outdated=lambda sentence: say(f"left out: {sentence}"))
    found = with_sections(measured, sections)
    titles = _titles(found)
    make_folder(page.parent, "the page's folder")
    day = newest_date(found)
    html = build_page(
        found,
        titles=titles,
        claims=claims,
        pictures=find_pictures(folder),
        sections=sections,
        footer=f"The newest record is of {day}." if day else "",
    )
    text_of = build_markdown(found, titles=titles, claims=claims, sections=sections)
    for file, text in ((page, html), (page.with_name("README.md"), text_of)):
        with replacing(file) as temporary:
            temporary.write_text(text, encoding="utf-8")
    cells = sum(len(board.entries) for several in found.values() for board in several)
    size = digits(len(html) / 1e6)
    print(f"{page} and {page.with_name('README.md')}: {cells} cells of {len(measured)} tasks, {size} MB.")


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="Records made elsewhere: JSON, or JSON Lines.")],
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


@app.command()
def verify(
    key: Annotated[str, typer.Argument(help="The key of a submitted record, or its beginning.")],
    folder: Folder = FOLDER,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda (default: the record's).")] = "",
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


def _pick(several: "list[Board]", samples: int | None, seed: int | None) -> "Board":
    for board in several:
        if (samples is None or board.samples == samples) and (seed is None or board.seed == seed):
            return board
    raise BadInput(
        f"no records of {several[0].task} with these --samples and --seed: there are "
        + "; ".join(f"{b.samples} samples, seed {b.seed}" for b in several[:_NAMED])
        + "."
    )


def _listed(board: "Board") -> str:
    return ", ".join(str(n) for n in sorted({entry.record["steps"] for entry in board.entries}))


def _titles(tasks: Any) -> dict[str, str]:
    """The tasks' titles in words, where their plug-ins are installed."""
    from sigbench.registry import task_class, task_names

    installed, titles = set(task_names()), {}
    for name in tasks:
        if name in installed:
            with suppress(BadInput):  # one that cannot be loaded is called by its name
                titles[name] = task_class(name).title
    return titles
