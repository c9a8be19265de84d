"""What holds the targets of adapters to something: their cases, the sampler that is the same, and an exact solution."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from walking import CPU

from sigbench.errors import BadInput
from sigbench.registry import make_sampler
from sigbench.sampler import Sampler
from sigbench.sde.denoiser import Denoiser
from sigbench.sde.grid import Grid, Step
from sigbench.sde.legendre import Kernel
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.schedule import Schedule, VPLinear
from sigbench.sde.signature import PartialSignature, signature_of_normals
from sigbench_baselines.adapters.facts import Option

SPREAD = 0.5  # of the Gaussian data


def specs(adapter: str, allowed: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yields (target, options, spec) for all values of the options of an allow-list's targets that tests cover."""
    for target, entry in allowed.items():
        options: Mapping[str, Option] = entry.options
        for values in itertools.product(*(option.tested for option in options.values())):
            given = dict(zip(options, values, strict=True))
            spec = ":".join([adapter, target, *(f"{name}={_text(value)}" for name, value in given.items())])
            yield target, given, spec


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def taken(spec: str) -> Sampler | None:
    """Returns the sampler of a spec, None where its options are refused together."""
    try:
        return make_sampler(spec)
    except BadInput as error:
        assert "is not taken with these options" in str(error)
        return None


def gaussian(schedule: Schedule) -> ReverseDiffusion:
    """Returns a problem of data N(0, SPREAD²), whose denoiser is linear."""

    def x0(t: float, x: Tensor) -> Tensor:
        alpha, sigma = float(schedule.alpha(t)), float(schedule.sigma(t))
        return SPREAD**2 * alpha / (SPREAD**2 * alpha**2 + sigma**2) * x

    return ReverseDiffusion(schedule, Denoiser(x0, "x0", schedule), (1,), CPU)


def spread_at(schedule: Schedule, t: float) -> float:
    """Returns the standard deviation of the states at `t` where the data are N(0, SPREAD²)."""
    return float((SPREAD**2 * schedule.alpha(t) ** 2 + schedule.sigma(t) ** 2) ** 0.5)


class OneDrawEach:
    """A driver under which sample j has but one normal that is not 0: draw j mod 2 of step j // 2, the last has none.

    What a sampler makes of them on a linear problem from x = 0, and of x = 1 alone in the last sample, are the factors
    of its independent normals: their squares add up to the variance of its samples, without Monte Carlo.
    """

    def __init__(self, grid: Grid) -> None:
        self.normals = torch.eye(2 * grid.steps + 1, dtype=torch.float64)[:, :, None]

    def start(self, spread: float) -> Tensor:
        """Returns the states at the start, shape (2·steps + 1, 1)."""
        return spread * self.normals[-1]

    def signature(self, step: Step, order: int = 1) -> PartialSignature:
        """Returns the signature of the step's normals."""
        return signature_of_normals([self.normals[2 * step.index + k].clone() for k in range(order)], step.h)

    def functional(self, step: Step, kernel: Kernel) -> Tensor:
        """Raises NotImplementedError: other people's samplers know no kernels."""
        raise NotImplementedError


def spread_errors(sampler: Sampler, counts: Sequence[int]) -> list[float]:
    """Returns how far the spread of a sampler's samples of Gaussian data is off, as a share of it, by steps.

    The calls of each walk, one of all the samples at once, are held to those that the sampler declares.
    """
    problem = gaussian(VPLinear())
    exact = spread_at(problem.schedule, problem.schedule.t_end)
    errors = []
    for steps in counts:
        grid = problem.grid("log-snr", steps)
        problem.counter.reset()
        errors.append(abs(spread_of(sampler, problem, grid) - exact) / exact)
        assert problem.counter.calls == sampler.calls(problem, grid)
    return errors


def spread_of(sampler: Sampler, problem: ReverseDiffusion, grid: Grid) -> float:
    """Returns the standard deviation of a sampler's samples on a Gaussian problem, from the exact law at the start."""
    driver = OneDrawEach(grid)
    x = driver.start(spread_at(problem.schedule, problem.schedule.t_start))
    end = list(sampler.walk(problem, x, grid, driver))[-1]
    return float(end.square().sum().sqrt())
