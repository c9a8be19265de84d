"""The Itô–Taylor scheme of strong order 3/2 for additive noise, with forward-mode derivatives."""

from collections.abc import Callable, Iterator
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.sampler import Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import SDEProblem, state_dtype
from sigbench.sde.signature import MAX_ORDER, PartialSignature
from sigbench.task import Task
from sigbench_baselines.additive import additive_diffusion

_SECOND_ORDER_STREAMS = 4  # value, two first derivatives and the second one pass through the network together
_FIRST_ORDER_STREAMS = 2


class _Derivatives(NamedTuple):
    """The drift (n, *shape), its Laplacian by coordinates (n, *shape), and the map v → (∂f)·v."""

    drift: Tensor
    laplacian: Tensor
    along: Callable[[Tensor], Tensor]


class Taylor15(Sampler):
    """Itô–Taylor 1.5: x + hf + gΔW + g(∂f)M₁ + g′(hΔW − M₁) + ½h²(∂ₛf + (∂f)f + ½g²Δf), additive noise.

    Derivatives in x are forward-mode. The Laplacian is exact up to `exact_dimensions` coordinates, one pass of
    nested derivatives for each; above, Hutchinson's estimator takes `probes` random ±1 directions a step, which
    is unbiased and so keeps the order. ∂ₛf and g′ are differences over the step, exact to the scheme's order.

    What counts as a network call: a plain call is 1. A forward-mode pass runs the network on every derivative
    that it carries, so it counts as many calls as it has streams: 2 for a first derivative, 4 for a nested
    second one. On the line a step is 4 + 1 (for ∂ₛf) = 5.
    """

    name = "taylor15"
    citation = "Kloeden & Platen 1992, eq. 10.4.10; Hutchinson 1990 for the trace"
    when = "A reference of order 3/2 where derivatives of the drift are cheap."
    family = "sde"
    additive_only = True
    strong_order = 1.5
    weak_order = 2.0
    signature_order = 2
    nfe_per_step = 5

    def __init__(self, exact_dimensions: int = 3, probes: int = 1) -> None:
        if not 1 <= probes <= MAX_ORDER - 2:
            raise BadInput(f"taylor15 takes 1 to {MAX_ORDER - 2} probes, got {probes}.")
        self.exact_dimensions, self.probes = exact_dimensions, probes

    def _order(self, problem: SDEProblem) -> int:
        """Two moments for the scheme, and above `exact_dimensions` one more for each probe's signs."""
        return 2 if prod(problem.shape) <= self.exact_dimensions else 2 + self.probes

    def prepare(self, task: Task, problem: SDEProblem, dtype: torch.dtype) -> None:
        """Declares the moments and calls that the problem's dimension takes.

        Raises BadInput for a network that torch cannot differentiate twice in forward mode, which one sample tells.
        """
        self.signature_order = self._order(problem)
        dimension, exact = prod(problem.shape), prod(problem.shape) <= self.exact_dimensions
        passes = dimension if exact else self.probes
        self.nfe_per_step = passes * _SECOND_ORDER_STREAMS + (0 if exact else _FIRST_ORDER_STREAMS) + 1
        sample = torch.zeros(1, *problem.shape, device=problem.device, dtype=state_dtype(dtype))
        try:
            with torch.no_grad():
                _second(problem, 0.5 * problem.horizon, sample, torch.ones_like(sample))
        except NotImplementedError as error:
            raise BadInput(
                f"taylor15 needs second derivatives of the drift in forward mode, which torch has not for the network "
                f"of {task.name!r}: {str(error).partition(chr(10))[0].rstrip('.')}."
            ) from error
        finally:
            problem.counter.reset()

    def walk(self, problem: SDEProblem, x: Tensor, grid: Grid, brownian: BrownianDriver) -> Iterator[Tensor]:
        for step in grid:
            s, h = step.start, step.h
            signature = brownian.signature(step, self._order(problem))
            w, u = signature.increment, signature.time_integral
            g, g_end = additive_diffusion(problem, step, x)
            f, laplacian, along = self._derivatives(problem, s, x, signature)
            later = problem.drift(step.end, x)
            x = (
                x
                + h * f
                + g * w
                + along(g * u + (0.5 * h * h) * f)
                + (g_end - g) * (w - u / h)
                + (0.5 * h) * (later - f)
                + (0.25 * h * h * g * g) * laplacian
            )
            yield x

    def _derivatives(self, problem: SDEProblem, s: float, x: Tensor, signature: PartialSignature) -> _Derivatives:
        dimension = prod(x.shape[1:])
        if dimension <= self.exact_dimensions:
            return _exact(problem, s, x, dimension)
        total = torch.zeros_like(x)
        for probe in range(self.probes):
            f, _, second = _second(problem, s, x, _signs(signature, probe))
            total = total + second

        def along(v: Tensor) -> Tensor:
            problem.counter.charge(_FIRST_ORDER_STREAMS - 1)
            return torch.func.jvp(lambda y: problem.drift(s, y), (x,), (v,))[1]

        return _Derivatives(f, total / self.probes, along)


def _exact(problem: SDEProblem, s: float, x: Tensor, dimension: int) -> _Derivatives:
    """All columns of the Jacobian and the exact Laplacian, a nested pass for each coordinate."""
    columns, laplacian = [], torch.zeros_like(x)
    for i in range(dimension):
        direction = torch.zeros_like(x)
        direction.view(len(x), -1)[:, i] = 1.0
        f, first, second = _second(problem, s, x, direction)
        columns.append(first)
        laplacian = laplacian + second

    def along(v: Tensor) -> Tensor:
        parts = v.reshape(len(v), -1)
        shape = (len(v),) + (1,) * (x.dim() - 1)
        total = columns[0] * parts[:, 0].view(shape)
        for i in range(1, dimension):
            total = total + columns[i] * parts[:, i].view(shape)
        return total

    return _Derivatives(f, laplacian, along)


def _second(problem: SDEProblem, s: float, x: Tensor, direction: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Returns f, its first and its second derivative along `direction`, in one pass; charged as 4 calls."""
    problem.counter.charge(_SECOND_ORDER_STREAMS - 1)

    def first(y: Tensor) -> tuple[Tensor, Tensor]:
        value, slope = torch.func.jvp(lambda z: problem.drift(s, z), (y,), (direction,))[:2]
        return value, slope

    (f, slope), (_, curvature) = torch.func.jvp(first, (x,), (direction,))[:2]
    return f, slope, curvature


def _signs(signature: PartialSignature, probe: int) -> Tensor:
    """Returns random ±1, shape (n, *shape): the signs of a whitened moment that the scheme does not read.

    It is independent of ΔW and M₁, and comes with the path: same path, same result.
    """
    return torch.where(signature.whitened()[2 + probe] < 0, -1.0, 1.0).to(signature.increment.dtype)
