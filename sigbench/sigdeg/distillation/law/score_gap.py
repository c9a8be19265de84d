"""The gap of scores: which way a student's states have to move so that their law becomes the right one.

Noised further to a level s = σ/α, the student's law q and the right law p have denoisers D_q and D_p. The divergence
KL(q_s ‖ p_s) falls fastest where each noisy state y moves along the difference of scores, (D_p(y; s) − D_q(y; s))/s²
(distribution matching, Yin et al. 2024, arXiv 2311.18828, eq. 3). D_p is the teacher's network; D_q is learned while
the student is, from the states that it reaches, by a network that starts as the teacher's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sigbench.networks.scheduled import NoiseLevelDenoiser

_ROOM = 1.05  # levels that states are noised to are at least so many times their own
_LEAST_MISS = 1e-2  # added to how far the teacher's estimate is from a state, by which its gap is divided


@dataclass(frozen=True, slots=True)
class ScorePlan:
    """How the student's own denoiser learns, and what the gap is worth.

    `rate` is that of its Adam, which makes `lessons` updates an iteration, and `wait` the iterations before the student
    follows the gap; noise levels σ/α are log-uniform between two. `distance` is what the loss "law" counts beside it.
    """

    rate: float = 1e-4
    lessons: int = 3
    wait: int = 100
    least_noise: float = 0.05
    most_noise: float = 3.0
    distance: float = 0.4


class ScoreGap:
    """The gap between a student's law and its teacher's at random noise levels above the states' own.

    `own` is the network that learns D_q, of the teacher's architecture and with its weights at first, in float32; both
    compute in `compute`. `state_dict` holds what was learned, for checkpoints.
    """

    def __init__(self, teacher: NoiseLevelDenoiser, own: nn.Module, plan: ScorePlan, compute: torch.dtype) -> None:
        self.teacher, self.own, self.plan, self._compute = teacher, own, plan, compute
        self._optimizer = torch.optim.Adam(own.parameters(), lr=plan.rate, betas=(0.9, 0.99))

    def level(self, noise: float, rng: np.random.Generator) -> float | None:
        """Returns a level for states of noise level `noise`; None where they are noisier than all of them."""
        low = max(self.plan.least_noise, _ROOM * noise)
        if low >= self.plan.most_noise:
            return None
        return float(np.exp(rng.uniform(np.log(low), np.log(self.plan.most_noise))))

    def learn(self, states: Tensor, noise: float, level: float, labels: Tensor, generator: torch.Generator) -> float:
        """Updates the student's denoiser once, by `states` (n, *shape) of noise level `noise`; returns the error.

        It has to find the states in what they become at `level`: E[states | y] = y + (1 − noise²/level²)·(D_q − y).
        """
        noisy, share = self._noised(states, noise, level, generator)
        estimate = noisy + share * (self._denoised(self.own, noisy, level, labels) - noisy)
        error = (estimate - states).square().mean() / share * (1.0 + level**-2)
        self._optimizer.zero_grad(set_to_none=True)
        error.backward()
        nn.utils.clip_grad_norm_(self.own.parameters(), 1.0)
        self._optimizer.step()
        return float(error.detach())

    def loss(self, states: Tensor, noise: float, level: float, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Returns a scalar whose gradient moves `states` (n, *shape) along the gap, in units of the teacher's miss."""
        with torch.no_grad():
            noisy, _ = self._noised(states, noise, level, generator)
            own, right = (self._denoised(each, noisy, level, labels) for each in (self.own, self.teacher))
            miss = (states - right).abs().flatten(1).mean(1) + _LEAST_MISS
            gap = (own - right) / miss.reshape(-1, *[1] * (states.ndim - 1))
            wanted = states - gap
        return 0.5 * (states - wanted).square().mean()

    def state_dict(self) -> dict[str, Any]:
        """Returns what was learned."""
        return {"own": self.own.state_dict(), "optimizer": self._optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes what `state_dict` gave."""
        self.own.load_state_dict(state["own"])
        self._optimizer.load_state_dict(state["optimizer"])

    def _noised(self, states: Tensor, noise: float, level: float, generator: torch.Generator) -> tuple[Tensor, float]:
        """The states at `level`, and the share of its variance that was added here."""
        share = 1.0 - (noise / level) ** 2
        normals = torch.randn(states.shape, generator=generator, device=states.device)
        return states.detach() + level * share**0.5 * normals, share

    def _denoised(self, network: Any, noisy: Tensor, level: float, labels: Tensor) -> Tensor:
        sigma = torch.full((1,), level, device=noisy.device)
        estimate: Tensor = network(noisy, sigma, labels, self._compute)
        return estimate
