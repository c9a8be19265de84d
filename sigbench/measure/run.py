"""Measuring cells: the same noise for every sampler, then metrics, timing and a record."""

import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sigbench.errors import BrokenContract, BudgetExceeded, Diverged, SigbenchError
from sigbench.measure.cell import Cell
from sigbench.measure.timing import PeakMemory, seconds_of, synchronize
from sigbench.metrics.estimate import estimate, median_interval
from sigbench.metrics.metric import Metric, Reference
from sigbench.records.checks import digest_of
from sigbench.records.provenance import provenance
from sigbench.records.record import SCHEMA, MetricRecord, Record, Status, TimingRecord
from sigbench.sde.brownian import FreshBrownian
from sigbench.sde.noise import NoiseStream, seed_of
from sigbench.sde.signature import MAX_ORDER

Samples = NDArray[np.float64]
Progress = Callable[[int, int], None]
_MOST_REPLAYS = 50
FINAL_STEP = "none: samples are taken at the last time of the grid"


@dataclass
class Draw:
    """The samples of one repeat, with what it took to make them."""

    samples: Tensor
    labels: Tensor | None
    seconds: float
    batch_seconds: float
    nfe: int


class Reality:
    """The truth's side of a comparison: one reference a repeat, and the floors, shared by all samplers."""

    def __init__(self, cell: Cell) -> None:
        self.task, self.metrics = cell.task, cell.task.metrics()
        truth = cell.task.truth()
        axes: dict[str, str | int] = {"task": cell.task.name, "seed": cell.settings.seed}
        repeats = range(cell.settings.repeats)
        self.references = [Reference(truth, seed_of(**axes, purpose="reference", repeat=r)) for r in repeats]
        self._floor_seeds = [seed_of(**axes, purpose="floor", repeat=r) for r in repeats]
        self._floors: dict[tuple[str, int], list[float]] = {}
        self._draws: dict[int, list[Any]] = {}

    def values(self, metric: Metric, draws: list[Any]) -> list[float]:
        """Returns the metric of each repeat's samples, as the task observes them."""
        n = metric.sample_size(len(draws[0]))
        return [metric(draw[:n], ref) for draw, ref in zip(draws, self.references, strict=True)]

    def floors(self, metric: Metric, n: int) -> list[float]:
        """Returns the metric of independent exact draws, a repeat each, at the metric's size for n samples."""
        size = metric.sample_size(n)
        if (metric.name, size) not in self._floors:
            if size not in self._draws:
                self._draws[size] = [self.task.observe_truth(size, seed) for seed in self._floor_seeds]
            self._floors[metric.name, size] = self.values(metric, self._draws[size])
        return self._floors[metric.name, size]


def measure(
    cells: Iterable[Cell],
    *,
    progress: Progress = lambda done, total: None,
    on_samples: Callable[[Cell, Tensor], None] | None = None,
    workers: int | None = None,
) -> Iterator[Record]:
    """Measures the cells in turn and yields a record for each, failures and divergences included.

    `progress(done, total)` hears of repeats within a cell; `on_samples` receives the first repeat's samples,
    shape (n, *shape), in data units; `workers`, where given, is recorded beside the times.
    """
    reality: dict[tuple[Any, ...], Reality] = {}
    for cell in cells:
        asked = cell.settings
        at = (cell.task.name, asked.seed, asked.repeats, asked.label, asked.inception)
        if at not in reality:
            reality[at] = Reality(cell)
        yield _measure_cell(cell, reality[at], progress, on_samples, workers)


def _measure_cell(
    cell: Cell,
    reality: Reality,
    progress: Progress,
    on_samples: Callable[[Cell, Tensor], None] | None,
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
        metrics = _metric_records([cell.task.observe(draw.samples, draw.labels) for draw in draws], reality)
        timing = _timing_record(cell, draws, efficiency, memory)
        if workers is not None:
            timing["workers"] = workers
    except Exception as problem:
        status, error = failure_of(problem)
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
        "asked": cell.asked(),
    }
    if conditions := dict(cell.task.conditions()):
        record["conditions"] = conditions
    if error is not None:
        record["error"] = error
    record["digest"] = digest_of(record)
    if error is None and on_samples is not None:
        on_samples(cell, cell.task.to_data(draws[0].samples))
    return record


