"""What pages say of students beside one another, on records whose numbers the test chooses."""

from typing import Any

import pytest
from made_records import made, metric

from sigbench.errors import BadInput
from sigbench.leaderboard.documents.rivals import (
    FREE,
    across_line,
    beside_line,
    beside_table,
    best_student_lines,
    cheapest_line,
    cheapest_table,
    curves,
    one_training,
    students_table,
    training_seed,
    trainings_table,
)
from sigbench.records.record import Record
from sigbench.report.run_table import FLOOR_ROW


def student(name: str, steps: int, value: float, seed: int = 0, **changes: Any) -> Record:
    spec = f"{name}:artifact=gmm-{name}-{seed}"
    found = made(spec, steps, {"w1": metric(value, 0.004)}, family="student", **changes)
    timing = found["timing"]
    assert timing is not None
    timing["training_s"] = 100.0 + seed
    return found


RECORDS = [
    *(student("sigdeg", 1, 0.3, seed) for seed in (0, 1)),
    *(student("sigdeg", 5, 0.05, seed, seconds=1e-4) for seed in (0, 1)),
    *(student("sfd", 1, 0.2, seed) for seed in (0, 1)),
    student("sfd", 5, 0.09, 0, seconds=1e-4),
    student("sfd", 5, 0.02, 1, seconds=1e-4),
    made("ddim", 1, {"w1": metric(1.0, 0.01)}, seconds=1e-5),
    made("ddim", 5, {"w1": metric(0.5, 0.01)}, seconds=1e-5),
    made("ipndm:order=3", 1, {"w1": metric(1.1, 0.01)}, seconds=1e-5),
    made("ipndm:order=3", 5, {"w1": metric(0.07, 0.004)}, seconds=2e-4),
    made("teacher (euler-maruyama)", 300, {"w1": metric(0.04, 0.004)}, seconds=1e-2),
]


def rows_of(table: str) -> dict[str, list[str]]:
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return {line[0]: line[1:] for line in [lines[0], *lines[2:]]}


def test_the_seed_of_a_training_is_how_its_folder_ends() -> None:
    assert training_seed(student("sfd", 5, 0.1, 12)) == 12
    assert training_seed(made("sfd", 5)) == 0
    assert training_seed(made("sfd:artifact='a b-3'", 5)) == 3


def test_one_training_and_the_best_of_the_others_stand_for_all() -> None:
    shown = one_training(RECORDS, "w1")
    found = {(record["sampler"], record["nfe"]): record["spec"] for record in shown}
    assert found == {
        ("sigdeg", 1): "sigdeg",
        ("sigdeg", 5): "sigdeg",
        ("sfd", 1): "sfd",
        ("sfd", 5): "sfd",
        (FREE, 1): "ddim",
        (FREE, 5): "ipndm:order=3",
        ("euler-maruyama", 300): "euler-maruyama",
    }


def test_a_row_a_student_and_marks_of_all_at_as_many_calls() -> None:
    rows = rows_of(students_table(RECORDS, "w1"))
    assert list(rows) == ["`w1`", FLOOR_ROW, "sigdeg", "sfd", FREE, "teacher (euler-maruyama), 300 calls"]
    assert rows["`w1`"] == ["1 call", "5 calls"]
    assert rows["sfd"][0].endswith("★")
    assert rows["sigdeg"][1].endswith("★")
    assert rows[FREE][1].endswith("ipndm:order=3")
    assert rows["teacher (euler-maruyama), 300 calls"][0].startswith("0.040")


def test_the_best_student_is_told_beside_the_best_of_the_others() -> None:
    one, five = best_student_lines(RECORDS, "w1", 1, 5)
    assert one.startswith("At 1 call sfd is the best of 2 students")
    assert "less the best training-free sampler, ddim" in one
    assert one.endswith("better.")
    assert five.startswith("At 5 calls sigdeg is the best of 2 students")
    assert best_student_lines(RECORDS, "w1", 7) == []


