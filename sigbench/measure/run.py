"""Measuring cells: the same noise for every sampler, then metrics, timing and a record."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

import numpy as np
from torch import Tensor

from sigbench.abilities import conditions_of, observe, to_data
from sigbench.errors import BrokenContract, Diverged
from sigbench.measure.batch import walk_batch
from sigbench.measure.cell import Cell
from sigbench.measure.draw import Draw, call_seconds, draw_samples
from sigbench.measure.failure import OnFailure, failure_of, unheard
from sigbench.measure.references import References
from sigbench.measure.timing import PeakMemory
from sigbench.metrics.estimate import estimate, median_interval
from sigbench.metrics.metric import Metric
from sigbench.progress import Listener, Progress, ignore
from sigbench.records.checks import digest_of
from sigbench.records.provenance import provenance
from sigbench.records.record import SCHEMA, MetricRecord, Record, Status, TimingRecord

FINAL_STEP = "none: samples are taken at the last time of the grid"

OnSamples = Callable[[Cell, Tensor, Tensor | None], None]


def measure(
    cells: Iterable[Cell],
    *,
    progress: Listener = ignore,
    on_samples: OnSamples | None = None,
    on_failure: OnFailure = unheard,
    workers: int | None = None,
) -> Iterator[Record]:
    """Measures the cells in turn and yields a record for each, failures and divergences included.

    `progress` hears of repeats within a cell; `on_samples` receives the first repeat's samples, shape (n, *shape), in
    data units, with their classes (n,); `on_failure` hears of the exception behind a failure; `workers`, where given,
    is recorded beside the times.
    """
    references: dict[tuple[Any, ...], References] = {}
    for cell in cells:
        settings = cell.settings
        at = (cell.task.name, settings.seed, settings.repeats, settings.label, settings.metrics)
        if at not in references:
            references[at] = References(cell)
        yield _measure_cell(cell, references[at], progress, on_samples, on_failure, workers)


def _measure_cell(
    cell: Cell,
    references: References,
    progress: Listener,
    on_samples: OnSamples | None,
    on_failure: OnFailure,
    workers: int | None,
) -> Record:
    status: Status = "ok"
    error: str | None = None
    metrics: dict[str, MetricRecord] = {}
    timing: TimingRecord | None = None
    nfe: int | None = None
    try:
        draws, efficiency, memory = _sample_repeats(cell, progress)
        nfe = draws[0].nfe
        if any(draw.nfe != nfe for draw in draws):
            raise BrokenContract(f"{cell.sampler_spec} made different numbers of calls in equal repeats.")
        observed = [observe(cell.task, draw.samples, draw.labels) for draw in draws]
        metrics = _metric_records(observed, references)
        timing = _timing_record(cell, draws, efficiency, memory)
        if workers is not None:
            timing["workers"] = workers
    except Exception as problem:
        status, error = failure_of(problem, cell.sampler, cell.task, *cell.metrics)
        on_failure(cell, problem)
    record: Record = {
        "schema": SCHEMA,
        "key": cell.key,
        "task": cell.task.name,
        "task_version": cell.task.version,
        "sampler": cell.sampler.name,
        "spec": cell.sampler_spec,
        "role": cell.role,
        "family": cell.sampler.family,
        "steps": cell.grid.steps,
        "nfe": nfe,
        "samples": cell.samples,
        "repeats": cell.settings.repeats,
        "seed": cell.settings.seed,
        "grid": cell.grid.name,
        "times": list(cell.grid.times),
        "final_step": FINAL_STEP,
        "status": status,
        "metrics": metrics,
        "timing": timing,
        "provenance": provenance(cell.device, cell.network_dtype, cell.artifact_hashes()),
        "asked": cell.request(),
    }
    if conditions := conditions_of(cell.task):
        record["conditions"] = conditions
    if error is not None:
        record["error"] = error
    record["digest"] = digest_of(record)
    if error is None and on_samples is not None:
        on_samples(cell, to_data(cell.task, draws[0].samples), draws[0].labels)
    return record


def _sample_repeats(cell: Cell, progress: Listener) -> tuple[list[Draw], float | None, float | None]:
    """Draws every repeat; returns the draws, the efficiency and the peak memory of a batch."""
    repeats = cell.settings.repeats
    draws: list[Draw] = []
    efficiencies: list[float] = []
    memory = PeakMemory(cell.device)
    with memory:
        walk_batch(cell, 0, 0, min(cell.batch, cell.samples))  # the warm-up, not timed
    for repeat in range(repeats):
        progress(Progress(f"{cell} · repeat {repeat + 1}/{repeats}", repeat, repeats))
        draws.append(draw_samples(cell, repeat))
        if nfe := draws[-1].nfe:
            efficiencies.append(nfe * call_seconds(cell, nfe) / draws[-1].batch_seconds)
    progress(Progress(str(cell), repeats, repeats))
    return draws, median(efficiencies) if efficiencies else None, memory.mb


def _metric_records(draws: Sequence[Any], references: References) -> dict[str, MetricRecord]:
    """Returns the record of each metric; raises Diverged where the samples are finite but a metric is not."""
    with np.errstate(over="ignore", invalid="ignore"):
        records = {metric.name: _metric_record(metric, draws, references) for metric in references.metrics}
    lost = [
        name
        for name, record in records.items()
        if not all(np.isfinite(number) for number in record.values() if isinstance(number, float))
    ]
    if lost:
        raise Diverged(f"the samples are so large that {', '.join(lost)} cannot be computed.")
    return records


def _metric_record(metric: Metric, draws: Sequence[Any], references: References) -> MetricRecord:
    n = len(draws[0])
    values, floors = references.values(metric, draws), references.floors(metric, n)
    result = estimate(values, floors, n=metric.sample_size(n), better=metric.better, method=metric.method)
    fields = asdict(result)
    fields["at_floor"] = result.at_floor
    return MetricRecord(**fields)  # type: ignore[typeddict-item]


def _timing_record(cell: Cell, draws: Sequence[Draw], efficiency: float | None, memory: float | None) -> TimingRecord:
    spread = median_interval([draw.seconds / cell.samples for draw in draws])
    return {
        "sample_s": {"value": spread.value, "low": spread.low, "high": spread.high},
        "samples_per_s": 1.0 / spread.value,
        "efficiency": efficiency,
        "peak_memory_mb": memory,
        "batch": min(cell.batch, cell.samples),
        "training_s": cell.sampler.training_seconds(),
    }
