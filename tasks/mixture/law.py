"""Gaussian mixtures under a diffusion's noise: density, score, distribution function and exact draws.

A component N(m, v·I) becomes N(α·m, (α²v + σ²)·I) in x_t = α·x₀ + σ·ε, so the marginal at every time is a
mixture again, and its score is closed-form.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtr
from torch import Tensor

from sigbench.sde.schedule import Schedule

Array = NDArray[np.float64]

_TIMES_KEPT = 32768  # rows of a table whose pages are touched only when they are written


class GaussianMixture:
    """A mixture of isotropic Gaussians: weights (K,), means (K, d), standard deviations (K,); all float64.

    It is the truth of the mixture tasks: exact draws, moments and posterior mode probabilities.
    """

    def __init__(self, weights: Array, means: Array, stds: Array) -> None:
        self.weights, self.means, self.stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
        self.mean = self.weights @ self.means
        self.mode = self.means[int(np.argmax(self.weights))]
        centred = self.means - self.mean
        d = self.means.shape[1]
        within = float(self.weights @ self.stds**2)
        self.covariance = centred.T @ (self.weights[:, None] * centred) + within * np.eye(d)

    def sample(self, n: int, seed: int) -> Array:
        """Returns n exact draws, shape (n, d)."""
        rng = np.random.default_rng(seed)
        mode = rng.choice(len(self.weights), size=n, p=self.weights)
        return self.means[mode] + self.stds[mode, None] * rng.standard_normal((n, self.means.shape[1]))

    def log_joint(self, x: Array) -> Array:
        """Returns log(weight_k · density_k(x)) for x of shape (n, d), shape (n, K)."""
        squared = np.zeros((len(x), len(self.weights)))
        for values, means in zip(x.T, self.means.T, strict=True):  # an (n, K, d) array would be large and slow
            squared += (values[:, None] - means) ** 2
        norm = np.log(self.weights) - 0.5 * x.shape[1] * np.log(2 * np.pi * self.stds**2)
        return norm - 0.5 * squared / self.stds**2

    def density(self, x: Array) -> Array:
        """Returns the probability density at x of shape (n, d), shape (n,)."""
        return np.exp(logsumexp(self.log_joint(x), axis=1))

    def responsibilities(self, x: Array) -> Array:
        """Returns the posterior probability of each component, shape (n, K)."""
        joint = self.log_joint(x)
        joint -= joint.max(1, keepdims=True)
        np.exp(joint, out=joint)
        joint /= joint.sum(1, keepdims=True)
        return joint

    def kernel_means(self, x: Array, bandwidths: Sequence[float]) -> Array:
        """Returns E k(x, Y) of the mean Gaussian kernel over `bandwidths`, at x of shape (n, d), shape (n,).

        A Gaussian kernel of width b is (2πb²)^{d/2} times the density of N(0, b²), so that its mean is a mixture's
        density again.
        """
        return np.mean(
            [(2 * np.pi * b**2) ** (0.5 * x.shape[1]) * self._widened(b).density(x) for b in bandwidths], axis=0
        )

    def kernel_energy(self, bandwidths: Sequence[float]) -> float:
        """Returns E k(Y, Y′) of two independent draws: the differences of two modes are Gaussian too."""
        pairs = self.weights[:, None] * self.weights
        squared = ((self.means[:, None] - self.means) ** 2).sum(-1)
        variances, d = self.stds[:, None] ** 2 + self.stds**2, self.means.shape[1]
        energies = [
            (pairs * (b**2 / (b**2 + variances)) ** (d / 2) * np.exp(-0.5 * squared / (b**2 + variances))).sum()
            for b in bandwidths
        ]
        return float(np.mean(energies))

    def _widened(self, width: float) -> "GaussianMixture":
        return GaussianMixture(self.weights, self.means, np.sqrt(self.stds**2 + width**2))

    def noised(self, schedule: Schedule, t: float) -> Self:
        """Returns the marginal law of x_t."""
        alpha, sigma = float(schedule.alpha(t)), float(schedule.sigma(t))
        return type(self)(self.weights, alpha * self.means, np.sqrt((alpha * self.stds) ** 2 + sigma**2))


class LineMixture(GaussianMixture):
    """A mixture on the line, whose distribution function and quantiles are known too."""

    def cdf(self, x: Array) -> Array:
        """Returns P(X ≤ x), shape of `x`."""
        return ndtr((np.asarray(x)[..., None] - self.means[:, 0]) / self.stds) @ self.weights

    def quantile(self, p: Array) -> Array:
        """Returns the inverse of `cdf` to 1e-10, by bisection, shape of `p`."""
        reach = 12 * self.stds.max()
        low = np.full(np.shape(p), self.means.min() - reach)
        high = np.full(np.shape(p), self.means.max() + reach)
        for _ in range(60):
            middle = 0.5 * (low + high)
            below = self.cdf(middle) < p
            low, high = np.where(below, middle, low), np.where(below, high, middle)
            if float(np.max(high - low)) < 1e-10:
                break
        return 0.5 * (low + high)


class MixtureScore:
    """The exact score of a noised mixture as a network: `(t, x) → ∇ log p_t(x)`, x of shape (n, d).

    The component logits are quadratic in x, so that one matrix product of (‖x‖², x) gives them all. It
    computes in float32 or float64, whichever `dtype` says. Samples run along the rows of the products, which
    vectorises the exponentials and is several times faster than along the columns.
    """

    def __init__(self, mixture: GaussianMixture, schedule: Schedule, device: torch.device, dtype: torch.dtype) -> None:
        self._mixture, self._schedule, self._device = mixture, schedule, device
        modes, d = mixture.means.shape
        # The constants of each time are rows of one table: small arrays that live on between large ones that
        # come and go would fragment the heap, and memory would grow with the number of steps. The table is
        # numpy's, because a tensor written inside torch.func.jvp would belong to that derivative.
        numbers = np.float64 if dtype == torch.float64 else np.float32
        sizes = (modes, (d + 1) * modes, modes * (d + 1))
        self._table: NDArray[Any] = np.empty((_TIMES_KEPT, sum(sizes)), numbers)
        offset, logits_of, score_of = torch.from_numpy(self._table).split(sizes, 1)
        shapes = ((modes, 1), (d + 1, modes), (modes, d + 1))
        offsets, logits, scores = (
            part.unflatten(1, shape) for part, shape in zip((offset, logits_of, score_of), shapes, strict=True)
        )
        self._views = offsets, logits.transpose(1, 2), scores.transpose(1, 2)
        self._row_of: dict[float, int] = {}

    def _constants(self, t: float) -> tuple[Tensor, Tensor, Tensor]:
        """The offsets (K, 1), the logits' matrix (K, d + 1) and the score's (d + 1, K) at a time."""
        row = self._row_of.get(t)
        if row is None:
            if len(self._row_of) == _TIMES_KEPT:
                self._row_of.clear()
            row = self._row_of[t] = len(self._row_of)
            self._table[row] = self._compute_constants(t)
        offset, logits_of, score_of = (view[row] for view in self._views)
        if torch.is_grad_enabled():  # a graph must not see the table change when the next time is written
            offset, logits_of, score_of = offset.clone(), logits_of.clone(), score_of.clone()
        if self._device.type != "cpu":
            return offset.to(self._device), logits_of.to(self._device), score_of.to(self._device)
        return offset, logits_of, score_of

    def _compute_constants(self, t: float) -> Array:
        law = self._mixture.noised(self._schedule, t)
        precision = 1.0 / law.stds**2
        pull = law.means * precision[:, None]
        d = law.means.shape[1]
        offset = np.log(law.weights) + 0.5 * d * np.log(precision) - 0.5 * (law.means * pull).sum(1)
        logits_of = np.concatenate([-0.5 * precision[None, :], pull.T])
        score_of = np.concatenate([precision[:, None], pull], axis=1)
        return np.concatenate([offset, logits_of.ravel(), score_of.ravel()])

    def __call__(self, t: float, x: Tensor) -> Tensor:
        offset, logits_of, score_of = self._constants(t)
        y = x.T
        squared = y.square() if len(y) == 1 else y.square().sum(0, keepdim=True)
        weights = torch.softmax(torch.addmm(offset, logits_of, torch.cat([squared, y])), dim=0)
        terms = score_of @ weights
        return torch.addcmul(terms[1:], terms[:1], y, value=-1).T.contiguous()
