"""What the gate found: the documentation of `sigbench check --json`, one object a line.

First a `PointVerdict` for every point, then a `CurveVerdict` for every curve, at last one `RunVerdict`.
"""

from typing import Any, Literal, TypedDict

VERDICT_SCHEMA = 1

ELSEWHERE = "not compared: another machine"

Word = Literal["regressed", "improved", "equivalent", "inconclusive"]


class MetricVerdict(TypedDict):
    """One metric of a point. Changes say how much worse it became: positive is worse, whatever the metric's sense.

    A change on the "relative" scale is a share of the value, 0.2 being 20 %; on the "absolute" scale it is in the
    metric's own units.
    """

    verdict: Word
    before: float | None  # mean over the repeats; null where this side lacks the metric
    now: float | None
    scale: str
    margin: float
    change: float | None  # null where there is nothing to compare
    low: float | None  # the 1 − 2α interval of the change: equivalent where it lies within the margin
    high: float | None
    p_worse: float | None  # not yet corrected for the number of comparisons
    p_better: float | None
    p_same: float | None
    identical: bool  # every repeat has the same bits as before


class TimeVerdict(TypedDict):
    """Processor time of sampling over that of the calibration loop: medians, and the change as a share."""

    verdict: Word
    before: float
    now: float
    change: float
    low: float
    high: float


class PointVerdict(TypedDict):
    """One point of a curve: a task, a sampler and a number of steps."""

    schema: int
    kind: Literal["point"]
    task: str
    sampler: str
    steps: int
    verdict: Word
    reason: str | None  # a sentence, where the verdict does not follow from the metrics alone
    nfe_before: int
    nfe: int | None  # null where the sampler failed
    metrics: dict[str, MetricVerdict]
    time: TimeVerdict | None  # null where time is not compared


class CurveVerdict(TypedDict):
    """All points of one sampler on one task."""

    schema: int
    kind: Literal["curve"]
    task: str
    sampler: str
    verdict: Word
    points: int
    time: str  # "slower", "same", "not resolved", ELSEWHERE, or "not compared: no times"


class RunVerdict(TypedDict):
    """The whole check."""

    schema: int
    kind: Literal["run"]
    verdict: Word
    exit_code: int
    alpha: float
    time_margin: float
    comparisons: int  # what Holm's correction counts
    notes: list[str]
    provenance: dict[str, Any]
