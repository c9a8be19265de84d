"""What the conformance tests share: cells of every registered pair, and drivers that watch a sampler."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
import torch
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.measure.cell import Cell, Settings, plan_cells
from sigbench.registry import sampler_names, task_names
from sigbench.sampler import Sampler
from sigbench.sde.brownian import BrownianDriver, FreshBrownian
from sigbench.sde.grid import Grid, Step
from sigbench.sde.noise import NoiseStream
from sigbench.sde.problem import SDEProblem
from sigbench.sde.signature import MAX_ORDER, PartialSignature

# Pairs (task, sampler) that refuse to be planned, with the words of their reason. A pair that refuses and is not
# here fails, and so does one that is here and does not refuse.
REFUSALS: dict[tuple[str, str], str] = {
    **{(task, name): "needs a denoiser" for task in ("ou", "gbm") for name in ("ddim", "ddpm", "heun")},
    **{(task, "sigdeg"): "needs a denoiser" for task in ("ou", "gbm")},
    **{(task, "taylor15"): "needs second derivatives" for task in ("mnist", "rbergomi")},
    **{("gbm", name): "is for additive noise" for name in ("sea", "shark", "sra1", "taylor15")},
}

# The samples that a test draws of a task whose network is costly; 256 of every other. Enough for two blocks of noise.
SAMPLES = {"mnist": 8, "rbergomi": 64}

# Calls that a sampler makes once a walk, beside its calls a step. Only what its docstring says belongs here.
CALLS_AT_THE_START = {"torchsde-reversible-heun": 1}

PAIRS = [(task, sampler) for task in task_names() for sampler in sampler_names()]
RUNNABLE = [pair for pair in PAIRS if pair not in REFUSALS]


def every_pair(function: object) -> pytest.MarkDecorator:
    """Runs a test for every pair of registered task and sampler that can be planned."""
    ids = [f"{task}-{sampler}" for task, sampler in RUNNABLE]
    return pytest.mark.parametrize(("task", "sampler"), RUNNABLE, ids=ids)(function)  # type: ignore[arg-type]


def runnable(task: str) -> list[str]:
    """Returns the samplers that run on a task."""
    return [sampler for name, sampler in RUNNABLE if name == task]


def size(task: str) -> int:
    """Returns how many samples a test draws of a task."""
    return SAMPLES.get(task, 256)


def plan(task: str, sampler: str, steps: int = 5, **settings: object) -> Cell:
    """Returns the cell of a pair; a pair that cannot be planned fails the test with its reason.

    It is planned for 256 samples, which every metric can read, and then holds `size(task)` unless `samples` is given.
    """
    samples = settings.pop("samples", size(task))
    chosen = {"samples": 256, "repeats": 1, "device": "cpu", **settings}
    try:
        (cell,) = plan_cells(Settings(task, **chosen), [sampler], [steps])  # type: ignore[arg-type]
    except BadInput as reason:
        pytest.fail(f"{sampler} cannot run on {task}, and REFUSALS does not say so: {reason}")
    return replace(cell, samples=samples)  # type: ignore[arg-type]


@dataclass
class Watch:
    """Passes another driver's signatures on, and remembers what was asked and given; may blank a moment."""

    driver: BrownianDriver
    blank: int | None = None
    asked: list[tuple[int, int]] = field(default_factory=list)
    given: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    def signature(self, step: Step, order: int = 1) -> PartialSignature:
        self.asked.append((step.index, order))
        found = self.driver.signature(step, order)
        self.given += [(moment, moment.clone()) for moment in found.moments]
        if self.blank is None or self.blank >= order:
            return found
        moments = list(found.moments)
        moments[self.blank] = torch.zeros_like(moments[self.blank])
        return PartialSignature(found.h, tuple(moments))


def driver_of(cell: Cell, count: int) -> FreshBrownian:
    """Returns a Brownian driver for the cell's grid, with a fixed seed."""
    noise = NoiseStream(11, cell.task.shape, positions=cell.grid.steps * MAX_ORDER, dtype=cell.state_dtype)
    return FreshBrownian(noise, 0, count, MAX_ORDER)


def start_of(cell: Cell, count: int) -> Tensor:
    """Returns initial states, with a fixed seed."""
    noise = NoiseStream(12, cell.task.shape, positions=1, dtype=cell.state_dtype)
    return cell.problem.initial(noise.normal(0, count, 0))


def walk(cell: Cell, x: Tensor, brownian: BrownianDriver) -> list[Tensor]:
    """Returns the states of a walk over the cell's grid, as they were yielded."""
    cell.problem.counter.reset()
    with torch.no_grad():
        return list(cell.sampler.walk(cell.problem, x, cell.grid, brownian))


@dataclass
class Witness(Sampler):
    """Walks as another sampler does, and keeps the initial states that it was given."""

    inner: Sampler
    seen: list[Tensor] = field(default_factory=list)

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        self.seen.append(x.clone())
        yield from self.inner.walk(problem, x, grid, brownian)
