"""What a study of the gap found: the lines of `sigbench gap --json`."""

from dataclasses import dataclass
from typing import Any, Literal

from sigbench.metrics.estimate import Interval
from sigbench.studies.gap.verdict import GapFinding
from sigbench.studies.result import SamplerResult

Distance = Literal["w1", "sliced-w2"]
DISTANCES: dict[Distance, str] = {"w1": "W1", "sliced-w2": "sliced W2"}


@dataclass(frozen=True, slots=True)
class StepGap:
    """The gap at the end of one coarse step, at the diffusion time `t`; all intervals are over repeats.

    `mean_square` is the squared error a coordinate, `local` what one step from the teacher's own state makes of it,
    `accumulated` the rest, and `rmse`, `local_rmse` their roots. `share` is the step's share of the squared error at
    the end. `distance` and `mmd2` compare the sampler's law with the teacher's on other paths, their floors the teacher
    with itself, and the excesses are the differences. The variance ratios are the sampler's variance
    over the teacher's on the same paths: along the rollout, and after one step from the teacher's states.
    """

    step: int
    t: float
    log_snr: float
    mean_square: Interval
    local: Interval
    accumulated: Interval
    rmse: Interval
    local_rmse: Interval
    share: Interval
    distance: Interval
    distance_floor: Interval
    excess: Interval
    mmd2: Interval
    mmd2_floor: Interval
    mmd2_excess: Interval
    variance_ratio: Interval
    local_variance_ratio: Interval


@dataclass(frozen=True, slots=True)
class TeacherWalked:
    """The teacher's sampler, and the grid that it walked."""

    sampler: str
    steps: int
    grid: str


class Gap(SamplerResult, frozen=True, kw_only=True, tag="gap", omit_defaults=True):
    """What was found of one sampler at one number of steps, a step of it at each of `times`.

    There are none, and an `error`, where it failed or diverged. `samples` are the teacher's paths in all, and `group`
    how many of them are on one side of a comparison of laws.
    """

    family: str
    grid: str
    distance: Distance
    status: str
    error: str | None = None
    samples: int
    group: int
    repeats: int
    seed: int
    teacher: TeacherWalked
    conditions: dict[str, float]
    provenance: dict[str, Any]
    verdict: GapFinding | None
    times: tuple[StepGap, ...]

    def __post_init__(self) -> None:
        """Raises ValueError where it succeeded without a step, or its verdict names steps that there are not."""
        if self.status == "ok" and not self.times:
            raise ValueError("it succeeded, and has no steps")
        if self.verdict is not None and not all(1 <= step <= len(self.times) for step in self.verdict.steps):
            raise ValueError(f"the verdict names steps {list(self.verdict.steps)} of {len(self.times)}")

    @property
    def curve(self) -> str:
        """What charts call it."""
        return f"{self.display_name}, {len(self.times)} steps"
