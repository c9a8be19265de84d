"""How long a sweep will take: the rest from what its finished cells took, or all from a few tried in little."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import nnls

from sigbench.sweep.elsewhere import plan_for
from sigbench.sweep.plan import PlannedCell, planned

TRIAL_REPEATS = 2
_QUARTILES = (0.25, 0.75)

Kind = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class Trial:
    """A cell with few repeats, and the cell that it stands for; None where it only warms the worker up."""

    cell: PlannedCell
    of: PlannedCell | None

    @property
    def share(self) -> float:
        """How much of the work it does of the cell that it stands for."""
        return 1.0 if self.of is None else self.cell.settings.repeats / self.of.settings.repeats


class Forecast:
    """Seconds of a cell by task and metrics: so much for the metrics, and so much for each network evaluation."""

    def __init__(self) -> None:
        self._seen: dict[Kind, list[tuple[float, float]]] = defaultdict(list)

    def add(self, cell: PlannedCell, seconds: float) -> None:
        """Takes note of a cell that was measured in so many seconds."""
        self._seen[_kind(cell)].append((cell.work, seconds))

    def seconds(self, cells: Iterable[PlannedCell], workers: int) -> tuple[float, bool]:
        """Returns the seconds that `workers` need for the cells of kinds that are known, and whether all are."""
        works: dict[Kind, list[float]] = defaultdict(list)
        for cell in cells:
            works[_kind(cell)].append(cell.work)
        known = [kind for kind in works if kind in self._seen]
        return sum(self._of_kind(kind, works[kind]) for kind in known) / max(workers, 1), len(known) == len(works)

    def _of_kind(self, kind: Kind, works: list[float]) -> float:
        done = np.array(self._seen[kind])
        scale = max(done[:, 0].max(), 1.0)
        if len(done) == 1:  # one cell cannot tell the two parts from each other
            fixed, rate = done[0, 1], 0.0
        else:
            (fixed, rate), _ = nnls(np.stack([np.ones(len(done)), done[:, 0] / scale], axis=1), done[:, 1])
        return float(len(works) * fixed + rate * sum(works) / scale)


def plan_trials(cells: Sequence[PlannedCell]) -> list[Trial]:
    """Returns what is tried in little to know how long the cells take: of each kind the cells at the quartiles of work.

    Before them stands the cell of least work, which loads what all cells of the kind share.
    """
    kinds: dict[Kind, list[PlannedCell]] = defaultdict(list)
    for cell in cells:
        kinds[_kind(cell)].append(cell)
    trials = []
    for alike in kinds.values():
        alike.sort(key=lambda cell: cell.work)
        chosen = {round(share * (len(alike) - 1)): None for share in _QUARTILES}
        trials.append(Trial(_in_little(alike[0], TRIAL_REPEATS + 1), None))
        trials += [Trial(_in_little(alike[place], TRIAL_REPEATS), alike[place]) for place in chosen]
    return trials


def _in_little(cell: PlannedCell, repeats: int) -> PlannedCell:
    settings = replace(cell.settings, repeats=min(repeats, cell.settings.repeats))
    (own,) = plan_for(settings, [cell.sampler], cell.asked_steps)
    return planned(own, settings, cell.sampler, cell.asked_steps)


def _kind(cell: PlannedCell) -> Kind:
    return cell.task, tuple(cell.settings.only)
