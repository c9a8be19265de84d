"""How often the interval holds the order, by kind of bend: two hundred simulated studies each, and two thousand.

Three kinds are covered 93 to 97 times in 100. The others are named in NOT_COVERED with what was found: straight lines
and bends in h² are held too often, since the interval pays for a larger bend; oscillations and logarithms are missed.
The seeds are not those on which the rule was chosen.
"""

import pytest
from simulated import KINDS, coverage

COVERED = ("√h", "h", "cancelling")
NOT_COVERED = {"none": 0.99, "h²": 0.977, "oscillating": 0.57, "logarithm": 0.91}
STUDIES = 4000  # behind these shares


def standard_error(share: float, studies: int) -> float:
    return (share * (1 - share) / studies) ** 0.5


def test_every_kind_is_covered_or_named() -> None:
    assert {*COVERED, *NOT_COVERED} == set(KINDS)


@pytest.mark.parametrize("kind", COVERED)
def test_two_hundred_studies_of_a_covered_kind(kind: str) -> None:
    """93 to 97 in 100, and two and a half standard errors: a share at an end of that fails once in 160 times."""
    held = coverage(kind, 200, seed=51).held
    assert 0.93 - 2.5 * standard_error(0.93, 200) <= held <= 0.97 + 2.5 * standard_error(0.97, 200)


@pytest.mark.parametrize(("kind", "share"), NOT_COVERED.items())
def test_two_hundred_studies_of_a_kind_that_is_not_covered(kind: str, share: float) -> None:
    """What was found, within three standard errors of both simulations: once in 370 times it fails by chance."""
    spread = (standard_error(share, 200) ** 2 + standard_error(share, STUDIES) ** 2) ** 0.5
    assert coverage(kind, 200, seed=51).held == pytest.approx(share, abs=3 * spread)


@pytest.mark.slow
@pytest.mark.parametrize("kind", COVERED)
def test_two_thousand_studies_of_a_covered_kind(kind: str) -> None:
    """93 to 97 in 100, and one standard error of the simulation."""
    found = coverage(kind, 2000, seed=52)
    assert 0.93 - standard_error(0.93, 2000) <= found.held <= 0.97 + standard_error(0.97, 2000)
    assert found.accused < 0.01
