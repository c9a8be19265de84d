"""The loss "law": a student's states at the coarse times should have the law of noised data.

The other losses compare a state with the teacher's on the same Brownian path, and a mean minimises them: what the
signature does not determine is averaged away, and samples lose variance. This one compares laws, which for every
coarse time t′ are known without any teacher: α′·x₀ + σ′·ε for data x₀. So it asks one step at a time, from a state that
the student itself has reached, for the marginal law after it, by the energy distance.

Laws of images are compared in what the teacher's network makes of them (its hidden features, which no metric reads),
at a random noise level above the state's own, and within classes; without a network in the states alone.

The loss "score" follows the gap between the scores of the two laws beside it (`score_gap.py`), for an energy distance
hardly feels a small share of bad samples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sigbench.networks.scheduled import NoiseLevelDenoiser
from sigbench.sde.noise import seed_of
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sigdeg.distillation.law.energy import energy_distance
from sigbench.sigdeg.distillation.law.score_gap import ScoreGap
from sigbench.sigdeg.distillation.plan import DistillPlan
from sigbench.sigdeg.generators.student import StudentNetwork


@dataclass(frozen=True, slots=True)
class LawPlan:
    """How laws are compared: `batch` samples of each, and noise levels σ/α of features, log-uniform between two."""

    batch: int = 1_000
    least_noise: float = 0.08
    most_noise: float = 1.5


class LawLoss:
    """The loss of an iteration, which depends on it, on the plan's seed and on the device's generator alone.

    `states` (n, *shape) and `labels` (n,) are the data; `teacher` is its network, None where there is none. With a
    `gap` it is the loss "score": what that has learned in earlier iterations then counts too, and is in `state_dict`.
    """

    def __init__(
        self,
        network: StudentNetwork,
        problem: ReverseDiffusion,
        teacher: NoiseLevelDenoiser | None,
        states: Tensor,
        labels: Tensor | None,
        plan: DistillPlan,
        law: LawPlan,
        gap: ScoreGap | None = None,
    ) -> None:
        self.network, self.problem, self.teacher, self.plan, self.law = network, problem, teacher, plan, law
        self.gap = gap
        device = problem.device
        self._states = states.to(device)
        if labels is None:
            labels_of, self._members = None, [torch.arange(len(states), device=device)]
        else:
            found = labels.unique()
            self._members = [torch.nonzero(labels == label).flatten().to(device) for label in found]
            labels_of = found.to(device)
        self._each = max(2, law.batch // len(self._members))
        self._labels = None if labels_of is None else labels_of.repeat_interleave(self._each)
        self._shares = torch.tensor([len(m) / len(states) for m in self._members], device=device)
        self._grids = {steps: problem.grid(plan.grid, steps) for steps in plan.steps}
        self._rows = {n: network.coefficients(grid).to(device) for n, grid in self._grids.items()}
        # Steps of few-step grids are the hardest and the fewest: as often as 1/√steps asks for.
        weights = np.array(plan.steps, dtype=float) ** -0.5
        self._weights = weights / weights.sum()

    def __call__(self, iteration: int) -> Tensor:
        """Returns the loss, a scalar."""
        rng = np.random.default_rng([self.plan.seed, iteration])
        seed = seed_of(seed=self.plan.seed, iteration=iteration, purpose="law")
        generator = torch.Generator(self.problem.device).manual_seed(seed)
        steps = int(rng.choice(self.plan.steps, p=self._weights))
        index = int(rng.integers(steps))
        t = self.problem.time(self._grids[steps].times[index + 1])
        alpha, sigma = float(self.problem.schedule.alpha(t)), float(self.problem.schedule.sigma(t))
        reached = self._reached(steps, index, generator) / alpha
        clean = self._drawn(generator)
        wanted = clean + sigma / alpha * self._normals(clean.shape, generator)
        distances = [self._distance(reached.flatten(1), wanted.flatten(1))]
        if self.teacher is not None:
            level = np.exp(rng.uniform(np.log(self.law.least_noise), np.log(self.law.most_noise)))
            features = self._features(reached, wanted, sigma / alpha, max(level, sigma / alpha), generator)
            distances += [self._distance(ours, theirs) for ours, theirs in features]
        distance = torch.stack(distances).mean()
        if self.gap is None:
            return distance
        return self.gap.plan.distance * distance + self._gap(iteration, reached, sigma / alpha, rng, generator)

    def _gap(
        self, iteration: int, reached: Tensor, noise: float, rng: np.random.Generator, generator: torch.Generator
    ) -> Tensor:
        """What the student's own denoiser, which learns from the states that it reached, says of them."""
        assert self.gap is not None
        labels = self._labels_or_none()
        for _ in range(self.gap.plan.lessons):
            if (level := self.gap.level(noise, rng)) is not None:
                self.gap.learn(reached.detach(), noise, level, labels, generator)
        level = self.gap.level(noise, rng)
        if level is None or iteration < self.gap.plan.wait:
            return reached.new_zeros(())
        return self.gap.loss(reached, noise, level, labels, generator)

    def state_dict(self) -> dict[str, Any]:
        """Returns what was learned beside the student."""
        return {} if self.gap is None else self.gap.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes what `state_dict` gave."""
        if self.gap is not None:
            self.gap.load_state_dict(state)

    def _reached(self, steps: int, index: int, generator: torch.Generator) -> Tensor:
        """The student's states after step `index`; only that step has a gradient."""
        rows, shape = self._rows[steps], self.problem.shape
        n = self._each * len(self._members)
        x = self.problem.initial(self._normals((n, *shape), generator))
        earlier = [x] * self.network.memory
        for k in range(index + 1):
            whitened = self._normals((n, self.network.order, *shape), generator)
            with torch.set_grad_enabled(k == index):
                following = self.network(x, whitened, rows[k : k + 1], self._labels, self.plan.compute, earlier)
            earlier, x = [x, *earlier][: self.network.memory], following
        return x

    def _drawn(self, generator: torch.Generator) -> Tensor:
        """As many data of each class as the student draws, shape (n, *shape)."""
        device = self.problem.device
        picks = [m[torch.randint(len(m), (self._each,), generator=generator, device=device)] for m in self._members]
        return self._states[torch.cat(picks)]

    def _features(
        self, ours: Tensor, theirs: Tensor, noise: float, level: float, generator: torch.Generator
    ) -> Sequence[tuple[Tensor, Tensor]]:
        """Both samples of noise level `noise`, noised further to `level`, as the teacher's network sees them."""
        assert self.teacher is not None
        further = (level**2 - noise**2) ** 0.5
        sigma = torch.full((1,), level, device=self.problem.device)
        labels = self._labels_or_none()
        seen = [
            self.teacher.features(y + further * self._normals(y.shape, generator), sigma, labels, self.plan.compute)
            for y in (ours, theirs)
        ]
        return list(zip(*seen, strict=True))

    def _labels_or_none(self) -> Tensor:
        """The labels that the teacher's network takes: one zero where the data have none."""
        return torch.zeros(1, dtype=torch.int64, device=self.problem.device) if self._labels is None else self._labels

    def _distance(self, ours: Tensor, theirs: Tensor) -> Tensor:
        """The energy distance within classes, (n, f) each, their mean by the classes' shares."""
        groups = len(self._members)
        distances = energy_distance(ours.unflatten(0, (groups, -1)), theirs.unflatten(0, (groups, -1)))
        return (distances * self._shares).sum()

    def _normals(self, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        return torch.randn(*shape, generator=generator, device=self.problem.device)
