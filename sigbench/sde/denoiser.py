"""The denoiser: one wrapper that converts predictions by the schedule and counts network calls."""

import copy
from collections.abc import Callable
from functools import lru_cache
from typing import Literal, get_args

from torch import Tensor

from sigbench.errors import BadInput, BrokenContract, BudgetExceeded, unknown_name
from sigbench.sde.schedule import Schedule

Prediction = Literal["eps", "x0", "v", "score", "flow"]
Network = Callable[..., Tensor]
_ROUNDING = 1e-9  # by how much a time may leave the schedule's interval: sums of steps round


class CallCounter:
    """Counts network calls, refuses those above a budget, and can repeat the last one for timing.

    NFE is what this counts: a call on a batch is one function evaluation for each of its samples. `cost` is what a
    call of the dearest network that it wrapped counts, `last_cost` what the last one did.
    """

    def __init__(self, budget: int | None = None) -> None:
        self.calls = 0
        self.budget = budget
        self.cost = self.last_cost = 1
        self._last: Callable[[], Tensor] | None = None

    def wrap(self, network: Network, cost: int = 1) -> Network:
        """Returns `network` with every call counted as `cost` evaluations (guidance costs 2)."""
        self.cost = max(self.cost, cost)

        def counted(*args: object, **kwargs: object) -> Tensor:
            if self.budget is not None and self.calls + cost > self.budget:
                raise BudgetExceeded(f"the sampler asked for more than its budget of {self.budget} calls.")
            self.calls += cost
            self._last, self.last_cost = lambda: network(*args, **kwargs), cost
            return network(*args, **kwargs)

        return counted

    def charge(self, calls: int) -> None:
        """Counts what `calls` calls more would cost, for one that carries derivatives through the network.

        Raises BudgetExceeded where the budget does not allow them.
        """
        cost = calls * self.cost
        if self.budget is not None and self.calls + cost > self.budget:
            raise BudgetExceeded(f"the sampler asked for more than its budget of {self.budget} calls.")
        self.calls += cost

    def reset(self) -> None:
        """Forgets the calls made so far."""
        self.calls, self._last = 0, None

    def replay(self) -> Tensor | None:
        """Runs the last counted call again, uncounted; returns None where there was none."""
        return self._last() if self._last is not None else None


def _to_x0(prediction: Prediction, alpha: float, sigma: float) -> tuple[float, float]:
    """The (p, q) with x0 = p·x + q·output."""
    if prediction == "x0":
        return 0.0, 1.0
    if prediction == "eps":
        return 1.0 / alpha, -sigma / alpha
    if prediction == "score":
        return 1.0 / alpha, sigma * sigma / alpha
    if prediction == "flow":
        return 1.0 / (alpha + sigma), -sigma / (alpha + sigma)
    norm = alpha * alpha + sigma * sigma
    return alpha / norm, -sigma / norm


def _from_x0(prediction: Prediction, alpha: float, sigma: float) -> tuple[float, float]:
    """The (r, w) with output = r·x + w·x0."""
    if prediction == "x0":
        return 0.0, 1.0
    if prediction == "eps":
        return 1.0 / sigma, -alpha / sigma
    if prediction == "score":
        return -1.0 / sigma**2, alpha / sigma**2
    if prediction == "flow":
        return 1.0 / sigma, -alpha / sigma - 1.0
    return alpha / sigma, -alpha * alpha / sigma - sigma


def conversion(source: Prediction, target: Prediction, alpha: float, sigma: float) -> tuple[float, float]:
    """Returns the (a, b) with target = a·x + b·source, for x = α·x0 + σ·ε.

    There v = α·ε − σ·x0, the score is −ε/σ, and the velocity of a flow ε − x0.
    """
    if source == target:
        return 0.0, 1.0
    p, q = _to_x0(source, alpha, sigma)
    r, w = _from_x0(target, alpha, sigma)
    return r + w * p, w * q


