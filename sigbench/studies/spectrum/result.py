"""What a study of spectra found: the lines of `sigbench spectrum --json`."""

from dataclasses import dataclass
from typing import Any

from sigbench.metrics.estimate import Interval
from sigbench.studies.result import SamplerResult

BANDS = ("low", "middle", "high")


@dataclass(frozen=True, slots=True)
class Band:
    """The power in a range of frequencies, over the truth's; `floor` is that of other exact draws."""

    name: str
    first: float
    last: float
    ratio: Interval
    floor: Interval


class SpectrumGap(SamplerResult, frozen=True, kw_only=True, tag="spectrum", omit_defaults=True):
    """What was found of one cell: power, and its ratio to the truth's, at each frequency and in three bands.

    The intervals are over repeats; `floor` is the ratio of independent exact draws to the same reference, and `tilts`
    the ratio in the highest band over that in a lower one. All are empty, and there is an `error`, where the cell
    failed.
    """

    family: str
    steps: int
    grid: str
    of: str
    unit: str
    frequencies: tuple[float, ...]
    power: tuple[Interval, ...]
    truth: tuple[Interval, ...]
    ratio: tuple[Interval, ...]
    floor: tuple[Interval, ...]
    bands: tuple[Band, ...]
    tilts: dict[str, Interval]
    status: str
    error: str | None = None
    samples: int
    repeats: int
    seed: int
    conditions: dict[str, float]
    provenance: dict[str, Any]
    sentence: str | None

    def __post_init__(self) -> None:
        """Raises ValueError where values and frequencies differ in number, or what succeeded has none, or no bands."""
        for name in ("power", "truth", "ratio", "floor"):
            if (count := len(getattr(self, name))) != len(self.frequencies):
                raise ValueError(f"{name} has {count} values for {len(self.frequencies)} frequencies")
        if self.status == "ok" and not (self.frequencies and len(self.bands) == len(BANDS)):
            raise ValueError("it succeeded, and has no frequencies, or not three bands")

    @property
    def curve(self) -> str:
        """What charts call it."""
        return f"{self.display_name}, {self.steps} steps"
