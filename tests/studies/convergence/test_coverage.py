"""How often the interval holds the order, by kind of bend: two hundred simulated studies each, and two thousand.

Where it is not 93 to 97 in 100, the kind is named here, with what was found. The seeds are not those on which the rule
was chosen.
"""

import pytest
from simulated import KINDS, coverage

HELD = {  # in 100 studies, over 2,000 of them
}


@pytest.mark.parametrize("kind", KINDS)
def test_two_hundred_studies_of_a_kind(kind: str) -> None:
    """Within three standard errors of a simulation of 200 studies: one kind in 400 misses by chance."""
    share = HELD[kind] / 100
    assert coverage(kind, 200, seed=51).held == pytest.approx(share, abs=3 * (share * (1 - share) / 200) ** 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_two_thousand_studies_of_a_kind(kind: str) -> None:
    share = HELD[kind] / 100
    assert coverage(kind, 2000, seed=52).held == pytest.approx(share, abs=3 * (share * (1 - share) / 2000) ** 0.5)
