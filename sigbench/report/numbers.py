"""How numbers are written on the leaderboard."""

_UNITS = ((1.0, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns"))


def number(value: float | None) -> str:
    """Returns a number with four decimals below 1 and three above, "?" for None; never a minus zero."""
    if value is None:
        return "?"
    text = f"{value:.4f}" if abs(value) < 1 else f"{value:.3f}" if abs(value) < 1e5 else f"{value:.1e}"
    return text if float(text) else text.lstrip("-")


def interval(value: float, low: float | None, high: float | None, *, brief: bool = False) -> str:
    """Returns a value with its interval in brackets, a question mark in them where it has none.

    `brief` leaves out the zeros before the points of the ends.
    """
    if low is None or high is None:
        return f"{number(value)} [?]"
    ends = f"{number(low)}, {number(high)}"
    return f"{number(value)} [{ends.replace('0.', '.') if brief and max(abs(low), abs(high)) < 1 else ends}]"


def seconds(value: float) -> str:
    """Returns a positive duration in the largest unit in which it is at least 1."""
    scale, unit = next((s, u) for s, u in _UNITS if value * s >= 1 or u == "ns")
    return f"{value * scale:.3g} {unit}"
