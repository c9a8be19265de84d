"""What the conformance tests share: every registered pair, planned once, and one watched walk that shows all it does.

Five of torchsde's six solvers share their loop, their adapter and their equation with `torchsde-srk`, which is held to
every rule; of each of the five one walk a task is watched.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

from sigbench.abilities import HasStudents
from sigbench.errors import BadInput
from sigbench.measure.batch import path_of, start_batch
from sigbench.measure.cell import Cell, plan_cells
from sigbench.measure.draw import Draw, draw_samples
from sigbench.measure.settings import Settings
from sigbench.networks.artifacts import read_manifest
from sigbench.registry import make_task, sampler_class, sampler_names, task_names
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Step
from sigbench.sde.legendre import Kernel
from sigbench.sde.signature import PartialSignature


@cache
def _kinds_of(task: str) -> frozenset[str]:
    """The kinds of the students that a task comes with."""
    made = make_task(task)
    return (
        frozenset(read_manifest(folder).kind for folder in made.students())
        if isinstance(made, HasStudents)
        else frozenset()
    )


# Pairs (task, sampler) that refuse to be planned, with the words of their reason, by what tasks are and what samplers
# declare. A pair that refuses and is not here fails, and so does one that is here and does not refuse.
WITHOUT_DENOISER, NOT_ADDITIVE = ("ou", "gbm"), ("gbm",)
REFUSALS: dict[tuple[str, str], str] = {
    **{(task, "taylor15"): "needs second derivatives" for task in ("mnist", "rbergomi")},
    **{
        (task, name): "is for additive noise"
        for task, name in product(NOT_ADDITIVE, sampler_names())
        if sampler_class(name).additive_only
    },
    **{
        (task, name): "needs a denoiser"
        for task, name in product(WITHOUT_DENOISER, sampler_names())
        if sampler_class(name).needs == "denoiser"
    },
    **{
        (task, name): "comes with no"
        for task, name in product(task_names(), sampler_names())
        if task not in WITHOUT_DENOISER and isinstance(kind := getattr(sampler_class(name), "kind", None), str)
        if kind not in _kinds_of(task)
    },
}

# The samples that a test draws of a task whose network is costly; 256 of every other. Enough for two blocks of noise.
SAMPLES = {"mnist": 8, "rbergomi": 64}

# Samplers that draw noise within some steps only, as their docstrings say.
NOISE_IN_SOME_STEPS = {"consistency", "edm-stochastic", "restart", "sa-solver"}

# Samplers of which one walk a task is watched, since another that shares their loop is held to every rule.
LIGHT = {f"torchsde-{name}" for name in ("euler", "milstein", "heun", "midpoint", "reversible-heun")}

# The field's own samplers, which agree with other people's code state by state (tests/baselines): they are held to all
# rules on one task, and of each one walk is watched on the others.
FIELD = {
    *("dpm-solver-2s", "dpm-solver-3s", "dpmpp-1", "dpmpp-2s", "dpmpp-2m", "dpmpp-3m", "unipc", "deis", "ipndm"),
    *("ipndm-v", "plms", "dpmpp-2m-sde", "dpmpp-3m-sde", "dpm2-ancestral", "edm-stochastic", "restart", "sa-solver"),
}


def is_light(task: str, sampler: str) -> bool:
    """Whether one walk of a pair is enough."""
    return sampler in LIGHT or (sampler in FIELD and task != "gmm")


PAIRS = [(task, sampler) for task in task_names() for sampler in sampler_names()]
RUNNABLE = [pair for pair in PAIRS if pair not in REFUSALS]
DEEP = [pair for pair in RUNNABLE if not is_light(*pair)]

# The step counts and dtypes that walks are watched at; of the light samplers the first alone.
WALKS = [(7, "float32"), (2, "float32"), (20, "float32"), (5, "float64"), (5, "bfloat16")]
COSTLY = {(20, "float32"), (5, "float64")}  # slow on a task of SAMPLES

Test = Callable[..., None]


def every_deep_pair(function: Test) -> Test:
    """Runs a test for every pair of task and sampler that is held to all rules."""
    ids = [f"{task}-{sampler}" for task, sampler in DEEP]
    parametrised: Test = pytest.mark.parametrize(("task", "sampler"), DEEP, ids=ids)(function)
    return parametrised


def every_watched_walk(function: Test) -> Test:
    """Runs a test for every pair that can be planned, at each of its step counts and dtypes."""
    chosen = [(*pair, *walk) for pair in RUNNABLE for walk in (WALKS[:1] if is_light(*pair) else WALKS)]
    cases = [
        pytest.param(*case, marks=slow_where(case[0], case[2:] in COSTLY), id="-".join(map(str, case)))
        for case in chosen
    ]
    parametrised: Test = pytest.mark.parametrize(("task", "sampler", "steps", "dtype"), cases)(function)
    return parametrised


def slow_where(task: str, costly: bool) -> Iterable[pytest.MarkDecorator]:
    """Returns the mark of what calls a costly network in float64 or often."""
    return [pytest.mark.slow] if costly and task in SAMPLES else []


def runnable(task: str) -> list[str]:
    """Returns the samplers that run on a task."""
    return [sampler for name, sampler in RUNNABLE if name == task]


def size(task: str) -> int:
    """Returns how many samples a test draws of a task."""
    return SAMPLES.get(task, 256)


@lru_cache(maxsize=6)  # the tests of a pair run one after another: see conftest
def _planned(task: str, sampler: str, dtype: str) -> Cell:
    try:
        (cell,) = plan_cells(Settings(task, samples=256, repeats=2, device="cpu", dtype=dtype), [sampler], [5])
    except BadInput as reason:
        pytest.fail(f"{sampler} cannot run on {task}, and REFUSALS does not say so: {reason}")
    return cell


def cell_of(task: str, sampler: str, steps: int = 5, *, dtype: str = "float32", seed: int = 0, **sizes: int) -> Cell:
    """Returns the cell of a pair, `size(task)` samples where `sizes` (samples, batch) does not say otherwise.

    It is planned once, for 256 samples, which every metric can read, and shared by all its tests, so that what one
    walk leaves behind in problem or sampler shows in the next.
    """
    cell = _planned(task, sampler, dtype)
    grid = cell.grid if steps == cell.grid.steps else cell.problem.grid(cell.grid.name, steps)
    cell.sampler.check(grid)
    settings = replace(cell.settings, seed=seed)
    return replace(cell, settings=settings, grid=grid, **{"samples": size(task), "batch": size(task), **sizes})


@lru_cache(maxsize=8)
def drawn(task: str, sampler: str, batch: int, *, dtype: str = "float32") -> Draw:
    """Returns `size(task)` samples of a pair, drawn in batches of a size, once for all tests."""
    return draw_samples(cell_of(task, sampler, dtype=dtype, batch=batch), 0)


@dataclass
class WatchedPath:
    """Passes another driver's signatures on, and remembers what was asked and given; may blank a moment."""

    driver: BrownianDriver
    blank: int | None = None
    asked: list[tuple[int, int]] = field(default_factory=list)
    given: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    increments: dict[int, Tensor] = field(default_factory=dict)

    def signature(self, step: Step, order: int = 1) -> PartialSignature:
        """Returns the driver's signature, one of its moments zero where one is to be blanked."""
        self.asked.append((step.index, order))
        found = self.driver.signature(step, order)
        self.given += [(moment, moment.clone()) for moment in found.moments]
        self.increments[step.index] = found.increment.clone()
        if self.blank is None or self.blank >= order:
            return found
        moments = list(found.moments)
        moments[self.blank] = torch.zeros_like(moments[self.blank])
        return PartialSignature(found.h, tuple(moments))

    def functional(self, step: Step, kernel: Kernel) -> Tensor:
        """Returns the driver's functional, which counts as a question for one moment."""
        self.asked.append((step.index, 1))
        found = self.driver.functional(step, kernel)
        self.given.append((found, found.clone()))
        return found if self.blank is None else torch.zeros_like(found)


