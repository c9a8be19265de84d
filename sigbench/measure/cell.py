"""Cells: what is to be measured, checked before any work begins."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import torch
from torch import Tensor

from sigbench import __version__
from sigbench.abilities import ObservesSamples, compilation_of, conditions_of, network_hashes
from sigbench.errors import BadInput
from sigbench.guard import guarded
from sigbench.measure.settings import Final, Settings, pick_device, pick_dtype
from sigbench.measure.source.given import found_given
from sigbench.measure.source.plug_ins import code_of, package_code
from sigbench.measure.truth.judges import plan_metrics
from sigbench.measure.variants import Variant, expand
from sigbench.metrics.metric import Metric
from sigbench.plug_ins import check_facts
from sigbench.records.key import Determinants, determinants, key_of
from sigbench.records.machine import check_memory
from sigbench.records.names import DENOISED, Role, bare_spec, display_name
from sigbench.records.record import CellRecord, CodeRecord, Paths, PlugInCode, RequestRecord, StopRecord
from sigbench.registry import METRICS, SAMPLERS, TASKS, make_sampler
from sigbench.sampler import Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.clock import layout_of
from sigbench.sde.grid import Grid, check_steps
from sigbench.sde.grids.computed import read_grid
from sigbench.sde.grids.names import is_file
from sigbench.sde.problem import ReverseDiffusion, SDEProblem, state_dtype
from sigbench.task import Task

_NOISE_AXES: dict[Paths, tuple[str, ...]] = {
    "shared": ("task", "seed", "repeat"),
    "fresh": ("task", "seed", "repeat", "role", "sampler", "times"),
}
# What a sampler says of itself once it has seen its task.
_FACTS = {"final_step": str, "signature_order": int, "own_grid": str | None}


@dataclass(frozen=True)
class Cell:
    """One task, one sampler, one grid: everything that a measurement needs."""

    settings: Settings
    task: Task
    sampler_spec: str
    role: Role
    sampler: Sampler
    problem: SDEProblem
    grid: Grid
    device: torch.device
    network_dtype: torch.dtype
    samples: int
    batch: int
    metrics: tuple[Metric, ...]
    final: Final

    def __post_init__(self) -> None:
        values = self.samples * prod(self.task.shape)
        each = torch.empty(0, dtype=self.state_dtype).element_size()
        seen = 0 if isinstance(self.task, ObservesSamples) else 16  # beside the truth's, both in float64
        check_memory(values * (each + seen), f"{self.samples:,} samples of {self.task.name}", "take fewer --samples")

    def __str__(self) -> str:
        return f"{self.display_name} · {self.grid.steps} steps"

    @property
    def display_name(self) -> str:
        """How tables and charts call the sampler."""
        return display_name(self.facts)

    @property
    def facts(self) -> dict[str, str]:
        """What `sigbench.records.names` calls it by."""
        return {"sampler": self.sampler.name, "spec": self.sampler_spec, "role": self.role, "grid": self.grid.name}

    @property
    def state_dtype(self) -> torch.dtype:
        """The dtype of the integrated state."""
        return state_dtype(self.network_dtype)

    @property
    def calls(self) -> int:
        """The network calls that a walk makes, as far as the sampler declares them."""
        with guarded(f"{self.sampler_spec} cannot say how many network calls it makes"):
            found = self.sampler.calls(self.problem, self.grid)
        if isinstance(found, bool) or not isinstance(found, int):
            raise BadInput(f"{self.sampler_spec} declares {found!r} network calls, which is no whole number.")
        return found + (self.final == "denoise")

    @property
    def final_step(self) -> str:
        """A sentence about the end of a walk."""
        if self.final == "none":
            return self.sampler.final_step
        before = "" if self.sampler.final_step == Sampler.final_step else f"{self.sampler.final_step}; "
        return f"{before}denoise: samples are the posterior mean at the last time, by one more call"

    def walk(self, problem: SDEProblem, x: Tensor, path: BrownianDriver) -> Iterator[Tensor]:
        """Yields what the sampler does, of a batch's problem from `x`; with `denoise` the last state denoised."""
        if self.final == "none":
            yield from self.sampler.walk(problem, x, self.grid, path)
            return
        assert isinstance(problem, ReverseDiffusion)  # planning refuses others
        for taken, state in enumerate(self.sampler.walk(problem, x, self.grid, path), start=1):
            usable = taken == self.grid.steps and isinstance(state, Tensor) and state.shape == x.shape
            yield problem.denoiser.x0(problem.time(self.grid.times[-1]), state) if usable else state

    def artifact_hashes(self) -> dict[str, str]:
        """Returns the hashes of all networks that have a part in the cell, the task's own and the sampler's."""
        return dict(self._artifacts)

    @cached_property
    def _artifacts(self) -> dict[str, str]:
        # Once, as all that plug-ins say of themselves: who changes its mind meanwhile has one key, and one record.
        found = {**network_hashes(self.task), **self.sampler.artifact_hashes()}
        if bad := next(
            (item for item in found.items() if not all(isinstance(part, str) and part.isprintable() for part in item)),
            None,
        ):
            raise BadInput(f"{self.sampler_spec} names an artifact by {bad[0]!r}: {bad[1]!r}, which are no texts.")
        return found

    def packages(self) -> tuple[str, ...]:
        """Returns the packages that its plug-ins depend on beside those that every record names."""
        return tuple(sorted({name for code in self._code["plug_ins"] for name in code.get("packages", ())}))

    @property
    def stop(self) -> StopRecord:
        """When its repeats end."""
        return {"repeats": self.settings.repeats, "half_width": self.settings.precision}

    def noise_axes(self, repeat: int) -> dict[str, str | int]:
        """Returns what the noise of a repeat depends on beside the sample; cells with equal values share it."""
        values: dict[str, str | int] = {"task": self.task.name, "seed": self.settings.seed, "repeat": repeat}
        # As the key has them: what is one cell there has one noise, whatever its grid and its file were called.
        values |= {"role": self.role, "sampler": bare_spec(self.sampler_spec), "times": json.dumps(self.grid.times)}
        return {axis: values[axis] for axis in _NOISE_AXES[self.settings.paths]}

    def known(self) -> CellRecord:
        """Returns what the cell's record says of it before anything is measured."""
        return self._known.copy()

    @cached_property
    def _known(self) -> CellRecord:
        found: CellRecord = {
            "task": self.task.name,
            "task_spec": self.settings.task,
            "task_version": self.task.version,
            "conditions": {name: float(value) for name, value in conditions_of(self.task).items()},
            "sampler": self.sampler.name,
            "spec": self.sampler_spec,
            "role": self.role,
            "family": self.sampler.family,
            "steps": self.grid.steps,
            "samples": self.samples,
            "repeats": self.settings.repeats,
            "seed": self.settings.seed,
            "noise": {"paths": self.settings.paths, "axes": list(_NOISE_AXES[self.settings.paths])},
            "grid": self.grid.name,
            "times": list(self.grid.times),
            "final_step": self.final_step,
            "asked": self._request(),
            "code": self._code,
        }
        if self.settings.tuning is not None:
            found["tuning"] = self.settings.tuning
        return found

    @cached_property
    def _code(self) -> CodeRecord:
        # Once, so that it is of the files as they were when the plug-ins were made.
        added = self.settings.metrics
        specs = [""] * (len(self.metrics) - len(added)) + list(added)
        plug_ins: list[tuple[str, str, str, object]] = [
            ("task", TASKS, self.settings.task, self.task),
            ("sampler", SAMPLERS, self.sampler_spec.removesuffix(DENOISED), self.sampler),
            *((metric.name, METRICS, spec, metric) for metric, spec in zip(self.metrics, specs, strict=True)),
        ]
        found = [self._code_of(*plug_in) for plug_in in plug_ins]
        return {"plug_ins": [code for code in found if code["files"]], "package": package_code()}

    def _code_of(self, name: str, group: str, spec: str, plug_in: object) -> PlugInCode:
        own = found_given(self.settings.given, group, spec)
        return code_of(name, type(plug_in)) if own is None else own.code(name)

    def _request(self) -> RequestRecord:
        return {
            "nfe": self.settings.nfe,
            "batch": self.batch,
            "dtype": self.settings.dtype,
            "tf32": {"matmul": torch.backends.cuda.matmul.allow_tf32, "cudnn": torch.backends.cudnn.allow_tf32},
            "compile": compilation_of(self.task),
            "stop": self.stop,
            "metrics": {metric.name: metric.method for metric in self.metrics},
        }

    def determinants(self) -> Determinants:
        """Returns everything that determines what the cell measures."""
        return determinants(
            self.known(), version=__version__, device=self.device.type, artifacts=self.artifact_hashes()
        )

    @cached_property
    def key(self) -> str:
        """The key of the cell's record."""
        return key_of(self.determinants())


