"""The blocks of a board: what is compared with what, which marks and ranks follow, and what has none and why."""

from typing import Any

import numpy as np
import pytest
from made_records import made, metric, metric_of

from sigbench.leaderboard.board import Board, Entry, Standing, boards
from sigbench.leaderboard.overview import (
    SELECTION,
    STANDARD_CALLS,
    TUNED,
    Block,
    blocks,
    calls_of,
    narrowed,
    rank_text,
    selection,
)
from sigbench.records.family import rank_records
from sigbench.records.names import display_name
from sigbench.records.record import MetricRecord, Record
from sigbench.report.marks import floor_mark

SHAPE = (-2.0, -1.0, 0.0, 1.0, 2.0)


def w1(value: float, spread: float = 0.001, **options: Any) -> dict[str, MetricRecord]:
    """A metric of five repeats around a value: on shared noise, the same ones around each."""
    return {"w1": metric_of([value + spread * x for x in SHAPE], 0.01, **options)}


def board_of(*records: Record | tuple[Record, Standing]) -> Board:
    entries = [Entry(*each) if isinstance(each, tuple) else Entry(each) for each in records]
    (board,) = boards(entries)["gmm"]
    return board


def block_of(board: Board, calls: int | None, choice: str = "best", name: str = "w1") -> Block:
    (block,) = [each for each in blocks(board, name, choice) if each.calls == calls]
    return block


def said(block: Block) -> dict[str, tuple[str, str]]:
    """Of each sampler its mark in words, or why it has none, and its ranks; in the order of the block."""
    return {
        row.entry.record["sampler"]: (row.ranked.mark if row.ranked else row.reason, row.ranks) for row in block.rows
    }


def test_a_block_is_sorted_by_its_estimates_and_marks_what_is_tied_with_the_best() -> None:
    noisy = {"w1": metric_of([0.11, 0.09, 0.28, 0.01, 0.12], 0.01)}
    board = board_of(
        made("worse", 5, w1(0.3)), made("open", 5, noisy), made("best", 5, w1(0.1)), made("same", 5, w1(0.101))
    )
    assert said(block_of(board, 5)) == {
        "best": ("best", "1–2"),
        "same": ("equivalent", "2–3"),
        "open": ("not resolved", "1–3"),
        "worse": ("worse", "4"),
    }


def test_budgets_are_never_compared_with_one_another() -> None:
    """What has more calls, however good it is, changes no mark and no rank of those with fewer."""
    few = [made("a", 5, w1(0.2)), made("b", 5, w1(0.3))]
    alone = said(block_of(board_of(*few), 5))
    board = board_of(*few, made("a", 10, w1(0.01)), made("c", 9, w1(0.001)), made("d", 10, w1(0.5)))
    assert said(block_of(board, 5)) == alone == {"a": ("best", "1"), "b": ("worse", "2")}
    assert said(block_of(board, 10)) == {"a": ("best", "1"), "d": ("worse", "2")}
    assert [block.calls for block in blocks(board, "w1")] == [5, 9, 10]


def test_calls_are_those_counted_and_not_the_steps() -> None:
    board = board_of(made("heun", 5, w1(0.2), nfe=10), made("ddim", 10, w1(0.3)), made("ddim", 5, w1(0.1)))
    assert said(block_of(board, 10)) == {"heun": ("best", "1"), "ddim": ("worse", "2")}


def test_what_calls_no_network_has_no_mark() -> None:
    board = board_of(made("exact", 5, w1(0.01), nfe=0), made("other", 5, w1(0.3), nfe=0))
    assert said(block_of(board, 0)) == {"exact": ("no network calls", "–"), "other": ("no network calls", "–")}
    assert block_of(board, 0).sentence == ""
    assert 0 not in calls_of(board)


def test_each_sampler_is_compared_on_its_best_grid_alone() -> None:
    records = [
        made("a", 5, w1(0.2), grid="uniform"),
        made("a", 5, w1(0.4)),
        made("b", 5, w1(0.3)),
    ]
    board = board_of(*records)
    best = block_of(board, 5)
    assert [(row.entry.record["sampler"], row.entry.record["grid"], row.ranks) for row in best.rows] == [
        ("a", "uniform", "1"),
        ("b", "quadratic", "2"),
    ]
    everything = block_of(board, 5, "all")
    assert [(row.entry.record["grid"], row.mark, row.ranks, row.reason) for row in everything.rows] == [
        ("uniform", "★", "1", ""),
        ("quadratic", "", "2", ""),
        ("quadratic", "", "–", "does better on another grid"),
    ]
    named = block_of(board, 5, "quadratic")
    assert said(named) == {"b": ("best", "1"), "a": ("worse", "2")}


