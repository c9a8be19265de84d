"""Paths of the rough Bergomi model on a uniform grid: exact Gaussian drivers, or the hybrid scheme for long grids."""

import math
from collections.abc import Iterator, Sequence
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
        grid, curve = self.times.cpu().numpy(), model.forward
        eta, powers = model.eta, self.times ** (2 * model.hurst)
        self._log_mean = torch.from_numpy(curve.log_at(grid)).to(self.device) - 0.5 * eta**2 * powers
        left = curve.at(np.concatenate([[0.0], grid[:-1]]))
        bends = None if len(curve.values) == 1 else torch.from_numpy(curve.mean_over(grid) / left).to(self.device)
        self._first, self._bends = float(left[0]), bends

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
        """Returns the variance of every step, for Y and in the shape of `drivers`.

        It is V at the step's left end, V_0 = ξ(0) first, with the mean of ξ over the step in the place of ξ there.
        """
        variance = torch.empty_like(y)
        variance[:, 0] = self._first
        torch.exp(self._log_variance(y)[:, :-1], out=variance[:, 1:])
        return variance if self._bends is None else variance.mul_(self._bends)

    def paths(self, n: int, seed: int, every: int = 1) -> Tensor:
        """Returns (log S, log V) at every `every`-th grid time, shape (n, steps // every, 2).

        log S is log-Euler on the whole grid, with the variance of each step's left end, which keeps E[S] = 1.
        Raises BadInput where `every` does not divide the steps.
        """
        if every < 1 or self.steps % every:
            raise BadInput(f"every {every}-th of {self.steps} steps does not end at the horizon: take a divisor.")
        return self.paths_at(n, seed, range(every, self.steps + 1, every))

    def paths_at(self, n: int, seed: int, places: Sequence[int]) -> Tensor:
        """Returns the (log S, log V) of `paths` at the grid times with these numbers, from 1; shape (n, places, 2)."""
        paths = torch.empty(n, len(places), 2, dtype=torch.float64, device=self.device)
        kept = torch.tensor(places, device=self.device) - 1
        for first, noise, y, dw in self._blocks(n, seed):
            paths[first : first + _BLOCK] = self._path(y, dw, self._dw_perp(noise, first), kept)[: n - first]
        return paths

    def conditional_laws(self, n: int, seed: int, places: Sequence[int]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yields what paths at `places` are given W, in blocks, for W and for −W: each of shape (2, m, places).

        Log S is the first plus a Gaussian of independent increments, whose variances are (1−ρ²) times those of the
        second, ∫V over the time until then; the third is log V. In law such paths are those of `paths_at`.
        """
        kept = torch.tensor(places, device=self.device) - 1
        h, rho = self.horizon / self.steps, self.model.rho
        for first, _, y, dw in self._blocks(n, seed):
            drift, spent, log_v = [], [], []
            for sign in (1.0, -1.0):
                own = sign * y[: n - first]
                variance = self.left_variance(own)
                spent.append(h * variance.cumsum(1)[:, kept])
                driven = variance.sqrt_().mul_(dw[: n - first]).cumsum_(1)[:, kept]
                drift.append(sign * rho * driven - 0.5 * spent[-1])
                log_v.append(self._log_variance(own[:, kept], kept))
            yield torch.stack(drift), torch.stack(spent), torch.stack(log_v)

    def _path(self, y: Tensor, dw: Tensor, dw_perp: Tensor, kept: Tensor) -> Tensor:
        """(log S, log V) at the places `kept`, shape (n, kept, 2)."""
        h, rho, variance = self.horizon / self.steps, self.model.rho, self.left_variance(y)
        returns = variance.sqrt() * dw.mul(rho).add_(dw_perp, alpha=math.sqrt(1 - rho**2))
        log_s = returns.sub_(variance, alpha=0.5 * h).cumsum_(1)
        return torch.stack([log_s[:, kept], self._log_variance(y[:, kept], kept)], dim=-1)

    def _dw_perp(self, noise: NoiseStream, first: int) -> Tensor:
        return math.sqrt(self.horizon / self.steps) * noise.normal(first, _BLOCK, _OF_PRICE)

    def _log_variance(self, y: Tensor, places: Tensor | slice = slice(None)) -> Tensor:
        """log V for Y at all grid times, or at some."""
        return self.model.eta * y + self._log_mean[places]

    def _blocks(self, n: int, seed: int) -> Iterator[tuple[int, NoiseStream, Tensor, Tensor]]:
        """Yields the first path of each block, the noise of all, and the block's (Y, dW), never cut short."""
        if n < 1:
            raise BadInput(f"at least one path must be drawn, not {n}.")
        own = seed_of(task="rbergomi", seed=seed)
        noise = NoiseStream(own, (self.steps,), dtype=torch.float64, device=self.device)
        for first in range(0, n, _BLOCK):
            of_w, of_y = (noise.normal(first, _BLOCK, position) for position in (_OF_W, _OF_Y))
            yield first, noise, self._volterra(of_w, of_y), math.sqrt(self.horizon / self.steps) * of_w
