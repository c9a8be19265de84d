"""Where commands print: the console for tables, and sentences to the user on stderr."""

import sys

from rich.console import Console

from sigbench.report.text import printable


class TableConsole(Console):
    """A console on stdout that lets `main` see a closed pipe (`| head`), where rich would leave with an error."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def say(message: str) -> None:
    """Prints a sentence to the user on stderr, control characters shown."""
    print(f"sigbench: {chr(10).join(map(printable, message.split(chr(10))))}", file=sys.stderr)
