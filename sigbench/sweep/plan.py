"""Planning a sweep: its cells, each with the key of its record, and what cannot be measured, with the reason."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Protocol

from sigbench.errors import BadInput
from sigbench.measure.cell import Cell, plan_cells
from sigbench.measure.settings import Settings
from sigbench.records.key import Determinants
from sigbench.records.record import TuningRecord
from sigbench.registry import task_class
from sigbench.sde.grids.find import listed_steps
from sigbench.spec import parse_spec
from sigbench.sweep.budget import TooFewCalls, steps_within
from sigbench.sweep.elsewhere import plan_for
from sigbench.sweep.file import SweepFile


@dataclass(frozen=True)
class PlannedCell:
    """A cell as it is handed to a worker process: names and numbers only, no networks.

    `work` is the number of network evaluations that it will take, as far as the sampler declares it, and `determinants`
    what its key is the hash of, where that is known.
    """

    settings: Settings
    sampler: str
    asked_steps: tuple[int, ...]
    name: str
    steps: int
    grid: str
    key: str
    work: float
    determinants: Determinants = field(kw_only=True, default_factory=dict, repr=False, compare=False)

    @property
    def task(self) -> str:
        """The name of its task."""
        return self.settings.task

    @property
    def written_folders(self) -> tuple[str, ...]:
        """The folders that its worker writes to: none, for samplers as they are."""
        return ()

    def __str__(self) -> str:
        guided = f" · guidance {self.settings.guidance:g}" if self.settings.guidance else ""
        return f"{self.task} · {self.name} · {self.steps} steps{guided}"

    def prepare(self) -> None:
        """Does what must be done before the cell can be measured: nothing, for samplers as they are."""

    def cell(self) -> Cell:
        """Returns the cell, ready to be measured.

        Raises BadInput where it can no longer be planned, or is another cell now: a file has changed meanwhile.
        """
        (cell,) = plan_cells(self.settings, [self.sampler], self.asked_steps)
        if cell.key != self.key:
            raise BadInput(f"{self} is not what it was when the sweep was planned: a file of it has changed meanwhile.")
        return cell


@dataclass(frozen=True, slots=True)
class SkippedCell:
    """What the sweep asks for and nothing can measure; `steps` is empty where it is not about steps."""

    task: str
    sampler: str
    grid: str | None
    steps: tuple[int, ...]
    reason: str


def too_few_calls(task: str, sampler: str, calls: int | None) -> SkippedCell:
    """Returns what is said where a budget does not allow one step: the same of all samplers of which it is so."""
    reason = f"one step takes more calls than the {calls} that are allowed."
    return SkippedCell(task, parse_spec(sampler).name, None, (), reason)


@dataclass
class SweepPlan:
    """The cells of a sweep in the order of its file, each once, and those that are left out."""

    cells: list[PlannedCell] = field(default_factory=list)
    skipped: list[SkippedCell] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What tuning chose for a sampler: the spec that is measured, and what its record says of it."""

    spec: str
    note: TuningRecord


class Chooser(Protocol):
    """Says what tuning chose for a task's sampler at a budget of calls, None where it chose nothing."""

    def __call__(self, task: str, sampler: str, calls: int, /) -> Chosen | None: ...


def plan_sweep(file: SweepFile, chooser: Chooser | None = None) -> SweepPlan:
    """Returns the plan of a sweep; raises BadInput where no cell of it can be measured.

    Samplers that [tune] is for are measured as the `chooser` says, at each budget; without one they are no cells yet.
    """
    plan, seen = SweepPlan(), set()
    for task in file.tasks:
        for settings, sampler, count in _wanted(file, task, chooser):
            steps = count.steps
            try:
                if count.unchosen:
                    raise BadInput("none of its candidates could be measured when it was tuned.")
                if count.calls is not None:
                    steps = (steps_within(settings, sampler, count.calls),)
                (cell,) = plan_for(settings, [sampler], steps)
            except TooFewCalls:
                plan.skipped.append(too_few_calls(task, sampler, count.calls))
                continue
            except BadInput as error:
                plan.skipped.append(SkippedCell(task, sampler, settings.grid, steps, str(error)))
                continue
            if cell.key not in seen:
                seen.add(cell.key)
                plan.cells.append(planned(cell, settings, sampler, steps))
    if not plan.cells:
        reason = f": {plan.skipped[0].reason}" if plan.skipped else "."
        raise BadInput(f"no cell of the sweep can be measured{reason}")
    return plan


@dataclass(frozen=True, slots=True)
class _Count:
    """How many steps are asked for: none where the spec or the grid says it, one, or what so many calls allow.

    It is `unchosen` where tuning chose nothing for the sampler.
    """

    steps: tuple[int, ...] = ()
    calls: int | None = None
    unchosen: bool = False


def _wanted(file: SweepFile, task: str, chooser: Chooser | None) -> Iterator[tuple[Settings, str, _Count]]:
    for seed, guidance in product(file.axis("seeds", task, {}) or (0,), file.axis("guidance", task, {}) or (0.0,)):
        for sampler, own in file.samplers(task):
            name, values = file.counts(task, own) or ("steps", task_class(task).default_steps)
            if file.tune is not None and file.tune.candidates(task, sampler):
                settings = file.settings(task, seed=seed, grid=None, guidance=float(guidance))
                if chooser is None:
                    continue  # it is tuned first
                for value in values:
                    count = _Count(calls=value) if name == "calls" else _Count((value,))
                    if (chosen := chooser(task, sampler, value)) is None:
                        yield settings, sampler, replace(count, unchosen=True)
                    else:
                        yield replace(settings, tuning=chosen.note), chosen.spec, count
                continue
            for grid in file.axis("grids", task, own) or (None,):
                settings = file.settings(task, seed=seed, grid=grid, guidance=float(guidance))
                if _has_own_count(sampler, grid):
                    yield settings, sampler, _Count()
                    continue
                for value in values:
                    yield settings, sampler, _Count(calls=value) if name == "calls" else _Count((value,))


def _has_own_count(sampler: str, grid: str | None) -> bool:
    """Whether a sampler or its grid says by itself how many steps there are."""
    asked = parse_spec(sampler)
    return (
        asked.name == "teacher" or asked.steps is not None or listed_steps(asked.options.get("grid", grid)) is not None
    )


def planned(cell: Cell, settings: Settings, sampler: str, steps: tuple[int, ...]) -> PlannedCell:
    """Returns a cell as it is handed to a worker."""
    work = float(cell.calls * cell.samples * settings.repeats)
    return PlannedCell(
        settings,
        sampler,
        steps,
        name=cell.display_name,
        steps=cell.grid.steps,
        grid=cell.grid.name,
        key=cell.key,
        work=work,
        determinants=cell.determinants(),
    )
