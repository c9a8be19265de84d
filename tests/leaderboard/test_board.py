"""Boards compare only what may be compared, and rank ties as ties."""

import json

import numpy as np
import pytest
from made_records import made, metric

from sigbench.leaderboard.board import Board, Entry, boards, on_grid, ranks
from sigbench.leaderboard.command import command_of
from sigbench.records.comparison import outcome
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


def test_ranks_count_those_that_are_better_beyond_doubt() -> None:
    values = [(0.10, 0.02), (0.13, 0.02), (0.16, 0.02), (0.30, 0.01), (0.20, None)]
    records = [made(f"s{i}", metrics=w1(*pair)) for i, pair in enumerate(values)]
    board = board_of(*records)
    assert ranks(board, board.entries, "w1") == [1, 1, 2, 4, None]


def test_whoever_is_at_the_floor_ties() -> None:
    records = [
        made("a", metrics=w1(0.0095, 0.0002)),
        made("b", metrics=w1(0.0102, 0.0003)),
        made("c", metrics=w1(0.02, 0.001)),
    ]
    board = board_of(*records)
    assert ranks(board, board.entries, "w1") == [1, 1, 3]


@pytest.mark.parametrize("better", ["lower", "higher", "zero"])
def test_ranks_agree_with_the_rule_of_ties_pair_by_pair(better: str) -> None:
    rng = np.random.default_rng(3)
    centre = {"lower": 0.02, "higher": 0.9, "zero": 0.0}[better]
    records = [
        made(
            f"s{i}",
            metrics={
                "w1": metric(
                    centre + 0.02 * rng.standard_normal(),
                    0.01 * rng.random() + 1e-3,
                    floor=1.0 if better == "higher" else 0.01,
                    better=better,
                )
            },
        )
        for i in range(30)
    ]
    board = board_of(*records)
    found = [entry.record["metrics"]["w1"] for entry in board.entries]
    for own, rank in zip(found, ranks(board, board.entries, "w1"), strict=True):
        assert rank == 1 + sum(outcome(other, own) == "better" for other in found)


def test_a_metric_by_another_method_or_n_is_not_compared() -> None:
    records = [made(f"s{i}", metrics=w1(0.1 + i, 0.01)) for i in range(3)]
    records += [made("other", metrics={"w1": metric(0.01, 0.001, method="another classifier")})]
    records += [made("more", metrics={"w1": metric(0.01, 0.001, n=5)})]
    board = board_of(*records)
    assert ranks(board, board.entries, "w1") == [1, 2, 3, None, None]


def test_what_is_only_reported_has_no_rank_and_displaces_none() -> None:
    mine, theirs = made("a", metrics=w1(0.2, 0.01)), made("b", metrics=w1(0.1, 0.01))
    (board,) = boards([Entry(mine), Entry(theirs, "reported")])["gmm"]
    assert ranks(board, board.entries, "w1") == [1, None]
    (board,) = boards([Entry(mine), Entry(theirs, "reproduced")])["gmm"]
    assert ranks(board, board.entries, "w1") == [2, 1]


def test_the_best_grid_of_each_sampler_and_steps() -> None:
    records = [
        made("a", 5, w1(0.3, 0.01), grid="uniform"),
        made("a", 5, w1(0.2, 0.01)),
        made("b", 5, w1(0.1, 0.01)),
        made("b", 5, w1(0.4, 0.01), grid="uniform"),
        made("b", 9, w1(0.4, 0.01), grid="uniform"),
    ]
    board = board_of(*records)

    def chosen(choice: str) -> list[tuple[str, int, str]]:
        return [(e.record["sampler"], e.record["steps"], e.record["grid"]) for e in on_grid(board, choice, "w1")]

    assert chosen("best") == [("a", 5, "quadratic"), ("b", 5, "quadratic"), ("b", 9, "uniform")]
    assert chosen("uniform") == [("a", 5, "uniform"), ("b", 5, "uniform"), ("b", 9, "uniform")]
    assert len(chosen("all")) == 5
    assert board.main_grid == "uniform"


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
