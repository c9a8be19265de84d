"""The command `sigbench`: its commands, and what happens to errors.

Exit codes: 0 done, 1 the thing measured failed, 2 bad input, 3 inconclusive (interrupted, say), 4 nothing was
measured, 70 an internal error.
"""

import sys
from typing import Annotated, Any

import typer

from sigbench import __version__
from sigbench.cli import (
    ablate,
    check,
    convergence,
    doctor,
    floors,
    gap,
    grid,
    leaderboard,
    listing,
    run,
    spectrum,
    sweep,
    train,
)
from sigbench.cli.ending import end_on_sigterm, hold_streams, leave_stdout, refused_by_the_system, say_internal
from sigbench.cli.printing import say, show_traceback
from sigbench.errors import SigbenchError

INTERNAL = 70  # EX_SOFTWARE of sysexits.h: no verdict on anything that was measured

app = typer.Typer(
    name="sigbench",
    help="Measure fast samplers of diffusion models: same budget, same noise, intervals, floors.",
    epilog="Start with: sigbench run --task gmm --sampler sigdeg,euler-maruyama,ddim --steps 5,10,20",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("sweep")(sweep.sweep)
app.command("check")(check.check)
app.add_typer(leaderboard.app, name="leaderboard")
app.command("convergence")(convergence.convergence)
app.command("gap")(gap.gap)
app.command("grid")(grid.grid)
app.command("floors")(floors.floors)
app.command("spectrum")(spectrum.spectrum)
app.command("ablate")(ablate.ablate)
app.command("train")(train.train)
app.command("list")(listing.list_)
app.command("doctor")(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sigbench {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


# typer carries a copy of click, or depends on it, by its version; what it exports leads to the right classes.
_UsageError: Any = typer.BadParameter.__base__


def main() -> None:
    """Runs the command line and leaves with the exit code that its outcome has."""
    code = 0
    hold_streams()
    end_on_sigterm()
    try:
        # Not app(): that turns Ctrl-C and a closed pipe into exit codes of its own.
        with typer.main.get_command(app).make_context("sigbench", sys.argv[1:]) as context:
            context.command.invoke(context)
        sys.stdout.flush()
    except typer.Exit as end:
        code = end.exit_code
    except SigbenchError as error:
        show_traceback(error)
        say(str(error))
        code = error.exit_code
    except _UsageError as error:
        message = error.format_message()
        if message:
            say(message)
        code = 2
    except (KeyboardInterrupt, typer.Abort):
        say("interrupted; nothing was left half-written.")
        code = 3
    except BrokenPipeError:
        leave_stdout()  # the reader went away (`| head`): leave quietly
    except BaseException as error:  # SystemExit, too: nothing here may leave in this way
        leave_stdout()
        show_traceback(error)
        refused = refused_by_the_system(error)
        if refused is None:
            say_internal(error)
        else:
            say(refused)
        code = INTERNAL if refused is None else 2
    sys.exit(code)
