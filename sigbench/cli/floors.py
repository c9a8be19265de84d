"""`sigbench floors`: what the truth itself scores, drawn until it is known well enough."""

from pathlib import Path
from typing import Annotated

import typer

from sigbench.api.progress import Bar
from sigbench.cli.names import ALL, check_names, complete_metrics
from sigbench.cli.options import JUDGED, RESULTS, AddedMetrics, Guidance, Label, Samples, Task
from sigbench.cli.parsing import parse_share, split_names
from sigbench.cli.printing import TableConsole, say
from sigbench.errors import BadInput


def floors(
    task: Task,
    samples: Samples = None,
    metrics: Annotated[
        str,
        typer.Option(
            "--metrics",
            "--only",
            metavar="NAMES",
            autocompletion=complete_metrics,
            rich_help_panel=JUDGED,
            help="The task's metrics whose floors are drawn: all, or names, separated by commas.",
        ),
    ] = ALL,
    precision: Annotated[
        str,
        typer.Option(
            metavar="SHARE", rich_help_panel=JUDGED, help="Standard error of the headline's floor, as a share of it."
        ),
    ] = "1%",
    draws: Annotated[int, typer.Option(metavar="N", rich_help_panel=JUDGED, help="Exact draws at most.")] = 2500,
    others: Annotated[
        int,
        typer.Option(
            metavar="N", rich_help_panel=JUDGED, help="Exact draws of the metrics that are not the headline, at most."
        ),
    ] = 400,
    label: Label = None,
    guidance: Guidance = 0.0,
    add_metric: AddedMetrics = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=RESULTS,
            help="A task's own table to write them into, others in it kept (default: the cache alone).",
        ),
    ] = None,
) -> None:
    """Draw exact samples until the floors of a task's metrics are known, and keep them.

    A floor is what exact draws of the truth score at a number of samples: no sampler can be seen to be better. Records
    of `sigbench run` at this number of samples have it from then on. Closed forms need no draws.

    \b
    sigbench floors --task gmm --samples 20000
    sigbench floors --task mnist --metrics fcd,kid --precision 2%
    """
    names = [] if metrics == ALL else split_names(metrics, "--metrics")
    check_names(task, metrics=names, added=add_metric or ())

    from msgspec.structs import replace

    from sigbench.measure.settings import Settings
    from sigbench.measure.truth.floors import draw_floors, entry_of, keep, merge_floors, read_floors
    from sigbench.measure.truth.judges import plan_metrics
    from sigbench.report.numbers import interval, percent

    share = parse_share(precision, "--precision")
    assert share is not None
    if not 0 < share <= 1:
        raise BadInput(f"--precision must lie above 0 % and be at most 100 %, got {precision}.")
    if draws < 2 or others < 2:
        raise BadInput("a floor takes at least two draws, and has no error without.")
    if out is not None and not out.parent.is_dir():
        raise BadInput(f"there is no folder {out.parent} for {out.name}.")
    if out is not None and out.exists():
        read_floors(out)  # refuses what is no table before anything is drawn
    settings = Settings(
        task,
        samples=samples,
        label=label,
        guidance=guidance,
        metrics=tuple(add_metric or ()),
        only=tuple(names),
    )
    own, judges = plan_metrics(settings)
    n = samples or own.default_samples
    found = {}
    for metric in judges:
        if (exact := metric.exact_floor(own.truth(), metric.sample_size(n))) is not None:
            found[metric.name] = exact
    headline = [metric for metric in judges[:1] if metric.name not in found]
    rest = [metric for metric in judges[1:] if metric.name not in found]
    # Before anything is drawn: a metric may keep something while it judges.
    asked = {m.name: entry_of(own, m, m.sample_size(n), with_code=True) for m in (*headline, *rest)}
    console = TableConsole()
    try:
        with Bar("drawing", "draws") as bar:
            for group, most in ((rest, others), (headline, draws)):
                if not group:
                    continue
                for metric, floor in draw_floors(own, group, n, most=most, precision=share, progress=bar.show):
                    found[metric.name] = floor
                    keep(replace(asked[metric.name], floor=floor))
    except KeyboardInterrupt:
        say(f"interrupted: {len(found)} of {len(judges)} floors are known and kept.")
        raise typer.Exit(3 if found else 4) from None
    console.print_head(own.name, f" · floors at {n:,} samples")
    for metric in judges:
        floor = found[metric.name]
        ends = floor.interval(metric.bounds)
        how = "in closed form" if not floor.draws else f"{floor.draws:,} draw{'' if floor.draws == 1 else 's'}"
        size = metric.sample_size(n)
        at = "" if size == n else f", at {size:,} samples"
        error = f", standard error {percent(floor.error / abs(floor.value))}" if floor.error and floor.value else ""
        console.print(
            f"  {metric.name}  {interval(ends.value, ends.low, ends.high)}  {how}{error}{at}", highlight=False
        )
    if out is not None:
        entries = [entry_of(own, metric, metric.sample_size(n), found[metric.name]) for metric in judges]
        drawn = [entry for entry in entries if entry.floor.draws]
        merge_floors(out, drawn)
        say(f"{len(drawn)} floors written to {out}.")
