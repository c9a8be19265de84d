"""Where commands print: the console for tables, and sentences to the user on stderr."""

import sys
import traceback
from contextlib import suppress

from rich.console import Console
from rich.text import Text

from sigbench.report.text import printable

tracebacks = False  # whether --debug was given


class TableConsole(Console):
    """A console on stdout that shows text as it is: brackets and colons of a name are no markup, and no emoji.

    It lets `main` see a closed pipe (`| head`), where rich would leave with an error.
    """

    def __init__(self, *, highlight: bool = True) -> None:
        super().__init__(highlight=highlight, markup=False, emoji=False)

    def print_head(self, head: str, rest: str = "") -> None:
        """Prints a line that begins in bold."""
        self.print(Text.assemble((head, "bold"), rest), highlight=False)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def say(message: str) -> None:
    """Prints a sentence to the user on stderr, control characters shown; a stderr that is full ends no command."""
    with suppress(OSError):
        print(f"sigbench: {chr(10).join(map(printable, message.split(chr(10))))}", file=sys.stderr)


def show_traceback(error: BaseException) -> None:
    """Prints the traceback of an error on stderr where --debug was given."""
    if tracebacks:
        say("".join(traceback.format_exception(error)).rstrip())
