"""`sigbench gap`: where along the path a sampler loses its teacher."""

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
    from sigbench.report.fitting import FittingTable
    from sigbench.studies.gap.result import Gap


def gap(
    task: Task,
    sampler: Samplers = "sigdeg",
    steps: Steps = "",
    samples: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            rich_help_panel=MEASURED,
            help="Samples of the teacher in all, each with its path (default: half of the task's).",
        ),
    ] = None,
    repeats: Annotated[
        int,
        typer.Option(
            metavar="N",
            rich_help_panel=MEASURED,
            help="Parts that the samples are cut into; intervals come from their spread.",
        ),
    ] = 5,
    seed: Seed = 0,
    grid: Grid = None,
    label: Label = None,
    guidance: Guidance = 0.0,
    batch: Batch = None,
    device: Device = "auto",
    dtype: Dtype = "float32",
    plot: Plot = None,
    as_json: Annotated[bool, json_lines("a sampler")] = False,
    debug: Debug = False,
) -> None:
    """Show where a sampler loses its teacher, on the same Brownian path from the same initial state.

    At every coarse time: the error on the path and what of it one step makes from the teacher's own state; each
    step's share in the error at the end; W1 (sliced W2 of vectors) and MMD² of the laws above those of the teacher with
    itself, MMD² from at most 500 states; and the ratio of variances. A verdict names the step that dominates, and says
    whether the steps' own errors or their growth along the rollout make most of it.

    \b
    sigbench gap --task gmm --sampler sigdeg,euler-maruyama --steps 5,10 --plot gap.png
    sigbench gap --task mnist --steps 5 --samples 1000 --dtype bfloat16
    """
    specs = sampler_specs(sampler)
    check_names(task, specs, grid=grid)

    from sigbench.measure.settings import Settings
    from sigbench.records.store import check_picture
    from sigbench.studies.gap.plan import plan_gap
    from sigbench.studies.gap.study import measure_gaps
    from sigbench.studies.result import to_line

    if plot is not None:
        check_picture(plot)
    settings = Settings(
        task=task,
        samples=samples,
        repeats=repeats,
        seed=seed,
        grid=grid,
        batch=batch,
        device=device,
        dtype=dtype,
        label=label,
        guidance=guidance,
    )
    plan = plan_gap(settings, specs, split_ints(steps, "--steps"))
    gaps: list[Gap] = []
    try:
        with Bar("the teacher walks") as bar:
            for found in measure_gaps(plan, bar.show, lambda cell, problem: show_traceback(problem)):
                gaps.append(found)
                if found.status != "ok":
                    say(f"{found.display_name} {found.status}: {found.error}")
                if as_json:
                    print_json(to_line(found))
    except KeyboardInterrupt:
        say(f"interrupted: {len(gaps)} samplers are finished.")
        raise typer.Exit(3 if gaps else 4) from None
    good = [found for found in gaps if found.status == "ok"]
    if not as_json:
        _print(good)
    if plot is not None and good:
        from sigbench.report.charts import save_chart
        from sigbench.studies.gap.chart import gap_chart

        save_chart(gap_chart(good), plot)
        say(f"the chart is in {plot}.")
    raise typer.Exit(0 if len(good) == len(gaps) else 1 if good else 4)


def _print(gaps: "list[Gap]") -> None:
    console = TableConsole(highlight=False)
    for index, found in enumerate(gaps):
        teacher = found.teacher
        if index:
            console.print()
        console.print_head(
            f"{found.task} · {found.display_name} · {len(found.times)} steps",
            f" · grid {found.grid} · {found.samples:,} paths · seed {found.seed}",
        )
        console.print(
            f"teacher: {teacher.sampler}, {teacher.steps} steps, grid {teacher.grid} · laws of "
            f"{found.group:,} states each",
            style="dim",
        )
        console.print()
        console.print(_paths_table(found))
        console.print()
        console.print(_laws_table(found))
        console.print()
        if found.verdict is not None:
            console.print(found.verdict.sentence)
    if gaps:
        console.print()
        console.print("one step: from the teacher's own state. carried: of the squared error, what", style="dim")
        console.print("earlier steps left. share: of the squared error at the end. ± 95 %.", style="dim")


def _paths_table(found: "Gap") -> "FittingTable":
    from sigbench.report.numbers import digits, percent, percent_half, with_half

    table = _table("step", "t", "RMSE", "one step", "carried", "share of the end")
    for step in found.times:
        carried = step.accumulated.value / step.mean_square.value if step.mean_square.value else 0.0
        table.row(
            str(step.step),
            digits(step.t),
            with_half(*_ends(step.rmse)),
            with_half(*_ends(step.local_rmse)),
            percent(carried),
            percent_half(*_ends(step.share)),
        )
    return table


def _laws_table(found: "Gap") -> "FittingTable":
    from sigbench.report.numbers import digits, with_half
    from sigbench.studies.gap.result import DISTANCES

    distance = DISTANCES[found.distance]
    table = _table("step", distance, "floor", "above it", "MMD² above it", "variance", "one step")
    for step in found.times:
        table.row(
            str(step.step),
            digits(step.distance.value),
            digits(step.distance_floor.value),
            with_half(*_ends(step.excess), signed=True),
            with_half(*_ends(step.mmd2_excess), signed=True),
            with_half(*_ends(step.variance_ratio)),
            digits(step.local_variance_ratio.value),
        )
    return table


def _table(*columns: str) -> "FittingTable":
    from sigbench.report.fitting import FittingTable

    table = FittingTable(ruled=False)
    for column in columns:
        table.column(column, right=True)
    return table


def _ends(interval: "Interval") -> tuple[float, float | None, float | None]:
    return interval.value, interval.low, interval.high
