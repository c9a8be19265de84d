"""`sigbench ablate`: students trained under one budget, to see what each part of Sig-DEG is worth."""

from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from sigbench.api.progress import Bar
from sigbench.cli.committed import here_or_copy
from sigbench.cli.measuring import Machine, measure_cells
from sigbench.cli.options import RESULTS, DryRun, Engine, Plot, RetryFailed, Threads, Workers, json_lines
from sigbench.cli.printing import TableConsole, print_json, say
from sigbench.report.numbers import long_duration

if TYPE_CHECKING:
    from sigbench.studies.ablation.result import AblationResult
    from sigbench.studies.ablation.study import Ablation


def ablate(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="The ablation, a TOML file such as leaderboard/studies/ablation/gmm.toml."),
    ],
    work: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            rich_help_panel=RESULTS,
            help="Folder of students, paths and records (default: the file's name).",
        ),
    ] = None,
    workers: Workers = None,
    threads: Threads = None,
    engine: Engine = "local",
    retry_failed: RetryFailed = False,
    dry_run: DryRun = False,
    plot: Plot = None,
    as_json: Annotated[bool, json_lines("a student, of all that are there")] = False,
) -> None:
    """Train students that differ in one thing or another under one budget, and judge them on the same noise.

    What may differ: the signature order, the number of steps, the time grid, the loss (local, global or both), the
    memory of earlier states, the base step (exponential or identity), and the seed of training. A student may serve
    several numbers of steps. A repeated command trains and measures only what is missing in the work folder, and goes
    on with a training where it was interrupted.

    \b
    sigbench ablate leaderboard/studies/ablation/gmm.toml --dry-run
    sigbench ablate mine.toml --work ablation --plot ablation.png
    """
    machine = Machine(workers, threads, engine)

    from sigbench.records.store import check_picture
    from sigbench.studies.ablation.file import read_ablation
    from sigbench.studies.ablation.study import plan_ablation, planned_line, walk_teacher
    from sigbench.studies.result import to_line
    from sigbench.sweep.run import missing_cells

    if plot is not None:
        check_picture(plot)
    wanted = read_ablation(here_or_copy(file))
    ablation = plan_ablation(wanted, Path(file.stem) if work is None else work)
    if dry_run:
        for cell in ablation.cells:
            print(planned_line(cell) if as_json else cell.variant)
        count, length = ablation.students, f"{wanted.budget['iterations']} iterations each"
        say(f"{count} students of {wanted.task}, {length}, measured in {len(ablation.cells)} cells.")
        return
    store = ablation.store
    todo = missing_cells(ablation.in_turn, store, retry_failed=retry_failed)
    began = monotonic()
    if todo:
        with Bar("the teacher walks", "paths") as bar:
            walk_teacher(ablation, bar.show)
    with machine.open() as workforce:
        _, progress = measure_cells(todo, store, workforce)
    results = ablation.results()
    if as_json:
        for result in results:
            print_json(to_line(result))
    elif results:
        _print(ablation, results)
    good = [result for result in results if result.record["status"] == "ok"]
    if plot is not None and good:
        from sigbench.report.charts import save_chart
        from sigbench.studies.ablation.chart import ablation_chart

        save_chart(ablation_chart(good), plot)
        say(f"the chart is in {plot}.")
    say(
        f"{len(results)} of {len(ablation.cells)} cells are measured, {progress.measured} now, "
        f"in {long_duration(monotonic() - began)}; students and records are in {ablation.work}."
    )
    if len(results) < len(ablation.cells):
        raise typer.Exit(3 if results else 4)
    raise typer.Exit(0 if len(good) == len(results) else 1 if good else 4)


def _print(ablation: "Ablation", results: "Sequence[AblationResult]") -> None:
    from sigbench.report.fitting import FittingTable
    from sigbench.report.numbers import digits
    from sigbench.studies.ablation.verdict import headline_of, sentences

    console = TableConsole(highlight=False)
    name, judged = headline_of(results), results[0].record
    console.print_head(
        ablation.file.task,
        f" · {name} · {judged['samples']:,} samples × {judged['repeats']} repeats · "
        f"{ablation.file.budget['iterations']} iterations",
    )
    console.print()
    table = FittingTable(ruled=False)
    table.column("student", fold=True, most=44)
    measured = next((list(r.record["metrics"]) for r in results if r.record["metrics"]), [])
    names = [name, *measured[len(measured) - len(ablation.file.added_metrics) :]]
    modes = any(result.left_out is not None for result in results)
    for title in (*names, *(["left out"] if modes else []), "training"):
        table.column(title, right=True)
    for result in results:
        lost = [] if not modes else ["–" if result.left_out is None else f"{digits(100 * result.left_out, 2)} %"]
        table.row(
            str(result.variant),
            *(_value(result, each) for each in names),
            *lost,
            "–" if result.training_s is None else long_duration(result.training_s),
            style="bold" if result.usual else "",
        )
    console.print(table)
    console.print()
    for what, sentence in sentences(results):
        console.print(f"{what}: {sentence}")


def _value(result: "AblationResult", name: str) -> str:
    from sigbench.report.numbers import with_interval

    metric = result.record["metrics"].get(name)
    if metric is None:
        return result.record["status"]
    return with_interval(metric["value"], metric["low"], metric["high"])
