"""Gaussian mixtures under a diffusion's noise: density, score, distribution function and exact draws.

A component N(m, v·I) becomes N(α·m, (α²v + σ²)·I) in x_t = α·x₀ + σ·ε, so the marginal at every time is a
mixture again, and its score is closed-form.
"""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtr
from torch import Tensor

from sigbench.sde.schedule import Schedule

Array = NDArray[np.float64]


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
        self.within_variance = float(self.weights @ self.stds**2)
        self.covariance = centred.T @ (self.weights[:, None] * centred) + self.within_variance * np.eye(d)

    def sample(self, n: int, seed: int) -> Array:
        """Returns n exact draws, shape (n, d)."""
        rng = np.random.default_rng(seed)
        mode = rng.choice(len(self.weights), size=n, p=self.weights)
        return self.means[mode] + self.stds[mode, None] * rng.standard_normal((n, self.means.shape[1]))

    def log_joint(self, x: Array) -> Array:
        """Returns log(weight_k · density_k(x)) for x of shape (n, d), shape (n, K)."""
        squared = ((x[:, None, :] - self.means) ** 2).sum(-1)
        norm = np.log(self.weights) - 0.5 * x.shape[1] * np.log(2 * np.pi * self.stds**2)
        return norm - 0.5 * squared / self.stds**2

    def density(self, x: Array) -> Array:
        """Returns the probability density at x of shape (n, d), shape (n,)."""
        return np.exp(logsumexp(self.log_joint(x), axis=1))

    def responsibilities(self, x: Array) -> Array:
        """Returns the posterior probability of each component, shape (n, K)."""
        joint = self.log_joint(x)
        return np.exp(joint - logsumexp(joint, axis=1, keepdims=True))

    def noised(self, schedule: Schedule, t: float) -> "GaussianMixture":
        """Returns the marginal law of x_t."""
        alpha, sigma = float(schedule.alpha(t)), float(schedule.sigma(t))
        return GaussianMixture(self.weights, alpha * self.means, np.sqrt((alpha * self.stds) ** 2 + sigma**2))


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

    The component logits are quadratic in x. Components run along the rows and samples along the columns, so
    that the exponentials vectorise over samples: ten times faster than the other way round. It computes in
    float32 or float64, whichever `dtype` says.
    """

    def __init__(self, mixture: GaussianMixture, schedule: Schedule, device: torch.device, dtype: torch.dtype) -> None:
        self._mixture, self._schedule = mixture, schedule
        self._device, self._dtype = device, dtype
        self._constants = lru_cache(maxsize=1024)(self._compute_constants)

    def _compute_constants(self, t: float) -> tuple[Tensor, ...]:
        law = self._mixture.noised(self._schedule, t)
        precision = 1.0 / law.stds**2
        pull = law.means * precision[:, None]
        d = law.means.shape[1]
        offset = np.log(law.weights) + 0.5 * d * np.log(precision) - 0.5 * (law.means * pull).sum(1)
        arrays = (offset[:, None], -0.5 * precision[:, None], pull, np.concatenate([precision[None, :], pull.T]))
        # Inside torch.func.jvp a new tensor would belong to that derivative, and the cache would keep it too long.
        with torch._C._DisableFuncTorch():
            return tuple(torch.as_tensor(a, dtype=self._dtype, device=self._device) for a in arrays)

    def __call__(self, t: float, x: Tensor) -> Tensor:
        offset, curvature, pull, score_of = self._constants(t)
        y = x.T
        if len(y) == 1:
            logits = torch.addcmul(pull, curvature, y).mul_(y).add_(offset)
        else:
            squared = y.square().sum(0, keepdim=True)
            logits = torch.addmm(offset, pull, y).addcmul_(curvature, squared)
        terms = score_of @ torch.softmax(logits, dim=0)
        return torch.addcmul(terms[1:], terms[:1], y, value=-1).T.contiguous()
