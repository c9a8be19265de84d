"""Other people's samplers on our problems: azula's, and what hands theirs and ours one and the same normals.

diffusers' and k-diffusion's are samplers by the adapters. All three are imported where they are used, for they take
seconds; k-diffusion and azula are installed without their dependencies (`pip install --no-deps k-diffusion azula
torchdiffeq einops`), and tests skip by name where they are not. A walk returns the states after each step, in the units
of our state, shape (steps, n, 1).
"""

import importlib
import importlib.util
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sigbench.sde.grid import Grid, Step
from sigbench.sde.legendre import Kernel, projection
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.signature import PartialSignature, signature_of_normals


class OneNormal:
    """A driver whose noise over a step is one normal ζ, whatever is asked: what the other side is handed too.

    A functional is ζ times the standard deviation of its integral.
    """

    def __init__(self, grid: Grid, like: Tensor, moments: int = 4, seed: int = 7) -> None:
        generator = torch.Generator().manual_seed(seed)
        shape = (grid.steps, moments, *like.shape)
        self.moments = torch.randn(shape, dtype=like.dtype, generator=generator)

    @property
    def normals(self) -> Tensor:
        """The ζ of each step, shape (steps, n, 1)."""
        return self.moments[:, 0]

    def signature(self, step: Step, order: int = 1) -> PartialSignature:
        """Returns the signature whose whitened moments are the step's normals."""
        return signature_of_normals(list(self.moments[step.index, :order]), step.h)

    def functional(self, step: Step, kernel: Kernel) -> Tensor:
        """Returns ζ with the variance of ∫K dW."""
        coefficients, rest = projection(kernel, step.start, step.end, 4)
        return self.normals[step.index] * math.sqrt(float(coefficients @ coefficients) + rest * rest)


def levels(problem: ReverseDiffusion, grid: Grid) -> tuple[Tensor, Tensor, Tensor]:
    """Returns t, α and σ at the grid's times, float64."""
    t = np.array([problem.time(s) for s in grid.times])
    return torch.from_numpy(t), *(torch.as_tensor(f(t)) for f in (problem.schedule.alpha, problem.schedule.sigma))


def need(*packages: str) -> None:
    """Skips the test where one of them is not installed."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"elsewhere: {package} is not installed")


class _Levels:
    """Our schedule as azula asks for one: t to (α, σ)."""

    def __init__(self, problem: ReverseDiffusion) -> None:
        self.schedule = problem.schedule

    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]:
        at = t.numpy()
        return torch.as_tensor(self.schedule.alpha(at)), torch.as_tensor(self.schedule.sigma(at))


class _Posterior:
    def __init__(self, mean: Tensor) -> None:
        self.mean = mean


class _Denoiser:
    """Our denoiser as azula asks for one: (x, t) to an object with the mean of x0."""

    def __init__(self, problem: ReverseDiffusion) -> None:
        self.problem, self.schedule = problem, _Levels(problem)

    def __call__(self, x: Tensor, t: Tensor) -> _Posterior:
        return _Posterior(self.problem.denoiser.x0(float(t), x))


def by_azula(name: str, problem: ReverseDiffusion, x: Tensor, grid: Grid, **options: Any) -> Tensor:
    """Walks with azula's class `name`; it returns the end alone, so each state is the end of a walk up to there."""
    need("azula", "einops")
    from azula import sample

    t, _, _ = levels(problem, grid)
    ends = []
    for steps in range(1, grid.steps + 1):
        base = getattr(sample, name)
        walker = type(name, (base,), {"timesteps": property(lambda self, k=steps: t[: k + 1])})
        sampler = walker(_Denoiser(problem), steps=steps, silent=True, **options)
        ends.append(sampler(x))
    return torch.stack(ends)
