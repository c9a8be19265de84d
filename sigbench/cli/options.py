"""Options that several commands share."""

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
