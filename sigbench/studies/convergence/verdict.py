"""What measured orders say, in words: each with its interval, beside what was declared."""

from sigbench.report.numbers import digits, with_half
from sigbench.studies.convergence.result import Order, Orders

_WORDS = {"agrees": "agrees", "disagrees": "disagrees", "not-resolved": "not resolved"}


def order_text(order: Order) -> str:
    """Returns an order with half the width of its interval, a dash where there is none."""
    return "–" if order.order is None else with_half(order.order, order.low, order.high)


def range_text(order: Order) -> str:
    """Returns over which steps an order is the slope, in words, "" where it is not known."""
    return "" if order.from_steps is None else f" over {order.from_steps} to {order.to_steps} steps"


def is_faster(order: Order) -> bool:
    """Returns whether an order agrees with what was declared by lying above it."""
    return order.verdict == "agrees" and bool(order.advice)


def sentence_of(found: Orders) -> str:
    """Returns the strong and the weak order of a sampler in a sentence, or why it has none."""
    if found.failure:
        return f"It failed: {found.failure.rstrip('.')}."
    return f"Strong order {_on(found.strong)}; weak order {_on(found.weak)}."


def _on(order: Order) -> str:
    declared = "" if order.expected is None else f", declared {digits(order.expected)}"
    advice = f" ({order.advice})" if order.advice else ""
    if order.order is None:
        return f"not measured{declared}{advice}"
    return f"{order_text(order)}{range_text(order)}{declared}: {_WORDS[order.verdict]}{advice}"
