"""The progress bar that commands share."""

import sys
from typing import Any


class Bar:
    """A bar with a text on stderr, gone when done; nothing at all where stderr is no terminal.

    What is counted is called `unit`; without one the bar shows percentages.
    """

    def __init__(self, text: str, unit: str = "") -> None:
        self._progress: Any = None
        if not sys.stderr.isatty():
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        counted = [MofNCompleteColumn(), TextColumn(unit)] if unit else [TextColumn("{task.percentage:.0f} %")]
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            *counted,
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,  # what a command prints goes where stdout goes, not to the bar's console
        )
        self._row = self._progress.add_task(text, total=None)

    def __enter__(self) -> "Bar":
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, *details: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def show(self, done: float, total: float, text: str | None = None) -> None:
        """Shows how much is done, and a new text where one is given."""
        if self._progress is not None:
            named = {} if text is None else {"description": text}
            self._progress.update(self._row, completed=done, total=total, **named)
