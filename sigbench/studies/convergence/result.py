"""What a study of convergence found: the lines of `sigbench convergence --json`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from sigbench.studies.convergence.order_fit import OrderEstimate, OrderVerdict
from sigbench.studies.result import SamplerResult


@dataclass(frozen=True, slots=True)
class Reference:
    """What a sampler is compared with: its kind in words, its steps, and its own error, mean absolute, RMS and weak.

    `exact_expectation_z` compares the reference's mean of each test function with the exact expectation, in standard
    errors, where the task knows it; empty elsewhere.
    """

    kind: str
    steps: int
    error: float
    rms_error: float
    weak_error: float
    exact_expectation_z: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Level:
    """The error at one number of steps, with NFE; None where it is not finite. `reason` says why it does not count."""

    steps: int
    h: float
    nfe: int
    error: float | None
    standard_error: float | None
    low: float | None
    high: float | None
    used: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Order:
    """An order with its 95 % interval, what was declared, the verdict, and the levels behind it.

    It is the slope over the steps from `from_steps` to `to_steps`, None where there is none.
    """

    order: float | None
    low: float | None
    high: float | None
    expected: float | None
    verdict: OrderVerdict
    advice: str
    levels: tuple[Level, ...]
    from_steps: int | None = field(default=None, kw_only=True)
    to_steps: int | None = field(default=None, kw_only=True)

    @property
    def half_width(self) -> float | None:
        """Half the width of the interval, None where there is none."""
        return None if self.low is None or self.high is None else 0.5 * (self.high - self.low)


@dataclass(frozen=True, slots=True)
class WeakOrder(Order):
    """A weak order, and that of each test function by its name."""

    functions: dict[str, Order]


class Orders(SamplerResult, frozen=True, kw_only=True, tag="orders"):
    """The measured orders of one sampler, on `paths` walks; `candidates` paths stand behind them where it is not 0.

    `strong` is the order of the mean absolute error, which is how strong order is defined (Kloeden & Platen 1992,
    section 9.6); `strong_rms` that of the root mean square, in which a few paths that end in another mode weigh
    far more. `weak` is that of the root mean square over test functions, each in units of its own standard deviation.
    """

    reference: Reference
    paths: int
    candidates: int = 0
    grid: str = "uniform"
    sup: bool = False
    dtype: str = "float64"
    seed: int = 0
    failure: str = ""
    strong: Order
    strong_rms: Order
    weak: WeakOrder

    def __post_init__(self) -> None:
        """Raises ValueError where the orders are not of the same levels, one at least."""
        orders = (self.strong, self.strong_rms, self.weak)
        strong, rms, weak = ([level.steps for level in order.levels] for order in orders)
        if not strong or not strong == rms == weak:
            raise ValueError(f"the levels of strong and weak orders differ: {strong}, {rms}, {weak}")


def order_of(estimate: OrderEstimate, nfe: Sequence[int]) -> Order:
    """Returns an estimate as it is printed, with the network calls at each of its levels."""
    levels = tuple(
        Level(
            level.steps,
            level.h,
            calls,
            finite(level.error),
            finite(level.standard_error),
            finite(level.low),
            finite(level.high),
            level.used,
            level.reason,
        )
        for level, calls in zip(estimate.levels, nfe, strict=True)
    )
    used = [level.steps for level in levels if level.used] if estimate.order is not None else []
    return Order(
        finite(estimate.order),
        finite(estimate.low),
        finite(estimate.high),
        estimate.expected,
        estimate.verdict,
        estimate.advice,
        levels,
        from_steps=used[0] if used else None,
        to_steps=used[-1] if used else None,
    )


def weak_order_of(estimate: OrderEstimate, functions: dict[str, OrderEstimate], nfe: Sequence[int]) -> WeakOrder:
    """Returns a weak order as it is printed, with those of its test functions."""
    whole = order_of(estimate, nfe)
    facts = {name: getattr(whole, name) for name in Order.__dataclass_fields__}
    return WeakOrder(**facts, functions={name: order_of(each, nfe) for name, each in functions.items()})


def finite(value: float | None) -> float | None:
    """Returns a number, None where it is not finite."""
    return value if value is not None and math.isfinite(value) else None
