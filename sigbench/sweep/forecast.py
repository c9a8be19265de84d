"""How long the rest of a sweep will take, from what its finished cells took."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from scipy.optimize import nnls

from sigbench.sweep.plan import PlannedCell


class Forecast:
    """Seconds of a cell by task: so much for its metrics, and so much for each network evaluation."""

    def __init__(self) -> None:
        self._seen: dict[str, list[tuple[float, float]]] = defaultdict(list)

    def add(self, cell: PlannedCell, seconds: float) -> None:
        """Takes note of a cell that was measured in so many seconds."""
        self._seen[cell.task].append((cell.work, seconds))

    def seconds(self, cells: Iterable[PlannedCell], workers: int) -> tuple[float, bool]:
        """Returns the seconds that `workers` need for the cells of tasks that are known, and whether all are."""
        works: dict[str, list[float]] = defaultdict(list)
        for cell in cells:
            works[cell.task].append(cell.work)
        known = [task for task in works if task in self._seen]
        return sum(self._of_task(task, works[task]) for task in known) / max(workers, 1), len(known) == len(works)

    def _of_task(self, task: str, works: list[float]) -> float:
        done = np.array(self._seen[task])
        scale = max(done[:, 0].max(), 1.0)
        if len(done) == 1:  # one cell cannot tell the two parts from each other
            fixed, rate = done[0, 1], 0.0
        else:
            (fixed, rate), _ = nnls(np.stack([np.ones(len(done)), done[:, 0] / scale], axis=1), done[:, 1])
        return float(len(works) * fixed + rate * sum(works) / scale)
