"""The record of a cell: its schema, and the key that names it.

The TypedDicts below are the documentation of `sigbench run --json`: one record a line.
"""

import hashlib
import json
from typing import Any, Literal, NotRequired, TypedDict

from sigbench.records.names import Role

SCHEMA = 1

Status = Literal["ok", "diverged", "failed", "over-budget"]


class MetricRecord(TypedDict):
    """A metric of the cell; see `sigbench.metrics.estimate.Estimate`. Ends are null at one repeat."""

    value: float
    low: float | None
    high: float | None
    floor: float
    floor_low: float | None
    floor_high: float | None
    at_floor: bool
    n: int
    better: str
    method: str


class SpreadRecord(TypedDict):
    """The median over repeats, with the smallest and the largest (null at one repeat)."""

    value: float
    low: float | None
    high: float | None


class TimingRecord(TypedDict):
    """Wall clock of sampling alone, after a warm-up, device synchronised."""

    sample_s: SpreadRecord  # seconds a sample
    samples_per_s: float
    efficiency: float | None  # NFE × one bare network call on the same batch / sampling time of that batch
    peak_memory_mb: float | None  # above what was held before sampling; null where it cannot be measured
    batch: int
    workers: NotRequired[int]  # of a sweep: how many cells ran at once, at most; absent where the cell ran alone
    training_s: float | None  # what training the sampler cost, null where nothing was trained


class RequestRecord(TypedDict):
    """What the cell was asked for beside the fields of the record; together they are all that its key hashes."""

    sampler: str  # the spec
    role: NotRequired[Role]  # of a teacher: the same spec on the same grid is another cell than a sampler's
    nfe: int | None  # the budget of network calls a sample
    batch: int
    dtype: str
    paths: NotRequired[str]  # "fresh" where the cell's noise is shared with no other's
    metrics: NotRequired[dict[str, str]]  # the methods of metrics that judged beside the task's own, by name
    sources: list[str | None]  # SHA-256 of the files that the task, the sampler and added metrics are written in


class Record(TypedDict):
    """What was measured in one cell: a task, a sampler, a number of steps and a seed."""

    schema: int
    key: str
    task: str
    task_version: int
    conditions: NotRequired[dict[str, float]]  # "label" and "guidance", where samples were asked for them
    sampler: str  # the name that its class declares; `sigbench.records.names.display_name` adds options and role
    spec: NotRequired[
        str
    ]  # as it was asked for, options included; reading fills it in where an older version left none
    role: NotRequired[Role]  # "teacher" where it was measured as the task's own slow sampler, else "sampler"
    family: str
    steps: int
    nfe: int | None  # counted, never declared; null where the cell failed
    samples: int
    repeats: int
    seed: int
    grid: str
    times: list[float]  # the grid in the problem's increasing time
    final_step: str  # what happens at the end of the grid
    status: Status
    error: NotRequired[str]  # a sentence, where status is not "ok"
    metrics: dict[str, MetricRecord]  # empty where status is not "ok"
    timing: TimingRecord | None
    provenance: dict[str, Any]
    asked: NotRequired[RequestRecord]
    note: NotRequired[str]  # a remark in the words of whoever hands the record in
    digest: NotRequired[str]  # see `sigbench.records.checks.digest_of`; absent in records of older versions


def key_of(determinants: dict[str, Any]) -> str:
    """Returns the key of a cell: a hash of everything that determines what it measures, times apart."""
    text = json.dumps({"schema": SCHEMA, **determinants}, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def to_json(record: Record) -> str:
    """Returns the record as one line of strict JSON (no NaN or infinity)."""
    return json.dumps(record, allow_nan=False, separators=(",", ":"))
