"""The progress bar that commands share."""

import sys
from typing import Any

from sigbench import progress as events
from sigbench.cli.printing import plain_console

_FORGET = 0.02  # the weight of a new loss in the running mean


class Bar:
    """A bar with a text on stderr, gone when done; nothing at all where stderr is no terminal.

    What is counted is called `unit`; without one the bar shows percentages. Of a loss it shows the running mean.
    """

    def __init__(self, text: str, unit: str = "") -> None:
        self._progress: Any = None
        self._text = text
        self._loss: float | None = None
        if not sys.stderr.isatty():
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        counted = [MofNCompleteColumn(), TextColumn(unit)] if unit else [TextColumn("{task.percentage:.0f} %")]
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            *counted,
            TimeRemainingColumn(),
            console=Console(**plain_console(stderr=True)),
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

    def show(self, progress: events.Progress) -> None:
        """Shows how much is done, and of what."""
        if self._progress is None:
            return
        text = progress.stage or self._text
        if progress.loss is not None:
            before = progress.loss if self._loss is None else self._loss
            self._loss = _FORGET * progress.loss + (1 - _FORGET) * before
            text += f" · loss {self._loss:.2e}"
        self._progress.update(self._row, description=text, completed=progress.done, total=progress.total)
