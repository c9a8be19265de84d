"""Measuring for the gate: every repeat's own values, which pair with the baseline's, and calibrated times."""

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import process_time
from typing import Any

import numpy as np
import torch

from sigbench.abilities import observe
from sigbench.errors import BrokenContract, Diverged
from sigbench.measure.batch import walk_batch
from sigbench.measure.cell import Cell
from sigbench.measure.draw import Draw, draw_samples
from sigbench.measure.failure import failure_of
from sigbench.measure.references import References
from sigbench.measure.timing import seconds_of
from sigbench.records.provenance import device_name

_LOOPS, _SIZE = 60, 16_384


@dataclass(frozen=True)
class Measured:
    """One point as it is now: values and calibrated times of every repeat, or why there are none."""

    task: str
    sampler: str
    steps: int
    nfe: int | None = None
    values: dict[str, list[float]] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)
    failure: str | None = None


def measure_points(
    cells: Iterable[Cell],
    references: References,
    metrics: Sequence[str],
    progress: Callable[[int, float], None] = lambda index, share: None,
) -> Iterator[Measured]:
    """Measures cells of one task and one seed in turn; yields the guarded metrics' values, a repeat each.

    The noise of a repeat depends on task, seed, repeat, sample and step count alone, so that two versions of the
    code see the same. A failing sampler gives a `Measured` with its failure. `references` are the truth's side, made of
    any such cell; `progress` hears of the cell's index and how much of it is done.
    """
    for index, cell in enumerate(cells):
        name, spec, steps = cell.task.name, cell.sampler_spec, cell.grid.steps
        try:
            draws, times = _draw_repeats(cell, partial(progress, index))
            values = _values(cell, references, draws, metrics)
        except Exception as problem:
            status, error = failure_of(problem, cell.sampler, cell.task)
            yield Measured(name, spec, steps, failure=f"{status}: {error}")
        else:
            yield Measured(name, spec, steps, draws[0].nfe, values, times)


def _draw_repeats(cell: Cell, progress: Callable[[float], None]) -> tuple[list[Draw], list[float]]:
    repeats = cell.settings.repeats
    walk_batch(cell, 0, 0, min(cell.batch, cell.samples))  # the warm-up, not timed
    calibration_seconds(cell.device)
    draws, times = [], []
    for repeat in range(repeats):
        progress(repeat / repeats)
        before = calibration_seconds(cell.device)
        began = process_time()
        draws.append(draw_samples(cell, repeat))
        spent = process_time() - began if cell.device.type == "cpu" else draws[-1].seconds
        times.append(spent / (0.5 * (before + calibration_seconds(cell.device))))
    if len({draw.nfe for draw in draws}) > 1:
        raise BrokenContract(f"{cell.sampler_spec} made different numbers of calls in equal repeats.")
    return draws, times


def _values(cell: Cell, references: References, draws: list[Draw], metrics: Sequence[str]) -> dict[str, list[float]]:
    observed = [observe(cell.task, draw.samples, draw.labels) for draw in draws]
    with np.errstate(over="ignore", invalid="ignore"):
        values = {m.name: references.values(m, observed) for m in references.metrics if m.name in metrics}
    lost = [name for name, found in values.items() if not np.isfinite(found).all()]
    if lost:
        raise Diverged(f"the samples are so large that {', '.join(lost)} cannot be computed.")
    return values


def calibration_seconds(device: torch.device) -> float:
    """Returns the seconds of a fixed loop that resembles sampling: element by element, and small matrix products.

    Sampling times divided by it forgive a machine that is clocked lower than it was. On a CPU both are the process's
    own processor time, all threads together: what other programs take away is not in it, and would strike the short
    loop less often than the long sampling.
    """
    state = torch.linspace(-1.0, 1.0, _SIZE, device=device)
    weights = torch.linspace(-0.1, 0.1, 128 * 128, device=device).reshape(128, 128)

    def loop() -> None:
        x = state
        for _ in range(_LOOPS):
            x = 0.5 * x + torch.sin(x)
            x = (x.reshape(128, 128) @ weights).flatten().tanh()

    with torch.no_grad():
        began = process_time()
        wall = seconds_of(loop, device)
        return process_time() - began if device.type == "cpu" else wall


def fingerprint(device: torch.device) -> dict[str, Any]:
    """Returns what has to be equal for times to be compared at all."""
    return {
        "device": device.type,
        "device_name": device_name(device),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
        "python": ".".join(platform.python_version_tuple()[:2]),
        "torch": torch.__version__,
    }
