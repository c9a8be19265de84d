"""What a spectrum says, in a sentence: whether high frequencies are missing, beyond what chance explains."""

from collections.abc import Mapping, Sequence

from sigbench.metrics.estimate import Interval
from sigbench.report.numbers import digits, percent_interval
from sigbench.studies.spectrum.result import Band


def sentence_of(bands: Sequence[Band], tilts: Mapping[str, Interval], unit: str) -> str:
    """Returns what the highest of the bands says beside the lower ones."""
    low, *_, high = bands
    where = f"{_percent(high.ratio)} of the true power from {digits(high.first)} to {digits(high.last)} {unit}"
    direction = _beyond_one(high.ratio)
    if direction == 0:
        return f"High frequencies cannot be told from the truth's at this n: {where}."
    what = "High frequencies are missing" if direction < 0 else "There is too much at high frequencies"
    for name, tilt in tilts.items():
        if _beyond_one(tilt) == direction:
            return f"{what}, more than at {name} ones: {where}."
    if _beyond_one(low.ratio) == direction:
        return f"{what}, and at low ones too ({_percent(low.ratio)}): {where}."
    return f"{what}; whether at low ones too is not resolved ({_percent(low.ratio)}): {where}."


def _beyond_one(ratio: Interval) -> int:
    """−1 or 1 where the whole interval lies below or above 1, else 0: it carries the noise of both its draws."""
    assert ratio.low is not None and ratio.high is not None
    return int(ratio.low > 1.0) - int(ratio.high < 1.0)


def _percent(ratio: Interval) -> str:
    return percent_interval(ratio.value, ratio.low, ratio.high)
