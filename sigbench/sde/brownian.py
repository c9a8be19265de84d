"""Brownian drivers: what hands a sampler the partial signature of each step."""

from functools import partial
from typing import Protocol

from torch import Tensor

from sigbench.errors import BadInput, BrokenContract
from sigbench.sde.grid import Step
from sigbench.sde.legendre import Kernel, integral
from sigbench.sde.noise import Noise
from sigbench.sde.signature import PartialSignature, check_order, signature_of_normals


class BrownianDriver(Protocol):
    """The noise of one batch of samples: the same step always has the same signature."""

    def signature(self, step: Step, order: int = 1) -> PartialSignature:
        """Returns the partial signature of `order` moments over `step`, each of shape (n, *shape)."""
        ...

    def functional(self, step: Step, kernel: Kernel) -> Tensor:
        """Returns ∫K(u) dW_u over `step`, shape (n, *shape), for a smooth deterministic kernel K of reversed time.

        It is of the same path as the signature: their joint law is exact.
        """
        ...


class FreshBrownian:
    """Signatures drawn exactly, step by step, for samples first … first+count−1 of a stream.

    The first moments do not depend on the order that is asked for, so that on one grid a sampler that reads
    ΔW and one that reads more walk the same path. `max_order` bounds the orders.
    """

    def __init__(self, noise: Noise, first: int, count: int, max_order: int) -> None:
        self._noise, self._first, self._count = noise, first, count
        self._max_order = check_order(max_order)

    def signature(self, step: Step, order: int = 1) -> PartialSignature:
        """Returns the signature over `step`; raises BadInput above the driver's order."""
        if order > self._max_order:
            raise BadInput(f"this driver gives signatures up to order {self._max_order}, got {order}.")
        return signature_of_normals(self._normals(step, order), step.h)

    def functional(self, step: Step, kernel: Kernel) -> Tensor:
        """Returns ∫K(u) dW_u over `step`, shape (n, *shape), of the path that has all `max_order` moments."""
        rest = partial(self._noise.normal, self._first, self._count, (1, step.index))
        return integral(kernel, step.start, step.end, self._normals(step, self._max_order), rest)

    def _normals(self, step: Step, order: int) -> list[Tensor]:
        start = step.index * self._max_order
        return [self._noise.normal(self._first, self._count, start + k) for k in range(order)]


class NoNoise:
    """The driver of a problem without noise: whoever asks it breaks the contract."""

    def signature(self, step: Step, order: int = 1) -> PartialSignature:
        """Raises BrokenContract."""
        raise BrokenContract("this problem has no noise, and its driver no signature: declare signature_order = 0.")

    def functional(self, step: Step, kernel: Kernel) -> Tensor:
        """Raises BrokenContract."""
        raise BrokenContract("this problem has no noise, and its driver no functional: declare signature_order = 0.")


class RecordingBrownian:
    """Passes another driver's signatures on, and folds them by Chen's identity until they are taken.

    So a coarse step's signature comes from the very path that a fine sampler walked on.
    """

    def __init__(self, driver: BrownianDriver, order: int) -> None:
        self._driver, self._order = driver, order
        self._total: PartialSignature | None = None
        self._last = -1

    def signature(self, step: Step, order: int = 1) -> PartialSignature:
        """Returns the driver's signature over `step`; steps must come in their order, repeats allowed."""
        drawn = self._driver.signature(step, max(order, self._order))
        if step.index != self._last:
            recorded = drawn.truncated(self._order)
            self._total = recorded if self._total is None else self._total.then(recorded)
            self._last = step.index
        return drawn.truncated(order)

    def functional(self, step: Step, kernel: Kernel) -> Tensor:
        """Returns the driver's functional; the step's signature is recorded as if it had been asked for."""
        self.signature(step, self._order)
        return self._driver.functional(step, kernel)

    def take(self) -> PartialSignature:
        """Returns the signature over all steps since the last time; raises ValueError where there was none."""
        if self._total is None:
            raise ValueError("no step was walked since the signature was last taken")
        total, self._total = self._total, None
        return total
