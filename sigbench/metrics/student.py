"""Student's t-distribution in plain Python: records are checked by it where nothing heavy may be loaded."""

from functools import cache
from math import cos, pi, sin, sqrt, tan

_HALVINGS = 80


@cache
def student_quantile(freedom: int, probability: float) -> float:
    """Returns the quantile of Student's t with `freedom` ≥ 1 degrees of freedom, to 1e-10; 0.5 ≤ `probability` < 1.

    With t = √freedom·tan θ the distribution function is a finite sum in sin θ and cos θ (Abramowitz & Stegun, 26.7.3
    and 26.7.4), which is solved for θ by halving.
    """
    inside, low, high = 2 * probability - 1, 0.0, pi / 2
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _within(freedom, middle) < inside else (low, middle)
    return sqrt(freedom) * tan(0.5 * (low + high))


def _within(freedom: int, angle: float) -> float:
    """P(|T| ≤ √freedom·tan angle)."""
    square, odd = cos(angle) ** 2, freedom % 2
    total, term = 0.0, cos(angle) if odd else 1.0
    for k in range(2 + odd, freedom + 1, 2):
        total += term
        term *= square * (k - 1) / k
    return 2 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total
