"""What is cheapest in all, against a search through all numbers of samples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sigbench.leaderboard.documents.cost import Option, cheapest

COSTS = st.tuples(st.sampled_from([0.0, 1.0, 10.0, 600.0]), st.sampled_from([1e-3, 2e-3, 5e-3, 1e-2]))


def total(option: Option, samples: float) -> float:
    return option.training_s + samples * option.sample_s


def test_nothing_is_cheapest_of_nothing() -> None:
    assert cheapest([]) == []


def test_training_pays_from_where_it_has_saved_its_time() -> None:
    free, student, slow = Option("free", 0.0, 1e-2), Option("student", 100.0, 1e-3), Option("slow", 200.0, 5e-3)
    first, second = cheapest([student, slow, free])
    assert first == (0.0, free)
    assert second == (pytest.approx(100.0 / 9e-3), student)


def test_of_equals_the_first_is_named() -> None:
    one, other = Option("one", 1.0, 1e-3), Option("other", 1.0, 1e-3)
    assert cheapest([one, other]) == [(0.0, one)]


@given(st.lists(COSTS, min_size=1, max_size=6))
def test_every_stage_is_the_cheapest_there(costs: list[tuple[float, float]]) -> None:
    options = [Option(str(k), *cost) for k, cost in enumerate(costs)]
    stages = cheapest(options)
    starts = [start for start, _ in stages]
    assert starts == sorted(starts)
    assert starts[0] == 0.0
    for place, (start, option) in enumerate(stages):
        end = starts[place + 1] if place + 1 < len(stages) else 2 * start + 1e6
        for samples in (start, 0.5 * (start + end)):
            least = min(total(each, samples) for each in options)
            assert total(option, samples) <= least * (1 + 1e-9) + 1e-12
