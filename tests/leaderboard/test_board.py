"""Boards hold only what may be compared, and choose what is shown of it."""

import json

import pytest
from made_records import made, metric

from sigbench.leaderboard.board import Board, Entry, boards, on_grid
from sigbench.leaderboard.command import command_of
from sigbench.records.record import Record


def board_of(*records: Record) -> Board:
    (board,) = boards(Entry(record) for record in records)["gmm"]
    return board


def w1(value: float, half: float | None, **options: float) -> dict:
    return {"w1": metric(value, half, **options)}


def test_other_samples_seeds_versions_and_conditions_are_other_boards() -> None:
    records = [
        made(steps=5),
        made(steps=6),
        made(samples=2000),
        made(seed=1),
        made(task_version=2),
        made(conditions={"label": 3.0}),
        made(task="mnist"),
    ]
    found = boards(Entry(record) for record in records)
    assert list(found) == ["gmm", "mnist"]
    assert sorted(len(board.group) for board in found["gmm"]) == [1, 1, 1, 1, 2]


def test_the_newest_version_of_a_task_comes_first_and_then_the_board_of_most_records() -> None:
    records = [made(steps=n) for n in (2, 3, 4)] + [made(steps=n, task_version=2) for n in (2, 3)]
    records += [made(task_version=2, samples=50)]
    found = boards(Entry(record) for record in records)["gmm"]
    assert [(board.version, len(board.group)) for board in found] == [(2, 2), (2, 1), (1, 3)]


def test_what_is_only_handed_in_never_stands_first() -> None:
    own, theirs = made(), made(task_version=99)
    (first, second) = boards([Entry(theirs, "reported"), Entry(own)])["gmm"]
    assert (first.version, second.version) == (1, 99)
    (first, second) = boards([Entry(theirs, "reproduced"), Entry(own)])["gmm"]
    assert (first.version, second.version) == (99, 1)


def test_of_one_cell_enough_repeats_stand_before_few_and_then_the_newest() -> None:
    def at(repeats: int, day: int, value: float) -> Record:
        record = made(metrics=w1(value, 0.001), repeats=repeats)
        record["provenance"]["date"] = f"2026-01-{day:02}"
        return record

    board = board_of(at(1, 9, 0.1), at(5, 1, 0.2), at(3, 5, 0.3), at(9, 2, 0.4))
    assert [entry.record["metrics"]["w1"]["value"] for entry in board.entries] == [0.3]
    assert board.superseded == 3


def chosen(board: Board, choice: str) -> list[tuple[str, int, str]]:
    return [(e.record["sampler"], e.record["steps"], e.record["grid"]) for e in on_grid(board, choice, "w1")]


def test_the_best_grid_of_each_sampler_and_number_of_calls() -> None:
    records = [
        made("a", 5, w1(0.3, 0.01), grid="uniform"),
        made("a", 5, w1(0.2, 0.01)),
        made("b", 5, w1(0.1, 0.01)),
        made("b", 5, w1(0.4, 0.01), grid="uniform"),
        made("b", 9, w1(0.4, 0.01), grid="uniform"),
        made("c", 5, w1(0.4, 0.01), nfe=10, grid="uniform"),
        made("c", 10, w1(0.3, 0.01), nfe=10),
    ]
    board = board_of(*records)
    assert chosen(board, "best") == [
        ("a", 5, "quadratic"),
        ("b", 5, "quadratic"),
        ("b", 9, "uniform"),
        ("c", 10, "quadratic"),
    ]
    assert chosen(board, "uniform") == [
        ("a", 5, "uniform"),
        ("b", 5, "uniform"),
        ("b", 9, "uniform"),
        ("c", 5, "uniform"),
    ]
    assert len(chosen(board, "all")) == 7
    assert board.main_grid == "uniform"


@pytest.mark.parametrize(("better", "values"), [("higher", (1.0, 2.0)), ("zero", (-0.3, 0.1)), ("lower", (0.2, 0.1))])
def test_the_best_grid_is_that_of_the_better_mean(better: str, values: tuple[float, float]) -> None:
    grids = ("worse", "better")
    records = [
        made("a", 5, {"w1": metric(value, 0.01, better=better)}, grid=grid)  # type: ignore[arg-type]
        for grid, value in zip(grids, values, strict=True)
    ]
    assert chosen(board_of(*records), "best") == [("a", 5, "better")]


def test_what_failed_on_one_grid_is_left_out_where_another_gave_numbers() -> None:
    records = [
        made("a", 5, grid="uniform", status="diverged"),
        made("a", 5),
        made("b", 5, status="diverged"),
        made("b", 5, grid="uniform", status="diverged"),
    ]
    assert chosen(board_of(*records), "best") == [("a", 5, "quadratic"), ("b", 5, "quadratic")]


def test_what_is_handed_in_hides_nothing_that_was_measured() -> None:
    mine, theirs = made("a", 5, w1(0.2, 0.01)), made("a", 5, w1(0.1, 0.01), grid="uniform")
    (board,) = boards([Entry(mine), Entry(theirs, "reported")])["gmm"]
    assert [(e.standing, e.record["grid"]) for e in on_grid(board, "best", "w1")] == [
        ("measured", "quadratic"),
        ("reported", "uniform"),
    ]


def test_the_command_names_all_that_was_asked_for() -> None:
    record = made("ddim:eta=0.5", 7, conditions={"guidance": 1.5, "label": 3.0})
    assert " ".join(command_of(record)) == (
        "OMP_NUM_THREADS=1 sigbench run --task gmm --sampler ddim:eta=0.5 --steps 7 --samples 1000 --repeats 5 "
        "--seed 0 --grid quadratic --guidance 1.5 --label 3 --batch 256 --dtype float32 --device cpu"
    )
    assert "--sampler teacher --samples" in " ".join(command_of(made("teacher (ddim)", 300)))
    assert "--nfe 9" in command_of(made(asked={**record["asked"], "nfe": 9}))[1]  # type: ignore[typeddict-item]


def test_a_sampler_named_like_a_shell_command_is_quoted() -> None:
    assert "--sampler '; rm -rf $HOME'" in command_of(made("; rm -rf $HOME"))[0]


def test_made_records_are_json() -> None:
    assert json.loads(json.dumps(made()))["status"] == "ok"


def test_samplers_of_one_name_from_two_files_and_a_teacher_are_entries_of_their_own() -> None:
    """Who a record is of is its sampler, its spec and its role: a display name may be that of several."""
    ours, theirs = made(spec="ours.py:Mine"), made(spec="theirs.py:Mine")
    board = board_of(ours, theirs, made(), made(role="teacher"))
    assert len(board.entries) == 4
    assert board.superseded == 0
    assert len(on_grid(board, "best", "w1")) == 4