def plan_cells(settings: Settings, samplers: Sequence[str], steps: Sequence[int]) -> list[Cell]:
    """Returns the cells of samplers × steps, each checked as far as it can be without sampling.

    A sampler spec may carry its own step count, grid and end, `NAME@STEPS:grid=G:final=denoise`; "teacher" stands for
    the task's own slow sampler. A sampler that can walk one grid alone walks it, whatever that of the others is; where
    there are no others, another grid is refused. Raises BadInput for anything that cannot be measured as asked.
    """
    task, metrics = plan_metrics(settings)
    if not samplers:
        raise BadInput("name at least one sampler.")
    variants = dict.fromkeys(variant for spec in samplers for variant in expand(spec, steps, task, settings))
    cells: dict[str, Cell] = {}
    for variant in variants:
        cell = _plan_cell(settings, task, metrics, variant)
        cells.setdefault(cell.key, cell)  # one record, however its grid was asked for
    if settings.grid is not None and all(cell.sampler.own_grid for cell in cells.values()):
        first = next(iter(cells.values()))
        if all(variant.grid is None for variant in variants):
            first.sampler.check(first.problem.grid(settings.grid, first.grid.steps))
    return list(cells.values())


def _plan_cell(settings: Settings, task: Task, metrics: tuple[Metric, ...], variant: Variant) -> Cell:
    spec, final = variant.spec, variant.final
    check_steps(variant.steps)
    device, dtype = pick_device(settings.device), pick_dtype(settings.dtype)
    own = found_given(settings.given, SAMPLERS, spec)
    sampler: Sampler = make_sampler(spec) if own is None else own.make()
    with guarded(f"the task {settings.task} has no problem"):
        problem = task.problem(device, dtype)
    if sampler.needs == "denoiser" and not isinstance(problem, ReverseDiffusion):
        raise BadInput(f"{spec} needs a denoiser, and the task {task.name!r} has none.")
    if final == "denoise" and not isinstance(problem, ReverseDiffusion):
        raise BadInput(
            f"the task {task.name!r} has no denoiser, and so no denoised sample to end with: leave out final."
        )
    if sampler.additive_only and problem.noise_type != "additive":
        raise BadInput(f"{spec} is for additive noise, and that of the task {task.name!r} is {problem.noise_type}.")
    with guarded(f"{spec} cannot be planned on the task {task.name!r}"):
        sampler.prepare(task, problem, dtype)
        grid_name = variant.grid or sampler.own_grid or settings.grid or task.default_grid
        if is_file(grid_name):
            read_grid(grid_name).check_task(task.name, task.version)
        grid = problem.grid(grid_name, variant.steps)
        sampler.check(grid)
    check_facts(sampler, _FACTS, spec)
    if sampler.signature_order > task.path_order == 0:
        raise BadInput(
            f"{spec} draws noise, and the problem of the task {task.name!r} has none: take a sampler of the family "
            "'ode', such as ddim, heun or dpmpp-2m."
        )
    if sampler.signature_order > task.path_order:
        raise BadInput(
            f"{spec} reads signatures of order {sampler.signature_order}, and the paths of the task {task.name!r} know "
            f"{task.path_order} moments."
        )
    if settings.paths == "shared" and task.path_order > 0:
        layout_of(problem.clock, grid.times, task.path_order)  # refuses times that the path cannot tell apart
    problem.counter.budget = settings.nfe
    cell = Cell(
        settings=settings,
        task=task,
        sampler_spec=spec + (DENOISED if final == "denoise" else ""),
        role=variant.role,
        sampler=sampler,
        problem=problem,
        grid=grid,
        device=device,
        network_dtype=dtype,
        samples=settings.samples or task.default_samples,
        batch=settings.batch or task.batch_size,
        metrics=metrics,
        final=final,
    )
    with guarded(f"{spec} cannot be planned on the task {task.name!r}"):
        cell.determinants()  # what the sampler says of itself, before any work
    if final == "denoise" and settings.nfe is not None and cell.calls - 1 <= settings.nfe < cell.calls:
        raise BadInput(
            f"{cell.sampler_spec} makes {cell.calls} calls in {grid.steps} steps, the last of them for the denoised "
            f"sample, and the budget is {settings.nfe}: take fewer steps, or a budget of {cell.calls}."
        )
    return cell
