"""Failures are results too: the status of a cell that went wrong, and the sentence that says where."""

import inspect
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sigbench.errors import BudgetExceeded, Diverged, SigbenchError
from sigbench.guard import one_line, told
from sigbench.records.record import Status

if TYPE_CHECKING:
    from sigbench.measure.cell import Cell

_LONGEST = 1_000  # characters of what sigbench itself says
OnFailure = Callable[["Cell", BaseException], None]


def unheard(cell: "Cell", problem: BaseException) -> None:
    """Hears of a failure and does nothing: the default of who is told of exceptions."""


def failure_of(problem: BaseException, *plug_ins: object) -> tuple[Status, str]:
    """Returns the status of a cell whose measurement ended in `problem`, and the sentence that says why.

    Of a foreign error it names the innermost frame in a file of the `plug_ins`, whose author can mend it there; where
    the error passed through none of them, the innermost frame of all.
    """
    if isinstance(problem, SigbenchError):
        kind: Status = "diverged" if isinstance(problem, Diverged) else "failed"
        return "over-budget" if isinstance(problem, BudgetExceeded) else kind, one_line(str(problem), _LONGEST)
    frames = traceback.extract_tb(problem.__traceback__)
    parts = [part for plug_in in plug_ins for part in (type(plug_in), *getattr(plug_in, "written_in", ()))]
    own = {file for part in parts if (file := _file_of(part)) is not None}
    frame = next((frame for frame in reversed(frames) if Path(frame.filename).resolve() in own), frames[-1])
    where = f"{Path(frame.filename).name}, line {frame.lineno}, in {frame.name}"
    return "failed", f"{told(problem)} ({one_line(where)})"


def _file_of(part: Any) -> Path | None:
    """The file of a class or a function."""
    try:
        return Path(inspect.getfile(part)).resolve()
    except (OSError, TypeError):
        return None
