"""The convergence laboratory: strong and weak orders of samplers on shared paths, with intervals.

One pass a group of samplers, streamed in chunks of paths. What is kept of a path is its share of sums over
blocks of paths, so memory does not grow with paths or steps; the blocks are the units of the bootstrap.
"""

import math
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sigbench.experiments.convergence_plan import (
    BLOCKS,
    Group,
    Plan,
    Study,
    declared_order,
    declared_weak_order,
)
from sigbench.experiments.coupled import Walker, nested_grids, walk_together
from sigbench.experiments.regression import OrderEstimate, bootstrap_weights, estimate_order
from sigbench.registry import make_sampler
from sigbench.sde.noise import NoiseStream, seed_of
from sigbench.sde.problem import SDEProblem
from sigbench.sde.signature import MAX_ORDER

Array = NDArray[np.float64]
Progress = Callable[[str, int, int], None]

REPLICATES = 1000
CHUNK = 8192  # coordinates that are walked at once: small enough for the caches, large enough for torch
FUNCTIONS = ("x", "x²", "cos x", "bump")


@runtime_checkable
class KnownExpectation(Protocol):
    """A truth that knows E[φ(X)] of the very law in which the problem ends, for φ from (n, d) to (n,)."""

    def expectation(self, function: Callable[[Array], Array]) -> float:
        """Returns E[φ(X)]."""
        ...


@dataclass(frozen=True, slots=True)
class ReferenceInfo:
    """What a sampler is compared with: its kind in words, its steps, and its own error, mean absolute, RMS and weak.

    `expectations` compares the reference's mean of each test function with the exact expectation, in standard
    errors, where the task knows it; empty elsewhere.
    """

    kind: str
    steps: int
    error: float
    rms_error: float
    weak_error: float
    expectations: dict[str, float]


@dataclass(frozen=True, slots=True)
class SamplerConvergence:
    """The measured orders of one sampler, with NFE by level.

    `strong` is the order of the mean absolute error, which is how strong order is defined (Kloeden & Platen 1992,
    section 9.6); `strong_rms` that of the root mean square, in which a few paths that end in another mode weigh
    far more.
    `functions` holds the weak order by test function; `weak` is that of their root mean square, each in units
    of its own standard deviation.
    """

    task: str
    sampler: str
    group: Group
    paths: int
    reference: ReferenceInfo
    nfe: tuple[int, ...]
    strong: OrderEstimate
    strong_rms: OrderEstimate
    weak: OrderEstimate
    functions: dict[str, OrderEstimate]

    def as_json(self) -> dict[str, Any]:
        """Returns the JSON line of the command line's contract."""
        return {
            "task": self.task,
            "sampler": self.sampler,
            "reference": {
                "kind": self.reference.kind,
                "steps": self.reference.steps,
                "error": self.reference.error,
                "rms_error": self.reference.rms_error,
                "weak_error": self.reference.weak_error,
                "exact_expectation_z": self.reference.expectations,
            },
            "paths": self.paths,
            "strong": _order_json(self.strong, self.nfe),
            "strong_rms": _order_json(self.strong_rms, self.nfe),
            "weak": {
                **_order_json(self.weak, self.nfe),
                "functions": {name: _order_json(order, self.nfe) for name, order in self.functions.items()},
            },
        }  # fmt: skip


def _order_json(order: OrderEstimate, nfe: Sequence[int]) -> dict[str, Any]:
    def number(value: float | None) -> float | None:
        return value if value is not None and math.isfinite(value) else None

    return {
        "order": number(order.order), "low": number(order.low), "high": number(order.high),
        "expected": order.expected, "verdict": order.verdict, "advice": order.advice,
        "levels": [
            {
                "steps": level.steps,
                "h": level.h,
                "nfe": calls,
                "error": number(level.error),
                "standard_error": number(level.standard_error) or 0.0,
                "low": number(level.low),
                "high": number(level.high),
                "used": level.used,
                "reason": level.reason,
            }
            for level, calls in zip(order.levels, nfe, strict=True)
        ],
    }  # fmt: skip


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


