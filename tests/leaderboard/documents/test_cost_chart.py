"""The chart of quality against cost: hours with training, and nothing whose times are in doubt."""

from typing import Any

import pytest
from made_records import made, metric

from sigbench.errors import BadInput
from sigbench.leaderboard.documents.cost_chart import cost_chart
from sigbench.leaderboard.documents.rivals import FREE
from sigbench.records.record import Record


def timed(sampler: str, steps: int, seconds: float, training: float | None, **changes: Any) -> Record:
    found = made(sampler, steps, {"w1": metric(0.1 / steps, 0.001)}, seconds=seconds, **changes)
    timing = found["timing"]
    assert timing is not None
    timing["training_s"] = training
    return found


RECORDS = [
    timed("sfd", 1, 1e-3, 7_200.0, family="student"),
    timed("sfd", 5, 5e-3, 7_200.0, family="student"),
    timed(FREE, 5, 4e-3, None),
    timed("teacher (euler-maruyama)", 300, 0.3, None),
]


def points_of(chart: Any) -> list[dict[str, Any]]:
    drawn = chart.to_dict()
    (values,) = [layer["data"]["values"] for layer in drawn["layer"] if layer.get("mark", {}).get("type") == "point"]
    return list(values)


def test_hours_are_training_and_samples() -> None:
    rows = points_of(cost_chart(RECORDS, "w1", 3_600_000))
    assert {(row["who"], row["calls"]): pytest.approx(row["hours"]) for row in rows} == {
        ("sfd", 1): 2.0 + 1.0,
        ("sfd", 5): 2.0 + 5.0,
        (FREE, 5): 4.0,
        ("teacher, 300 calls", 300): 300.0,
    }


def test_times_of_a_quiet_machine_go_before() -> None:
    quiet = [timed("sfd", 5, 1e-3, 7_200.0, family="student")]
    rows = points_of(cost_chart(RECORDS, "w1", 3_600_000, quiet))
    assert next(row["hours"] for row in rows if (row["who"], row["calls"]) == ("sfd", 5)) == pytest.approx(3.0)


def test_what_has_no_times_is_left_out() -> None:
    (record,) = [r for r in RECORDS if r["role"] == "teacher"]
    without = [*RECORDS[:3], {**record, "timing": None}]
    assert len(points_of(cost_chart(without, "w1", 1_000))) == 3  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="times that can be trusted"):
        cost_chart([{**record, "timing": None}], "w1", 1_000)  # type: ignore[list-item]


def test_of_the_best_without_training_nothing_is_shown_that_another_beats() -> None:
    slower = timed(FREE, 3, 9e-3, None)  # at 3 calls another sampler was the best, and a slow one
    rows = points_of(cost_chart([*RECORDS, slower], "w1", 3_600_000))
    assert [row["calls"] for row in rows if row["who"] == FREE] == [5]
    slow_student = timed("sfd", 3, 9e-3, 7_200.0, family="student")
    rows = points_of(cost_chart([*RECORDS, slow_student], "w1", 3_600_000))
    assert [row["calls"] for row in rows if row["who"] == "sfd"] == [1, 5, 3]
