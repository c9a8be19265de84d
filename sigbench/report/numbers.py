"""How every number is written: values, intervals, half widths, percentages, times and ratios.

All numbers of one interval are rounded alike, so that the text of an interval never excludes its own estimate. There
is no minus zero. Tables write decimals in fixed places, sentences significant digits; what is too large or too small
for either has an exponent, 1.2e-5. The page follows the same rules in its template's numbers.js.
"""

import math

_UNITS = ((1 / 3600, "h"), (1 / 60, "min"), (1.0, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns"))
_LARGEST, _SMALLEST = 1e5, 1e-3  # beyond these, tables write exponents
_LARGEST_PLAIN, _SMALLEST_PLAIN = 1e6, 1e-4  # and sentences
_LEAST_P = 0.001


def number(value: float | None) -> str:
    """Returns a number for a table: four decimals below 1, three above; "?" for None."""
    return "?" if value is None else _placed(value, abs(value))


def interval(value: float, low: float | None, high: float | None, *, brief: bool = False) -> str:
    """Returns a value with its interval for a table, "0.0084 [0.0054, 0.0146]"; [?] where there is none.

    The largest of the three says how all are written. `brief` leaves out the zeros before the points of the ends.
    """
    if low is None or high is None:
        return f"{number(value)} [?]"
    size = max(abs(value), abs(low), abs(high))
    ends = [_placed(end, size) for end in (low, high)]
    if brief:
        ends = [end.replace("0.", ".", 1) if end.lstrip("-").startswith("0.") else end for end in ends]
    return f"{_placed(value, size)} [{ends[0]}, {ends[1]}]"


def digits(value: float, count: int = 3) -> str:
    """Returns a number for a sentence in significant digits, thousands apart: 0.0101, 2.5, 1,230, 3.7e-5."""
    if not math.isfinite(value):
        return _endless(value)
    text = f"{value:.{count}g}"
    rounded = float(text)
    if rounded == 0:
        return "0"
    if not _SMALLEST_PLAIN <= abs(rounded) < _LARGEST_PLAIN:
        mantissa, _, power = exponent(value, count - 1).partition("e")
        return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}e{power}"
    if "e" not in text and abs(rounded) < 1000:
        return text
    return f"{rounded:,.0f}"


def with_interval(value: float, low: float | None, high: float | None, count: int = 3) -> str:
    """Returns a value with its interval for a sentence, "0.101 [0.0995, 0.102]"; [?] where there is none."""
    if low is None or high is None:
        return f"{digits(value, count)} [?]"
    return f"{digits(value, count)} [{digits(low, count)}, {digits(high, count)}]"


def with_half(value: float, low: float | None, high: float | None, *, signed: bool = False) -> str:
    """Returns a value with half the width of its interval, both to the half's first digit: "1.01 ±0.04".

    Where the half is above 1 or nothing, three digits of the value are written.
    """
    if low is None or high is None:
        return f"{digits(value)} ±?"
    half = 0.5 * (high - low)
    sign = "+" if signed and value > 0 else ""
    if not (math.isfinite(half) and half > 0 and math.isfinite(value)):
        return f"{sign}{digits(value)} ±{digits(half, 1)}"
    size = max(abs(value), half)
    if size < _SMALLEST:
        kept = max(0, math.floor(math.log10(size)) - _place(half))
        return f"{sign}{exponent(value, kept)} ±{exponent(half, 0)}"
    places = max(0, -_place(half))
    return f"{sign}{_fixed(value, places)} ±{half:.{places}f}"


def percent(value: float) -> str:
    """Returns a share in percent with one decimal: "96.0 %"."""
    return f"{_percents(value, value)} %"


def percent_interval(value: float, low: float | None, high: float | None) -> str:
    """Returns a share with its interval in percent, "96.0 % [95.5, 96.5]"; without decimals from 1,000 % on."""
    if low is None or high is None:
        return f"{_percents(value, value)} % [?]"
    size = max(abs(value), abs(low), abs(high))
    own, *ends = (_percents(part, size) for part in (value, low, high))
    return f"{own} % [{ends[0]}, {ends[1]}]"


def percent_half(value: float, low: float | None, high: float | None) -> str:
    """Returns a share with half the width of its interval in percent: "96.0 ±0.5 %"."""
    if low is None or high is None:
        return f"{_percents(value, value)} ±? %"
    half = 0.5 * (high - low)
    size = max(abs(value), half)
    return f"{_percents(value, size)} ±{_percents(half, size)} %"


def signed_digits(value: float) -> str:
    """Returns a change in three significant digits with its sign."""
    text = digits(value)
    return text if text.startswith("-") else f"+{text}"


def chance(p_value: float) -> str:
    """Returns a p-value behind its sign: = 0.023, or < 0.001 where it hangs on tails that are normal only nearly."""
    return f"= {digits(p_value, 2)}" if p_value >= _LEAST_P else f"< {_LEAST_P:g}"


def ratio(value: float) -> str:
    """Returns how many times one number is another: two decimals below 10, three digits above."""
    return f"{value:.2f}" if abs(value) < 9.995 else digits(value)


def duration(seconds: float) -> str:
    """Returns a time in three digits of the largest unit in which it is at least 1: "3.7 ms", "1.01 h"."""
    scale, unit = _unit(seconds)
    return f"{digits(seconds * scale)} {unit}"


def duration_interval(seconds: float, low: float | None, high: float | None) -> str:
    """Returns a time with its ends in the unit of the time itself: "3.7 (3.5–4.1) ms"."""
    if low is None or high is None:
        return duration(seconds)
    scale, unit = _unit(seconds)
    return f"{digits(seconds * scale)} ({digits(low * scale)}–{digits(high * scale)}) {unit}"


def long_duration(seconds: float) -> str:
    """Returns how long something takes that people wait for: 40 s, 12 min, 2 h 05 min."""
    minutes = round(seconds / 60)
    if seconds < 99:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"


def exponent(value: float, decimals: int = 1) -> str:
    """Returns a number with an exponent: 1.2e-3."""
    if not math.isfinite(value):
        return _endless(value)
    if value == 0:
        return "0"
    mantissa, _, power = f"{value:.{decimals}e}".partition("e")
    return f"{mantissa}e{int(power)}"


def rounded_up(value: float) -> str:
    """Returns a positive count in two significant digits, rounded up, thousands apart: 150,000."""
    step = 10 ** max(0, math.floor(math.log10(value)) - 1)
    return f"{math.ceil(value / step) * step:,}"


def _unit(seconds: float) -> tuple[float, str]:
    """The largest unit in which a time, rounded to three digits, is at least 1."""
    return next((s, u) for s, u in _UNITS if float(f"{abs(seconds) * s:.3g}") >= 1 or u == "ns")


def _placed(value: float, size: float) -> str:
    """A number in fixed places for numbers of this size."""
    if not math.isfinite(value) or (0 < size < _SMALLEST) or size >= _LARGEST:
        return exponent(value)
    return _fixed(value, 3 if size >= 1 else 4)


def _percents(share: float, size: float) -> str:
    return _fixed(100 * share, 1 if abs(size) < 10 else 0) if math.isfinite(share) else _endless(share)


def _fixed(value: float, decimals: int) -> str:
    """Fixed decimals without a minus zero."""
    text = f"{value:.{decimals}f}"
    return text if float(text) else text.lstrip("-")


def _place(half: float) -> int:
    """The power of ten of the first digit of a positive number, as one digit of it is written."""
    return int(f"{half:.0e}".partition("e")[2])


def _endless(value: float) -> str:
    return "?" if math.isnan(value) else "∞" if value > 0 else "-∞"
