"""Paths of the rough Bergomi model on a uniform grid: exact Gaussian drivers, or the hybrid scheme for long grids."""

import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from scipy.linalg import cholesky
from torch import Tensor

from sigbench.errors import BadInput, unknown_name
from sigbench.sde.noise import NoiseStream, seed_of
from sigbench_tasks.rbergomi.model import RoughBergomi

_BLOCK = 1000  # paths computed together, always whole: products of other sizes may round otherwise
_OF_W, _OF_Y, _OF_PRICE = range(3)  # positions of the noise: dW, what Y has beside dW, dW⊥


class _Volterra(Protocol):
    """A scheme for Y given the normals of dW and independent ones, all of shape (paths, steps)."""

    def __call__(self, of_w: Tensor, of_y: Tensor) -> Tensor: ...


class _Exact:
    """Y in law exactly: the Cholesky factor of (dW, Y), whose block of dW alone is diagonal."""

    def __init__(self, model: RoughBergomi, horizon: float, steps: int, device: torch.device) -> None:
        h = horizon / steps
        joint = model.covariance(h * np.arange(1, steps + 1, dtype=np.float64))
        with_w = np.diff(joint[:steps, steps:], prepend=0.0) / math.sqrt(h)
        self._with_w = torch.from_numpy(with_w.T.copy()).to(device)
        self._beside_w: Tensor | None = None
        if model.hurst == 0.5:
            return  # Y is W, and nothing remains to be factorised
        try:
            factor = cholesky(joint[:steps, :steps] - with_w @ with_w.T, lower=True)
        except np.linalg.LinAlgError:
            raise BadInput(
                f"the covariance of {steps} steps at H = {model.hurst} is not positive definite in floating point: "
                "take fewer steps, method='hybrid', or an H further from 0.5 or equal to it."
            ) from None
        self._beside_w = torch.from_numpy(factor.T.copy()).to(device)

    def __call__(self, of_w: Tensor, of_y: Tensor) -> Tensor:
        y = of_w @ self._with_w
        return y if self._beside_w is None else y.addmm_(of_y, self._beside_w)


class _Hybrid:
    """Y by the hybrid scheme of Bennedsen, Lunde & Pakkanen 2017 with κ = 1 and the optimal points b*.

    The kernel's step at the singularity is drawn with its exact law; on every other step the kernel is constant,
    and b* makes it equal to its mean over the step, so that E[Y·dW] is exact too.
    """

    def __init__(self, model: RoughBergomi, horizon: float, steps: int, device: torch.device) -> None:
        hurst, h = model.hurst, horizon / steps
        power = np.arange(steps + 1) ** (hurst + 0.5)
        # (b*)^(H−½) needs no root with exponent 1/(H−½), which H = ½ does not have; lag 1 is the singular step
        weights = math.sqrt(2 * hurst) * h**hurst * np.diff(power) / (hurst + 0.5)
        self._beside_w = h**hurst * (0.5 - hurst) / (0.5 + hurst)
        self._length = 2 * steps  # zeros enough that the circle never closes
        self._spectrum = torch.fft.rfft(torch.from_numpy(weights).to(device), self._length)

    def __call__(self, of_w: Tensor, of_y: Tensor) -> Tensor:
        smooth = torch.fft.irfft(torch.fft.rfft(of_w, self._length) * self._spectrum, self._length)
        return smooth[:, : of_w.shape[1]].add(of_y, alpha=self._beside_w)


_SCHEMES: dict[str, type[_Exact] | type[_Hybrid]] = {"exact": _Exact, "hybrid": _Hybrid}
METHODS = tuple(_SCHEMES)


