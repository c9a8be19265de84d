"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from sigbench.cli import printing


def _show_tracebacks(wanted: bool) -> bool:
    printing.tracebacks = printing.tracebacks or wanted
    return wanted


Debug = Annotated[
    bool,
    typer.Option("--debug", callback=_show_tracebacks, help="Show the traceback where a plug-in fails."),
]
AddedMetrics = Annotated[
    list[str] | None,
    typer.Option(
        "--add-metric",
        metavar="SPEC",
        help="A further metric: NAME:option=value (see `sigbench list metrics`), or FILE.py:CLASS. May be repeated.",
    ),
]
Samplers = Annotated[
    str,
    typer.Option(
        "--sampler",
        help="Samplers, separated by commas: NAME, NAME:option=value, NAME@STEPS and NAME:grid=GRID for a step count "
        "and a grid of its own, FILE.py:CLASS for yours, diffusers:SCHEDULER or kdiffusion:FUNCTION for other "
        "libraries' (see `sigbench list adapters`), or 'teacher' for the task's slow sampler. Values with : or , stand "
        "in quotes.",
    ),
]
Steps = Annotated[str, typer.Option(help="Step counts, separated by commas (default: the task's).")]
Repeats = Annotated[int, typer.Option(help="Independent repeats; intervals come from their spread.")]
Precision = Annotated[
    str | None,
    typer.Option(
        metavar="SHARE",
        help="After --repeats, go on until the first metric is known to this share of its value, or of its floor where "
        "it lies nearer to that: 5% or 0.05. As many repeats as their spread says, at most 1000.",
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of all noise; samplers share their noise under one seed.")]
SamplerFile = Annotated[
    Path | None, typer.Option("--sampler-file", help="A file with more samplers, one a line; # begins a remark.")
]
Grid = Annotated[
    str | None,
    typer.Option(
        help="Time grid of all samplers that name none: NAME or NAME:option=value (see `sigbench list grids`), "
        "FILE.py:FUNCTION for yours, FILE.json from `sigbench grid`, or diffusion times such as 1,0.5,0.1,0.001 "
        "(default: the task's). A student walks its own."
    ),
]
Final = Annotated[
    str,
    typer.Option(help="What is returned at the last time: none, the state; denoise, its denoised sample, a call more."),
]
Label = Annotated[int | None, typer.Option(help="The class of every sample (default: drawn by their shares).")]
Guidance = Annotated[
    float,
    typer.Option(help="Classifier-free guidance W in (1 + W)·D(class) − W·D(none); two network calls a step above 0."),
]
Paths = Annotated[
    str,
    typer.Option(
        help="shared: every sampler, grid and step count walks one Brownian path a sample, from one initial state; "
        "fresh: each cell has noise of its own."
    ),
]
Batch = Annotated[int | None, typer.Option(help="Samples integrated at once (default: the task's).")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Dtype = Annotated[str, typer.Option(help="float32, float64, or bfloat16 (networks only; states stay float32).")]
Plot = Annotated[Path | None, typer.Option(help="File (.png, .svg) for the chart.")]
