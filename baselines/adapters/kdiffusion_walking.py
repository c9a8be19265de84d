"""How a function `f(model, x, sigmas, …)` walks a grid: z = x/α over ρ = σ/α, its states told to a callback."""

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from sigbench.errors import BrokenContract
from sigbench.sampler import Sampler
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid
from sigbench.sde.problem import ReverseDiffusion, SDEProblem
from sigbench_baselines.adapters.levels import Levels, levels_on
from sigbench_baselines.adapters.noise import ROUNDINGS, PathNoiseSampler
from sigbench_baselines.half_log_snr import reverse_diffusion

Function = Callable[..., Any]


class _Model:
    """The problem's denoiser as k-diffusion asks for it: (z, σ of each sample) to the prediction of x0."""

    def __init__(self, problem: ReverseDiffusion, levels: Levels, dtype: torch.dtype) -> None:
        self._problem = problem
        self._times, self._alphas, self._ratios = levels.t.tolist(), levels.alpha.tolist(), levels.ratio.tolist()
        self._rounding = ROUNDINGS * torch.finfo(dtype).eps

    def __call__(self, z: Tensor, sigma: Tensor, **_: Any) -> Tensor:
        ratio = float(sigma.flatten()[0])
        if not (ratio > 0.0 and bool((sigma == ratio).all())):
            raise BrokenContract(
                "the model was asked with σ that are not above 0, or differ from sample to sample: all samples of a "
                "walk are at one level."
            )
        place = min(range(len(self._ratios)), key=lambda i: abs(self._ratios[i] - ratio))
        t, alpha = self._times[place], self._alphas[place]
        if abs(self._ratios[place] - ratio) > self._rounding * ratio:  # a level between those of the grid
            schedule = self._problem.schedule
            t = float(schedule.time_of_log_snr(-math.log(ratio)))
            alpha = float(schedule.alpha(t))
        return self._problem.denoiser.x0(t, z * alpha)


def walk_by(
    sampler: Sampler,
    function: Function,
    options: Mapping[str, Any],
    problem: SDEProblem,
    x: Tensor,
    grid: Grid,
    brownian: BrownianDriver,
) -> list[Tensor]:
    """Returns the states after each step of a walk by `function`, each of the shape of `x`.

    Raises BrokenContract where its callback is not told one state a step, as k-diffusion's functions do.
    """
    problem = reverse_diffusion(problem)
    levels = levels_on(problem, grid, sampler.name)
    sigmas = levels.ratio.to(x)  # in the state's dtype, or it would be taken up to float64
    alphas, states = levels.alpha.tolist(), dict[int, Tensor]()

    def told(at: Mapping[str, Any]) -> None:
        states.setdefault(int(at["i"]), at["x"] * alphas[int(at["i"])])

    given = dict(options) | {"callback": told}
    wanted = inspect.signature(function).parameters
    if "disable" in wanted:
        given["disable"] = True  # no progress bar
    if "noise_sampler" in wanted:
        order = sampler.signature_order
        given["noise_sampler"] = PathNoiseSampler(brownian, grid, sigmas, order) if order > 0 else _nothing(x)
    end = function(_Model(problem, levels, x.dtype), x / alphas[0], sigmas, **given)
    if sorted(states) != list(range(grid.steps)):
        raise BrokenContract(
            f"{sampler.name} told its callback of the steps {sorted(states)} of a grid of {grid.steps}: it is to call "
            "callback({'i': i, 'x': x, …}) once at the start of each."
        )
    if not isinstance(end, Tensor) or end.shape != x.shape:
        found = f"a tensor of shape {tuple(end.shape)}" if isinstance(end, Tensor) else repr(end)
        raise BrokenContract(f"{sampler.name} returned {found}, not the states of shape {tuple(x.shape)}.")
    return [*(states[i] for i in range(1, grid.steps)), end * alphas[-1]]


def _nothing(x: Tensor) -> Callable[..., Tensor]:
    """A noise sampler for those that multiply what it gives by 0."""
    return lambda *_: torch.zeros_like(x)