def measure_study(
    study: Study, *, progress: Progress = lambda group, done, total: None
) -> Iterator[SamplerConvergence]:
    """Walks the study's passes and yields the orders of each sampler, group by group.

    `progress(group, done, total)` hears of finished chunks of paths.
    """
    for plan in study.plans:
        sums = run_pass(study, plan, progress)
        weights = bootstrap_weights(BLOCKS, REPLICATES)
        for spec in plan.samplers:
            yield _sampler_report(study, plan, spec, sums, weights)


@dataclass
class Sums:
    """What a pass keeps: by track, sums over blocks of paths, and the network calls of one path.

    `errors[key]` has a row a block: the count, Σ|e|², Σ|e| and Σ(φ(X) − φ(reference)) for the test functions;
    `values[key]`, for references, Σφ and Σφ².
    """

    errors: dict[str, Array]
    values: dict[str, Array]
    calls: dict[str, int]

    def add(self, other: "Sums") -> None:
        """Adds another chunk's sums."""
        for mine, theirs in ((self.errors, other.errors), (self.values, other.values)):
            for key, block in theirs.items():
                mine[key] = mine[key] + block if key in mine else block
        self.calls.update(other.calls)


def run_pass(study: Study, plan: Plan, progress: Progress = lambda group, done, total: None) -> Sums:
    """Walks all tracks of a plan over all its paths, in chunks that run side by side on the processor's cores."""
    size = max(1, CHUNK // prod(study.task.shape))
    size = min(size, max(2048, -(-plan.paths // 2)))
    starts = range(0, plan.paths, size)
    total = Sums({}, {}, {})
    workers = min(torch.get_num_threads() if study.device.type == "cpu" else 1, len(starts))
    tasks = [(first, min(size, plan.paths - first)) for first in starts]
    for done, chunk in enumerate(_in_parallel(study, plan, tasks, workers), start=1):
        total.add(chunk)
        progress(plan.group, done, len(starts))
    return total


def _in_parallel(study: Study, plan: Plan, tasks: Sequence[tuple[int, int]], workers: int) -> Iterator[Sums]:
    """Yields the chunks' sums in order, from worker processes where there are several cores and chunks.

    Processes, not threads: torch's forward-mode derivatives keep one level for the whole process. They are
    forked, so that a sampler from a user's file need not be importable.
    """
    if workers < 2 or "fork" not in multiprocessing.get_all_start_methods():
        threads = torch.get_num_threads()
        try:
            torch.set_num_threads(1)  # a chunk's tensors are too small to share: threads would only wait
            for first, count in tasks:
                yield _chunk(study, plan, first, count)
        finally:
            torch.set_num_threads(threads)
        return
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, context, initializer=_enter_worker, initargs=(study, plan)) as pool:
        try:
            yield from pool.map(_work, tasks)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


_inherited: list[tuple[Study, Plan]] = []  # in a worker process: what it was forked to do


def _enter_worker(study: Study, plan: Plan) -> None:
    torch.set_num_threads(1)
    _inherited[:] = [(study, plan)]


def _work(task: tuple[int, int]) -> Sums:
    return _chunk(*_inherited[0], *task)


def _chunk(study: Study, plan: Plan, first: int, count: int) -> Sums:
    """Walks paths first … first+count−1; they depend on (task, seed, group) alone, not on the chunk."""
    task, settings = study.task, study.settings
    problem: SDEProblem = task.problem(study.device, study.dtype)
    fine = problem.grid(plan.grid, plan.fine_steps)
    walkers = {}
    for track in plan.tracks:
        sampler = track.make(task, problem, _grid_of(fine, track.steps), study.dtype)
        walkers[track.key] = Walker(track.key, sampler, track.steps)
    axes: dict[str, str | int] = {"task": task.name, "seed": settings.seed, "study": "convergence"}
    shared: dict[str, Any] = {"shape": task.shape, "dtype": study.dtype, "device": study.device}
    start = NoiseStream(seed_of(**axes, purpose="initial"), positions=1, **shared)
    # The path's normals have float32's 24 bits in every dtype: four times faster to draw, and still one path for all.
    path = NoiseStream(
        seed_of(**axes, purpose="brownian", steps=fine.steps), positions=fine.steps * MAX_ORDER,
        **{**shared, "dtype": torch.float32},
    )  # fmt: skip
    x = problem.initial(start.normal(first, count, 0))
    saved = min(track.steps for track in plan.tracks) if settings.sup else 1
    compared = [track for track in plan.tracks if track.against is not None]
    worst = {track.key: torch.zeros(count, dtype=torch.float64, device=study.device) for track in compared}
    for _ in walk_together(problem, list(walkers.values()), fine, x, _Widened(path, study.dtype), first, saved):
        for track in compared:
            assert track.against is not None
            gap = walkers[track.key].state.double() - walkers[track.against].state.double()
            worst[track.key] = torch.maximum(worst[track.key], gap.flatten(1).norm(dim=1))
    block = (torch.arange(first, first + count, device=study.device)) % BLOCKS
    functions = TestFunctions(task.truth(), prod(task.shape))
    result = Sums({}, {}, {key: walker.calls for key, walker in walkers.items()})
    references = {track.against for track in compared}
    phi = {key: functions(walkers[key].state) for key in references if key is not None}
    for key, value in phi.items():
        result.values[key] = _by_block(torch.cat([value, value.square()], 1), block)
    for track in compared:
        assert track.against is not None
        error = torch.nan_to_num(worst[track.key], nan=math.inf)[:, None]
        change = functions(walkers[track.key].state) - phi[track.against]
        columns = [torch.ones_like(error), error.square(), error, change]
        result.errors[track.key] = _by_block(torch.cat(columns, 1), block)
    return result


class _Widened:
    """A noise stream whose numbers are handed on in another dtype."""

    def __init__(self, stream: NoiseStream, dtype: torch.dtype) -> None:
        self._stream, self._dtype = stream, dtype

    def normal(self, first: int, count: int, position: int) -> Tensor:
        """Returns the stream's numbers at `position`, shape (count, *shape)."""
        return self._stream.normal(first, count, position).to(self._dtype)


def _grid_of(fine: Any, steps: int) -> Any:
    return nested_grids(fine, (fine.steps // steps).bit_length() - 1)[-1]


def _by_block(values: Tensor, block: Tensor) -> Array:
    """Sums the rows (n, F) by block, shape (BLOCKS, F)."""
    sums = torch.zeros(BLOCKS, values.shape[1], dtype=torch.float64, device=values.device)
    result: Array = sums.index_add_(0, block, values).cpu().numpy()
    return result


@dataclass(frozen=True, slots=True)
class _Errors:
    """Errors of one track over all paths and over bootstrap replicates: strong two ways, and biases (…, 4)."""

    rms: float
    rms_replicates: Array
    absolute: float
    absolute_replicates: Array
    bias: Array
    bias_replicates: Array


def _errors(sums: Array, weights: Array) -> _Errors:
    def of(totals: Array) -> tuple[Array, Array, Array]:
        count = totals[..., :1]
        return np.sqrt(totals[..., 1] / count[..., 0]), totals[..., 2] / count[..., 0], totals[..., 3:] / count

    with np.errstate(all="ignore"):
        rms, absolute, bias = of(sums.sum(0))
        rms_r, absolute_r, bias_r = of(weights @ sums)
    return _Errors(float(rms), rms_r, float(absolute), absolute_r, bias, bias_r)


def _weak_norm(errors: _Errors, scale: Array) -> tuple[float, Array]:
    """Returns the root mean square of the biases in units of `scale`, with their noise taken out, and replicates.

    A squared bias is measured too large by its variance V on average, a replicate's by 2V.
    """
    bias, replicates = errors.bias / scale, errors.bias_replicates / scale
    noise = float(np.var(replicates, axis=0, ddof=1).sum())
    value = math.sqrt(max(0.0, float((bias**2).sum()) - noise) / len(scale))
    return value, np.sqrt(np.maximum((replicates**2).sum(1) - 2 * noise, 0.0) / len(scale))


def _sampler_report(study: Study, plan: Plan, spec: str, sums: Sums, weights: Array) -> SamplerConvergence:
    problem = study.task.problem(study.device, study.dtype)
    sampler = make_sampler(spec)
    tracks = [track for track in plan.tracks if track.key.rpartition("@")[0] == spec]
    tracks.sort(key=lambda track: track.steps)
    levels = [_errors(sums.errors[track.key], weights) for track in tracks]
    key = plan.references[spec]
    scale = _scale(sums.values[key], sums.errors[tracks[0].key])
    reference = _reference_info(study, plan, key, sums, weights, scale)
    steps = [track.steps for track in tracks]
    h = problem.horizon / np.array(steps, dtype=np.float64)
    blocks, size = BLOCKS, plan.paths

    def fit(error: Sequence[float], replicates: Sequence[Array], own: float, expected: float | None) -> OrderEstimate:
        return estimate_order(
            steps, h, np.array(error), np.stack(replicates, 1), np.full(len(steps), own),
            blocks=blocks, paths=size, expected=expected,
        )  # fmt: skip

    expected = declared_order(sampler, problem.noise_type)
    weak_expected = declared_weak_order(sampler, problem.noise_type)
    weak = [_weak_norm(level, scale) for level in levels]
    functions = {}
    for k, name in enumerate(FUNCTIONS):
        signs = [math.copysign(1.0, level.bias[k]) for level in levels]
        functions[name] = fit(
            [abs(float(level.bias[k])) / scale[k] for level in levels],
            [sign * level.bias_replicates[:, k] / scale[k] for sign, level in zip(signs, levels, strict=True)],
            reference.weak_error, weak_expected,
        )  # fmt: skip
    return SamplerConvergence(
        study.task.name, spec, plan.group, plan.paths, reference, tuple(sums.calls[track.key] for track in tracks),
        strong=fit([e.absolute for e in levels], [e.absolute_replicates for e in levels], reference.error, expected),
        strong_rms=fit([e.rms for e in levels], [e.rms_replicates for e in levels], reference.rms_error, expected),
        weak=fit([value for value, _ in weak], [r for _, r in weak], reference.weak_error, weak_expected),
        functions=functions,
    )  # fmt: skip


def _scale(values: Array, errors: Array) -> Array:
    """The standard deviations of the test functions under the reference, shape (4,)."""
    count, total = errors[:, 0].sum(), values.sum(0)
    mean, square = total[: len(FUNCTIONS)] / count, total[len(FUNCTIONS) :] / count
    scale: Array = np.sqrt(np.maximum(square - mean**2, 1e-30))
    return scale


def _reference_info(study: Study, plan: Plan, key: str, sums: Sums, weights: Array, scale: Array) -> ReferenceInfo:
    """What is known of the reference: the distance to the track that checks it bounds its own error."""
    steps = int(key.rpartition("@")[2])
    if key not in plan.checks:
        return ReferenceInfo(plan.kind[key], steps, 0.0, 0.0, 0.0, {})
    check = _errors(sums.errors[plan.checks[key]], weights)
    # Two standard errors more: the distance in the mean is known only up to its own noise.
    weak = (np.abs(check.bias) + 2 * np.std(check.bias_replicates, axis=0, ddof=1)) / scale
    truth = study.task.truth()
    expectations = {}
    if isinstance(truth, KnownExpectation):
        functions = TestFunctions(truth, prod(study.task.shape))
        means = sums.values[key][:, : len(FUNCTIONS)] / sums.errors[plan.checks[key]][:, :1]
        for k, name in enumerate(FUNCTIONS):

            def phi(x: Array, k: int = k) -> Array:
                return np.asarray(functions(torch.from_numpy(x))[:, k].numpy())

            spread = float(np.std(means[:, k], ddof=1)) / math.sqrt(BLOCKS)
            expectations[name] = (float(means[:, k].mean()) - truth.expectation(phi)) / spread
    weak_error = float(np.sqrt((weak**2).mean()))
    return ReferenceInfo(plan.kind[key], steps, check.absolute, check.rms, weak_error, expectations)
