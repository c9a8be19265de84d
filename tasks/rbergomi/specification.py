"""What makes a task of rough Bergomi paths: the model, the simulator's grid, and the times at which paths are seen."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sigbench.errors import BadInput
from sigbench_tasks.rbergomi.model import RoughBergomi


@dataclass(frozen=True)
class Specification:
    """Paths of `model` on `steps` equal steps up to `horizon` years, seen at the grid times numbered `places`, from 1.

    Raises BadInput for a horizon that is not positive, and for places that do not increase from 1 to `steps`.
    """

    model: RoughBergomi
    horizon: float
    steps: int
    places: tuple[int, ...]

    def __post_init__(self) -> None:
        if not 0 < self.horizon < float("inf"):
            raise BadInput(f"the horizon must lie in (0, ∞), not {self.horizon}.")
        if not self.places or (np.diff(self.places, prepend=0) < 1).any() or self.places[-1] > self.steps:
            raise BadInput(f"the times must increase and lie within the {self.steps} steps up to the horizon.")

    @staticmethod
    def equal(model: RoughBergomi, horizon: float, points: int, fine: int) -> "Specification":
        """Returns `points` equal intervals of `fine` steps each."""
        return Specification(model, horizon, points * fine, tuple(range(fine, points * fine + 1, fine)))

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of a path: times, and (log S, log V)."""
        return (len(self.places), 2)

    @property
    def times(self) -> NDArray[np.float64]:
        """The observed times in years, shape (points,)."""
        return self.horizon / self.steps * np.array(self.places, dtype=np.float64)

    @property
    def fine(self) -> int | None:
        """The steps of an interval where all have as many, None where they have not."""
        found = set(np.diff(self.places, prepend=0).tolist())
        return found.pop() if len(found) == 1 else None

    @property
    def last(self) -> float:
        """The last observed time in years."""
        return self.horizon if self.places[-1] == self.steps else float(self.times[-1])

    def facts(self) -> dict[str, Any]:
        """Returns all of it as plain JSON values."""
        curve = self.model.forward
        own: dict[str, Any] = asdict(self.model)
        if len(curve.values) > 1:
            own["xi"] = {"times": list(curve.times), "values": list(curve.values)}
        else:
            own["xi"] = curve.values[0]
        whole = self.fine is not None and self.places[-1] == self.steps
        seen = {"points": len(self.places)} if whole else {"places": list(self.places)}
        return {**own, "horizon": self.horizon, "steps": self.steps, **seen}

    @property
    def hash(self) -> str:
        """A hash of `facts`."""
        return hashlib.blake2b(json.dumps(self.facts(), sort_keys=True).encode(), digest_size=16).hexdigest()


# The task that comes with the suite. The simulator takes 16 steps to a point, so that log S carries no visible Euler
# bias.
SHIPPED = Specification.equal(RoughBergomi(), horizon=1.0, points=64, fine=16)