def test_the_most_common_number_of_repeats_is_the_family() -> None:
    few = {"w1": metric_of([0.01, 0.011, 0.012], 0.01)}
    board = board_of(made("a", 5, w1(0.2)), made("b", 5, w1(0.3)), made("c", 5, few))
    assert said(block_of(board, 5)) == {
        "c": ("3 repeats, the others 5", "–"),
        "a": ("best", "1"),
        "b": ("worse", "2"),
    }


def test_of_numbers_of_repeats_that_are_as_common_the_larger_is_the_family() -> None:
    few = [made(name, 5, {"w1": metric_of([value, value + 0.001], 0.01)}) for name, value in (("c", 0.1), ("d", 0.2))]
    board = board_of(*few, made("a", 5, w1(0.2)), made("b", 5, w1(0.3)))
    assert {name for name, (_, ranks) in said(block_of(board, 5)).items() if ranks != "–"} == {"a", "b"}


def test_one_repeat_is_compared_with_nothing_however_many_there_are() -> None:
    once = [made(f"s{i}", 5, {"w1": metric_of([0.1 + i], 0.01)}) for i in range(3)]
    assert set(said(block_of(board_of(*once), 5)).values()) == {("one repeat has no spread", "–")}
    found = said(block_of(board_of(*once, made("a", 5, w1(0.2)), made("b", 5, w1(0.3))), 5))
    assert found["a"] == ("best", "1")
    assert found["s0"] == ("1 repeat, the others 5", "–")


@pytest.mark.parametrize(
    "noise", [{"paths": "fresh", "axes": ["task"]}, {"paths": "shared", "axes": ["task", "steps"]}]
)
def test_other_noise_than_most_is_not_compared(noise: dict[str, Any]) -> None:
    own = made("c", 5, w1(0.01), noise=noise)
    board = board_of(made("a", 5, w1(0.2)), made("b", 5, w1(0.3)), own)
    assert said(block_of(board, 5))["c"] == ("other noise than the others", "–")
    assert said(block_of(board, 5))["a"] == ("best", "1")


def test_fresh_noise_is_compared_without_pairs() -> None:
    noise = {"paths": "fresh", "axes": ["task"]}
    found = block_of(board_of(made("a", 5, w1(0.2), noise=noise), made("b", 5, w1(0.201), noise=noise)), 5)
    (_, other) = found.rows
    assert other.ranked is not None
    assert other.ranked.beside_best is not None
    assert not other.ranked.beside_best.paired


def test_another_margin_than_most_is_not_compared() -> None:
    board = board_of(made("a", 5, w1(0.2)), made("b", 5, w1(0.3)), made("c", 5, w1(0.01, margin=0.1)))
    assert said(block_of(board, 5))["c"] == ("another margin than the others", "–")


def test_another_method_or_n_is_not_compared() -> None:
    board = board_of(
        made("a", 5, w1(0.2)),
        made("b", 5, w1(0.3)),
        made("c", 5, w1(0.01, method="another classifier")),
        made("d", 5, w1(0.01, n=5)),
    )
    reason = ("not measured by this metric, its method and its number of samples", "–")
    assert said(block_of(board, 5)) == {"a": ("best", "1"), "b": ("worse", "2"), "c": reason, "d": reason}


def test_what_is_handed_in_has_no_mark_and_displaces_none_until_it_is_reproduced() -> None:
    mine, other, theirs = made("a", 5, w1(0.2)), made("b", 5, w1(0.3)), made("c", 5, w1(0.1))
    found = said(block_of(board_of(mine, other, (theirs, "reported")), 5))
    assert list(found) == ["a", "b", "c"]  # and never stands first
    assert found["c"] == ("handed in, and not reproduced here", "–")
    assert found["a"] == ("best", "1")
    assert said(block_of(board_of(mine, other, (theirs, "differs")), 5))["c"] == ("it differs when run here", "–")
    found = said(block_of(board_of(mine, other, (theirs, "reproduced")), 5))
    assert found == {"c": ("best", "1"), "a": ("worse", "2"), "b": ("worse", "3")}


def test_who_is_alone_has_no_mark() -> None:
    block = block_of(board_of(made("a", 5, w1(0.2))), 5)
    assert said(block) == {"a": ("alone at this number of calls", "–")}
    assert block.sentence == "w1 at 5 calls: a alone."


