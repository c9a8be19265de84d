"""Better, worse, tied or unknown: one rule for a pair, and ranks that count by it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigbench.records.comparison import badness, ends_of, outcome, ranks, reaches_floor, turned, why
from sigbench.records.record import MetricRecord

PROPERTY = settings(deadline=None, derandomize=True, database=None)
BETTER = ("lower", "higher", "zero")
NUMBERS = st.integers(-6, 6).map(float)  # few values, so that ends often meet


def metric(
    low: float | None, high: float | None, floor: tuple[float, float] | None = (-9.0, -9.0), better: str = "lower"
) -> MetricRecord:
    """A metric by its ends, in the middle of them, at the floor where it reaches it."""
    value = 0.0 if low is None or high is None else 0.5 * (low + high)
    fields: dict[str, Any] = {"value": value, "low": low, "high": high, "floor": 0.0, "n": 10, "method": "by hand"}
    ends = (None, None) if floor is None else floor
    found: MetricRecord = {  # type: ignore[typeddict-item]
        **fields,
        "floor_low": ends[0],
        "floor_high": ends[1],
        "better": better,
        "at_floor": False,
    }
    return {**found, "at_floor": reaches_floor(found)}


@st.composite
def metrics(draw: st.DrawFn, better: str) -> MetricRecord:
    """Metrics of one direction over one floor, some of one repeat."""
    if draw(st.booleans()) and draw(st.booleans()):
        return metric(None, None, better=better)
    low, high = sorted((draw(NUMBERS), draw(NUMBERS)))
    return metric(low, high, (-1.0, 1.0), better)


@pytest.mark.parametrize(
    ("better", "best_first"), [("lower", [-1, 0.5, 2]), ("higher", [2, 0.5, -1]), ("zero", [0.5, -1, 2])]
)
def test_badness_ranks(better: str, best_first: list[float]) -> None:
    assert sorted([2.0, -1.0, 0.5], key=lambda value: badness(value, better)) == best_first


@PROPERTY
@given(low=NUMBERS, high=NUMBERS, inside=st.floats(0, 1), better=st.sampled_from(BETTER))
def test_a_turned_interval_holds_the_turned_values(low: float, high: float, inside: float, better: str) -> None:
    low, high = sorted((low, high))
    ends = turned(low, high, better)
    assert ends[0] - 1e-9 <= badness(low + inside * (high - low), better) <= ends[1] + 1e-9


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [(0.0, 0.9, "better"), (0.0, 1.0, "tied"), (1.2, 1.3, "tied"), (2.0, 3.0, "tied"), (2.1, 3.0, "worse")],
)
def test_beside_one_to_two(low: float, high: float, found: str) -> None:
    one, other = metric(low, high), metric(1.0, 2.0)
    assert outcome(one, other) == found
    assert outcome(other, one) == {"better": "worse", "worse": "better", "tied": "tied"}[found]
    assert (
        outcome(metric(-high, -low, better="higher", floor=(99, 99)), metric(-2, -1, better="higher", floor=(99, 99)))
        == found
    )


def test_a_tie_is_an_overlap_or_a_shared_floor() -> None:
    far, near, at_floor, also = (
        metric(*ends, (0.9, 1.1)) for ends in ((5.0, 6.0), (5.5, 7.0), (0.9, 1.0), (1.05, 1.2))
    )
    assert (outcome(far, near), why(far, near)) == ("tied", "the intervals overlap")
    assert (outcome(far, at_floor), why(far, at_floor)) == ("worse", "")
    assert (outcome(at_floor, also), why(at_floor, also)) == ("tied", "both at the floor")


@pytest.mark.parametrize(
    ("own", "best", "tie"),
    [
        ((-0.4, -0.3), (0.31, 0.35), True),  # the same distance, on the other side of zero
        ((-0.4, -0.3), (0.1, 0.2), False),
        ((0.3, 0.4), (-0.2, -0.1), False),
        ((-0.3, 0.1), (0.2, 0.4), True),  # [0, 0.3] against [0.2, 0.4]
        ((-0.3, 0.1), (0.31, 0.4), False),
    ],
)
def test_ties_where_zero_is_best(own: tuple[float, float], best: tuple[float, float], tie: bool) -> None:
    floor = (-0.01, -0.01)
    one, other = metric(*own, floor, "zero"), metric(*best, floor, "zero")
    assert (outcome(one, other) == "tied") is tie
    assert (outcome(other, one) == "tied") is tie
    mirrored = [metric(-ends[1], -ends[0], floor, "zero") for ends in (own, best)]
    assert (outcome(*mirrored) == "tied") is tie


@pytest.mark.parametrize("better", BETTER)
def test_of_one_repeat_nothing_is_known(better: str) -> None:
    alone, other = metric(None, None, better=better), metric(5.0, 6.0, better=better)
    for pair in ((alone, other), (other, alone), (alone, alone)):
        assert outcome(*pair) == "unknown"
        assert why(*pair) == "one repeat has no interval"
    assert ends_of(alone) is None
    assert not reaches_floor(metric(1.0, 2.0, None, better))


@PROPERTY
@given(data=st.data(), better=st.sampled_from(BETTER))
def test_outcomes_of_a_pair_are_each_others_mirror(data: st.DataObject, better: str) -> None:
    one, other = data.draw(metrics(better)), data.draw(metrics(better))
    mirror = {"better": "worse", "worse": "better", "tied": "tied", "unknown": "unknown"}
    assert outcome(other, one) == mirror[outcome(one, other)]
    assert outcome(one, one) in ("tied", "unknown")


@PROPERTY
@given(data=st.data(), better=st.sampled_from(BETTER))
def test_ranks_count_the_metrics_that_are_better(data: st.DataObject, better: str) -> None:
    found = data.draw(st.lists(st.one_of(st.none(), metrics(better)), max_size=12))
    for own, rank in zip(found, ranks(found), strict=True):
        if own is None or ends_of(own) is None:
            assert rank is None
        else:
            assert rank == 1 + sum(other is not None and outcome(other, own) == "better" for other in found)
