"""`sigbench check`: hold step-vs-quality curves to a baseline."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sigbench.cli.parsing import split_names
from sigbench.cli.printing import TableConsole, say
from sigbench.cli.progress import Bar

if TYPE_CHECKING:
    from sigbench.gate.baseline import Baseline
    from sigbench.gate.curves import Curve
    from sigbench.gate.judge import Judgement
    from sigbench.gate.plan import Filter

DEFAULT_BASELINE = Path("leaderboard/baseline.json")


def check(
    baseline: Annotated[Path, typer.Option(help="File with the baseline's curves.")] = DEFAULT_BASELINE,
    task: Annotated[str, typer.Option(help="Only these tasks, separated by commas.")] = "",
    sampler: Annotated[str, typer.Option(help="Only these samplers, separated by commas.")] = "",
    update: Annotated[
        bool,
        typer.Option("--update", help="Measure the baseline anew and write it; only from a clean Git tree."),
    ] = False,
    summary: Annotated[Path | None, typer.Option(help="File for a Markdown summary, for a pull request.")] = None,
    plot: Annotated[Path | None, typer.Option(help="File (.png, .svg) for the chart of what moved.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a point, a curve and the run, and no table.")
    ] = False,
) -> None:
    """Measure the baseline's curves again on the same noise, and say what became worse, better or stayed the same.

    Quality is paired over repeats, Holm-corrected over all points, and held to a margin a metric; time is compared
    on the same machine only. Exit codes: 0 pass, 1 something regressed, 2 bad input, 3 inconclusive, 4 nothing was
    measured.

    \b
    sigbench check
    sigbench check --task gmm --summary check.md --plot check.png
    sigbench check --update --baseline mine.json --task gmm --sampler ./mine.py:MySampler
    """
    from sigbench.errors import Outdated
    from sigbench.gate.baseline import read_baseline
    from sigbench.gate.plan import Filter
    from sigbench.report.charts import check_picture

    if plot is not None:
        check_picture(plot)
    if summary is not None and not summary.parent.is_dir():
        say(f"there is no folder {summary.parent} for the summary.")
        raise typer.Exit(2)
    wanted = Filter(tuple(split_names(task)), tuple(split_names(sampler)))
    try:
        known = read_baseline(baseline) if baseline.exists() or not update else None
    except Outdated:
        if not update:
            raise
        known = None
        say(f"the baseline {baseline} is of another schema, and is made from nothing.")
    wanted.check(known)
    try:
        judgement = _update(known, baseline, wanted) if update else _check(known, baseline, wanted)
    except KeyboardInterrupt:
        say("interrupted: nothing was decided or written.")
        raise typer.Exit(3) from None
    if judgement is None:
        raise typer.Exit(0)
    _report(judgement, as_json=as_json)
    if summary is not None:
        _write_summary(judgement, summary)
    if plot is not None:
        from sigbench.gate.chart import gate_chart
        from sigbench.report.charts import save_chart

        save_chart(gate_chart(judgement.points), plot)
    raise typer.Exit(0 if update else judgement.run["exit_code"])


def _check(baseline: "Baseline | None", file: Path, wanted: "Filter") -> "Judgement":
    from sigbench.gate.curves import curves_of
    from sigbench.gate.run import judge_now

    assert baseline is not None
    curves = _wanted(curves_of(baseline["records"]), file, wanted)
    with Bar("starting", "points") as bar:
        return judge_now(baseline, curves, bar.show)


def _update(old: "Baseline | None", file: Path, wanted: "Filter") -> "Judgement | None":
    """Measures and writes; returns how the new baseline differs from the old one, None where there is no overlap."""
    from sigbench.gate.baseline import write_baseline
    from sigbench.gate.curves import curves_of
    from sigbench.gate.plan import plan_baseline
    from sigbench.gate.run import judge_against, measure_baseline
    from sigbench.gate.tree import require_clean, require_tracked
    from sigbench.records.store import make_folder

    require_clean(Path.cwd(), file)
    plan, planned = plan_baseline(old, wanted)
    curves = _wanted(planned, file, wanted)
    specs = [name for curve in curves for name in (curve.task, curve.sampler)]
    require_tracked([Path(spec.partition(".py:")[0] + ".py") for spec in specs if ".py:" in spec])
    make_folder(file.resolve().parent, "the baseline's folder")
    with Bar("starting", "points") as bar:
        new = measure_baseline(plan, curves, bar.show)
    write_baseline(new, file)
    count = sum(wanted.takes(curve) and len(curve.records) for curve in curves_of(new["records"]))
    say(f"{count} points measured; the baseline is in {file}.")
    if old is None:
        return None
    judgement, apart = judge_against(old, new, wanted)
    for sentence in apart:
        say(sentence)
    return judgement if judgement.points else None


def _wanted(curves: "Sequence[Curve]", file: Path, wanted: "Filter") -> "list[Curve]":
    """The curves that were asked for; leaves with exit code 4 where there are none."""
    found = [curve for curve in curves if wanted.takes(curve)]
    if not found:
        held = ", ".join(f"{curve.sampler} on {curve.task}" for curve in curves)
        what = f"nothing that was asked for; it holds {held}" if held else "no points at all"
        say(f"nothing was measured: the baseline {file} holds {what}.")
        raise typer.Exit(4)
    return found


def _report(judgement: "Judgement", *, as_json: bool) -> None:
    if as_json:
        for line in (*judgement.points, *judgement.curves, judgement.run):
            print(json.dumps(line, allow_nan=False))
        sys.stdout.flush()
        return
    from sigbench.gate.table import LEGEND, SENTENCES, curve_table, moved_tables, reasons
    from sigbench.gate.verdict import ELSEWHERE

    console = TableConsole(highlight=False)
    run = judgement.run
    console.print(curve_table(judgement.curves, judgement.points))
    for table in moved_tables(judgement.points):
        console.print()
        console.print(table)
    if any(curve["verdict"] != "equivalent" for curve in judgement.curves):
        console.print()
        console.print(LEGEND, style="dim")
    console.print()
    for sentence in reasons(judgement.points):
        console.print(sentence, markup=False)
    if any(curve["time"] == ELSEWHERE for curve in judgement.curves):
        console.print("Time is not compared: the baseline is of another machine, or of other threads or versions.")
    for note in run["notes"]:
        console.print(note, markup=False, style="dim")
    console.print(f"{run['comparisons']} comparisons, Holm-corrected at {100 * run['alpha']:g} %.", style="dim")
    console.print(SENTENCES[run["verdict"]], style="bold")


def _write_summary(judgement: "Judgement", file: Path) -> None:
    from sigbench.errors import BadInput
    from sigbench.gate.table import summary

    try:
        file.write_text(summary(judgement.points, judgement.curves, judgement.run), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"the summary {file} cannot be written: {error.strerror or error}.") from error