def test_failures_stand_last_and_say_what_happened() -> None:
    board = board_of(made("a", 5, w1(0.2)), made("lost", 5, status="diverged"))
    *_, last = blocks(board, "w1")
    assert last.calls is None
    assert said(last) == {"lost": ("diverged", "–")}
    assert last.sentence == ""


@pytest.mark.parametrize("better", ["lower", "higher", "zero"])
def test_marks_and_ranks_are_those_of_the_family(better: Any) -> None:
    values = np.random.default_rng(1)
    floor, apart = (1.0, 0.05) if better == "higher" else (0.01, 0.02)
    records = [
        made(f"s{i}", 5, {"w1": metric_of(list(values.normal(0.3 + apart * i, apart, 5)), floor, better=better)})
        for i in range(8)
    ]
    expected = {r["sampler"]: found for r, found in zip(records, rank_records(records, "w1"), strict=True)}
    rows = block_of(board_of(*records), 5).rows
    assert {row.entry.record["sampler"]: row.ranked for row in rows} == expected
    marks = [row.ranked.mark for row in rows if row.ranked is not None]
    assert marks[0] == "best"
    assert len(set(marks)) > 2
    sizes = [float(np.mean(np.abs(row.metric["values"]))) for row in rows if row.metric is not None]
    assert sizes == sorted(sizes, reverse=better == "higher")


def test_where_zero_is_best_the_mean_distance_from_it_sorts() -> None:
    """Not the distance of the mean, which is 0 where repeats lie on both sides."""
    far = {"w1": metric_of([-1.0, 1.0, -1.0, 1.0, 0.0], 0.01, better="zero")}
    near = {"w1": metric_of([0.1, 0.1, 0.1, 0.11, 0.1], 0.01, better="zero")}
    assert list(said(block_of(board_of(made("far", 5, far), made("near", 5, near)), 5))) == ["near", "far"]


def test_rows_that_are_not_shown_change_no_mark() -> None:
    records = [made(f"s{i}", 5, w1(0.1 + 0.1 * i)) for i in range(4)]
    records += [made("twice", 10, w1(0.05), nfe=5), made("s0", 10, w1(0.01))]
    found = blocks(board_of(*records), "w1")

    def ranks(shown: list[Block]) -> list[tuple[int | None, str, str]]:
        return [(block.calls, row.entry.record["sampler"], row.ranks) for block in shown for row in block.rows]

    everything, left = narrowed(found)
    assert left == 0
    few, left = narrowed(found, steps={5}, most_rows=3)
    assert ranks(few) == [(5, "s0", "2"), (5, "s1", "3"), (5, "s2", "4")]
    assert left == 1
    assert ranks(narrowed(found, most_calls=9)[0]) == ranks(everything)[:5]
    assert narrowed(found, most_rows=5)[1] == 1


def test_ranks_in_words() -> None:
    assert [rank_text(*pair) for pair in ((1, 3), (2, 2))] == ["1–3", "2"]


def test_marks_of_the_floor() -> None:
    at, below = (
        metric_of([0.0098, 0.0101, 0.0102, 0.0099, 0.0100], 0.01),
        metric_of([0.001, 0.002, 0.001, 0.002, 0.001], 0.01),
    )
    assert [floor_mark(m) for m in (at, below, metric(0.3, 0.01), metric(0.01, None))] == ["=", "!", "", ""]


def test_a_board_has_columns_for_the_standard_calls_and_for_all_others_that_it_holds() -> None:
    board = board_of(made("a", 5), made("b", 7), made("c", 30, nfe=60), made("d", 4, status="failed"))
    assert calls_of(board) == sorted({*STANDARD_CALLS, 7, 60})


def test_how_a_grid_was_chosen_is_said_as_it_was() -> None:
    """By looking at the numbers shown, by tuning on other noise, both, or not at all."""
    note = {"candidates": 4, "calls": 5, "hash": "0" * 12}
    plain, other = made("a", 5), made("a", 5, grid="karras")
    tuned = [made("b", 5, grid="karras", tuning=note), made("b:order=2", 10, tuning=note)]

    def of(*records: Record) -> str:
        ((board,),) = boards(map(Entry, records)).values()
        return selection([board])

    assert of(plain) == ""
    assert of(plain, other) == SELECTION
    assert of(plain, *tuned) == TUNED
    assert of(plain, other, *tuned) == f"{TUNED} {SELECTION}"
    ((board,),) = boards(map(Entry, [plain, *tuned])).values()
    assert [[display_name(row.entry.record) for row in block.rows] for block in blocks(board, "w1")] == [
        ["a", "b"],
        ["b"],
    ]
