"""The suite's Brownian path as other libraries ask for noise: a noise sampler, and an answer to `torch.randn`.

A step over h has ΔW/√h as its first standard normal and the whitened second moment, which is independent of it, as
its second. Noise then belongs to the sample: it is the same in every batch, and on every grid of the same path.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from sigbench.errors import BrokenContract
from sigbench.sde.brownian import BrownianDriver
from sigbench.sde.grid import Grid, Step

_DRAWS = {torch.randn, torch.randn_like}
_OTHER_DRAWS = {
    torch.rand,
    torch.rand_like,
    torch.randint,
    torch.randint_like,
    torch.randperm,
    torch.normal,
    torch.bernoulli,
    torch.multinomial,
    torch.poisson,
    torch.Tensor.normal_,
    torch.Tensor.uniform_,
    torch.Tensor.random_,
    torch.Tensor.bernoulli_,
    torch.Tensor.exponential_,
    torch.Tensor.cauchy_,
    torch.Tensor.log_normal_,
    torch.Tensor.geometric_,
}
ROUNDINGS = 64  # by how many of them a level may come back changed: others go to λ and back


class PathNormals(TorchFunctionMode):
    """A context in which `torch.randn` and `torch.randn_like` give the normals of one step of the path.

    `with PathNormals(brownian, step): scheduler.step(…)` is how a scheduler of diffusers draws from the path: its
    `randn_tensor` calls `torch.randn`. The first draw is ΔW/√h, the next the whitened second moment, and so on up to
    `order`. Raises BrokenContract for more draws, for another shape, and for any other random numbers of torch.
    """

    def __init__(self, brownian: BrownianDriver, step: Step, order: int = 1) -> None:
        super().__init__()
        self._brownian, self._step, self._order = brownian, step, order
        self._left: Iterator[Tensor] | None = None

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _OTHER_DRAWS:
            raise BrokenContract(f"a step drew by {func.__name__}: the path has standard normals only, by torch.randn.")
        if func not in _DRAWS:
            return func(*args, **kwargs)
        if self._left is None:
            self._left = iter(whitened(self._brownian, self._step, self._order))
        drawn = next(self._left, None)
        if drawn is None:
            raise BrokenContract(f"a step drew more than the {self._order} standard normals that it declared.")
        like = args[0] if func is torch.randn_like else None
        shape = tuple(like.shape) if like is not None else tuple(torch.Size(_shape(args, kwargs)))
        if shape != tuple(drawn.shape):
            raise BrokenContract(f"a step drew noise of shape {shape}, and its states have {tuple(drawn.shape)}.")
        dtype = kwargs.get("dtype") or (like.dtype if like is not None else drawn.dtype)
        return drawn.to(dtype)


def _shape(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """The shape that torch.randn was asked for, which it takes as a sequence, as numbers, or by name."""
    if not args:
        return kwargs["size"]
    return args if isinstance(args[0], int) else args[0]


def whitened(brownian: BrownianDriver, step: Step, order: int) -> tuple[Tensor, ...]:
    """Returns the first `order` independent standard normals of a step, each of shape (n, *shape); none for 0."""
    return brownian.signature(step, order).whitened() if order > 0 else ()


class PathNoiseSampler:
    """The path as k-diffusion's `noise_sampler`: called with two levels, it gives a standard normal between them.

    `sigmas` are the levels σ/α at the grid's times, decreasing. Between the levels of a step it is ΔW/√h; from a step's
    start to a level within, as `sample_dpmpp_sde` asks, it has the correlation with ΔW that a Brownian motion in σ has,
    the rest being the whitened second moment: the joint law of k-diffusion's own `BrownianTreeNoiseSampler`. `order` is
    1 or 2: whether levels within a step may be asked for. Raises BrokenContract for levels of no step.
    """

    def __init__(self, brownian: BrownianDriver, grid: Grid, sigmas: Tensor, order: int = 2) -> None:
        self._brownian, self._steps, self._order = brownian, tuple(grid), order
        self._levels = [float(sigma) for sigma in sigmas]
        self._rounding = ROUNDINGS * torch.finfo(sigmas.dtype).eps

    def __call__(self, sigma: Tensor | float, sigma_next: Tensor | float) -> Tensor:
        here, there = float(sigma), float(sigma_next)
        index = min(range(len(self._steps)), key=lambda i: abs(self._levels[i] - here))
        start, end = self._levels[index], self._levels[index + 1]
        if not self._same(start, here):
            raise BrokenContract(f"noise was asked for from the level {here:g}, at which no step begins.")
        if self._same(end, there):
            return whitened(self._brownian, self._steps[index], 1)[0]
        if not end < there < start or self._order < 2:
            raise BrokenContract(
                f"noise was asked for from the level {here:g} to {there:g}, and the step ends at {end:g}."
            )
        share = (start - there) / (start - end)
        first, second = whitened(self._brownian, self._steps[index], 2)
        return share**0.5 * first + (1.0 - share) ** 0.5 * second

    def _same(self, one: float, other: float) -> bool:
        return abs(one - other) <= self._rounding * abs(one)
