"""What a sweep leaves out, said in as few lines as there are reasons."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sigbench.cli.printing import say

if TYPE_CHECKING:
    from sigbench.sweep.plan import SkippedCell


def say_skipped(skipped: "Sequence[SkippedCell]") -> None:
    """Says what is left out, a line for all cells of a task that are so for the same reason."""
    together: dict[tuple[str, str], list[SkippedCell]] = {}
    for cell in skipped:
        together.setdefault((cell.task, cell.reason), []).append(cell)
    for (task, reason), cells in together.items():
        samplers = dict.fromkeys(cell.sampler for cell in cells)
        steps = dict.fromkeys(count for cell in cells for count in cell.steps)
        at = f" at {', '.join(map(str, steps))} steps" if steps and len(samplers) == 1 else ""
        say(f"skipped: {task} · {', '.join(samplers)}{at}: {reason}")
