"""What a sampler's contract forbids and a score would not show: noise of its own, memory, states that change."""

import random
from itertools import islice
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sigbench.errors import BrokenContract
from sigbench.measure.batch import path_of, start_batch
from sigbench.measure.cell import Cell
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Step
from sigbench.sde.legendre import Kernel
from sigbench.sde.signature import PartialSignature

_FEW = 16  # samples of the watched walk: a small part of a batch
_TF32_EPS = 2.0**-10


class WatchedGenerators:
    """A context that raises BrokenContract where the global generators of torch, NumPy or Python were used within."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell

    def __enter__(self) -> None:
        self._before = _generator_states(self._cell.device)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            return
        for name, state in _generator_states(self._cell.device).items():
            if not np.array_equal(state, self._before[name]):
                raise BrokenContract(
                    f"{self._cell.sampler_spec} draws from the global generator of {name}: its only source of noise is "
                    "brownian.signature and brownian.functional, so that all samplers walk the same path."
                )


def _generator_states(device: torch.device) -> dict[str, Any]:
    numpy_state = np.random.get_state(legacy=False)["state"]  # noqa: NPY002  it is others' use that is looked for
    found = {
        "torch": torch.get_rng_state().numpy(),
        "NumPy": np.append(numpy_state["key"], numpy_state["pos"]),
        "Python": np.array(random.getstate()[1]),
    }
    if device.type == "cuda":
        found["torch on CUDA"] = torch.cuda.get_rng_state(device).numpy()
    return found


def check_same_batch(cell: Cell, once: Tensor, again: Tensor) -> None:
    """Raises BrokenContract where the same batch, walked twice, came out differently.

    On a CPU the two have the same bits; elsewhere sums may be taken in another order, and a rounding is allowed.
    """
    same = torch.equal(once, again) if cell.device.type == "cpu" else _gap(once, again) <= _tolerance(cell)
    if not (same or ((once.isnan() == again.isnan()).all() and torch.equal(once.nan_to_num(), again.nan_to_num()))):
        raise BrokenContract(
            f"{cell.sampler_spec} made other samples of the same noise when it walked its first batch again: it draws "
            "random numbers of its own, or keeps something from one walk to the next."
        )


def check_by_watching(cell: Cell, samples: Tensor) -> None:
    """Walks a few of the first repeat's samples once more, watched; `samples` are those that were drawn, on the CPU.

    Raises BrokenContract where the global generators are used, where a state that was yielded, the start or a signature
    is changed later, where a state has another shape or dtype, and where a stochastic sampler's samples come out
    differently in another batch: then its noise is not the path's. (A deterministic one has none; where its samples
    depend on each other they fall below the floor.)
    """
    batch = min(cell.batch, cell.samples)
    first = batch // 2  # neither the first of a batch nor at the same place in it
    few = min(_FEW, batch - first)
    start = start_batch(cell, 0, first, few)
    path = _WatchedPath(path_of(cell, 0, first, few))
    held = [(start.x, start.x.clone())]
    cell.problem.counter.reset()
    with torch.no_grad(), WatchedGenerators(cell):
        for state in islice(cell.walk(start.problem, start.x, path), cell.grid.steps):
            if not isinstance(state, Tensor) or (state.shape, state.dtype) != (start.x.shape, start.x.dtype):
                found = f"shape {tuple(state.shape)} in {state.dtype}" if isinstance(state, Tensor) else repr(state)
                raise BrokenContract(
                    f"{cell.sampler_spec} yielded {found} after step {len(held)}, expected {tuple(start.x.shape)} in "
                    f"{start.x.dtype}."
                )
            held.append((state, state.clone()))
    for index, (now, then) in enumerate(held):
        if not _unchanged(now, then):
            what = f"the state that it had yielded after step {index}" if index else "the initial state"
            raise BrokenContract(
                f"{cell.sampler_spec} changed {what} in place: each step must make a tensor of its own."
            )
    if not all(_unchanged(now, then) for now, then in path.given):
        raise BrokenContract(f"{cell.sampler_spec} changed a signature of the path in place.")
    moved = _gap(held[-1][1].cpu(), samples[first : first + few])
    if cell.sampler.family != "ode" and moved > _tolerance(cell):
        raise BrokenContract(
            f"{cell.sampler_spec} made other samples of the same noise in a batch of {few} than in one of {batch}: a "
            "sample depends on its own noise alone, not on its batch, its place in it or the walks before."
        )


class _WatchedPath:
    """Hands on another driver's noise, and keeps what it gave with a copy."""

    def __init__(self, driver: BrownianDriver) -> None:
        self._driver = driver
        self.given: list[tuple[Tensor, Tensor]] = []

    def signature(self, step: Step, order: int = 1) -> PartialSignature:
        """Returns the driver's signature, and raises as it does."""
        found = self._driver.signature(step, order)
        self.given += [(moment, moment.clone()) for moment in found.moments]
        return found

    def functional(self, step: Step, kernel: Kernel) -> Tensor:
        """Returns the driver's functional, and raises as it does."""
        found = self._driver.functional(step, kernel)
        self.given.append((found, found.clone()))
        return found


def _unchanged(now: Tensor, then: Tensor) -> bool:
    return torch.equal(now.nan_to_num(), then.nan_to_num())


def _tolerance(cell: Cell) -> float:
    """What roundings may come to: the root of the network's resolution."""
    eps = torch.finfo(cell.network_dtype).eps
    if cell.device.type == "cuda" and (torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32):
        eps = max(eps, _TF32_EPS)
    return float(eps**0.5)


def _gap(a: Tensor, b: Tensor) -> float:
    """The median over samples of the root mean square difference, in units of the largest coordinate or of 1.

    The median, for a path at the watershed of two modes may blow a rounding up to a jump.
    """
    one, two = a.double().flatten(1), b.double().flatten(1)
    scale = max(1.0, float(two.abs().max()))
    return float(((one - two) / scale).square().mean(1).sqrt().median())
