"""`sigbench check`: hold step-vs-quality curves to a baseline."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sigbench.api.progress import Bar
from sigbench.cli import names
from sigbench.cli.committed import FOLDER, here_or_copy
from sigbench.cli.options import MEASURED, RESULTS, Debug, Plot, json_lines
from sigbench.cli.parsing import split_names
from sigbench.cli.printing import TableConsole, print_json, say
from sigbench.files import MOST_TEXT, is_file, read_file

if TYPE_CHECKING:
    from sigbench.gate.baseline import Baseline
    from sigbench.gate.curves import Curve
    from sigbench.gate.judge import Judgement
    from sigbench.gate.plan import Filter

DEFAULT_BASELINE = FOLDER / "baseline.json"


def check(
    baseline: Annotated[
        Path, typer.Option(metavar="FILE", rich_help_panel=MEASURED, help="File with the baseline's curves.")
    ] = DEFAULT_BASELINE,
    task: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            autocompletion=names.complete_tasks,
            rich_help_panel=MEASURED,
            help="Only these tasks, separated by commas.",
        ),
    ] = "",
    sampler: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            autocompletion=names.complete_samplers,
            rich_help_panel=MEASURED,
            help="Only these samplers, separated by commas.",
        ),
    ] = "",
    update: Annotated[
        bool,
        typer.Option(
            "--update",
            rich_help_panel=MEASURED,
            help="Measure the baseline anew and write it; only from a clean Git tree.",
        ),
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="REF",
            rich_help_panel=MEASURED,
            help="Commit, branch or tag whose baseline this one must not ask less than, such as main.",
        ),
    ] = None,
    summary: Annotated[
        Path | None,
        typer.Option(metavar="FILE", rich_help_panel=RESULTS, help="File for a Markdown summary, for a pull request."),
    ] = None,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", rich_help_panel=RESULTS, help="File for a report as JUnit's XML.")
    ] = None,
    github: Annotated[
        bool,
        typer.Option(
            "--github", rich_help_panel=RESULTS, help="Print annotations for a workflow of GitHub, on stderr."
        ),
    ] = False,
    plot: Plot = None,
    as_json: Annotated[bool, json_lines("a point, a curve and the run")] = False,
    debug: Debug = False,
) -> None:
    """Measure the baseline's curves again on the same noise, and say what became worse, better or stayed the same.

    Quality is paired over repeats, Holm-corrected over all points, and held to a margin a metric: shares of what it
    lies above the floor of exact draws, and of the floor. Time is compared on the same, quiet machine only. Exit codes:
    0 pass, 1 something regressed, 2 bad input, 3 inconclusive, 4 nothing was measured, 70 an internal error.

    \b
    sigbench check
    sigbench check --task gmm --summary check.md --plot check.png
    sigbench check --against origin/main --github --junit check.xml
    sigbench check --update --baseline mine.json --task gmm --sampler ./mine.py:MySampler
    """
    tasks, samplers = split_names(task, "--task"), split_names(sampler, "--sampler")
    file = baseline if update else here_or_copy(baseline, quiet=True)
    held = (
        read_file(file, "the baseline", MOST_TEXT) if is_file(file) else b""
    )  # what a baseline holds need not be installed to be named
    for name in tasks:
        if json.dumps(name).encode() not in held:
            names.check_names(name)
    names.check_samplers(name for name in samplers if json.dumps(name).encode() not in held)

    from sigbench.errors import BadInput, Outdated
    from sigbench.gate import outputs
    from sigbench.gate.baseline import read_baseline
    from sigbench.gate.plan import Filter
    from sigbench.records.store import check_picture, check_writable

    if update and against is not None:
        raise BadInput("--against holds a baseline to another one, and --update makes one: choose one of them.")
    if plot is not None:
        check_picture(plot)
    for name, wanted_at in (("summary", summary), ("report", junit)):
        if wanted_at is not None:
            check_writable(wanted_at, name)  # before minutes of measuring
    files = [file.resolve() for file in (baseline, summary, junit, plot) if file is not None]
    if len(set(files)) < len(files):
        raise BadInput("two of --baseline, --summary, --junit and --plot name the same file, and one would be lost.")
    wanted = Filter(tuple(tasks), tuple(samplers))
    try:
        found = baseline if update else here_or_copy(baseline)
        known = read_baseline(found) if found.exists() or not update else None
    except Outdated:
        if not update:
            raise
        known = None
        say(f"the baseline {baseline} is of another schema, and is made from nothing.")
    wanted.check(known)
    older = None if against is None else _older(against, baseline)
    try:
        judgement = _update(known, baseline, wanted) if update else _check(known, baseline, wanted)
    except KeyboardInterrupt:
        say("interrupted: nothing was decided or written.")
        raise typer.Exit(3) from None
    if judgement is None:
        raise typer.Exit(0)
    if older is not None and known is not None:
        judgement = _held(judgement, older, known)
    _report(judgement, as_json=as_json)
    if github:
        for line in outputs.annotations(judgement, baseline):
            print(line, file=sys.stderr)
    code = 0 if update else judgement.run["exit_code"]
    # What cannot be written is told; the verdict is known, and stays what it is.
    try:
        if summary is not None:
            _write(summary, outputs.summary(judgement.points, judgement.curves, judgement.run).encode())
        if junit is not None:
            _write(junit, outputs.junit(judgement))
        if plot is not None:
            from sigbench.gate.chart import gate_chart
            from sigbench.report.charts import save_chart

            save_chart(gate_chart(judgement.points), plot)
            say(f"the chart is in {plot}.")
    except BadInput as error:
        say(str(error))
        code = code or BadInput.exit_code
    raise typer.Exit(code)


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
    from sigbench.records.names import file_of
    from sigbench.records.store import make_folder

    require_clean(Path.cwd(), file)
    plan, planned = plan_baseline(old, wanted)
    curves = _wanted(planned, file, wanted)
    specs = [name for curve in curves for name in (curve.task, curve.sampler)]
    require_tracked([named for spec in specs if (named := file_of(spec)) is not None])
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
            print_json(json.dumps(line, allow_nan=False))
        return
    from sigbench.gate.table import LEGEND, SENTENCES, curve_table, moved_tables, reasons
    from sigbench.gate.verdict import BUSY, ELSEWHERE

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
    if any(curve["time"] == BUSY for curve in judgement.curves):
        console.print("Time is not compared: other work kept the machine busy, now or when the baseline was made.")
    for sentence in run["loosened"]:
        console.print(f"Asked less than before: {sentence}", markup=False)
    for note in run["notes"]:
        console.print(note, markup=False, style="dim")
    console.print(f"{run['comparisons']} comparisons, Holm-corrected at {100 * run['alpha']:g} %.", style="dim")
    console.print(SENTENCES[run["verdict"]], style="bold")


def _write(file: Path, data: bytes) -> None:
    from sigbench.records.store import replacing

    with replacing(file) as temporary:
        temporary.write_bytes(data)


def _older(ref: str, file: Path) -> "Baseline | str":
    """The baseline of another commit, or a sentence why there is none to hold this one to."""
    from sigbench.errors import Outdated
    from sigbench.gate.baseline import parse_baseline
    from sigbench.gate.tree import file_at

    data = file_at(ref, file)
    if data is None:
        return f"there is no {file} in {ref}: nothing holds this baseline to what it was."
    try:
        return parse_baseline(data, f"{file} of {ref}")
    except Outdated:
        return f"{file} of {ref} is of another schema: nothing holds this baseline to what it was."


def _held(judgement: "Judgement", older: "Baseline | str", known: "Baseline") -> "Judgement":
    from sigbench.gate.judge import loosened_by
    from sigbench.gate.run import held_against

    if isinstance(older, str):
        return loosened_by(judgement, [older])
    return held_against(judgement, older, known)
