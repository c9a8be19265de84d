"""The spectrum of generated samples against that of the truth: high frequencies that are missing show here."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sigbench.abilities import HasSpectrum, conditions_of, to_data
from sigbench.errors import BadInput
from sigbench.measure.cell import Cell
from sigbench.measure.draw import draw_samples
from sigbench.measure.failure import failure_of
from sigbench.metrics.estimate import Interval, mean_interval
from sigbench.metrics.spectra import Spectrum
from sigbench.progress import Listener, Progress, ignore
from sigbench.records.names import Role, display_name
from sigbench.records.provenance import provenance
from sigbench.sde.noise import seed_of
from sigbench.task import Task

Array = NDArray[np.float64]
BANDS = ("low", "middle", "high")


@dataclass(frozen=True, slots=True)
class Band:
    """The power in a range of frequencies, over the truth's; `floor` is that of other exact draws."""

    name: str
    first: float
    last: float
    ratio: Interval
    floor: Interval


@dataclass(frozen=True, slots=True)
class SpectrumGap:
    """What was found of one cell: power, and its ratio to the truth's, at each frequency and in three bands.

    The intervals are over repeats; `floor` is the ratio of independent exact draws to the same reference, and `tilts`
    the ratio in the highest band over that in a lower one.
    """

    task: str
    sampler: str
    spec: str
    role: Role
    family: str
    steps: int
    grid: str
    of: str
    unit: str
    frequencies: tuple[float, ...]
    power: tuple[Interval, ...]
    truth: tuple[Interval, ...]
    ratio: tuple[Interval, ...]
    floor: tuple[Interval, ...]
    bands: tuple[Band, ...]
    tilts: dict[str, Interval]
    facts: dict[str, Any]
    status: str = "ok"
    error: str | None = None

    @property
    def sentence(self) -> str:
        """What the highest third of the frequencies says, beyond what chance explains."""
        low, *_, high = self.bands
        told = _percent(high.ratio)
        where = f"{told} of the true power from {high.first:.3g} to {high.last:.3g} {self.unit}"
        direction = _beyond_one(high.ratio)
        if direction == 0:
            return f"High frequencies cannot be told from the truth's at this n: {where}."
        what = "High frequencies are missing" if direction < 0 else "There is too much at high frequencies"
        for name, tilt in self.tilts.items():
            if _beyond_one(tilt) == direction:
                return f"{what}, more than at {name} ones: {where}."
        if _beyond_one(low.ratio) == direction:
            return f"{what}, and at low ones too ({_percent(low.ratio)}): {where}."
        return f"{what}; whether at low ones too is not resolved ({_percent(low.ratio)}): {where}."

    @property
    def display_name(self) -> str:
        """How tables and charts call the sampler."""
        return display_name({"sampler": self.sampler, "spec": self.spec, "role": self.role})

    def as_json(self) -> dict[str, Any]:
        """Returns the finding as plain JSON values."""
        fields = asdict(self)
        facts = fields.pop("facts")
        if self.error is None:
            fields.pop("error")
        return {"kind": "spectrum", **fields, **facts, "sentence": self.sentence if self.bands else None}


def _beyond_one(ratio: Interval) -> int:
    """−1 or 1 where the whole interval lies below or above 1, else 0: it carries the noise of both its draws."""
    assert ratio.low is not None and ratio.high is not None
    return int(ratio.low > 1.0) - int(ratio.high < 1.0)


def _percent(ratio: Interval) -> str:
    assert ratio.low is not None and ratio.high is not None
    return f"{100 * ratio.value:.1f} % [{100 * ratio.low:.1f}, {100 * ratio.high:.1f}]"


def measure_spectra(cells: Sequence[Cell], progress: Listener = ignore) -> Iterator[SpectrumGap]:
    """Yields the spectrum of every cell; `progress` hears of repeats. Cells share the truth's draws.

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
        failure: Exception | None = None
        for repeat in range(cell.settings.repeats):
            progress(Progress(str(cell), done, total))
            done += 1
            if failure is None:
                try:
                    samples = to_data(cell.task, draw_samples(cell, repeat).samples)
                    found.append(spectrum_of(cell.task)(samples.double().numpy()))
                except Exception as problem:
                    failure = problem
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
    cell: Cell, found: Sequence[Spectrum], truth: tuple[list[Array], list[Array]], failure: Exception | None
) -> SpectrumGap:
    facts = {
        "samples": cell.samples,
        "repeats": cell.settings.repeats,
        "seed": cell.settings.seed,
        "conditions": conditions_of(cell.task),
        "provenance": provenance(cell.device, cell.network_dtype, cell.artifact_hashes()),
    }
    names = (
        cell.task.name,
        cell.sampler.name,
        cell.sampler_spec,
        cell.role,
        cell.sampler.family,
        cell.grid.steps,
        cell.grid.name,
    )
    if failure is not None:
        status, error = failure_of(failure, cell.sampler, cell.task)
        return SpectrumGap(*names, "", "", (), (), (), (), (), (), {}, facts, status, error)
    frequencies = found[0].frequencies
    own, reference, other = (
        np.array(rows) for rows in ([spectrum.power.mean(axis=0) for spectrum in found], *truth)
    )  # each of shape (repeats, F)
    return SpectrumGap(
        *names,
        found[0].of,
        found[0].unit,
        tuple(frequencies.tolist()),
        _intervals(own),
        _intervals(reference),
        _intervals(own / reference),
        _intervals(other / reference),
        tuple(_bands(frequencies, own, reference, other)),
        _tilts(own, reference),
        facts,
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
