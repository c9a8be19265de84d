"""The command `sigbench`: its commands, and what happens to errors.

Exit codes: 0 done, 1 the thing measured failed, 2 bad input, 3 inconclusive (interrupted, say), 4 nothing was
measured, 70 an internal error.
"""

import os
import sys
from collections.abc import Callable
from functools import cache
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
    new,
    run,
    spectrum,
    sweep,
    train,
)
from sigbench.cli.ending import (
    end_on_sigterm,
    hold_streams,
    in_few_lines,
    leave_stdout,
    refused_by_the_system,
    say_internal,
)
from sigbench.cli.help import Command, Group, UsageError
from sigbench.cli.printing import prepare_streams, say, show_traceback
from sigbench.errors import SigbenchError, check_system

INTERNAL = 70  # EX_SOFTWARE of sysexits.h: no verdict on anything that was measured

MEASURE, STUDY, LOOK = "Measure and compare", "Look closer", "Look around"

app = typer.Typer(
    name="sigbench",
    cls=Group,
    help="Measure fast samplers of diffusion models: same budget, same noise, intervals, floors.",
    epilog="Start with:\nsigbench run --task gmm --sampler sigdeg,euler-maruyama,ddim --steps 5,10,20",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    MEASURE: {"run": run.run, "sweep": sweep.sweep, "check": check.check},
    STUDY: {
        "convergence": convergence.convergence,
        "gap": gap.gap,
        "grid": grid.grid,
        "floors": floors.floors,
        "spectrum": spectrum.spectrum,
        "ablate": ablate.ablate,
        "train": train.train,
    },
    LOOK: {"list": listing.list_, "doctor": doctor.doctor},
}
for _panel, _members in _COMMANDS.items():
    for _name, _function in _members.items():
        app.command(_name, cls=Command, rich_help_panel=_panel)(_function)
app.add_typer(leaderboard.app, name="leaderboard", rich_help_panel=MEASURE)
app.add_typer(new.app, name="new", rich_help_panel=LOOK)


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


@cache
def _command() -> Any:
    return typer.main.get_command(app)


def main() -> None:
    """Runs the command line and leaves with the exit code that its outcome has."""
    code = 0
    hold_streams()
    end_on_sigterm()
    prepare_streams()
    if "_SIGBENCH_COMPLETE" in os.environ:
        _command().main(prog_name="sigbench")  # answers the shell, and leaves
    try:
        # Not app(): that turns Ctrl-C and a closed pipe into exit codes of its own.
        check_system()
        with _command().make_context("sigbench", sys.argv[1:]) as context:
            context.command.invoke(context)
        sys.stdout.flush()
    except typer.Exit as end:
        code = end.exit_code
    except SigbenchError as error:
        show_traceback(error)
        say(in_few_lines(str(error)))
        code = error.exit_code
    except UsageError as error:
        message = error.format_message()
        if type(error).__name__ == "NoArgsIsHelpError":  # by its name, as typer itself knows it
            print(message)
        elif message:
            say(in_few_lines(message))
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
