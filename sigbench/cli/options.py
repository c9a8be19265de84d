"""Options that several commands share, and the panels in which `--help` shows them.

One word means one thing in every command: `--steps` are numbers of steps, `--nfe` is the most network calls a sample,
`--samples` are numbers of samples, `--paths` of Brownian paths, `--noise` says who shares them; `--store` is where
records are, `--out` what a command writes, and `--board` the leaderboard's folder. Older words stay as hidden options.
"""

from pathlib import Path
from typing import Annotated

import typer

from sigbench.cli import names, printing

MEASURED, WALK, JUDGED = "What is measured", "How samplers walk", "What judges"
MACHINE, RESULTS = "Machine", "Results"
DEFAULT_STORE = Path(".sigbench/records")


def _show_tracebacks(wanted: bool) -> bool:
    printing.tracebacks = printing.tracebacks or wanted
    return wanted


Task = Annotated[
    str,
    typer.Option(
        "--task",
        metavar="TASK",
        autocompletion=names.complete_task,
        rich_help_panel=MEASURED,
        help="The task: a name of `sigbench list tasks`, or FILE.py:CLASS for yours.",
    ),
]
Samplers = Annotated[
    str,
    typer.Option(
        "--sampler",
        metavar="NAMES",
        autocompletion=names.complete_samplers,
        rich_help_panel=MEASURED,
        help="Samplers, separated by commas: NAME, NAME:option=value, NAME@STEPS and NAME:grid=GRID for a step count "
        "and a grid of its own, FILE.py:CLASS for yours, diffusers:SCHEDULER or kdiffusion:FUNCTION for other "
        "libraries' (see `sigbench list adapters`), or 'teacher' for the task's slow sampler. Values with : or , stand "
        "in quotes.",
    ),
]
SamplerFile = Annotated[
    Path | None,
    typer.Option(
        "--sampler-file",
        metavar="FILE",
        rich_help_panel=MEASURED,
        help="A file with more samplers, one a line; # begins a remark.",
    ),
]
Steps = Annotated[
    str,
    typer.Option(
        metavar="COUNTS", rich_help_panel=MEASURED, help="Step counts, separated by commas (default: the task's)."
    ),
]
Samples = Annotated[
    int | None,
    typer.Option(metavar="N", rich_help_panel=MEASURED, help="Samples in a repeat (default: the task's)."),
]
Repeats = Annotated[
    int,
    typer.Option(metavar="N", rich_help_panel=MEASURED, help="Independent repeats; intervals come from their spread."),
]
Precision = Annotated[
    str | None,
    typer.Option(
        metavar="SHARE",
        rich_help_panel=MEASURED,
        help="After --repeats, go on until the first metric is known to this share of its value, or of its floor where "
        "it lies nearer to that: 5% or 0.05. As many repeats as their spread says, at most 1000.",
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        metavar="SEED",
        rich_help_panel=MEASURED,
        help="Seed of all noise; samplers share their noise under one seed.",
    ),
]
Calls = Annotated[
    int | None,
    typer.Option(
        "--nfe",
        metavar="N",
        rich_help_panel=WALK,
        help="The most network calls a sample: a sampler that asks for more is stopped.",
    ),
]
Grid = Annotated[
    str | None,
    typer.Option(
        metavar="GRID",
        autocompletion=names.complete_grid,
        rich_help_panel=WALK,
        help="Time grid of all samplers that name none: NAME or NAME:option=value (see `sigbench list grids`), "
        "FILE.py:FUNCTION for yours, FILE.json from `sigbench grid`, or diffusion times such as 1,0.5,0.1,0.001 "
        "(default: the task's). A student walks its own.",
    ),
]
Final = Annotated[
    str,
    typer.Option(
        metavar="KIND",
        rich_help_panel=WALK,
        help="What is returned at the last time: none, the state; denoise, its denoised sample, a call more.",
    ),
]
Label = Annotated[
    int | None,
    typer.Option(
        metavar="CLASS", rich_help_panel=WALK, help="The class of every sample (default: drawn by their shares)."
    ),
]
Guidance = Annotated[
    float,
    typer.Option(
        metavar="W",
        rich_help_panel=WALK,
        help="Classifier-free guidance W in (1 + W)·D(class) − W·D(none); two network calls a step above 0.",
    ),
]
Noise = Annotated[
    str,
    typer.Option(
        "--noise",
        "--paths",
        metavar="KIND",
        rich_help_panel=WALK,
        help="shared: every sampler, grid and step count walks one Brownian path a sample, from one initial state; "
        "fresh: each cell has noise of its own.",
    ),
]
AddedMetrics = Annotated[
    list[str] | None,
    typer.Option(
        "--add-metric",
        metavar="SPEC",
        autocompletion=names.complete_added_metric,
        rich_help_panel=JUDGED,
        help="A further metric: NAME:option=value (see `sigbench list metrics`), or FILE.py:CLASS. May be repeated.",
    ),
]
Batch = Annotated[
    int | None,
    typer.Option(metavar="N", rich_help_panel=MACHINE, help="Samples integrated at once (default: the task's)."),
]
Device = Annotated[str, typer.Option(metavar="DEVICE", rich_help_panel=MACHINE, help="auto, cpu or cuda.")]
Dtype = Annotated[
    str,
    typer.Option(
        metavar="DTYPE",
        rich_help_panel=MACHINE,
        help="float32, float64, or bfloat16 (networks only; states stay float32).",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        rich_help_panel=MACHINE,
        help="Worker processes (default: one a core, or as many as the engine's machines have room for); on GPUs for "
        "each of them (default: one).",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        rich_help_panel=MACHINE,
        help="Torch threads of each worker (default: the cores, divided among the workers; 1 on other machines).",
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="ENGINE",
        rich_help_panel=MACHINE,
        help="Where cells run: local, this machine; ray or ray:HOST:PORT; dask:tcp://HOST:PORT; "
        "slurm:partition=NAME,shards=N.",
    ),
]
Store = Annotated[
    Path,
    typer.Option(metavar="DIR", rich_help_panel=RESULTS, help="Folder where records are kept, one file a cell."),
]
RetryFailed = Annotated[
    bool,
    typer.Option("--retry-failed", rich_help_panel=RESULTS, help="Measure again what failed or diverged."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", rich_help_panel=RESULTS, help="Only say what would be measured.")]
Plot = Annotated[
    Path | None, typer.Option(metavar="FILE", rich_help_panel=RESULTS, help="File (.png, .svg) for the chart.")
]
Debug = Annotated[
    bool,
    typer.Option(
        "--debug",
        callback=_show_tracebacks,
        rich_help_panel=RESULTS,
        help="Show the traceback where a plug-in fails.",
    ),
]


def json_lines(what: str) -> typer.models.OptionInfo:
    """Returns the option `--json` of a command that prints one JSON object for each `what`."""
    return typer.Option("--json", rich_help_panel=RESULTS, help=f"Print one JSON object {what}, and no table.")