def failure_of(problem: Exception) -> tuple[Status, str]:
    """Returns the status of a cell whose measurement ended in `problem`, and the sentence that says why."""
    if isinstance(problem, Diverged):
        return "diverged", str(problem)
    if isinstance(problem, BudgetExceeded):
        return "over-budget", str(problem)
    if isinstance(problem, SigbenchError):
        return "failed", str(problem)
    frame = traceback.extract_tb(problem.__traceback__)[-1]
    where = f"{Path(frame.filename).name}, line {frame.lineno}, in {frame.name}"
    return "failed", f"{type(problem).__name__}: {problem} ({where})"


def _sample_repeats(cell: Cell, progress: Progress) -> tuple[list[Draw], float | None, float | None]:
    """Draws every repeat; returns the draws, the efficiency and the peak memory of a batch."""
    repeats = cell.settings.repeats
    draws: list[Draw] = []
    efficiencies: list[float] = []
    memory = PeakMemory(cell.device)
    with memory:
        sample_batch(cell, 0, 0, min(cell.batch, cell.samples))  # the warm-up, not timed
    for repeat in range(repeats):
        progress(repeat, repeats)
        draws.append(draw_samples(cell, repeat))
        if draws[-1].nfe:
            efficiencies.append(draws[-1].nfe * _call_seconds(cell, draws[-1].nfe) / draws[-1].batch_seconds)
    progress(repeats, repeats)
    return draws, median(efficiencies) if efficiencies else None, memory.mb


