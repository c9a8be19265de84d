"""Measuring cells: the same noise for every sampler, then metrics, timing and a record."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import isfinite
from typing import Any

import numpy as np
from torch import Tensor

from sigbench.abilities import observe, prepare_truth, to_data
from sigbench.errors import BadInput, BrokenContract, Diverged
from sigbench.guard import guarded, same_folder, told
from sigbench.measure.batch import walk_batch
from sigbench.measure.cell import Cell
from sigbench.measure.contract import WatchedGenerators, check_by_watching, check_same_batch
from sigbench.measure.draw import call_seconds, draw_samples
from sigbench.measure.failure import OnFailure, failure_of, unheard
from sigbench.measure.load import QUIET, OtherLoad, load_averages
from sigbench.measure.stopping import repeats_wanted
from sigbench.measure.timing import PeakMemory, calibration_seconds
from sigbench.measure.truth.floors import Floors
from sigbench.measure.truth.references import References
from sigbench.metrics.estimate import Floor, estimate, median_interval
from sigbench.metrics.metric import Metric
from sigbench.progress import Listener, Progress, ignore
from sigbench.records.checks import digest_of, parse_sound
from sigbench.records.consistency import time_doubts
from sigbench.records.provenance import provenance
from sigbench.records.record import SCHEMA, MetricRecord, Record, SpreadRecord, Status, TimingRecord, to_json

_MOST_SECONDS = 1e12  # 30,000 years of training

OnSamples = Callable[[Cell, Tensor, Tensor | None], None]
OnRecord = Callable[[Record], object]


def unkept(record: Record) -> None:
    """Hears of a record and does nothing: the default of who is told of records."""


def measure(
    cells: Iterable[Cell],
    *,
    progress: Listener = ignore,
    on_record: OnRecord = unkept,
    on_samples: OnSamples | None = None,
    on_failure: OnFailure = unheard,
    workers: int = 1,
) -> Iterator[Record]:
    """Measures the cells in turn and yields a record for each, failures and divergences included.

    Whatever a plug-in does, its cell ends in a record that can be read back. `progress` hears of repeats within a cell;
    `on_record` receives each record as soon as it is there, and after it `on_samples` the first repeat's samples, shape
    (n, *shape), in data units, with their classes (n,); `on_failure` hears of the exception behind a failure; `workers`
    is how many cells run at once, which is recorded beside the times. Raises BadInput where what cells are held against
    cannot be made.
    """
    against: dict[tuple[Any, ...], _Truth] = {}
    for cell in cells:
        settings = cell.settings
        at = (settings.task, settings.seed, settings.label, settings.metrics, settings.only, settings.floor_draws)
        if at not in against:
            with guarded(f"the task {settings.task} has no truth to be held against"):
                prepare_truth(cell.task, progress)
                against[at] = _Truth(cell)
        repeats = _Repeats(cell, against[at], progress)
        record = _measure_cell(cell, repeats, on_failure, workers)
        on_record(record)
        if record["status"] == "ok" and on_samples is not None:
            on_samples(cell, repeats.samples, repeats.first.labels)
        yield record


class _Truth:
    """What the cells of one comparison are held against: references and floors."""

    def __init__(self, cell: Cell) -> None:
        self.references = References(cell.task.truth(), task=cell.task.name, seed=cell.settings.seed)
        self.floors = Floors(cell.task, cell.metrics, cell.settings.floor_draws)


def _measure_cell(cell: Cell, repeats: "_Repeats", on_failure: OnFailure, workers: int) -> Record:
    status: Status = "ok"
    error: str | None = None
    metrics: dict[str, MetricRecord] = {}
    timing: TimingRecord | None = None
    nfe: int | None = None
    key, known, artifacts, packages = cell.key, cell.known(), cell.artifact_hashes(), cell.packages()
    try:
        with same_folder():
            repeats.measure()
            nfe = repeats.first.nfe
            metrics = repeats.metrics()
            timing = repeats.timing(workers)
    except KeyboardInterrupt:
        raise
    except BaseException as problem:  # a sampler that leaves by SystemExit fails, and the others go on
        status, error = failure_of(problem, cell.sampler, cell.task, *cell.metrics)
        on_failure(cell, problem)
    record: Record = {
        "schema": SCHEMA,
        "key": key,
        **known,
        "repeats": repeats.count if error is None else known["repeats"],
        "nfe": nfe if error is None else None,
        "status": status,
        "metrics": metrics if error is None else {},
        "timing": timing,
        "provenance": provenance(cell.device, cell.network_dtype, artifacts, packages),
        "digest": "",
    }
    if error is not None:
        record["error"] = error
    return _sealed(record)


def _sealed(record: Record) -> Record:
    """The record with its digest, as it will be read back: one that would not be taken then is one of a failure."""
    try:
        record["digest"] = digest_of(record)
        parse_sound(to_json(record))
        return record
    except (BadInput, ValueError, TypeError, OverflowError) as problem:
        if record["status"] == "failed":
            raise
        plain: Record = {**record, "repeats": record["asked"]["stop"]["repeats"], "nfe": None, "status": "failed"}
        plain |= {"metrics": {}, "timing": None, "error": f"what came out makes no sound record: {told(problem)}"}
        return _sealed(plain)


class _Repeats:
    """The repeats of a cell, one after the other: drawn, judged, and only the first one's samples kept."""

    def __init__(self, cell: Cell, truth: _Truth, progress: Listener) -> None:
        self._cell, self._truth, self._progress = cell, truth, progress
        self._values: dict[str, list[float]] = {metric.name: [] for metric in cell.metrics}
        self._efficiencies: list[float] = []
        self._calibrations: list[float] = []
        self._times: list[tuple[float, float, float]] = []  # wall clock, path and processor of each repeat

    @property
    def count(self) -> int:
        """How many there were."""
        return len(self._times)

    @property
    def samples(self) -> Tensor:
        """The first one's samples in data units."""
        with guarded(f"the task {self._cell.settings.task} cannot give samples in data units"):
            return to_data(self._cell.task, self.first.samples)

    def measure(self) -> None:
        """Draws as many as the cell asks for; raises what its plug-ins raise, and BrokenContract and Diverged."""
        cell, stop = self._cell, self._cell.stop
        self._load, others = load_averages(), OtherLoad()
        memory = PeakMemory(cell.device)
        with memory:
            warm_up = self._warm_up()
        self._peak_memory_mb = memory.mb
        calibration_seconds(cell.device)
        total = stop["repeats"]
        while self.count < total:
            repeat = self.count
            self._progress(Progress(f"{cell} · repeat {repeat + 1}/{total}", repeat, total))
            self._add(repeat)
            if repeat == 0:
                check_same_batch(cell, warm_up, self.first.samples[: len(warm_up)])
                del warm_up
            if self.count == stop["repeats"] and stop["half_width"] is not None:
                headline = cell.metrics[0]
                floor = self._truth.floors.floor(headline, cell.samples)
                counted = headline.sample_size(cell.samples) if headline.counted else None
                total = repeats_wanted(self._values[headline.name], floor, headline.better, stop, counted=counted)
        self._progress(Progress(str(cell), total, total))
        check_by_watching(cell, self.first.samples)
        self._others = others.processors()

    def _warm_up(self) -> Tensor:
        """The first batch of the first repeat, not timed; it will be drawn again, and must be the same."""
        with WatchedGenerators(self._cell):
            return walk_batch(self._cell, 0, 0, min(self._cell.batch, self._cell.samples)).samples.cpu()

    def _add(self, repeat: int) -> None:
        cell = self._cell
        self._calibrations.append(calibration_seconds(cell.device))
        drawn = draw_samples(cell, repeat)
        if repeat == 0:
            self.first = drawn
        elif drawn.nfe != self.first.nfe:
            raise BrokenContract(f"{cell.sampler_spec} made different numbers of calls in equal repeats.")
        self._times.append((drawn.seconds, drawn.path_seconds, drawn.cpu_seconds))
        if drawn.nfe and cell.settings.time_calls:
            calls = drawn.nfe * call_seconds(cell, drawn.nfe)
            self._efficiencies.append((calls + drawn.batch_path_seconds) / drawn.batch_seconds)
        seen = observe(cell.task, drawn.samples, drawn.labels)
        with np.errstate(over="ignore", invalid="ignore"):
            for metric in cell.metrics:
                self._values[metric.name].append(self._truth.references.value(metric, seen, repeat))

    def metrics(self) -> dict[str, MetricRecord]:
        """Returns the record of each metric; raises Diverged where the samples are finite but a metric is not."""
        cell, found, lost = self._cell, dict[str, MetricRecord](), list[str]()
        first = None if cell.stop["half_width"] is None else cell.stop["repeats"]
        for metric in cell.metrics:
            values, floor = self._values[metric.name], self._truth.floors.floor(metric, cell.samples)
            if all(map(isfinite, values)):
                with np.errstate(over="ignore"):
                    found[metric.name] = metric_record(metric, values, floor, metric.sample_size(cell.samples), first)
            if metric.name not in found or not _is_finite(found[metric.name]):
                lost.append(metric.name)
        if lost:
            raise Diverged(f"the samples are so large that {', '.join(lost)} cannot be computed.")
        return found

    def timing(self, workers: int) -> TimingRecord:
        """Returns what sampling took."""
        cell, each = self._cell, [_spread([t[k] / self._cell.samples for t in self._times]) for k in range(3)]
        found: TimingRecord = {
            "sample_s": each[0],
            "path_s": each[1],
            "cpu_s": each[2],
            "calibration_s": _spread(self._calibrations),
            "samples_per_s": 1.0 / each[0]["value"],
            "efficiency": _spread(self._efficiencies) if self._efficiencies else None,
            "peak_memory_mb": self._peak_memory_mb,
            "batch": min(cell.batch, cell.samples),
            "workers": workers,
            "load": self._load,
            "others": self._others,
            "quiet": None if self._others is None else self._others < QUIET,
            "training_s": _seconds(cell.sampler.training_seconds(), cell),
        }
        return {**found, "doubts": doubts} if (doubts := time_doubts(found, os.cpu_count())) else found


