"""`sigbench convergence`: measure the order of samplers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sigbench.api.progress import Bar
from sigbench.cli.names import check_names, complete_grid, complete_samplers
from sigbench.cli.options import JUDGED, MACHINE, MEASURED, RESULTS, WALK, Debug, Device, Seed, Task, json_lines
from sigbench.cli.parsing import split_names
from sigbench.cli.printing import print_json, say

if TYPE_CHECKING:
    from sigbench.report.fitting import Cell, FittingTable
    from sigbench.studies.convergence.passes import ConvergenceSettings
    from sigbench.studies.convergence.plan import ConvergenceStudy
    from sigbench.studies.convergence.result import Level, Order, Orders


COLUMNS = 6  # levels side by side: what 80 columns of text hold
PARTS = {"strong error (mean absolute)": "strong", "strong error (RMS)": "strong_rms", "weak error": "weak"}


def convergence(
    task: Task,
    sampler: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            autocompletion=complete_samplers,
            rich_help_panel=MEASURED,
            help="Samplers, separated by commas (default: every one that has an order here).",
        ),
    ] = "",
    paths: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            rich_help_panel=MEASURED,
            help="Brownian paths that all samplers share (default: 32768; where no exact path is known 8192, chosen "
            "among 64 times as many).",
        ),
    ] = None,
    levels: Annotated[
        int,
        typer.Option(metavar="N", rich_help_panel=MEASURED, help="Dyadic levels of step sizes, at least 3."),
    ] = 7,
    coarsest: Annotated[
        int,
        typer.Option(
            metavar="N", rich_help_panel=MEASURED, help="Steps of the coarsest level; each further one doubles them."
        ),
    ] = 32,
    seed: Seed = 0,
    grid: Annotated[
        str,
        typer.Option(
            metavar="GRID",
            autocompletion=complete_grid,
            rich_help_panel=WALK,
            help="Family of time grids (see `sigbench list grids`); students keep their own.",
        ),
    ] = "uniform",
    sup: Annotated[
        bool,
        typer.Option(
            "--sup", rich_help_panel=JUDGED, help="Strong error as the supremum over the coarsest level's times."
        ),
    ] = False,
    device: Device = "auto",
    dtype: Annotated[
        str,
        typer.Option(metavar="DTYPE", rich_help_panel=MACHINE, help="float64, or float32 to see its floor."),
    ] = "float64",
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", rich_help_panel=RESULTS, help="File for the chart; it is saved as .png and as .svg."
        ),
    ] = None,
    as_json: Annotated[bool, json_lines("a sampler")] = False,
    debug: Debug = False,
) -> None:
    """Measure strong and weak orders on shared Brownian paths, each with its 95 % interval and a verdict.

    An order is the slope of the error over the finest four step sizes that are resolved: above ten standard errors and
    above three times the reference's own error. Its interval allows for a bend in √h. Strong error is the mean
    absolute error at the end time; the root mean square is measured beside it. Exit code 1: a sampler is slower than
    the order that it declares; 3: none is resolved.

    \b
    sigbench convergence --task gmm
    sigbench convergence --task gbm --sampler euler-maruyama,milstein --paths 100000 --plot orders.png
    """
    samplers = split_names(sampler, "--sampler")
    check_names(task, samplers, grid=grid)

    from sigbench.records.store import check_picture
    from sigbench.studies.convergence.passes import ConvergenceSettings
    from sigbench.studies.convergence.plan import plan_study
    from sigbench.studies.convergence.study import measure_study
    from sigbench.studies.result import to_line

    if plot is not None:
        check_picture(plot)
    settings = ConvergenceSettings(
        task=task,
        samplers=tuple(samplers),
        paths=0 if paths is None else paths or -1,
        levels=levels,
        coarsest=coarsest,
        grid=grid,
        sup=sup,
        dtype=dtype,
        device=device,
        seed=seed,
    )
    study = plan_study(settings)
    for out in study.left_out:
        say(f"left out: {out.sampler} {out.reason}.")
    results: list[Orders] = []
    try:
        with Bar("starting", "chunks of paths") as bar:
            for result in measure_study(study, progress=bar.show):
                results.append(result)
                if as_json:
                    print_json(to_line(result))
    except KeyboardInterrupt:
        say(f"interrupted: {len(results)} samplers are finished.")
        if results and not as_json:
            _print(settings, study, results)
        raise typer.Exit(3 if results else 4) from None
    if not as_json:
        _print(settings, study, results)
    if plot is not None:
        from sigbench.studies.convergence.chart import save_convergence_chart

        for file in save_convergence_chart(results, plot):
            say(f"the chart is in {file}.")
    code = _exit_code(results)
    if code == 3:
        say(f"no order is resolved: {results[0].strong.advice}.")
    raise typer.Exit(code)


def _exit_code(results: "list[Orders]") -> int:
    """0 where orders agree, 1 where one disagrees, 3 where none could be resolved."""
    verdicts = [order.verdict for result in results for order in (result.strong, result.weak)]
    if "disagrees" in verdicts:
        return 1
    return 0 if "agrees" in verdicts else 3


def _print(settings: "ConvergenceSettings", study: "ConvergenceStudy", results: "list[Orders]") -> None:
    from rich.text import Text

    from sigbench.cli.printing import TableConsole
    from sigbench.report.numbers import exponent, signed_digits
    from sigbench.studies.convergence.verdict import order_text

    console = TableConsole(highlight=False)
    where = "sup over saved times" if settings.sup else "end time"
    chosen = next((f" of {r.candidates}" for r in results if r.candidates), "")
    console.print_head(
        study.task.name,
        f" · {study.settings.paths}{chosen} paths · grid {settings.grid} · "
        f"strong error at {where} · seed {settings.seed} · {settings.dtype}",
    )
    for what in ("strong", "weak"):
        console.print()
        console.print(_order_table(what, results))
    for title, pick in PARTS.items():
        for steps in dict.fromkeys(tuple(level.steps for level in r.strong.levels) for r in results):
            rows = [r for r in results if tuple(level.steps for level in r.strong.levels) == steps]
            tables = -(-len(steps) // COLUMNS)
            for which in range(tables):
                some = range(which * len(steps) // tables, (which + 1) * len(steps) // tables)
                console.print()
                console.print(_level_table(title, pick, rows, some))
    console.print()
    console.print("An order is the slope over the steps beside it; + says above the declared one.")
    console.print("calls: network calls a step. A letter says why a level does not count: n noise,")
    console.print("r reference, c coarser than needed, d diverged.")
    rms = [f"{r.display_name} {order_text(r.strong_rms)}" for r in results if r.strong_rms.order is not None]
    if rms:
        console.print(f"Orders of the strong RMS error: {', '.join(rms)}.")
    for reason in dict.fromkeys(r.strong_rms.advice for r in results if r.strong_rms.verdict == "not-resolved"):
        names = ", ".join(r.display_name for r in results if r.strong_rms.advice == reason)
        console.print(f"No verdict on the RMS: {reason} ({names}).")
    for result in results:
        if result.failure:
            console.print(Text.assemble((f"{result.display_name} failed", "red"), f": {result.failure}."))
        for what, order in (("strong", result.strong), ("weak", result.weak)):
            if order.advice:
                console.print(f"{result.display_name}, {what}: {order.advice}.")
    for kind, error, weak_error in dict.fromkeys(
        (r.reference.kind, r.reference.error, r.reference.weak_error) for r in results
    ):
        own = f"its own error is {exponent(error)} strong, {exponent(weak_error)} weak"
        console.print(f"reference: {kind}; {own if error > 0 else 'the truth here, by definition'}", style="dim")
    for z in (r.reference.exact_expectation_z for r in results[:1]):
        known = ", ".join(f"{name} {signed_digits(value)}" for name, value in z.items() if value is not None)
        if known:
            console.print(f"reference against the exact expectations, in standard errors: {known}", style="dim")


def _order_table(what: str, results: "list[Orders]") -> "FittingTable":
    """Strong or weak orders with their 95 % intervals, the declared ones, the steps behind them, and the verdicts."""
    from sigbench.report.fitting import FittingTable
    from sigbench.report.numbers import digits
    from sigbench.studies.convergence.verdict import order_text

    table = FittingTable()
    table.column("sampler", fold=True, most=30)
    for title in (f"{what} order", "declared", "steps"):
        table.column(title, right=True)
    table.column("verdict")
    for result in results:
        order: Order = getattr(result, what)
        declared = "–" if order.expected is None else digits(order.expected)
        steps = "–" if order.from_steps is None else f"{order.from_steps}–{order.to_steps}"
        table.row(result.display_name, order_text(order), declared, steps, _verdict(order))
    return table


def _verdict(order: "Order") -> "Cell":
    from sigbench.studies.convergence.verdict import is_faster

    colour = {"agrees": "green", "disagrees": "red", "not-resolved": "yellow"}[order.verdict]
    word = "unresolved" if order.verdict == "not-resolved" else order.verdict + ("+" if is_faster(order) else "")
    return word, colour


def _level_table(title: str, pick: str, results: "list[Orders]", which: range) -> "FittingTable":
    """Errors by level, one column a level; the header holds steps, the second column network calls a step."""
    from sigbench.report.fitting import FittingTable
    from sigbench.report.numbers import digits

    table = FittingTable(title=f"{title} at each number of steps", tight=True)
    table.column("sampler", fold=True, most=24)
    table.column("calls", right=True)
    orders: list[Order] = [getattr(result, pick) for result in results]
    for level in (orders[0].levels[i] for i in which):
        table.column(str(level.steps), right=True)
    for result, order in zip(results, orders, strict=True):
        last = order.levels[-1]
        cells = [_error(order.levels[i]) for i in which]
        table.row(result.display_name, digits(last.nfe / last.steps), *cells)
    return table


def _error(level: "Level") -> "Cell":
    """The error at a level, with the letter that says why it does not count."""

    from sigbench.report.numbers import exponent

    text = "∞" if level.error is None else exponent(level.error)
    return text if level.used else (text + level.reason[:1], "dim")
