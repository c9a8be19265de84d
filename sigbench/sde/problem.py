"""Problems: what a sampler integrates."""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, Self

import torch
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.sde.clock import Clock, diffusion_clock, even_clock
from sigbench.sde.denoiser import CallCounter, Denoiser, Network
from sigbench.sde.grid import Grid, Step, uniform_grid
from sigbench.sde.grids.find import diffusion_grid
from sigbench.sde.schedule import Schedule
from sigbench.sde.signature import PartialSignature

NoiseType = Literal["additive", "diagonal"]


def state_dtype(networks: torch.dtype) -> torch.dtype:
    """Returns the dtype of integrated states where networks compute in `networks`: bfloat16 is for networks only."""
    return torch.float32 if networks == torch.bfloat16 else networks


class Classes:
    """The classes that samples may be of, with their weights: what a conditional network tells apart."""

    def __init__(self, weights: Sequence[float]) -> None:
        self._edges = torch.tensor(weights, dtype=torch.float64).cumsum(0)
        self._edges /= self._edges[-1].clone()

    def labels(self, normals: Tensor) -> Tensor:
        """Returns the labels that one standard normal number each chooses, int64, shape of `normals` (n,)."""
        levels = torch.special.ndtr(normals.double())
        return torch.searchsorted(self._edges.to(normals.device), levels).clamp_(max=len(self._edges) - 1)


class SDEProblem(ABC):
    """An Itô equation dX = f(s, X) ds + g(s, X) dW on s ∈ [0, horizon], with its initial law.

    `shape` is the shape of one sample. With noise type "additive" g depends on s alone and `diffusion`
    returns a float; with "diagonal" g acts coordinate by coordinate and `diffusion` returns the shape of x.
    `labels` (n,) are the classes of the batch that this problem is for, None where they have none: a sampler is handed
    the problem of its batch.
    """

    labels: Tensor | None = None
    shape: tuple[int, ...]
    device: torch.device
    horizon: float
    noise_type: NoiseType
    counter: CallCounter

    @abstractmethod
    def drift(self, s: float, x: Tensor) -> Tensor:
        """Returns f(s, x), shape of `x`."""

    @abstractmethod
    def diffusion(self, s: float, x: Tensor) -> Tensor | float:
        """Returns g(s, x): a float for additive noise, else the shape of `x`."""

    @property
    def clock(self) -> Clock:
        """How the problem's time is cut into cells for the Brownian path that all samplers walk."""
        return even_clock(self.horizon)

    @abstractmethod
    def initial(self, normals: Tensor) -> Tensor:
        """Returns X₀ from standard normal numbers of shape (n, *shape)."""

    def labels_from(self, normals: Tensor) -> Tensor | None:
        """Returns the classes that one standard normal number a sample, shape (n,), chooses, shape (n,).

        None, as here, where samples have no classes.
        """
        return None

    def labelled(self, labels: Tensor | None) -> Self:
        """Returns the problem of a batch of these classes, shape (n,); itself, as here, where there are none."""
        return self

    def milstein_correction(self, s: float, x: Tensor) -> Tensor | float:
        """Returns g·∂g/∂x at (s, x), by forward-mode differentiation; exactly 0.0 for additive noise."""
        if self.noise_type == "additive":
            return 0.0

        def diffusion(y: Tensor) -> Tensor:
            value = self.diffusion(s, y)
            assert isinstance(value, Tensor)
            return value

        g = diffusion(x)
        return torch.func.jvp(diffusion, (x,), (g,))[1]

    def stratonovich_drift(self, s: float, x: Tensor) -> Tensor:
        """Returns the drift of the same process in Stratonovich's calculus, f − ½·g·∂g/∂x, shape of `x`."""
        correction = self.milstein_correction(s, x)
        drift = self.drift(s, x)
        return drift if isinstance(correction, float) else drift - 0.5 * correction

    def exact_order(self, h: float) -> int | None:
        """Returns how many moments of the signature an exact step of length `h` reads; None: no exact path is known."""
        return None

    def exact_step(self, step: Step, x: Tensor, signature: PartialSignature) -> Tensor:
        """Returns the exact solution after `step` from `x` at its start, shape of `x`, on the signature's path.

        The signature has at least `exact_order(step.h)` moments. Raises BadInput where no exact path is known.
        """
        raise BadInput("this problem has no exact pathwise solution.")

    def grid(self, name: str, steps: int) -> Grid:
        """Returns the grid called `name` with `steps` steps; raises BadInput where the problem has none such."""
        if name != "uniform":
            raise BadInput(f"this problem has no noise schedule, so its only named grid is 'uniform', not {name!r}.")
        return uniform_grid(steps, self.horizon)

    def counted(self, network: Network) -> Network:
        """Returns `network` with its calls counted against this problem's NFE and budget."""
        return self.counter.wrap(network)


class ReverseDiffusion(SDEProblem):
    """The reverse-time equation of a diffusion model, from noise at s = 0 to data at s = horizon.

    With t = t_start − s: dY = [−f(t)·Y + g(t)²·∇log p_t(Y)] ds + g(t) dW (Anderson 1982; Song et al. 2021,
    eq. 6), and the probability flow has half the score and no noise (eq. 13). The noise is additive. Where there
    are `classes`, the problem of a batch has its `labels`, and so has its denoiser.
    """

    noise_type: NoiseType = "additive"

    def __init__(
        self,
        schedule: Schedule,
        denoiser: Denoiser,
        shape: tuple[int, ...],
        device: torch.device,
        classes: Classes | None = None,
    ) -> None:
        self.schedule, self.denoiser, self.shape, self.device = schedule, denoiser, shape, device
        self.classes = classes
        self.horizon = schedule.horizon
        self.counter = denoiser.counter
        self._coefficients = lru_cache(maxsize=4096)(self._compute_coefficients)

    def _compute_coefficients(self, s: float) -> tuple[float, float, float]:
        """The forward drift rate f, g² and g at s."""
        t = self.time(s)
        squared = float(self.schedule.diffusion_squared(t))
        return float(self.schedule.drift_rate(t)), squared, math.sqrt(squared)

    @property
    def clock(self) -> Clock:
        return diffusion_clock(self.schedule)

    def time(self, s: float) -> float:
        """Returns the diffusion time t of s."""
        return self.schedule.t_start - s

    def drift(self, s: float, x: Tensor) -> Tensor:
        rate, squared, _ = self._coefficients(s)
        return self.denoiser.score(self.time(s), x).mul(squared).add_(x, alpha=-rate)

    def diffusion(self, s: float, x: Tensor) -> float:
        return self._coefficients(s)[2]

    def probability_flow(self, s: float, x: Tensor) -> Tensor:
        """Returns the drift of the probability-flow ODE at (s, x), shape of `x`."""
        rate, squared, _ = self._coefficients(s)
        return self.denoiser.score(self.time(s), x).mul(0.5 * squared).add_(x, alpha=-rate)

    def initial(self, normals: Tensor, s: float = 0.0) -> Tensor:
        """Returns where a walk begins at s, from standard normal numbers (n, *shape): as noisy as the schedule is."""
        return normals * (self.schedule.prior_std if s == 0.0 else float(self.schedule.sigma(self.time(s))))

    def labels_from(self, normals: Tensor) -> Tensor | None:
        return None if self.classes is None else self.classes.labels(normals)

    def labelled(self, labels: Tensor | None) -> Self:
        if labels is None:
            return self
        other = copy.copy(self)
        other.labels, other.denoiser = labels, self.denoiser.labelled(labels)
        return other

    def grid(self, name: str, steps: int) -> Grid:
        return diffusion_grid(name, steps, self.schedule)
