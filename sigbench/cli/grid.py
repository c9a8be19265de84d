"""`sigbench grid`: find the times that serve a sampler best, in a file that `--grid` takes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sigbench.api.progress import Bar
from sigbench.cli import names
from sigbench.cli.options import (
    JUDGED,
    MEASURED,
    RESULTS,
    Batch,
    Debug,
    Device,
    Dtype,
    Guidance,
    Label,
    Samples,
    Seed,
    Task,
    json_lines,
)
from sigbench.cli.parsing import split_ints
from sigbench.cli.printing import TableConsole, print_json, say
from sigbench.errors import BadInput, SigbenchError

if TYPE_CHECKING:
    from sigbench.sde.grids.computed import ComputedGrid
    from sigbench.studies.grids.plan import SearchPlan


def grid(
    task: Task,
    sampler: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            autocompletion=names.complete_samplers,
            rich_help_panel=MEASURED,
            help="The sampler, NAME or NAME:option=value.",
        ),
    ],
    steps: Annotated[str, typer.Option(metavar="N", rich_help_panel=MEASURED, help="The number of steps.")],
    out: Annotated[
        Path, typer.Option(metavar="FILE", rich_help_panel=RESULTS, help="The file that is written, .json.")
    ],
    by: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=JUDGED,
            help="trajectories: by where the sampler ends beside its own walk in many steps, beginning with paths of "
            "least cost; or a metric of the task, such as w1 (default: trajectories; the task's first metric for a "
            "stochastic sampler).",
        ),
    ] = None,
    points: Annotated[
        int,
        typer.Option(
            metavar="N", rich_help_panel=JUDGED, help="Steps of the trajectories between which costs are known."
        ),
    ] = 60,
    candidates: Annotated[
        int, typer.Option(metavar="N", rich_help_panel=JUDGED, help="Grids that are tried at most.")
    ] = 200,
    samples: Samples = None,
    repeats: Annotated[
        int,
        typer.Option(
            metavar="N", rich_help_panel=MEASURED, help="Repeats that compare candidates; as many others judge."
        ),
    ] = 2,
    seed: Seed = 0,
    label: Label = None,
    guidance: Guidance = 0.0,
    batch: Batch = None,
    device: Device = "auto",
    dtype: Dtype = "float32",
    as_json: Annotated[bool, json_lines("that is the file")] = False,
    debug: Debug = False,
) -> None:
    """Compute a grid for a sampler and a number of steps, on noise that no record uses.

    The file holds the times, how they were found, the number of candidates, what the chosen one and the known grids
    came to on noise of their own, and a hash over all. Measure afresh what it gains, against the sampler on other
    grids: the search has looked at its numbers, and a run has not.

    \b
    sigbench grid --task gmm --sampler dpmpp-2m --steps 5 --out five.json
    sigbench grid --task gmm --sampler unipc --steps 5 --by w1 --samples 20000 --out five.json
    sigbench run --task gmm --sampler dpmpp-2m,dpmpp-2m:grid=five.json --steps 5
    """
    names.check_names(task, [sampler])
    names.check_criterion(task, by)

    from sigbench.measure.settings import Settings
    from sigbench.records.store import replacing
    from sigbench.sde.grids.computed import to_text
    from sigbench.sde.grids.names import ENDING
    from sigbench.studies.grids.plan import plan_search

    if out.suffix != ENDING:
        raise BadInput(f"a grid is saved as {ENDING}, not as {out.name!r}.")
    if not out.parent.is_dir():
        raise BadInput(f"there is no folder {out.parent} for the grid.")
    settings = Settings(
        task,
        samples=samples,
        repeats=repeats,
        seed=seed,
        label=label,
        guidance=guidance,
        batch=batch,
        device=device,
        dtype=dtype,
        time_calls=False,
    )
    if out.is_dir():
        raise BadInput(f"{out} is a folder, and the grid is a file.")
    _check_own(out)
    plan = plan_search(settings, sampler, split_ints(steps, "--steps"), by=by, points=points, candidates=candidates)
    with replacing(out) as temporary:  # opened first: a search is long
        with Bar("searching") as bar:
            found = _search(plan, bar)
        temporary.write_text(to_text(found), encoding="utf-8")
    if as_json:
        import msgspec

        print_json(msgspec.json.encode(found).decode())
    else:
        _print(found)
    say(f"the grid {found.name} is in {out}: measure it by --grid {out}.")


def _check_own(out: Path) -> None:
    """Raises BadInput where a file is there that is no grid: it would be lost."""
    from sigbench.files import exists
    from sigbench.sde.grids.computed import read_grid

    try:
        if exists(out):
            read_grid(str(out))
    except BadInput as error:
        raise BadInput(f"{out} would be overwritten: {error}") from None


def _search(plan: "SearchPlan", bar: Bar) -> "ComputedGrid":
    """The search; a sampler that fails there is bad input, told as `sigbench run` tells it."""
    from sigbench.measure.failure import failure_of
    from sigbench.studies.grids.study import search_grid

    try:
        return search_grid(plan, bar.show)
    except SigbenchError:
        raise
    except Exception as problem:
        status, error = failure_of(problem, plan.cell.sampler, plan.cell.task)
        raise BadInput(f"{plan.cell.sampler_spec} {status}: {error}") from problem


def _print(found: "ComputedGrid") -> None:
    from sigbench.report.fitting import FittingTable
    from sigbench.report.numbers import digits

    console = TableConsole(highlight=False)
    console.print_head(f"{found.task} · {found.sampler} · {found.steps} steps")
    console.print(f"{found.candidates} candidates: {found.how}")
    console.print(f"times: {', '.join(digits(time) for time in found.times)}")
    table = FittingTable()
    table.column("grid", fold=True)
    table.column("on other noise", right=True)
    for name, value in sorted(found.scores.items(), key=lambda item: item[1]):
        table.row(name, digits(value))
    console.print(table)
    console.print(f"{found.criterion}; smaller is better.", style="dim")
