"""One pass of a convergence study: walk chunks of paths, and sum what is kept of them over blocks.

What is kept of a path is its share of sums over blocks of paths, so memory does not grow with paths or steps; the
blocks are the units of the bootstrap. Chunks are walked side by side on the processor's cores.
"""

import math
import multiprocessing
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sigbench.progress import Listener, Progress, ignore
from sigbench.registry import make_sampler
from sigbench.sde.noise import NoiseStream, Position, seed_of
from sigbench.sde.problem import SDEProblem
from sigbench.studies.convergence.coupled import Walker, walk_together
from sigbench.studies.convergence.nested import NestedPath, nested_grids
from sigbench.studies.convergence.passes import BLOCKS, Plan
from sigbench.studies.convergence.plan import ConvergenceStudy
from sigbench.studies.convergence.thinning import CANDIDATES, Kept, Pilot, all_paths, keep_paths

Array = NDArray[np.float64]

GROUPS = {"sde": "stochastic schemes", "ode": "deterministic samplers", "student": "students"}
CHUNK = 8192  # coordinates that are walked at once: small enough for the caches, large enough for torch
THINNED = 4096  # coordinates a chunk where paths are thinned and a walk takes long: two cores share the default
_INTERRUPTS = (signal.SIGINT, signal.SIGTERM)
FUNCTIONS = ("x", "x²", "cos x", "bump")


class TestFunctions:
    """x, x², cos x of the first coordinate, and a Gaussian bump at a mode of the truth."""

    __test__ = False  # not a test, whatever pytest thinks of the name

    def __init__(self, truth: Any, dimension: int) -> None:
        covariance = np.atleast_2d(truth.covariance)
        self.centre = np.asarray(getattr(truth, "mode", truth.mean), dtype=np.float64).reshape(-1)
        self.width = 0.25 * math.sqrt(float(np.trace(covariance)) / dimension)

    def __call__(self, x: Tensor) -> Tensor:
        """Returns the functions' values, float64 of shape (n, 4), at states of shape (n, *shape)."""
        flat = x.double().flatten(1)
        first = flat[:, 0]
        squared = (flat - torch.as_tensor(self.centre, device=x.device)).square().sum(1)
        bump = torch.exp(squared * (-0.5 / self.width**2))
        return torch.stack([first, first * first, torch.cos(first), bump], 1)


@dataclass
class Sums:
    """What a pass keeps: by track, sums over blocks of paths, and the network calls of one path.

    `errors[key]` has a row a block: the count, Σ|e|², Σ|e| and Σ(φ(X) − φ(reference)) for the test functions;
    `values[key]`, for references, Σφ and Σφ².
    """

    errors: dict[str, Array]
    values: dict[str, Array]
    calls: dict[str, int]
    failures: dict[str, str] = field(default_factory=dict)

    def add(self, other: "Sums") -> None:
        """Adds another chunk's sums."""
        for mine, theirs in ((self.errors, other.errors), (self.values, other.values)):
            for key, block in theirs.items():
                mine[key] = mine[key] + block if key in mine else block
        self.calls.update(other.calls)
        self.failures.update(other.failures)