def _call_seconds(cell: Cell, nfe: int) -> float:
    """The seconds of a bare network evaluation on the last batch, over as many calls in a row as a batch makes.

    So both sides of the efficiency are about as long, and a busy machine slows them alike.
    """
    evaluations = cell.problem.counter.last_cost
    calls = min(max(nfe // evaluations, 1), _MOST_REPLAYS)

    def replay() -> None:
        for _ in range(calls):
            cell.problem.counter.replay()

    with torch.no_grad():
        return seconds_of(replay, cell.device) / (calls * evaluations)


def draw_samples(cell: Cell, repeat: int) -> Draw:
    """Draws the cell's samples of one repeat, batch by batch, with their times and their counted calls.

    Raises Diverged where a sample is not finite and BrokenContract for a wrong shape, dtype or call count.
    """
    out = torch.empty(cell.samples, *cell.task.shape, dtype=cell.state_dtype)
    labels = labels_of(cell, repeat, 0, cell.samples)
    seconds: list[float] = []
    calls: set[int] = set()
    starts = range(0, cell.samples, cell.batch)
    for first in reversed(starts):  # the full batches last, so that the replayed call is one of a full batch
        count = min(cell.batch, cell.samples - first)
        synchronize(cell.device)
        began = perf_counter()
        drawn = sample_batch(cell, repeat, first, count)
        synchronize(cell.device)
        seconds.append(perf_counter() - began)
        calls.add(cell.problem.counter.calls)
        out[first : first + count] = drawn.to("cpu")
    if len(calls) > 1:
        raise BrokenContract(f"{cell.sampler_spec} made {min(calls)} to {max(calls)} calls for equal batches.")
    if not torch.isfinite(out).all():
        bad = int((~torch.isfinite(out.flatten(1))).any(1).sum())
        raise Diverged(f"{bad} of {cell.samples} samples are not finite.")
    full = seconds[1:] if len(seconds) > 1 and cell.samples % cell.batch else seconds
    return Draw(out, None if labels is None else labels.cpu(), sum(seconds), median(full), calls.pop())


def start_batch(cell: Cell, repeat: int, first: int, count: int) -> Tensor:
    """Returns the initial states of samples first … first+count−1 of a repeat, and chooses their classes if any.

    Both depend on (task, seed, repeat) and the sample alone.
    """
    start = NoiseStream(
        seed_of(**_axes(cell, repeat), purpose="initial"),
        cell.task.shape,
        positions=1,
        dtype=cell.state_dtype,
        device=cell.device,
    )
    labels_of(cell, repeat, first, count)
    return cell.problem.initial(start.normal(first, count, 0))


def labels_of(cell: Cell, repeat: int, first: int, count: int) -> Tensor | None:
    """Chooses and returns the classes of samples first … first+count−1 of a repeat, None where there are none."""
    choice = NoiseStream(seed_of(**_axes(cell, repeat), purpose="class"), (1,), positions=1, device=cell.device)
    return cell.problem.condition(choice.normal(first, count, 0)[:, 0])


def _axes(cell: Cell, repeat: int) -> dict[str, str | int]:
    return {"task": cell.task.name, "seed": cell.settings.seed, "repeat": repeat}


def sample_batch(cell: Cell, repeat: int, first: int, count: int) -> Tensor:
    """Returns samples first … first+count−1 of a repeat, shape (count, *shape).

    The initial state depends on (task, seed, repeat), the Brownian path on the number of steps too; neither
    on the sampler nor on the batch.
    """
    problem, steps = cell.problem, cell.grid.steps
    problem.counter.reset()
    x = start_batch(cell, repeat, first, count)
    seed = seed_of(**_axes(cell, repeat), purpose="brownian", steps=steps)
    path = NoiseStream(seed, cell.task.shape, positions=steps * MAX_ORDER, dtype=cell.state_dtype, device=cell.device)
    expected = (x.shape, x.dtype, x.device.type)
    brownian = FreshBrownian(path, first, count, max_order=MAX_ORDER)
    taken = 0
    with torch.no_grad():
        for state in cell.sampler.walk(problem, x, cell.grid, brownian):
            x, taken = state, taken + 1
            if taken > steps:
                break  # it may never end
    if not isinstance(x, Tensor):
        raise BrokenContract(f"{cell.sampler_spec} yielded a {type(x).__name__}, not a tensor.")
    if (x.shape, x.dtype, x.device.type) != expected:
        raise BrokenContract(
            f"{cell.sampler_spec} yielded shape {tuple(x.shape)} in {x.dtype} on {x.device.type}, "
            f"expected {tuple(expected[0])} in {expected[1]} on {expected[2]}."
        )
    if taken != steps:
        found = f"more than {steps}" if taken > steps else taken
        raise BrokenContract(f"{cell.sampler_spec} yielded {found} states on a grid of {steps} steps.")
    return x


def _metric_records(draws: list[Any], reality: Reality) -> dict[str, MetricRecord]:
    """Returns the record of each metric; raises Diverged where the samples are finite but a metric is not."""
    with np.errstate(over="ignore", invalid="ignore"):
        records = {metric.name: _metric_record(metric, draws, reality) for metric in reality.metrics}
    lost = [
        name
        for name, record in records.items()
        if not all(np.isfinite(number) for number in record.values() if isinstance(number, float))
    ]
    if lost:
        raise Diverged(f"the samples are so large that {', '.join(lost)} cannot be computed.")
    return records


def _metric_record(metric: Metric, draws: list[Any], reality: Reality) -> MetricRecord:
    n = len(draws[0])
    result = estimate(
        reality.values(metric, draws),
        reality.floors(metric, n),
        n=metric.sample_size(n),
        better=metric.better,
        method=metric.method,
    )
    fields = asdict(result)
    fields["at_floor"] = result.at_floor
    return MetricRecord(**fields)  # type: ignore[typeddict-item]


def _timing_record(cell: Cell, draws: list[Draw], efficiency: float | None, memory: float | None) -> TimingRecord:
    spread = median_interval([draw.seconds / cell.samples for draw in draws])
    return {
        "sample_s": {"value": spread.value, "low": spread.low, "high": spread.high},
        "samples_per_s": 1.0 / spread.value,
        "efficiency": efficiency,
        "peak_memory_mb": memory,
        "batch": min(cell.batch, cell.samples),
        "training_s": cell.sampler.training_seconds(),
    }