def _seconds(told: object, cell: Cell) -> float | None:
    """What a sampler says that its training cost; raises BrokenContract for what is no number of seconds."""
    if told is None:
        return None
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 <= told <= _MOST_SECONDS:
        raise BrokenContract(f"{cell.sampler_spec} says that its training took {told!r}, which are no seconds.")
    return float(told)


def _spread(values: Sequence[float]) -> SpreadRecord:
    found = median_interval(values)
    return {"value": found.value, "low": found.low, "high": found.high, "values": list(values)}


def _is_finite(record: MetricRecord) -> bool:
    ends = (record["low"], record["high"], record["floor_low"], record["floor_high"])
    return all(isfinite(end) for end in (record["value"], record["floor"], *ends) if end is not None)


def metric_record(
    metric: Metric, values: Sequence[float], floor: Floor, n: int, first: int | None = None
) -> MetricRecord:
    """Returns what a record says of a metric whose repeats of n samples gave `values`; see `estimate`."""
    found = estimate(
        values, floor, n=n, better=metric.better, bounds=metric.bounds, counted=metric.counted, first=first
    )
    of_floor = floor.interval(metric.bounds)
    return {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "floor": floor.value,
        "floor_low": of_floor.low,
        "floor_high": of_floor.high,
        "floor_error": floor.error,
        "floor_sd": floor.sd,
        "floor_draws": floor.draws,
        "values": list(found.values),
        "bounds": metric.bounds,
        "counted": metric.counted,
        "margin": metric.margin,
        "n": n,
        "better": metric.better,
        "method": metric.method,
    }
