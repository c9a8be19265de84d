"""Where commands print: the console for tables, sentences to the user on stderr, and JSON.

All of them print whatever the encoding is, in ASCII what it lacks (see `sigbench.report.ascii`).
"""

import json
import sys
import traceback
from contextlib import suppress
from io import TextIOWrapper
from typing import Any

from rich.console import Console
from rich.text import Text

from sigbench.report.ascii import HANDLER, shown
from sigbench.report.text import plain_console, printable

tracebacks = False  # whether --debug was given


def prepare_streams() -> None:
    """Makes stdout and stderr print in ASCII what their encodings lack, in the place of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and not stream.encoding.lower().startswith("utf"):
            stream.reconfigure(errors=HANDLER)


class TableConsole(Console):
    """A console on stdout that shows text as it is: brackets and colons of a name are no markup, and no emoji.

    It lets `main` see a closed pipe (`| head`), where rich would leave with an error.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**plain_console(markup=False, emoji=False, **options))

    def print_head(self, head: str, rest: str = "") -> None:
        """Prints a line that begins in bold."""
        self.print(Text.assemble((head, "bold"), rest), highlight=False)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError

    def render_str(self, text: str, **options: Any) -> Text:
        """Returns the text with what the console's encoding has; measured so, columns stay upright."""
        return super().render_str(shown(text, self.encoding), **options)


def say(message: str) -> None:
    """Prints a sentence to the user on stderr, control characters shown; one that is full or closed ends no command."""
    with suppress(OSError, ValueError):
        print(f"sigbench: {chr(10).join(map(printable, message.split(chr(10))))}", file=sys.stderr)


def print_json(text: str) -> None:
    """Prints a line of JSON on stdout at once; where its encoding lacks characters, all beyond ASCII as JSON's escapes.

    The value stays what it is, where `sigbench.report.ascii` would change it.
    """
    if not (sys.stdout.encoding or "utf-8").lower().startswith("utf"):
        text = "".join(c if c.isascii() else json.dumps(c)[1:-1] for c in text)
    print(text, flush=True)


def show_traceback(error: BaseException) -> None:
    """Prints the traceback of an error on stderr where --debug was given."""
    if tracebacks:
        say("".join(traceback.format_exception(error)).rstrip())
