"""`sigbench run`: measure samplers on a task."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sigbench.api.progress import Bar
from sigbench.cli.again import say_why_again
from sigbench.cli.names import ALL, HEADLINE, check_metrics, check_names, complete_metrics
from sigbench.cli.options import (
    DEFAULT_STORE,
    JUDGED,
    RESULTS,
    AddedMetrics,
    Batch,
    Calls,
    Debug,
    Device,
    Dtype,
    Final,
    Grid,
    Guidance,
    Label,
    Noise,
    Plot,
    Precision,
    Repeats,
    SamplerFile,
    Samplers,
    Samples,
    Seed,
    Steps,
    Store,
    Task,
    json_lines,
)
from sigbench.cli.parsing import parse_share, sampler_specs, split_ints, split_names
from sigbench.cli.printing import TableConsole, print_json, say, show_traceback
from sigbench.cli.saving import Saver
from sigbench.errors import check_extra
from sigbench.records.names import display_name, namer

if TYPE_CHECKING:
    from sigbench.records.record import Record


def run(
    task: Task,
    sampler: Samplers = "",
    sampler_file: SamplerFile = None,
    steps: Steps = "",
    samples: Samples = None,
    repeats: Repeats = 10,
    precision: Precision = None,
    seed: Seed = 0,
    nfe: Calls = None,
    grid: Grid = None,
    final: Final = "none",
    label: Label = None,
    guidance: Guidance = 0.0,
    noise: Noise = "shared",
    metrics: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            autocompletion=complete_metrics,
            rich_help_panel=JUDGED,
            help="The metrics that are printed: headline, the task's first and those added; all, with efficiency and "
            "memory; or names, separated by commas. Records hold all of them.",
        ),
    ] = HEADLINE,
    add_metric: AddedMetrics = None,
    floor_draws: Annotated[
        int,
        typer.Option(
            metavar="N",
            rich_help_panel=JUDGED,
            help="Exact draws of a floor that is not known yet; `sigbench floors` takes more.",
        ),
    ] = 20,
    batch: Batch = None,
    device: Device = "auto",
    dtype: Dtype = "float32",
    store: Store = DEFAULT_STORE,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            rich_help_panel=RESULTS,
            help="Take finished cells from the store, unless what they depend on has changed.",
        ),
    ] = False,
    save_samples: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            rich_help_panel=RESULTS,
            help="Folder for the first repeat's samples (.npy) and their pictures.",
        ),
    ] = None,
    plot: Plot = None,
    as_json: Annotated[bool, json_lines("a cell, its record")] = False,
    debug: Debug = False,
) -> None:
    """Measure samplers on a task under the same budget and the same noise.

    Every number comes with its 95 % interval over independent repeats and with its floor: what exact draws of the
    truth score. Samplers are compared with the best of as many network calls, repeat by repeat. Records are kept in
    the store as soon as a cell is finished.

    \b
    sigbench run --task gmm --sampler sigdeg,euler-maruyama,ddim --steps 5,10,20
    sigbench run --task mnist --sampler ddim --steps 10 --label 3 --guidance 1
    sigbench run --task gmm --sampler ddim,heun --steps 10 --precision 5%
    sigbench run --task gmm --sampler ./mine.py:MySampler,teacher --steps 10 --json
    sigbench run --task gmm --sampler "sigdeg,ddim,dpmpp-2m@10:grid='karras:rho=5'" --steps 5 --grid log-snr
    """
    specs = sampler_specs(sampler, sampler_file)
    asked = [] if metrics in (ALL, HEADLINE) else split_names(metrics, "--metrics")
    check_names(task, specs, grid=grid, metrics=asked, added=add_metric or ())

    from sigbench.api.cell_run import CellRun
    from sigbench.cli.deployment import deployment_lines
    from sigbench.measure.cell import plan_cells
    from sigbench.measure.settings import Settings
    from sigbench.records.store import Store as RecordStore
    from sigbench.records.store import make_folder

    settings = Settings(
        task=task,
        samples=samples,
        repeats=repeats,
        seed=seed,
        nfe=nfe,
        grid=grid,
        final=final,  # type: ignore[arg-type]  # planning refuses others
        batch=batch,
        device=device,
        dtype=dtype,
        label=label,
        guidance=guidance,
        metrics=tuple(add_metric or ()),
        paths=noise,  # type: ignore[arg-type]  # planning refuses others
        precision=parse_share(precision, "--precision"),
        floor_draws=floor_draws,
    )
    if plot is not None:
        from sigbench.records.store import check_picture

        check_picture(plot)
    if save_samples is not None:
        check_extra("plots", "--save-samples, which draws pictures,")
    cells = plan_cells(settings, specs, split_ints(steps, "--steps"))
    measured = [metric.name for metric in cells[0].metrics]
    check_metrics(task, asked, measured)
    records_at = RecordStore(store)
    if save_samples is not None:
        make_folder(save_samples, "the folder for samples")

    called = namer([cell.facts for cell in cells])
    records: list[Record] = []
    work = CellRun(cells, records_at, resume=resume)
    if resume:
        say_why_again(work.new(), records_at)
    saver = None if save_samples is None else Saver(save_samples, called, cells)
    try:
        with Bar("starting", "cells") as bar:
            fresh = work.measure(
                progress=bar.show, on_samples=saver, on_failure=lambda cell, problem: show_traceback(problem)
            )
            for cell, record in fresh:
                if saver is not None and record["status"] == "ok" and saver.lacks(cell):
                    saver.draw(cell)
                records.append(record)
                _report(record, as_json=as_json)
    except KeyboardInterrupt:
        kept_in = f" and kept in {store}; --resume goes on" if records else ""
        say(f"interrupted: {len(records)} of {len(cells)} cells are finished{kept_in}.")
        raise typer.Exit(3 if records else 4) from None
    if not as_json:
        added = measured[len(measured) - len(add_metric or ()) :]
        wanted = measured if metrics == ALL else asked or [*measured[:1], *added]
        _print_tables(records, wanted, everything=metrics == ALL)
        for line in deployment_lines(cells, records):
            TableConsole().print(line, highlight=False, soft_wrap=True)  # a line that is copied stays one
        old, new = len(work.kept), len(work.todo)
        there = f", {old} {'was' if old == 1 else 'were'} there before" if old else ""
        say(f"{new} record{'' if new == 1 else 's'} written to {store}{there}.")
    if saver is not None:
        good_keys = {record["key"] for record in records if record["status"] == "ok"}
        saver.strip([cell for cell in cells if cell.key in good_keys])
    if plot is not None:
        from sigbench.report.charts import quality_chart, save_chart

        ranked = [record for record in records if record["nfe"]]
        drawn = next((name for name in asked or measured if any(name in r["metrics"] for r in ranked)), None)
        if drawn is None:
            say("there is nothing to draw: no record has a metric and network calls.")
        else:
            save_chart(quality_chart(records, drawn), plot)
            say(f"the chart is in {plot}.")
    good = sum(record["status"] == "ok" for record in records)
    pictured = saver is None or not saver.failed
    raise typer.Exit(0 if good == len(records) and pictured else 1 if good else 4)


def _report(record: "Record", *, as_json: bool) -> None:
    if record["status"] != "ok":
        say(f"{display_name(record)} at {record['steps']} steps {record['status']}: {record.get('error', '')}")
    if as_json:
        from sigbench.records.record import to_json

        print_json(to_json(record))


def _print_tables(records: "list[Record]", wanted: "list[str]", *, everything: bool) -> None:
    from sigbench.report.marks import LEGEND
    from sigbench.report.run_sentences import (
        break_even_lines,
        budget_sentences,
        doubtful_times,
        grid_words,
        no_call_sentences,
        teacher_sentences,
    )
    from sigbench.report.run_table import run_tables

    console = TableConsole()
    first = records[0]
    conditions = "".join(f"{name} {value:g} · " for name, value in first["conditions"].items())
    repeats = _span([record["repeats"] for record in records])
    console.print_head(
        first["task"],
        f" · {conditions}{first['samples']} samples × {repeats} repeats · "
        f"{grid_words(records)} · seed {first['seed']} · {first['provenance']['device_name']} · "
        f"{first['provenance']['dtype']}",
    )
    for table in run_tables(records, console.width, wanted, costs=everything):
        console.print()
        console.print(table)
    console.print()
    console.print(LEGEND, style="dim", highlight=False)
    sentences = budget_sentences, no_call_sentences, teacher_sentences, break_even_lines, doubtful_times
    for line in [line for of in sentences for line in of(records)]:
        console.print(line, highlight=False)
    if not everything and (rest := len({name for record in records for name in record["metrics"]} - set(wanted))):
        console.print(f"--metrics all prints {rest} more metrics, efficiency and memory.", style="dim", highlight=False)


def _span(numbers: "list[int]") -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"
