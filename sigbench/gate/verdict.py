"""What the gate found: the documentation of `sigbench check --json`, one object a line.

First a `PointVerdict` for every point, then a `CurveVerdict` for every curve, at last one `RunVerdict`.
"""

from typing import Any, Literal, TypedDict

VERDICT_SCHEMA = 2

ELSEWHERE = "not compared: another machine"
BUSY = "not compared: the machine was busy"

Word = Literal["regressed", "improved", "equivalent", "inconclusive"]


class MetricVerdict(TypedDict):
    """One metric of a point. Changes are in the metric's own units and say how much worse it became.

    Positive is worse, whatever the metric's sense.
    """

    verdict: Word
    before: float | None  # mean over the repeats; null where this side lacks the metric
    now: float | None
    margin: float | None  # the change that counts as none: an estimate where the excess over the floor makes it
    change: float | None  # null where there is nothing to compare
    low: float | None  # its 95 % interval
    high: float | None
    p_value: float | None  # of no change, not yet corrected for the number of comparisons
    p_adjusted: float | None  # corrected (Holm)
    p_equivalence: float | None  # of a change beyond the margin
    repeats_to_decide: int | None  # about how many would decide what is inconclusive
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
    time: str  # "slower", "same", "not resolved", ELSEWHERE, BUSY, or "not compared: no times"


class RunVerdict(TypedDict):
    """The whole check."""

    schema: int
    kind: Literal["run"]
    verdict: Word
    exit_code: int
    alpha: float
    time_margin: float
    comparisons: int  # what Holm's correction counts
    loosened: list[str]  # what the baseline asks less of than that of the commit given by --against: it never passes
    notes: list[str]
    provenance: dict[str, Any]