@dataclass
class WatchedWalk:
    """A walk with all that passed between sampler, problem and path.

    `kept` holds the start and every state as they were yielded, `clones` what they were at that moment.
    """

    cell: Cell
    path: WatchedPath
    kept: list[Any]
    clones: list[Any]
    calls: int

    @property
    def start(self) -> Tensor:
        """The initial states as they were handed over."""
        found: Tensor = self.clones[0]
        return found

    @property
    def end(self) -> Tensor:
        """The last states."""
        found: Tensor = self.clones[-1]
        return found


def watch(cell: Cell, count: int, *, repeat: int = 0, scale: float = 1.0, blank: int | None = None) -> WatchedWalk:
    """Walks the first samples of a repeat from `scale` times their start, and returns all that could be seen."""
    cell.problem.counter.reset()
    batch, path = start_batch(cell, repeat, 0, count), WatchedPath(path_of(cell, repeat, 0, count), blank)
    x = scale * batch.x
    kept, clones = [x], [x.clone()]
    with torch.no_grad():
        for state in cell.sampler.walk(batch.problem, x, cell.grid, path):
            kept.append(state)
            clones.append(state.clone())
            assert len(kept) <= cell.grid.steps + 1, "the walk goes on behind its grid"
    return WatchedWalk(cell, path, kept, clones, cell.problem.counter.calls)


@lru_cache(maxsize=8)
def watched(
    task: str, sampler: str, steps: int, dtype: str = "float32", *, seed: int = 0, repeat: int = 0
) -> WatchedWalk:
    """Returns the watched walk of a pair, `few(task)` samples, walked once for all tests."""
    return watch(cell_of(task, sampler, steps, dtype=dtype, seed=seed), few(task), repeat=repeat)


@cache
def reference_walk(task: str, steps: int, repeat: int) -> WatchedWalk:
    """Returns the walk of the simplest sampler, whose start and increments all others must have."""
    return watch(cell_of(task, "euler-maruyama", steps), few(task), repeat=repeat)


def few(task: str) -> int:
    """Returns how many samples a watched walk has: an odd number, no whole batch."""
    return size(task) // 8 + 1