def run_pass(study: ConvergenceStudy, plan: Plan, progress: Listener = ignore) -> Sums:
    """Walks all tracks of a plan over all its paths, in chunks that run side by side on the processor's cores."""
    size = max(1, (CHUNK if plan.pilot is None else THINNED) // prod(study.task.shape))
    if plan.pilot is None:  # chunks do not matter there, so that a few paths may be shared among the cores
        size = min(size, max(1024, -(-plan.paths // 2)))
    starts = range(0, plan.paths, size)
    total = Sums({}, {}, {})
    workers = min(torch.get_num_threads() if study.device.type == "cpu" else 1, len(starts))
    tasks = [(first, min(size, plan.paths - first)) for first in starts]
    for done, chunk in enumerate(_in_parallel(study, plan, tasks, workers), start=1):
        total.add(chunk)
        progress(Progress(GROUPS[plan.group], done, len(starts)))
    return total


def _in_parallel(study: ConvergenceStudy, plan: Plan, tasks: Sequence[tuple[int, int]], workers: int) -> Iterator[Sums]:
    """Yields the chunks' sums in order, from worker processes where there are several cores and chunks.

    Processes, not threads: torch's forward-mode derivatives keep one level for the whole process. They are
    forked, so that a sampler from a user's file need not be importable.
    """
    if workers < 2 or "fork" not in multiprocessing.get_all_start_methods():
        threads = torch.get_num_threads()
        try:
            torch.set_num_threads(1)  # a chunk's tensors are too small to share: threads would only wait
            problem = study.task.problem(study.device, study.dtype)
            for first, count in tasks:
                yield _chunk(study, plan, problem, first, count)
        finally:
            torch.set_num_threads(threads)
        return
    context = multiprocessing.get_context("fork")
    others = multiprocessing.active_children()
    with ProcessPoolExecutor(workers, context, initializer=_enter_worker, initargs=(study, plan)) as pool:
        try:
            with _interrupts_held():  # a pool that is interrupted while it starts cannot be ended
                chunks = pool.map(_work, tasks)
            yield from chunks
        except BaseException:  # Ctrl-C above all: the pool would wait for chunks of half a minute
            for child in multiprocessing.active_children():
                if child not in others:
                    child.terminate()
            raise


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """A context in which Ctrl-C and SIGTERM wait for its end, whichever thread the system gives them to."""
    if threading.current_thread() is not threading.main_thread():  # which alone hears of signals
        yield
        return
    held: list[int] = []
    usual = {number: signal.signal(number, lambda heard, _: held.append(heard)) for number in _INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
        for heard in held:
            signal.raise_signal(heard)


_inherited: list[tuple[ConvergenceStudy, Plan, SDEProblem]] = []  # in a worker process: what it was forked to do


def _enter_worker(study: ConvergenceStudy, plan: Plan) -> None:
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C too, and ends its workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # by which
    _inherited[:] = [(study, plan, study.task.problem(study.device, study.dtype))]


def _work(task: tuple[int, int]) -> Sums:
    return _chunk(*_inherited[0], *task)


def _chunk(study: ConvergenceStudy, plan: Plan, problem: SDEProblem, first: int, count: int) -> Sums:
    """Walks paths first … first+count−1, which depend on (task, seed, group, order of the signatures read) alone.

    Thinned paths depend on their whole chunk besides, so that there the size of chunks is fixed.
    """
    grids = nested_grids(problem.grid(plan.grid, plan.fine_steps), plan.levels[0])
    grid_of = {grid.steps: grid for grid in grids}
    walkers = {}
    for track in plan.tracks:
        sampler = track.make(study.task, problem, grid_of[track.steps], study.dtype)
        walkers[track.key] = Walker(track.key, sampler, track.steps)
    order = max(2, *(walker.sampler.signature_order for walker in walkers.values()))
    streams = _Streams(study)
    if plan.pilot is None:
        kept = all_paths(problem, streams.start, first, count)
        path = NestedPath(grids, order, streams.path, first, count)
    else:
        coarse = [grid for grid in grids if grid.steps <= plan.pilot_levels[-1]]
        kept = keep_paths(
            problem,
            _pilot(study, plan, problem),
            coarse,
            order,
            streams.start,
            streams.path,
            streams.choice,
            first * CANDIDATES,
            count * CANDIDATES,
        )
        # As many places as there are candidates, more than are ever kept: no two chunks share a normal.
        path = NestedPath(grids, order, streams.refinement, first * CANDIDATES, len(kept.weight), kept.known)
    return _walk_and_sum(study, plan, problem, walkers, path, kept)


def _pilot(study: ConvergenceStudy, plan: Plan, problem: SDEProblem) -> Pilot:
    assert plan.pilot is not None
    schemes = [make_sampler(name) for name in plan.pilot]
    for scheme in schemes:
        scheme.prepare(study.task, problem, study.dtype)
    return Pilot((schemes[0], schemes[1], schemes[2]), plan.pilot_levels)


class _Streams:
    """The study's noise: each stream has a seed of its own, hashed from named axes."""

    def __init__(self, study: ConvergenceStudy) -> None:
        shape, device = study.task.shape, study.device

        def stream(purpose: str, dtype: torch.dtype) -> NoiseStream:
            seed = seed_of(task=study.task.name, seed=study.settings.seed, study="convergence", purpose=purpose)
            return NoiseStream(seed, shape, dtype=dtype, device=device)

        # A path's normals have float32's 24 bits in every dtype: four times faster to draw, still one path for all.
        single = torch.float32
        self.start = stream("initial", study.dtype)
        self.path = _Widened(stream("brownian", single), study.dtype)
        self.refinement = _Widened(stream("refinement", single), study.dtype)
        seed = seed_of(task=study.task.name, seed=study.settings.seed, study="convergence", purpose="choice")
        self.choice = NoiseStream(seed, (1,), dtype=torch.float64, device=device)


def _walk_and_sum(
    study: ConvergenceStudy, plan: Plan, problem: SDEProblem, walkers: dict[str, Walker], path: NestedPath, kept: Kept
) -> Sums:
    """Moves the walkers along the paths and sums their errors, each path with its weight."""
    compared = [(track.key, track.against) for track in plan.tracks if track.against is not None]
    count = len(kept.weight)
    worst = {key: torch.zeros(count, dtype=torch.float64, device=study.device) for key, _ in compared}
    last = plan.levels[0] - 1
    for index in walk_together(problem, list(walkers.values()), path, kept.x):
        if study.settings.sup or index == last:
            for key, against in compared:
                gap = walkers[key].state.double() - walkers[against].state.double()
                worst[key] = torch.maximum(worst[key], gap.flatten(1).norm(dim=1))
    functions = TestFunctions(study.task.truth(), prod(study.task.shape))
    block, weight = kept.candidate % BLOCKS, kept.weight[:, None]
    members = torch.bincount(kept.all_candidates % BLOCKS, minlength=BLOCKS).double()[:, None]
    failures = {key: walker.failure for key, walker in walkers.items() if walker.failure}
    result = Sums({}, {}, {key: walker.calls for key, walker in walkers.items()}, failures)
    phi = {key: functions(walkers[key].state) for key in {against for _, against in compared}}
    for key, value in phi.items():
        result.values[key] = _by_block(weight * torch.cat([value, value.square()], 1), block)
    for key, against in compared:
        error = torch.nan_to_num(worst[key], nan=math.inf, posinf=math.inf)[:, None]
        change = functions(walkers[key].state) - phi[against]
        sums = _by_block(weight * torch.cat([error.square(), error, change], 1), block)
        result.errors[key] = np.concatenate([members.cpu().numpy(), sums], 1)
    return result


class _Widened:
    """A noise stream whose numbers are handed on in another dtype."""

    def __init__(self, stream: NoiseStream, dtype: torch.dtype) -> None:
        self._stream, self._dtype = stream, dtype

    def normal(self, first: int, count: int, position: Position) -> Tensor:
        """Returns the stream's numbers at `position`, shape (count, *shape)."""
        return self._stream.normal(first, count, position).to(self._dtype)


def _by_block(values: Tensor, block: Tensor) -> Array:
    """Sums the rows (n, F) by block, shape (BLOCKS, F)."""
    sums = torch.zeros(BLOCKS, values.shape[1], dtype=torch.float64, device=values.device)
    result: Array = sums.index_add_(0, block, values).cpu().numpy()
    return result