class Denoiser:
    """A network together with what it predicts, the schedule it was trained under, and its call counter.

    `network(t, x)` takes the diffusion time t as a float and x of shape (n, *shape), and returns its
    `prediction` in that shape; a call of it counts as `cost` evaluations. Where the batch has `labels`, int64 of shape
    (n,) or (1,), the network is called as `network(t, x, labels)`. Raises BadInput for an unknown prediction.
    """

    labels: Tensor | None = None

    def __init__(
        self,
        network: Network,
        prediction: Prediction,
        schedule: Schedule,
        counter: CallCounter | None = None,
        *,
        cost: int = 1,
    ) -> None:
        if prediction not in get_args(Prediction):
            raise unknown_name("prediction", prediction, get_args(Prediction))
        self.schedule, self.prediction = schedule, prediction
        self.counter = counter or CallCounter()
        self._network = self.counter.wrap(network, cost)
        self._coefficients = lru_cache(maxsize=4096)(self._convert)

    def labelled(self, labels: Tensor | None) -> "Denoiser":
        """Returns this denoiser for samples of these classes, shape (n,): same network, same counter."""
        other = copy.copy(self)
        other.labels = labels
        return other

    def _convert(self, target: Prediction, t: float) -> tuple[float, float]:
        alpha, sigma = float(self.schedule.alpha(t)), float(self.schedule.sigma(t))
        if sigma == 0.0 and target != self.prediction:
            raise BadInput(f"at t={t:g} there is no noise, so {self.prediction!r} has no {target!r}.")
        if alpha == 0.0 and target != self.prediction and self.prediction in ("eps", "score"):
            raise BadInput(
                f"at t={t:g} there is no signal (α = 0), so a network of {self.prediction!r} has no {target!r}: the "
                "schedule takes one of 'x0' or 'v', or starts below."
            )
        return conversion(self.prediction, target, alpha, sigma)

    def predict(self, target: Prediction, t: float, x: Tensor) -> Tensor:
        """Returns the network's output at (t, x) as `target`, shape of `x`; one call.

        Raises BrokenContract for a t outside the schedule's [t_end, t_start], and for labels of another batch.
        """
        if not self.schedule.t_end - _ROUNDING <= t <= self.schedule.t_start + _ROUNDING:
            raise BrokenContract(
                f"the denoiser was asked at t={t:g}, outside [{self.schedule.t_end:g}, {self.schedule.t_start:g}]: did "
                "you pass reversed time? The denoiser takes step.t and step.t_next, the drift step.start and step.end."
            )
        if self.labels is not None and len(self.labels) not in (1, len(x)):
            raise BrokenContract(
                f"the denoiser has labels for {len(self.labels)} samples and was asked for {len(x)}: a sampler that "
                "walks a part of its batch takes problem.labelled(problem.labels[part]) for it."
            )
        output = self._network(t, x) if self.labels is None else self._network(t, x, self.labels)
        output = output.to(x.dtype)  # a bfloat16 network does not take the state down with it
        if target == self.prediction:
            return output
        a, b = self._coefficients(target, t)
        return (output * b).add_(x, alpha=a)

    def eps(self, t: float, x: Tensor) -> Tensor:
        """Returns the predicted noise ε."""
        return self.predict("eps", t, x)

    def x0(self, t: float, x: Tensor) -> Tensor:
        """Returns the posterior mean of the clean sample."""
        return self.predict("x0", t, x)

    def v(self, t: float, x: Tensor) -> Tensor:
        """Returns v = α·ε − σ·x0 (Salimans & Ho 2022)."""
        return self.predict("v", t, x)

    def flow(self, t: float, x: Tensor) -> Tensor:
        """Returns ε − x0, the velocity of the straight path of flow matching (Lipman et al. 2023)."""
        return self.predict("flow", t, x)

    def score(self, t: float, x: Tensor) -> Tensor:
        """Returns ∇ log p_t(x)."""
        return self.predict("score", t, x)
