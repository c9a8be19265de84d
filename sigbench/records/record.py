"""The record of a cell: its schema, version 2.

The TypedDicts below are the documentation of `sigbench run --json`, one record a line; `sigbench.schema()` returns them
as a JSON schema.
"""

import json
from typing import Any, Literal, NotRequired, TypedDict

from sigbench.records.names import Role

SCHEMA = 2

Paths = Literal["shared", "fresh"]
Status = Literal["ok", "diverged", "failed", "over-budget"]


class MetricRecord(TypedDict):
    """A metric of the cell; see `sigbench.metrics.estimate`: value and interval follow from the repeats' values.

    What it is worth beside its floor, or beside another, is decided by `sigbench.records.comparison`.
    """

    value: float
    low: float | None  # null at one repeat
    high: float | None
    floor: float  # the expectation over exact draws of n samples; where "zero" is best, of the distance from 0
    floor_low: float | None
    floor_high: float | None
    floor_error: float  # its standard error
    floor_sd: float | None  # the standard deviation of one exact draw, null where it is not known
    floor_draws: int  # how many there were: 0 for a closed form
    values: list[float]  # one a repeat
    bounds: tuple[float | None, float | None]  # what the metric cannot leave; intervals are cut there
    counted: bool  # whether a value is a share of n samples that were counted
    margin: float  # below this share of the excess over the floor a difference counts as none
    n: int
    better: Literal["lower", "higher", "zero"]
    method: str


class SpreadRecord(TypedDict):
    """The median over repeats, with the smallest and the largest (null at one repeat)."""

    value: float
    low: float | None
    high: float | None
    values: list[float]  # one a repeat


class TimingRecord(TypedDict):
    """Times of sampling alone, after a warm-up, device synchronised, and what else the machine did meanwhile."""

    sample_s: SpreadRecord  # seconds of wall clock a sample
    path_s: SpreadRecord  # the part of it that the noise took: every draw that the sampler asked for
    cpu_s: SpreadRecord  # seconds of this process's own processor time a sample, all threads together
    calibration_s: SpreadRecord  # of a fixed loop beside each repeat: by how fast the machine was clocked
    samples_per_s: float
    efficiency: SpreadRecord | None  # (NFE × one bare network call + path) / sampling time, all of the same batch
    peak_memory_mb: float | None  # above what was held before sampling; null where it cannot be measured
    batch: int
    workers: int  # how many cells ran at once, at most: 1 outside of a sweep
    load: list[float] | None  # the system's load averages over 1, 5 and 15 minutes before; null where it has none
    others: float | None  # processors that other processes kept busy meanwhile; null where that cannot be told
    quiet: bool | None  # whether `others` was below half a processor
    training_s: float | None  # what training the sampler cost, null where nothing was trained
    doubts: NotRequired[list[str]]  # why the times are not to be trusted (`sigbench.records.consistency.time_doubts`)


class TF32Record(TypedDict):
    """Whether CUDA may round products of float32 to TF32, by torch's two flags."""

    matmul: bool
    cudnn: bool


class NoiseRecord(TypedDict):
    """What initial states, classes and Brownian paths depend on: cells that have all these in common share them."""

    paths: Paths
    axes: list[str]


class StopRecord(TypedDict):
    """When repeats end: after so many, or, where a half-width is asked for, after as many more as its spread says.

    `half_width` is the wanted share of the first metric's value, or of its floor where the value is nearer to that
    than its half (Stein's two stages, `sigbench.measure.stopping`); null where the number is fixed.
    """

    repeats: int
    half_width: float | None


class RequestRecord(TypedDict):
    """What the cell was asked for that has no other place in its record."""

    nfe: int | None  # the budget of network calls a sample
    batch: int
    dtype: str
    tf32: TF32Record
    compile: Literal["none", "torch.compile"]
    stop: StopRecord
    metrics: dict[str, str]  # the methods of the metrics that judge, by their names


class PlugInCode(TypedDict):
    """What a plug-in is written in: hashes of files, by names relative to its folder (`sigbench.measure.source`).

    Of one that a program handed over as an object, "<memory>" stands for its own code and its state.
    """

    plug_in: str  # "task", "sampler", or a metric's name
    name: str  # its class
    files: dict[str, str]
    packages: NotRequired[dict[str, str]]  # the versions of packages that it depends on beside those of every record


class CodeRecord(TypedDict):
    """The code that the numbers depend on."""

    plug_ins: list[PlugInCode]
    package: dict[str, str]  # hashes of parts of sigbench


class TuningRecord(TypedDict):
    """How a sampler's grid and options were chosen by a sweep, on noise of its own."""

    candidates: int  # how many were tried
    calls: int  # the budget that they were tried at
    hash: str  # of the tuning, which names all of them with what they came to


class CellRecord(TypedDict):
    """What was to be measured: a task, a sampler, a number of steps and a seed."""

    task: str  # the name that its class declares
    task_spec: str  # as it was asked for: the name, or FILE.py:CLASS
    task_version: int
    conditions: dict[str, float]  # "label" and "guidance", where samples were asked for them
    sampler: str  # the name that its class declares; `sigbench.records.names.display_name` adds options and role
    spec: str  # as it was asked for, options included
    role: Role  # "teacher" where it was measured as the task's own slow sampler, else "sampler"
    family: str
    steps: int
    samples: int
    repeats: int  # as many as were measured; `asked` holds the rule
    seed: int
    noise: NoiseRecord
    grid: str
    times: list[float]  # the grid in the problem's increasing time
    final_step: str  # what happens at the end of the grid
    asked: RequestRecord
    code: CodeRecord
    tuning: NotRequired[TuningRecord]


class Record(CellRecord):
    """What was measured in one cell."""

    schema: int
    key: str  # the hash of what `sigbench.records.key.determinants_of` returns
    status: Status
    error: NotRequired[str]  # a sentence, where status is not "ok"
    nfe: int | None  # counted, never declared; null where the cell failed
    metrics: dict[str, MetricRecord]  # empty where status is not "ok"
    timing: TimingRecord | None
    provenance: dict[str, Any]
    note: NotRequired[str]  # a remark in the words of whoever hands the record in
    digest: str  # see `sigbench.records.checks.digest_of`


def to_json(record: Record) -> str:
    """Returns the record as one line of strict JSON (no NaN or infinity)."""
    return json.dumps(record, allow_nan=False, separators=(",", ":"))
