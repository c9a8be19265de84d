"""Progress of long work: a bar on a terminal's stderr or in a notebook, else a line a minute on stderr."""

import html
import sys
import time
from typing import Any

from sigbench import progress as events
from sigbench.report.numbers import duration
from sigbench.report.text import plain_console

_FORGET = 0.02  # the weight of a new loss in the running mean
_PAUSE_S = 0.2  # between two pictures of a notebook's bar
_MINUTE_S = 60.0  # between two lines of a log


class Bar:
    """A bar with a text, gone when done: on stderr where that is a terminal, else in a notebook.

    Elsewhere it is a line a minute on stderr, as a log wants it; what takes less writes none. What is counted
    is called `unit`; without one percentages are shown. Of a loss it is the running mean.
    """

    def __init__(self, text: str, unit: str = "") -> None:
        self._progress: Any
        self._text = text
        self._loss: float | None = None
        if not sys.stderr.isatty():
            self._progress = _NotebookBar(text, unit) if in_notebook() else _Lines(unit)
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
        self._progress.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._progress.stop()

    def show(self, progress: events.Progress) -> None:
        """Shows how much is done, and of what."""
        text = progress.stage or self._text
        if progress.loss is not None:
            before = progress.loss if self._loss is None else self._loss
            self._loss = _FORGET * progress.loss + (1 - _FORGET) * before
            text += f" · loss {self._loss:.2e}"
        if isinstance(self._progress, _NotebookBar | _Lines):
            self._progress.show(text, progress.done, progress.total)
        else:
            self._progress.update(self._row, description=text, completed=progress.done, total=progress.total)


def in_notebook() -> bool:
    """Returns whether this runs in a notebook's kernel; a program that never imported IPython is in none."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


class _NotebookBar:
    """A bar of HTML in a notebook's output, replaced as work goes on and empty at the end."""

    def __init__(self, text: str, unit: str) -> None:
        self._text, self._unit = text, unit
        self._shown = 0.0
        self._handle: Any = None

    def start(self) -> None:
        """Puts an empty bar under the cell."""
        from IPython.display import display

        self._handle = display(self._picture(self._text, 0.0, 1.0), raw=True, display_id=True)

    def show(self, text: str, done: float, total: float) -> None:
        """Replaces the bar, a few times a second at most."""
        if time.monotonic() - self._shown >= _PAUSE_S:
            self._shown = time.monotonic()
            self._handle.update(self._picture(text, done, total), raw=True)

    def stop(self) -> None:
        """Leaves nothing of it."""
        self._handle.update({"text/plain": "", "text/html": ""}, raw=True)

    def _picture(self, text: str, done: float, total: float) -> dict[str, str]:
        counted = _counted(done, total, self._unit)
        bar = f'<progress value="{done / total:.4f}"></progress>'
        return {"text/plain": f"{text} {counted}", "text/html": f"{bar} {counted} · {html.escape(text)}"}


class _Lines:
    """A line a minute on stderr, for logs: how far, and how long it will take at the pace since the stage began."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._stage = ""
        self._since = self._told = 0.0
        self._first = 0.0

    def start(self) -> None:
        """Begins to wait for the first minute."""
        self._since = self._told = time.monotonic()

    def show(self, text: str, done: float, total: float) -> None:
        """Writes a line where the last is a minute old."""
        now, stage = time.monotonic(), text.partition(" · ")[0]
        if stage != self._stage:
            self._stage, self._since, self._first = stage, now, done
        if now - self._told < _MINUTE_S:
            return
        self._told = now
        left = ""
        if self._first < done <= total:
            left = f", about {duration((total - done) * (now - self._since) / (done - self._first))} left"
        print(f"{text}: {_counted(done, total, self._unit)}{left}", file=sys.stderr, flush=True)

    def stop(self) -> None:
        """Leaves what was written."""


def _counted(done: float, total: float, unit: str) -> str:
    """How much is done, counted or in percent."""
    return f"{done:.0f}/{total:.0f} {unit}" if unit else f"{100 * done / total:.0f} %"
