"""Gaussian mixtures under a diffusion's noise: density, score, distribution function and exact draws.

A component N(m, v·I) becomes N(α·m, (α²v + σ²)·I) in x_t = α·x₀ + σ·ε, so the marginal at every time is a
mixture again, and its score is closed-form.
"""

from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtr
from torch import Tensor

from sigbench.sde.schedule import Schedule

Array = NDArray[np.float64]

_TIMES_KEPT = 1024


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
        modes, self._d = mixture.means.shape
        # The constants of each time are rows of one table: small tensors that live on between large ones that
        # come and go would fragment the heap, and memory would grow with the number of steps.
        self._shapes = ((modes, 1), (modes, 1), (modes, self._d), (self._d + 1, modes))
        self._table = torch.empty(_TIMES_KEPT, sum(prod(s) for s in self._shapes), dtype=dtype, device=device)
        self._row_of: dict[float, int] = {}

    def _constants(self, t: float) -> tuple[Tensor, ...]:
        if t not in self._row_of:
            if len(self._row_of) == _TIMES_KEPT:
                self._row_of.clear()
            self._row_of[t] = len(self._row_of)
            # Inside torch.func.jvp a new tensor would belong to that derivative, and the table would keep it.
            with torch._C._DisableFuncTorch():
                self._table[self._row_of[t]] = torch.from_numpy(self._compute_constants(t)).to(self._table)
        row = self._table[self._row_of[t]]
        if torch.is_grad_enabled():
            row = row.clone()  # a graph must not see the table change when the next time is written
        parts = row.split([prod(s) for s in self._shapes])
        return tuple(part.view(shape) for part, shape in zip(parts, self._shapes, strict=True))

    def _compute_constants(self, t: float) -> Array:
        law = self._mixture.noised(self._schedule, t)
        precision = 1.0 / law.stds**2
        pull = law.means * precision[:, None]
        offset = np.log(law.weights) + 0.5 * self._d * np.log(precision) - 0.5 * (law.means * pull).sum(1)
        score_of = np.concatenate([precision[None, :], pull.T])
        return np.concatenate([offset, -0.5 * precision, pull.ravel(), score_of.ravel()])

    def __call__(self, t: float, x: Tensor) -> Tensor:
        offset, curvature, pull, score_of = self._constants(t)
        y = x.T
        if self._d == 1:
            logits = torch.addcmul(pull, curvature, y).mul_(y).add_(offset)
        else:
            squared = y.square().sum(0, keepdim=True)
            logits = torch.addmm(offset, pull, y).addcmul_(curvature, squared)
        terms = score_of @ torch.softmax(logits, dim=0)
        return torch.addcmul(terms[1:], terms[:1], y, value=-1).T.contiguous()
