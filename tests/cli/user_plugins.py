"""Samplers and a task as a user might write them, most of them wrong, to be named by FILE.py:CLASS."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sigbench.metrics.moments import MeanError, VarianceError
from sigbench.sampler import Sampler
from sigbench.sde.denoiser import CallCounter
from sigbench.sde.problem import SDEProblem
from sigbench.task import Task
from sigbench_tasks.mixture.task import GMM


class Good(Sampler):
    """Euler–Maruyama."""

    name, citation, family = "good", "this file", "sde"

    def __init_subclass__(cls) -> None:
        cls.name = cls.__name__.lower()

    def walk(self, problem: Any, x: Tensor, grid: Any, brownian: Any) -> Iterator[Tensor]:
        for step in grid:
            w = brownian.signature(step).increment
            x = x + step.h * problem.drift(step.start, x) + problem.diffusion(step.start, x) * w
            yield self.spoil(x)

    def spoil(self, x: Tensor) -> Any:
        """What a subclass does wrong."""
        return x


class NaN(Good):
    """Turns one sample into NaN."""

    def spoil(self, x: Tensor) -> Tensor:
        return torch.cat([torch.full_like(x[:1], torch.nan), x[1:]])


class Infinite(Good):
    """Grows beyond float32."""

    def spoil(self, x: Tensor) -> Tensor:
        return x * 1e39


class Huge(Good):
    """Stays finite, barely."""

    def spoil(self, x: Tensor) -> Tensor:
        return x * (1e30 if x.dtype == torch.float32 else 1e200)


class WrongShape(Good):
    """Yields one row too few."""

    def spoil(self, x: Tensor) -> Tensor:
        return x[1:]


class WrongDtype(Good):
    """Yields float16."""

    def spoil(self, x: Tensor) -> Tensor:
        return x.half()


class NoTensor(Good):
    """Yields an array."""

    def spoil(self, x: Tensor) -> Any:
        return x.numpy()


class TooFew(Good):
    """Yields the last state only."""

    def walk(self, problem: Any, x: Tensor, grid: Any, brownian: Any) -> Iterator[Tensor]:
        yield list(super().walk(problem, x, grid, brownian))[-1]


class Endless(Good):
    """Never stops."""

    def walk(self, problem: Any, x: Tensor, grid: Any, brownian: Any) -> Iterator[Tensor]:
        while True:
            yield x


class Nothing(Good):
    """Forgets to yield."""

    def walk(self, problem: Any, x: Tensor, grid: Any, brownian: Any) -> Any:
        return None


class Raises(Good):
    """Divides by zero."""

    def spoil(self, x: Tensor) -> Tensor:
        return x * (1 // 0)


class TooDeep(Good):
    """Asks for a signature order that does not exist."""

    def walk(self, problem: Any, x: Tensor, grid: Any, brownian: Any) -> Iterator[Tensor]:
        for step in grid:
            yield x + brownian.signature(step, 99).increment


class Factless(Sampler):
    """Declares nothing."""

    def walk(self, problem: Any, x: Tensor, grid: Any, brownian: Any) -> Iterator[Tensor]:
        for _ in grid:
            yield x


class Demanding(Good):
    """Cannot be made without an option."""

    def __init__(self, strength: float) -> None:
        self.strength = strength


class Fragile(Good):
    """Fails when it is made."""

    def __init__(self) -> None:
        raise RuntimeError("no luck today")


class Abstract(Sampler):
    """Has no walk."""

    name, citation, family = "abstract", "this file", "sde"


class Slow(Good):
    """Takes a minute a batch while a file called "slow" lies in the working folder, and says so in "walking"."""

    def walk(self, problem: Any, x: Tensor, grid: Any, brownian: Any) -> Iterator[Tensor]:
        for _ in range(600):
            if Path("slow").exists():
                Path("walking").touch()
                time.sleep(0.1)
        yield from super().walk(problem, x, grid, brownian)


class GBM(SDEProblem):
    """dX = ½X ds + ½X dW from 1 on [0, 1]: there is no denoiser here."""

    def __init__(self, device: torch.device) -> None:
        self.shape, self.device, self.horizon, self.noise_type = (1,), device, 1.0, "diagonal"
        self.counter = CallCounter()

    def drift(self, s: float, x: Tensor) -> Tensor:
        return 0.5 * x

    def diffusion(self, s: float, x: Tensor) -> Tensor:
        return 0.5 * x

    def initial(self, normals: Tensor) -> Tensor:
        return torch.ones_like(normals)


class LogNormal:
    """The law of X₁."""

    mean = np.array([np.exp(0.5)])
    covariance = np.array([[np.exp(1.0) * np.expm1(0.25)]])

    def sample(self, n: int, seed: int) -> np.ndarray:
        return np.exp(0.375 + 0.5 * np.random.default_rng(seed).standard_normal((n, 1)))


class Growth(Task):
    """Geometric Brownian motion."""

    name, version, title = "growth", 1, "Geometric Brownian motion"
    shape, batch_size = (1,), 1000
    default_samples, default_steps, default_grid = 200, (4,), "uniform"

    def problem(self, device: torch.device, dtype: torch.dtype) -> SDEProblem:
        return GBM(device)

    def truth(self) -> LogNormal:
        return LogNormal()

    def metrics(self) -> tuple:
        return MeanError(), VarianceError()


class Untrained(GMM):
    """A reverse diffusion without a student."""

    name = "untrained"

    def students(self) -> tuple[Path, ...]:
        return ()