class Simulator:
    """Paths of `model` on the grid t_i = horizon·i/steps, i = 1 … steps, in float64; the horizon is in years.

    `method` says where Y comes from: "exact" from the Cholesky factor of the joint covariance of (Y, W), whose cost
    a path grows with steps², "hybrid" from the scheme of Bennedsen, Lunde & Pakkanen 2017 (Hybrid scheme for
    Brownian semistationary processes) by FFT. Normals are drawn on the host and belong to their path: the first paths
    are the same however many are drawn. The arithmetic is `device`'s.
    Raises BadInput for a horizon that is not positive, fewer than 2 steps, an unknown method, and for a covariance
    that is not positive definite in floating point.
    """

    def __init__(
        self,
        model: RoughBergomi,
        horizon: float,
        steps: int,
        method: str = "exact",
        device: torch.device | str = "cpu",
    ) -> None:
        if not 0 < horizon < math.inf:
            raise BadInput(f"the horizon must lie in (0, ∞), not {horizon}.")
        if int(steps) != steps or steps < 2:
            raise BadInput(f"a grid takes at least 2 steps, not {steps}: a grid of one point has no path.")
        if method not in METHODS:
            raise unknown_name("method", method, METHODS)
        self.model, self.horizon, self.steps, self.method = model, horizon, steps, method
        self.device = torch.device(device)
        self._volterra: _Volterra = _SCHEMES[method](model, horizon, steps, self.device)

    @property
    def times(self) -> Tensor:
        """The grid without zero, shape (steps,), on the device."""
        return self.horizon / self.steps * torch.arange(1, self.steps + 1, dtype=torch.float64, device=self.device)

    def driver_blocks(self, n: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields the (Y, dW) of `drivers` in blocks of at most 1,000 paths, for what need not hold all of them."""
        for first, _, y, dw in self._blocks(n, seed):
            yield y[: n - first], dw[: n - first]

    def drivers(self, n: int, seed: int) -> tuple[Tensor, Tensor]:
        """Returns Y at the grid times and the increments dW over [t_{i−1}, t_i], each of shape (n, steps)."""
        y, dw = (torch.empty(n, self.steps, dtype=torch.float64, device=self.device) for _ in range(2))
        for first, (some_y, some_dw) in zip(range(0, n, _BLOCK), self.driver_blocks(n, seed), strict=True):
            y[first : first + _BLOCK], dw[first : first + _BLOCK] = some_y, some_dw
        return y, dw

    def left_variance(self, y: Tensor) -> Tensor:
        """Returns V at the left end of every step, V_0 = ξ first, for Y and in the shape of `drivers`."""
        variance = torch.empty_like(y)
        variance[:, 0] = self.model.xi
        torch.exp(self._log_variance(y)[:, :-1], out=variance[:, 1:])
        return variance

    def paths(self, n: int, seed: int, every: int = 1) -> Tensor:
        """Returns (log S, log V) at every `every`-th grid time, shape (n, steps // every, 2).

        log S is log-Euler on the whole grid, with the variance of each step's left end, which keeps E[S] = 1.
        Raises BadInput where `every` does not divide the steps.
        """
        if every < 1 or self.steps % every:
            raise BadInput(f"every {every}-th of {self.steps} steps does not end at the horizon: take a divisor.")
        h, rho = self.horizon / self.steps, self.model.rho
        paths = torch.empty(n, self.steps // every, 2, dtype=torch.float64, device=self.device)
        for first, noise, y, dw in self._blocks(n, seed):
            variance = self.left_variance(y)
            dw_perp = math.sqrt(h) * noise.normal(first, _BLOCK, _OF_PRICE)
            returns = variance.sqrt() * dw.mul(rho).add_(dw_perp, alpha=math.sqrt(1 - rho**2))
            log_s = returns.sub_(variance, alpha=0.5 * h).cumsum_(1)
            kept = slice(every - 1, None, every)
            paths[first : first + _BLOCK, :, 0] = log_s[: n - first, kept]
            paths[first : first + _BLOCK, :, 1] = self._log_variance(y)[: n - first, kept]
        return paths

    def _log_variance(self, y: Tensor) -> Tensor:
        eta = self.model.eta
        return eta * y + (math.log(self.model.xi) - 0.5 * eta**2 * self.times ** (2 * self.model.hurst))

    def _blocks(self, n: int, seed: int) -> Iterator[tuple[int, NoiseStream, Tensor, Tensor]]:
        """Yields the first path of each block, the noise of all, and the block's (Y, dW), never cut short."""
        if n < 1:
            raise BadInput(f"at least one path must be drawn, not {n}.")
        own = seed_of(task="rbergomi", seed=seed)
        noise = NoiseStream(own, (self.steps,), dtype=torch.float64, device=self.device)
        for first in range(0, n, _BLOCK):
            of_w, of_y = (noise.normal(first, _BLOCK, position) for position in (_OF_W, _OF_Y))
            yield first, noise, self._volterra(of_w, of_y), math.sqrt(self.horizon / self.steps) * of_w
