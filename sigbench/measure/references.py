"""The truth's side of a comparison: what samples are compared with, and what the truth itself would score."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sigbench.abilities import observe_truth
from sigbench.errors import BrokenContract
from sigbench.measure.cell import Cell
from sigbench.metrics.metric import Metric, Reference
from sigbench.sde.noise import seed_of


class References:
    """One reference a repeat, and the floors, shared by all samplers of a comparison."""

    def __init__(self, cell: Cell) -> None:
        self.task, self.metrics, self.truth = cell.task, cell.metrics, cell.task.truth()
        axes: dict[str, str | int] = {"task": cell.task.name, "seed": cell.settings.seed}
        repeats = range(cell.settings.repeats)
        self._references = [Reference(self.truth, seed_of(**axes, purpose="reference", repeat=r)) for r in repeats]
        self._floor_seeds = [seed_of(**axes, purpose="floor", repeat=r) for r in repeats]
        self._floors: dict[tuple[str, int], list[float]] = {}
        self._draws: dict[int, list[Any]] = {}

    def values(self, metric: Metric, draws: Sequence[Any]) -> list[float]:
        """Returns the metric of each repeat's samples, as the task observes them.

        Raises BadInput for samples of a kind that the metric does not read, and BrokenContract where it returns no
        number.
        """
        metric.check(draws[0], self.truth)
        n = metric.sample_size(len(draws[0]))
        return [_number(metric, draw[:n], own) for draw, own in zip(draws, self._references, strict=True)]

    def floors(self, metric: Metric, n: int) -> list[float]:
        """Returns the metric of independent exact draws, a repeat each, at the metric's size for n samples."""
        size = metric.sample_size(n)
        if (metric.name, size) not in self._floors:
            if size not in self._draws:
                self._draws[size] = [observe_truth(self.task, size, seed) for seed in self._floor_seeds]
            self._floors[metric.name, size] = self.values(metric, self._draws[size])
        return self._floors[metric.name, size]


def _number(metric: Metric, draw: Any, reference: Reference) -> float:
    found = metric(draw, reference)
    if np.ndim(found) or not np.issubdtype(np.asarray(found).dtype, np.number):
        what = f"an array of shape {np.shape(found)}" if np.ndim(found) else repr(found)
        raise BrokenContract(f"the metric {metric.name!r} returned {what}, not a number.")
    return float(found)