def test_a_pair_is_compared_training_by_training() -> None:
    rows = rows_of(beside_table(RECORDS, "w1", "sigdeg", "sfd"))
    assert rows["calls"] == ["seed 0", "seed 1"]
    assert [cell.rpartition(", ")[2] for cell in rows["1"]] == ["worse", "worse"]
    assert [cell.rpartition(", ")[2] for cell in rows["5"]] == ["better", "worse"]
    line = beside_line(RECORDS, "w1", "sigdeg", "sfd")
    assert line == (
        "By `w1`, sigdeg beside sfd is worse at 1 call; better or worse, depending on the training, at 5 calls "
        "(2 trainings each)."
    )


def test_a_record_that_changes_changes_the_sentence() -> None:
    others = [r for r in RECORDS if not (r["sampler"] == "sfd" and r["nfe"] == 5 and training_seed(r) == 1)]
    line = beside_line([*others, student("sfd", 5, 0.09, 1)], "w1", "sigdeg", "sfd")
    assert line.endswith("is worse at 1 call; better at 5 calls (2 trainings each).")
    fewer = [r for r in others if not (r["nfe"] == 5 and training_seed(r) == 1)]
    assert beside_line(fewer, "w1", "sigdeg", "sfd").endswith("(1 to 2 trainings each).")


def test_all_trainings_stand_in_a_row_with_what_one_took() -> None:
    rows = rows_of(trainings_table(RECORDS, "w1", 1, 5))
    assert rows["sfd"] == ["0.2, 0.2", "0.09, 0.02", "1.68 min"]


def test_the_cheapest_counts_training() -> None:
    rows = rows_of(cheapest_table(RECORDS, "w1", 0.08, 0.045, 0.001))
    at_008, at_0045, at_0001 = [row[0] for row in list(rows.values())[1:]]
    # ipndm needs no training and 2e-4 s a sample, sigdeg 100 s and 1e-4 s: it pays from a million samples on.
    assert at_008 == "ipndm:order=3 at 5 calls; sigdeg at 5 calls from 1,000,000 samples"
    assert at_0045 == "teacher (euler-maruyama) at 300 calls"
    assert at_0001 == "nothing that was measured"


def test_which_students_are_ever_the_cheapest() -> None:
    levels = (0.08, 0.001)
    assert cheapest_line(RECORDS, "w1", *levels) == (
        "To one of these levels, sigdeg is the cheapest from 1,000,000 samples on; sfd is never the cheapest."
    )
    assert cheapest_line([r for r in RECORDS if r["sampler"] != "sfd"], "w1", 0.001) == (
        "To one of these levels, sigdeg is never the cheapest."
    )


def test_times_in_doubt_are_left_out() -> None:
    (record,) = (r for r in RECORDS if r["sampler"] == "ipndm" and r["nfe"] == 5)
    timing = record["timing"]
    assert timing is not None
    busy = {**record, "timing": {**timing, "quiet": False, "load": [9.0, 9.0, 9.0], "others": 9.0}}
    others = [r for r in RECORDS if r is not record]
    assert "ipndm" not in cheapest_table([*others, busy], "w1", 0.08)  # type: ignore[list-item]


def test_a_student_alone_has_no_row_of_others() -> None:
    alone = [student("sfd", 2, 0.1)]
    assert list(rows_of(students_table(alone, "w1"))) == ["`w1`", FLOOR_ROW, "sfd"]
    assert best_student_lines(alone, "w1", 2) == ["At 2 calls sfd is the only student."]


def test_the_best_without_training_are_one_curve_whatever_their_grids() -> None:
    first, second = (r for r in RECORDS if r["family"] != "student" and r["nfe"] in (1, 5) and r["sampler"] == "ddim")
    others = [{**first, "grid": "quadratic"}, {**second, "grid": "uniform"}]
    shown = curves([*RECORDS[:2], *others], "w1")  # type: ignore[list-item]
    assert {(record["spec"], record["grid"]) for record in shown if record["sampler"] == FREE} == {(FREE, FREE)}


def test_students_at_calls_of_their_own() -> None:
    assert across_line(RECORDS, ("sfd", 5), ("sigdeg", 1), "w1") == (
        "sfd at 5 calls beside sigdeg at 1 call is better in `w1`."
    )
    assert across_line(RECORDS, ("sigdeg", 1), ("sfd", 5), "w1").endswith("is worse in `w1`.")
    with pytest.raises(BadInput, match="no record of sfd at 7 calls"):
        across_line(RECORDS, ("sigdeg", 1), ("sfd", 7), "w1")
