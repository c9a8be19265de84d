"""What is cheapest in all: training once, and then so much a sample."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class Option:
    """A way to samples: seconds of training, and seconds a sample."""

    name: str
    training_s: float
    sample_s: float


def cheapest(options: Iterable[Option]) -> list[tuple[float, Option]]:
    """Returns what is cheapest for how many samples: (from which number on, option), the first from 0.

    The total of an option is a line in the number of samples, and the answer their lower envelope. Of two that cost the
    same for any number the first is named.
    """
    left = list(options)
    if not left:
        return []
    start, now = 0.0, min(left, key=lambda option: (option.training_s, option.sample_s))
    stages = [(start, now)]
    while True:
        crossing, following = inf, None
        for option in left:
            if option.sample_s < now.sample_s:
                at = (option.training_s - now.training_s) / (now.sample_s - option.sample_s)
                if at < crossing or (at == crossing and following and option.sample_s < following.sample_s):
                    crossing, following = at, option
        if following is None:
            return stages
        start, now = max(start, crossing), following
        stages.append((start, now))
