"""`sigbench spectrum`: whether high frequencies are missing."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from sigbench.api.progress import Bar
from sigbench.cli.names import check_names
from sigbench.cli.options import (
    MEASURED,
    Batch,
    Debug,
    Device,
    Dtype,
    Grid,
    Guidance,
    Label,
    Plot,
    Repeats,
    Samplers,
    Seed,
    Steps,
    Task,
    json_lines,
)
from sigbench.cli.parsing import sampler_specs, split_ints
from sigbench.cli.printing import TableConsole, print_json, say, show_traceback

if TYPE_CHECKING:
    from sigbench.metrics.estimate import Interval
    from sigbench.studies.spectrum.result import SpectrumGap


def spectrum(
    task: Task,
    sampler: Samplers = "sigdeg",
    steps: Steps = "",
    samples: Annotated[
        int | None,
        typer.Option(
            metavar="N", rich_help_panel=MEASURED, help="Samples in a repeat (default: a quarter of the task's)."
        ),
    ] = None,
    repeats: Repeats = 5,
    seed: Seed = 0,
    grid: Grid = None,
    label: Label = None,
    guidance: Guidance = 0.0,
    batch: Batch = None,
    device: Device = "auto",
    dtype: Dtype = "float32",
    plot: Plot = None,
    as_json: Annotated[bool, json_lines("a cell")] = False,
    debug: Debug = False,
) -> None:
    """Compare the power spectrum of samples with the truth's, frequency by frequency and in three bands.

    For tasks of images (mnist) the radially averaged spectrum, for those of paths (rbergomi) that of the increments of
    log V. A sampler that blurs has too little at high frequencies; beside every ratio stands that of other exact draws.

    \b
    sigbench spectrum --task mnist --sampler sigdeg,ddim,teacher --steps 5 --samples 200 --dtype bfloat16
    sigbench spectrum --task rbergomi --steps 5,10 --plot spectrum.png
    """
    specs = sampler_specs(sampler)
    check_names(task, specs, grid=grid)

    from sigbench.errors import BadInput
    from sigbench.measure.cell import plan_cells
    from sigbench.measure.settings import MAX_SAMPLES, Settings
    from sigbench.records.store import check_picture
    from sigbench.registry import make_task
    from sigbench.studies.result import to_line
    from sigbench.studies.spectrum.study import measure_spectra

    if plot is not None:
        check_picture(plot)
    if repeats < 2:
        raise BadInput(f"--repeats must be at least 2, since intervals come from their spread, got {repeats}.")
    size = make_task(task).default_samples // 4 if samples is None else samples
    if not 2 <= size <= MAX_SAMPLES:
        raise BadInput(f"--samples must be between 2 and {MAX_SAMPLES}, got {size}.")
    settings = Settings(
        task=task,
        repeats=repeats,
        seed=seed,
        grid=grid,
        batch=batch,
        device=device,
        dtype=dtype,
        label=label,
        guidance=guidance,
    )
    planned = plan_cells(settings, specs, split_ints(steps, "--steps"))
    cells = [replace(cell, samples=size) for cell in planned]  # as many as the spectrum takes, not the metrics
    found: list[SpectrumGap] = []
    try:
        with Bar("sampling", "repeats") as bar:
            for one in measure_spectra(cells, bar.show, lambda cell, problem: show_traceback(problem)):
                found.append(one)
                if one.status != "ok":
                    say(f"{one.display_name} at {one.steps} steps {one.status}: {one.error}")
                if as_json:
                    print_json(to_line(one))
    except KeyboardInterrupt:
        say(f"interrupted: {len(found)} of {len(cells)} cells are finished.")
        raise typer.Exit(3 if found else 4) from None
    good = [one for one in found if one.status == "ok"]
    if good and not as_json:
        _print(good)
    if plot is not None and good:
        from sigbench.report.charts import save_chart
        from sigbench.studies.spectrum.chart import spectrum_chart

        save_chart(spectrum_chart(good), plot)
        say(f"the chart is in {plot}.")
    raise typer.Exit(0 if len(good) == len(found) else 1 if good else 4)


def _print(found: "list[SpectrumGap]") -> None:
    from sigbench.report.fitting import FittingTable
    from sigbench.report.numbers import digits

    first = found[0]
    console = TableConsole(highlight=False)
    console.print_head(
        first.task,
        f" · {first.of} · {first.samples:,} samples × {first.repeats} repeats · seed {first.seed}",
    )
    console.print()
    table = FittingTable(ruled=False, keys=2)
    table.column("sampler", fold=True, most=24)
    table.column("steps", right=True)
    for band in first.bands:
        table.column(f"{band.name}\n{digits(band.first)}–{digits(band.last)}", right=True)
    table.row("floor (exact draws)", "", *(_percent(band.floor) for band in first.bands), style="dim")
    for one in found:
        table.row(one.display_name, str(one.steps), *(_percent(band.ratio) for band in one.bands))
    console.print(table)
    console.print()
    console.print(f"Power over the truth's, by thirds of the frequencies, in {first.unit}. ± 95 %.", style="dim")
    for one in found:
        console.print(f"{one.display_name}, {one.steps} steps: {one.sentence}")


def _percent(interval: "Interval") -> str:
    from sigbench.report.numbers import percent_half

    return percent_half(interval.value, interval.low, interval.high)
