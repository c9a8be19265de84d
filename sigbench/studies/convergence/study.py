"""The convergence laboratory: strong and weak orders of samplers on shared paths, with intervals."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from sigbench.progress import Listener, ignore
from sigbench.registry import make_sampler
from sigbench.studies.convergence.chunks import FUNCTIONS, Sums, TestFunctions, run_pass
from sigbench.studies.convergence.order_fit import OrderEstimate, bootstrap_weights, estimate_order
from sigbench.studies.convergence.passes import BLOCKS, Plan, declared_order, declared_weak_order
from sigbench.studies.convergence.plan import ConvergenceStudy
from sigbench.studies.convergence.result import Orders, Reference, finite, order_of, weak_order_of
from sigbench.studies.convergence.thinning import CANDIDATES

Array = NDArray[np.float64]

REPLICATES = 1000
FEWER_AND_FEWER = "rarer and rarer paths carry the root mean square: it is far from its limit"


@runtime_checkable
class KnownExpectation(Protocol):
    """A truth that knows E[φ(X)] of the very law in which the problem ends, for φ from (n, d) to (n,)."""

    def expectation(self, function: Callable[[Array], Array]) -> float:
        """Returns E[φ(X)]."""
        ...


@dataclass(frozen=True, slots=True)
class _Reference:
    """The reference as it is printed, and its weak error by test function."""

    shown: Reference
    weak_by_function: tuple[float, ...]


def measure_study(study: ConvergenceStudy, *, progress: Listener = ignore) -> Iterator[Orders]:
    """Walks the study's passes and yields the orders of each sampler, group by group.

    `progress` hears of finished chunks of paths.
    """
    for plan in study.plans:
        sums = run_pass(study, plan, progress)
        weights = bootstrap_weights(BLOCKS, REPLICATES)
        for spec in plan.samplers:
            yield _sampler_report(study, plan, spec, sums, weights)


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
    if not np.isfinite(bias).all():
        return math.inf, np.full(len(replicates), math.inf)
    value = math.sqrt(max(0.0, float((bias**2).sum()) - noise) / len(scale))
    return value, np.sqrt(np.maximum((replicates**2).sum(1) - 2 * noise, 0.0) / len(scale))


def _sampler_report(study: ConvergenceStudy, plan: Plan, spec: str, sums: Sums, weights: Array) -> Orders:
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

    def fit(
        error: Sequence[float], replicates: Sequence[Array], own: float, expected: float | None, doubt: str = ""
    ) -> OrderEstimate:
        return estimate_order(
            steps,
            h,
            np.array(error),
            np.stack(replicates, 1),
            np.full(len(steps), own),
            blocks=blocks,
            paths=size,
            expected=expected,
            doubt=doubt,
        )

    expected = declared_order(sampler, problem.noise_type)
    weak_expected = declared_weak_order(sampler, problem.noise_type)
    weak = [_weak_norm(level, scale) for level in levels]
    functions = {}
    for k, name in enumerate(FUNCTIONS):
        signs = [math.copysign(1.0, level.bias[k]) for level in levels]
        functions[name] = fit(
            [abs(float(level.bias[k])) / scale[k] for level in levels],
            [sign * level.bias_replicates[:, k] / scale[k] for sign, level in zip(signs, levels, strict=True)],
            reference.weak_by_function[k],
            weak_expected,
        )
    nfe = [sums.calls[track.key] for track in tracks]
    own = reference.shown
    strong = fit([e.absolute for e in levels], [e.absolute_replicates for e in levels], own.error, expected)
    strong_rms = fit(
        [e.rms for e in levels],
        [e.rms_replicates for e in levels],
        own.rms_error,
        expected,
        FEWER_AND_FEWER if _tail_grows(levels) else "",
    )
    whole = fit([value for value, _ in weak], [r for _, r in weak], own.weak_error, weak_expected)
    settings = study.settings
    return Orders(
        task=study.task.name,
        sampler=sampler.name,
        spec=spec,
        role="sampler",
        reference=own,
        paths=plan.paths,
        candidates=plan.paths * CANDIDATES if plan.pilot else 0,
        grid=plan.grid,
        sup=settings.sup,
        dtype=settings.dtype,
        seed=settings.seed,
        failure=next((sums.failures[track.key] for track in tracks if track.key in sums.failures), ""),
        strong=order_of(strong, nfe),
        strong_rms=order_of(strong_rms, nfe),
        weak=weak_order_of(whole, functions, nfe),
    )


def _tail_grows(levels: Sequence[_Errors]) -> bool:
    """Whether the root mean square grows against the mean absolute error from the coarsest level to the finest.

    In the limit error/h^p has a law of its own and their ratio is constant. Where the ratio grows, by more than 3
    standard errors, the root mean square is not yet near its limit: rarer and rarer paths carry it.
    """
    ends = (levels[0], levels[-1])
    if not all(math.isfinite(level.rms) and level.absolute > 0 for level in ends):
        return False
    with np.errstate(all="ignore"):
        first, last = (np.log(level.rms_replicates / level.absolute_replicates) for level in ends)
        growth = math.log(levels[-1].rms / levels[-1].absolute) - math.log(levels[0].rms / levels[0].absolute)
        noise = float(np.std(last - first, ddof=1))
    return bool(growth > max(3.0 * noise, math.log(1.5)))


def _scale(values: Array, errors: Array) -> Array:
    """The standard deviations of the test functions under the reference, shape (4,)."""
    count, total = errors[:, 0].sum(), values.sum(0)
    mean, square = total[: len(FUNCTIONS)] / count, total[len(FUNCTIONS) :] / count
    scale: Array = np.sqrt(np.maximum(square - mean**2, 1e-30))
    return scale


def _reference_info(
    study: ConvergenceStudy, plan: Plan, key: str, sums: Sums, weights: Array, scale: Array
) -> _Reference:
    """What is known of the reference: the distance to the track that checks it bounds its own error."""
    steps = int(key.rpartition("@")[2])
    if key not in plan.checks:
        return _Reference(Reference(plan.kind[key], steps, 0.0, 0.0, 0.0, {}), (0.0,) * len(FUNCTIONS))
    check = _errors(sums.errors[plan.checks[key]], weights)
    # Two standard errors more: the distance in the mean is known only up to its own noise.
    weak = (np.abs(check.bias) + 2 * np.std(check.bias_replicates, axis=0, ddof=1)) / scale
    truth = study.task.truth()
    expectations: dict[str, float | None] = {}
    if isinstance(truth, KnownExpectation):
        functions = TestFunctions(truth, prod(study.task.shape))
        means = sums.values[key][:, : len(FUNCTIONS)] / sums.errors[plan.checks[key]][:, :1]
        for k, name in enumerate(FUNCTIONS):

            def phi(x: Array, k: int = k) -> Array:
                return np.asarray(functions(torch.from_numpy(x))[:, k].numpy())

            spread = float(np.std(means[:, k], ddof=1)) / math.sqrt(BLOCKS)
            expectations[name] = finite((float(means[:, k].mean()) - truth.expectation(phi)) / spread)
    weak_error = float(np.sqrt((weak**2).mean()))
    shown = Reference(plan.kind[key], steps, check.absolute, check.rms, weak_error, expectations)
    return _Reference(shown, tuple(weak.tolist()))
