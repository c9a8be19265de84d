"""The spectrum of generated samples against that of the truth: high frequencies that are missing show here."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from sigbench.abilities import HasSpectrum, conditions_of, to_data
from sigbench.errors import BadInput
from sigbench.measure.cell import Cell
from sigbench.measure.draw import draw_samples
from sigbench.measure.failure import OnFailure, failure_of, unheard
from sigbench.metrics.estimate import Interval, mean_interval
from sigbench.metrics.spectra import Spectrum
from sigbench.progress import Listener, Progress, ignore
from sigbench.records.provenance import provenance
from sigbench.sde.noise import seed_of
from sigbench.studies.spectrum.result import BANDS, Band, SpectrumGap
from sigbench.studies.spectrum.verdict import sentence_of
from sigbench.task import Task

Array = NDArray[np.float64]


def measure_spectra(
    cells: Sequence[Cell], progress: Listener = ignore, on_failure: OnFailure = unheard
) -> Iterator[SpectrumGap]:
    """Yields the spectrum of every cell; `progress` hears of repeats, `on_failure` of
    the exception behind a failure. Cells share the truth's draws.

    Raises BadInput, before any sampling, where the task's samples have no spectrum.
    """
    truths: dict[int, tuple[list[Array], list[Array]]] = {}
    total = sum(cell.settings.repeats for cell in cells)
    for cell in cells:
        spectrum_of(cell.task)
    done = 0
    for cell in cells:
        if cell.samples not in truths:
            truths[cell.samples] = _power_of_truth(cell, "reference"), _power_of_truth(cell, "floor")
        found: list[Spectrum] = []
        failure: BaseException | None = None
        for repeat in range(cell.settings.repeats):
            progress(Progress(str(cell), done, total))
            done += 1
            if failure is None:
                try:
                    samples = to_data(cell.task, draw_samples(cell, repeat).samples)
                    found.append(spectrum_of(cell.task)(samples.double().numpy()))
                except (Exception, SystemExit) as problem:
                    failure = problem
                    on_failure(cell, problem)
        progress(Progress(str(cell), done, total))
        yield _finding(cell, found, truths[cell.samples], failure)


def exact_draw(task: Task, n: int, seed: int) -> Array:
    """Returns n exact draws in data units."""
    states = torch.from_numpy(task.truth().sample(n, seed)).view(n, *task.shape)
    draw: Array = to_data(task, states).double().numpy()
    return draw


def spectrum_of(task: Task) -> Callable[[Array], Spectrum]:
    """Returns what gives the spectrum of the task's samples in data units; raises BadInput where they have none."""
    if not isinstance(task, HasSpectrum):
        raise BadInput(f"samples of the task {task.name!r} have no spectrum: they are neither images nor paths.")
    return task.spectrum


def _power_of_truth(cell: Cell, purpose: str) -> list[Array]:
    """The mean power of an exact draw for each repeat, the draws of `run` with this purpose."""
    axes: dict[str, str | int] = {"task": cell.task.name, "seed": cell.settings.seed, "purpose": purpose}
    seeds = [seed_of(**axes, repeat=repeat) for repeat in range(cell.settings.repeats)]
    return [spectrum_of(cell.task)(exact_draw(cell.task, cell.samples, seed)).power.mean(axis=0) for seed in seeds]


def _finding(
    cell: Cell, found: Sequence[Spectrum], truth: tuple[list[Array], list[Array]], failure: BaseException | None
) -> SpectrumGap:
    gap = partial(
        SpectrumGap,
        task=cell.task.name,
        sampler=cell.sampler.name,
        spec=cell.sampler_spec,
        role=cell.role,
        family=cell.sampler.family,
        steps=cell.grid.steps,
        grid=cell.grid.name,
        samples=cell.samples,
        repeats=cell.settings.repeats,
        seed=cell.settings.seed,
        conditions=conditions_of(cell.task),
        provenance=provenance(cell.device, cell.network_dtype, cell.artifact_hashes(), cell.packages()),
    )
    if failure is not None:
        status, error = failure_of(failure, cell.sampler, cell.task)
        return gap(
            of="",
            unit="",
            frequencies=(),
            power=(),
            truth=(),
            ratio=(),
            floor=(),
            bands=(),
            tilts={},
            sentence=None,
            status=status,
            error=error,
        )
    own, reference, other = (
        np.array(rows) for rows in ([spectrum.power.mean(axis=0) for spectrum in found], *truth)
    )  # each of shape (repeats, F)
    first = found[0]
    bands, tilts = tuple(_bands(first.frequencies, own, reference, other)), _tilts(own, reference)
    return gap(
        of=first.of,
        unit=first.unit,
        frequencies=tuple(first.frequencies.tolist()),
        power=_intervals(own),
        truth=_intervals(reference),
        ratio=_intervals(own / reference),
        floor=_intervals(other / reference),
        bands=bands,
        tilts=tilts,
        sentence=sentence_of(bands, tilts, first.unit),
        status="ok",
    )


def _intervals(rows: Array) -> tuple[Interval, ...]:
    return tuple(mean_interval(list(column)) for column in rows.T)


def _thirds(count: int) -> list[NDArray[np.int64]]:
    return list(np.array_split(np.arange(count), len(BANDS)))


def _bands(frequencies: Array, own: Array, reference: Array, other: Array) -> Iterator[Band]:
    """The lower, the middle and the upper third of the frequencies."""
    for name, part in zip(BANDS, _thirds(len(frequencies)), strict=True):
        whole = reference[:, part].sum(axis=1)
        ratio, floor = (mean_interval(list(rows[:, part].sum(axis=1) / whole)) for rows in (own, other))
        yield Band(name, float(frequencies[part[0]]), float(frequencies[part[-1]]), ratio, floor)


def _tilts(own: Array, reference: Array) -> dict[str, Interval]:
    """The ratio in the highest band over that in each lower one."""
    *lower, high = (own[:, part].sum(axis=1) / reference[:, part].sum(axis=1) for part in _thirds(own.shape[1]))
    return {name: mean_interval(list(high / ratio)) for name, ratio in zip(BANDS, lower, strict=False)}
