"""What a running sweep shows: one live line on a terminal, else a line a minute."""

import sys
from collections import Counter
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING

from rich.markup import escape

from sigbench.cli.printing import print_json, say
from sigbench.report.numbers import long_duration
from sigbench.report.text import plain_console

if TYPE_CHECKING:
    from sigbench.sweep.engines.engine import Engine
    from sigbench.sweep.plan import PlannedCell
    from sigbench.sweep.run import Event

_SECONDS_BETWEEN_LINES = 60.0
_RUNNING_SHOWN = 2
_NODES_SHOWN = 4


class SweepProgress:
    """What is done, running, failed and left: one live line on a terminal, else a line a minute; both on stderr."""

    def __init__(self, todo: "Sequence[PlannedCell]", engine: "Engine") -> None:
        from sigbench.sweep.forecast import Forecast

        self._left = {cell.key: cell for cell in todo}
        self._running: dict[str, PlannedCell] = {}
        self._engine, self._forecast = engine, Forecast()
        self.measured, self._failed, self._last_line = 0, 0, monotonic()
        self._nodes = Counter[str]()
        self._bar = _Bar(len(todo)) if sys.stderr.isatty() else None

    def __enter__(self) -> "SweepProgress":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *details: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._nodes:
            say(f"cells by node: {self._by_node(len(self._nodes))}.")

    @property
    def left(self) -> int:
        """How many cells are not finished."""
        return len(self._left)

    def take(self, event: "Event", *, as_json: bool) -> None:
        """Shows what happened; with `as_json` prints the record of a finished cell on stdout."""
        key, record = event.cell.key, event.record
        if event.what == "started":
            self._running[key] = event.cell
        else:
            self._running.pop(key, None)
        if event.what not in ("started", "again"):
            self._left.pop(key)
        if event.what == "again":
            say(f"{event.cell} is measured again: {event.reason.rstrip('.')}.")
        if event.what == "lost":
            self._failed += 1
            say(f"{event.cell} was lost: {event.reason.rstrip('.')}; it is left missing.")
        if event.what == "finished" and record is not None:
            self.measured += 1
            self._nodes.update([event.node] if event.node else [])
            self._forecast.add(event.cell, event.seconds)
            if record["status"] != "ok":
                self._failed += 1
                say(f"{event.cell} {record['status']}: {record.get('error', '')}")
            if as_json:
                from sigbench.records.record import to_json

                print_json(to_json(record))
        self._show()

    def _show(self) -> None:
        left = list(self._left.values())
        seconds, known = self._forecast.seconds(left, self._engine.workers_for(left))
        ahead = (
            f" · {'about' if known else 'more than'} {long_duration(seconds)} left" if self._left and seconds else ""
        )
        if self._nodes:
            ahead += f" · {self._by_node(_NODES_SHOWN)}"
        names = [str(cell) for cell in self._running.values()][:_RUNNING_SHOWN]
        if self._bar is not None:
            failed = f" · [red]{self._failed} failed[/red]" if self._failed else " · 0 failed"
            self._bar.show(len(self._left), f"{len(self._running)} running{failed}{ahead}", names)
        elif monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES and self._left:
            self._last_line = monotonic()
            say(f"{self.measured} cells done, {len(self._running)} running, {self._failed} failed{ahead}.")

    def _by_node(self, most: int) -> str:
        """How many cells each node has measured, the busiest first."""
        shown = [f"{count} on {node}" for node, count in self._nodes.most_common(most)]
        others = len(self._nodes) - len(shown)
        return ", ".join(shown) + (f" and others on {others} more" if others else "")


class _Bar:
    """A rich bar over the cells, gone when done."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._total = total
        self._progress = Progress(
            BarColumn(20),
            MofNCompleteColumn(),
            TextColumn("done · {task.description}"),
            TimeElapsedColumn(),
            console=Console(**plain_console(stderr=True)),
            transient=True,
            redirect_stdout=False,  # records go where stdout goes, not to the bar's console
        )
        self._row = self._progress.add_task("starting", total=total)

    def start(self) -> None:
        """Shows the bar."""
        self._progress.start()

    def stop(self) -> None:
        """Takes the bar away."""
        self._progress.stop()

    def show(self, left: int, text: str, running: Sequence[str]) -> None:
        """Shows how many cells are left, a text, and the names of running cells."""
        named = f"\n{escape('; '.join(running))}" if running else ""
        self._progress.update(self._row, completed=self._total - left, description=text + named, refresh=True)
