"""Other people's samplers on our problems: diffusers', k-diffusion's and azula's, on our levels and noise in float64.

All three are imported where they are used, for they take seconds; k-diffusion and azula are installed without their
dependencies (`pip install --no-deps k-diffusion azula torchdiffeq einops`), and tests skip by name where they are not.
A walk returns the states after each step, in the units of our state, shape (steps, n, 1).
"""

import importlib
import importlib.util
import math
import sys
from collections.abc import Callable
from functools import cache
from types import ModuleType
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


@cache
def k_diffusion() -> ModuleType:
    """Returns k_diffusion.sampling without the rest of its package, which needs a dozen others.

    Of `k_diffusion.utils`, which imports torchvision, the samplers use one function.
    """
    need("k_diffusion", "torchdiffeq")
    found = importlib.util.find_spec("k_diffusion")
    assert found is not None
    assert found.submodule_search_locations is not None
    package, utils = ModuleType("k_diffusion"), ModuleType("k_diffusion.utils")
    package.__path__ = list(found.submodule_search_locations)
    package.utils = utils  # type: ignore[attr-defined]
    utils.append_dims = lambda x, dims: x.reshape(x.shape + (1,) * (dims - x.dim()))  # type: ignore[attr-defined]
    sys.modules |= {"k_diffusion": package, "k_diffusion.utils": utils}
    return importlib.import_module("k_diffusion.sampling")


def by_k_diffusion(
    name: str, problem: ReverseDiffusion, x: Tensor, grid: Grid, noise: OneNormal | None = None, **options: Any
) -> Tensor:
    """Walks with k-diffusion's `sample_NAME` in x/α over ρ = σ/α; its noise sampler hands out the ζ of the steps."""
    t, alpha, sigma = levels(problem, grid)
    ratios = sigma / alpha

    def model(z: Tensor, ratio: Tensor) -> Tensor:
        place = (ratios - ratio[0]).abs().argmin()
        if torch.isclose(ratios[place], ratio[0], rtol=1e-12, atol=0.0):
            return problem.denoiser.x0(float(t[place]), z * alpha[place])
        between = float(problem.schedule.time_of_log_snr(-math.log(float(ratio[0]))))
        return problem.denoiser.x0(between, z * float(problem.schedule.alpha(between)))

    if noise is not None:
        steps = {float(ratio): i for i, ratio in enumerate(ratios[:-1])}
        options["noise_sampler"] = lambda ratio, _: noise.normals[steps[float(ratio)]]
    seen: list[Tensor] = []
    sampler = getattr(k_diffusion(), f"sample_{name}")
    end = sampler(model, x / alpha[0], ratios, callback=lambda at: seen.append(at["x"]), disable=True, **options)
    return torch.stack([*seen[1:], end]) * alpha[1:, None, None]


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


def by_diffusers(
    scheduler: Any,
    problem: ReverseDiffusion,
    x: Tensor,
    grid: Grid,
    *,
    predict: str = "eps",
    noise: OneNormal | None = None,
    patch: Callable[[str, Any], None] | None = None,
) -> Tensor:
    """Walks with one of diffusers' multistep schedulers whose levels are overwritten with ours, in float64.

    With `noise` its `randn_tensor` hands out the ζ of the steps; `patch` sets what is set for the time of a test.
    """
    t, alpha, sigma = levels(problem, grid)
    scheduler.set_timesteps(grid.steps)
    scheduler.sigmas, scheduler.timesteps = sigma / alpha, 1000.0 * t[:-1]
    scheduler.set_begin_index(0)
    out: list[Tensor] = []
    if noise is not None:
        assert patch is not None
        patch(f"{type(scheduler).__module__}.randn_tensor", lambda *_, **__: noise.normals[len(out)])
    for step, time in zip(grid, scheduler.timesteps, strict=True):
        x = scheduler.step(problem.denoiser.predict(predict, step.t, x), time, x).prev_sample.double()  # type: ignore[arg-type]
        out.append(x)
    return torch.stack(out)
