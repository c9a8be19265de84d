"""The truth's side of a comparison: the reference that a repeat is compared with, shared by all samplers."""

from typing import Any

import numpy as np

from sigbench.errors import BrokenContract
from sigbench.metrics.metric import Metric, Reference, Truth
from sigbench.sde.noise import seed_of


class References:
    """One reference a repeat, made when it is first asked for; `axes` name what they depend on beside the repeat."""

    def __init__(self, truth: Truth, **axes: str | int) -> None:
        self._truth, self._axes = truth, axes
        self._known: dict[int, Reference] = {}

    def value(self, metric: Metric, seen: Any, repeat: int) -> float:
        """Returns the metric of a repeat's samples, as the task observes them.

        Raises BadInput for samples of a kind that the metric does not read, and BrokenContract where it returns no
        number.
        """
        metric.check(seen, self._truth)
        if repeat not in self._known:
            self._known[repeat] = Reference(self._truth, seed_of(**self._axes, purpose="reference", repeat=repeat))
        return number_of(metric, seen[: metric.sample_size(len(seen))], self._known[repeat])


def number_of(metric: Metric, seen: Any, reference: Reference) -> float:
    """Returns the metric as a float; raises BrokenContract where it is no number."""
    found = metric(seen, reference)
    if np.ndim(found) or not np.issubdtype(np.asarray(found).dtype, np.number):
        what = f"an array of shape {np.shape(found)}" if np.ndim(found) else repr(found)
        raise BrokenContract(f"the metric {metric.name!r} returned {what}, not a number.")
    return float(found)
