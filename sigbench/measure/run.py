"""Measuring cells: the same noise for every sampler, then metrics, timing and a record."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import isfinite
from typing import Any

import numpy as np
from torch import Tensor

from sigbench.abilities import observe, to_data
from sigbench.errors import BrokenContract, Diverged
from sigbench.measure.batch import walk_batch
from sigbench.measure.cell import Cell
from sigbench.measure.draw import Draw, call_seconds, draw_samples
from sigbench.measure.failure import OnFailure, failure_of, unheard
from sigbench.measure.load import QUIET, OtherLoad, load_averages
from sigbench.measure.references import References
from sigbench.measure.timing import PeakMemory, calibration_seconds
from sigbench.metrics.estimate import estimate, median_interval
from sigbench.metrics.metric import Metric
from sigbench.progress import Listener, Progress, ignore
from sigbench.records.checks import digest_of
from sigbench.records.provenance import provenance
from sigbench.records.record import SCHEMA, MetricRecord, Record, SpreadRecord, Status, TimingRecord

OnSamples = Callable[[Cell, Tensor, Tensor | None], None]


def measure(
    cells: Iterable[Cell],
    *,
    progress: Listener = ignore,
    on_samples: OnSamples | None = None,
    on_failure: OnFailure = unheard,
    workers: int = 1,
) -> Iterator[Record]:
    """Measures the cells in turn and yields a record for each, failures and divergences included.

    `progress` hears of repeats within a cell; `on_samples` receives the first repeat's samples, shape (n, *shape), in
    data units, with their classes (n,); `on_failure` hears of the exception behind a failure; `workers` is how
    many cells run at once, which is recorded beside the times.
    """
    references: dict[tuple[Any, ...], References] = {}
    for cell in cells:
        settings = cell.settings
        at = (settings.task, settings.seed, settings.repeats, settings.label, settings.metrics, settings.only)
        if at not in references:
            references[at] = References(cell)
        yield _measure_cell(cell, references[at], progress, on_samples, on_failure, workers)


def _measure_cell(
    cell: Cell,
    references: References,
    progress: Listener,
    on_samples: OnSamples | None,
    on_failure: OnFailure,
    workers: int,
) -> Record:
    status: Status = "ok"
    error: str | None = None
    metrics: dict[str, MetricRecord] = {}
    timing: TimingRecord | None = None
    nfe: int | None = None
    try:
        draws, timing = _sample_repeats(cell, progress, workers)
        nfe = draws[0].nfe
        observed = [observe(cell.task, draw.samples, draw.labels) for draw in draws]
        metrics = _metric_records(observed, references)
    except Exception as problem:
        status, error = failure_of(problem, cell.sampler, cell.task, *cell.metrics)
        timing = None
        on_failure(cell, problem)
    record: Record = {
        "schema": SCHEMA,
        "key": cell.key,
        **cell.known(),
        "nfe": nfe,
        "status": status,
        "metrics": metrics,
        "timing": timing,
        "provenance": provenance(cell.device, cell.network_dtype, cell.artifact_hashes()),
        "digest": "",
    }
    if error is not None:
        record["error"] = error
    record["digest"] = digest_of(record)
    if error is None and on_samples is not None:
        on_samples(cell, to_data(cell.task, draws[0].samples), draws[0].labels)
    return record


def _sample_repeats(cell: Cell, progress: Listener, workers: int) -> tuple[list[Draw], TimingRecord]:
    """Draws every repeat; returns the draws and what they took. Raises BrokenContract where their calls differ."""
    repeats, load, others = cell.settings.repeats, load_averages(), OtherLoad()
    draws: list[Draw] = []
    efficiencies: list[float] = []
    calibrations: list[float] = []
    memory = PeakMemory(cell.device)
    with memory:
        walk_batch(cell, 0, 0, min(cell.batch, cell.samples))  # the warm-up, not timed
    calibration_seconds(cell.device)
    for repeat in range(repeats):
        progress(Progress(f"{cell} · repeat {repeat + 1}/{repeats}", repeat, repeats))
        calibrations.append(calibration_seconds(cell.device))
        draws.append(draw_samples(cell, repeat))
        if nfe := draws[-1].nfe:
            drawn = draws[-1]
            efficiencies.append((nfe * call_seconds(cell, nfe) + drawn.batch_path_seconds) / drawn.batch_seconds)
    progress(Progress(str(cell), repeats, repeats))
    if len({draw.nfe for draw in draws}) > 1:
        raise BrokenContract(f"{cell.sampler_spec} made different numbers of calls in equal repeats.")
    busy = others.processors()
    seconds = _spread([draw.seconds / cell.samples for draw in draws])
    return draws, {
        "sample_s": seconds,
        "path_s": _spread([draw.path_seconds / cell.samples for draw in draws]),
        "cpu_s": _spread([draw.cpu_seconds / cell.samples for draw in draws]),
        "calibration_s": _spread(calibrations),
        "samples_per_s": 1.0 / seconds["value"],
        "efficiency": _spread(efficiencies) if efficiencies else None,
        "peak_memory_mb": memory.mb,
        "batch": min(cell.batch, cell.samples),
        "workers": workers,
        "load": load,
        "others": busy,
        "quiet": None if busy is None else busy < QUIET,
        "training_s": cell.sampler.training_seconds(),
    }


def _spread(values: Sequence[float]) -> SpreadRecord:
    found = median_interval(values)
    return {"value": found.value, "low": found.low, "high": found.high, "values": list(values)}


def _metric_records(draws: Sequence[Any], references: References) -> dict[str, MetricRecord]:
    """Returns the record of each metric; raises Diverged where the samples are finite but a metric is not."""
    with np.errstate(over="ignore", invalid="ignore"):
        records = {metric.name: _metric_record(metric, draws, references) for metric in references.metrics}
    lost = [name for name, record in records.items() if not _is_finite(record)]
    if lost:
        raise Diverged(f"the samples are so large that {', '.join(lost)} cannot be computed.")
    return records


def _is_finite(record: MetricRecord) -> bool:
    ends = (record["low"], record["high"], record["floor_low"], record["floor_high"])
    numbers = (*record["values"], *record["floor_values"], *(end for end in ends if end is not None))
    return all(map(isfinite, numbers))


def _metric_record(metric: Metric, draws: Sequence[Any], references: References) -> MetricRecord:
    n = len(draws[0])
    values, floors = references.values(metric, draws), references.floors(metric, n)
    size = metric.sample_size(n)
    result = estimate(values, floors, n=size, better=metric.better, method=metric.method, bounds=metric.bounds)
    return {
        "value": result.value,
        "low": result.low,
        "high": result.high,
        "floor": result.floor,
        "floor_low": result.floor_low,
        "floor_high": result.floor_high,
        "at_floor": result.at_floor,
        "values": list(result.values),
        "floor_values": list(result.floor_values),
        "bounds": result.bounds,
        "n": result.n,
        "better": result.better,
        "method": result.method,
    }
