"""Which sampler to use: budgets, the best of each kind, and what training buys."""

from typing import Any

import pytest
from made_records import made, metric_of

from sigbench.leaderboard.choice import choose, payback, ranked, within
from sigbench.records.consistency import doubts_of
from sigbench.records.record import Record

SPREAD = (0.001, -0.001, 0.0005, -0.0005)
TUNED = {"candidates": 12, "calls": 5, "hash": "0" * 12}


def record(name: str, value: float, steps: int = 5, **changes: Any) -> Record:
    """A record whose repeats lie about `value`, each sampler's in an order of its own."""
    turn = sum(map(ord, name)) % len(SPREAD)
    values = [value + each for each in (*SPREAD[turn:], *SPREAD[:turn])]
    return made(name, steps, {"w1": metric_of(values, 0.01)}, **changes)


def student(value: float, steps: int = 5, **changes: Any) -> Record:
    return record("sigdeg", value, steps, family="student", **changes)


def test_a_budget_holds_each_sampler_s_most_calls_above_half_of_it() -> None:
    one, two = record("ddim", 0.3, 5), record("ddim", 0.2, 10)
    four, six = record("heun", 0.3, 2, nfe=4), record("heun", 0.2, 3, nfe=6)
    left_out = [record("teacher (ddim)", 0.1, 5), made("sea", 5, status="diverged"), record("prior", 0.1, 5, nfe=0)]
    everything = [one, two, four, six, *left_out]
    assert within(everything, 5) == [one, four]
    assert within(everything, 6) == [one, six]
    assert within(everything, 10) == [two, six]
    assert within(everything, 20) == []


def test_what_tuning_chose_at_each_budget_is_one_sampler() -> None:
    five, eight = record("unipc:order=2", 0.2, 5, tuning=TUNED), record("unipc", 0.1, 8, tuning=TUNED)
    assert within([five, eight], 8) == [eight]
    other = record("unipc:order=3", 0.1, 8)
    assert within([five, other], 8) == [five, other]


def test_the_best_of_each_kind_and_how_they_stand() -> None:
    free = [record("a", 0.2), record("b", 0.2001), record("c", 0.9)]
    found = choose([*free, student(0.05), student(0.4, 4)], "w1", 5)
    assert found is not None
    assert (found.free["sampler"], found.among) == ("a", 3)
    assert [each["sampler"] for each in found.tied] == ["b"]
    assert found.open == ()
    assert found.student is not None
    assert found.student["steps"] == 5
    assert found.beside is not None
    assert found.beside.outcome == "better"
    assert found.beside.difference == pytest.approx(-0.15)
    family = ranked([*free, student(0.05)], "w1")
    assert found.p_value == family[0].p_adjusted


def test_a_student_that_is_worse_has_its_own_p_value() -> None:
    free = [record("a", 0.2), record("c", 0.9)]
    found = choose([*free, student(0.5)], "w1", 5)
    assert found is not None
    assert found.beside is not None
    assert found.beside.outcome == "worse"
    assert found.p_value == ranked([*free, student(0.5)], "w1")[2].p_adjusted


def test_without_free_samplers_or_students() -> None:
    assert choose([student(0.1)], "w1", 5) is None
    found = choose([record("a", 0.2)], "w1", 5)
    assert found is not None
    assert (found.student, found.beside, found.p_value) == (None, None, None)


def test_a_student_of_one_repeat_is_shown_and_not_compared() -> None:
    short = made("sigdeg", 5, {"w1": metric_of([0.1], 0.01)}, family="student")
    found = choose([record("a", 0.2), short], "w1", 5)
    assert found is not None
    assert found.student == short
    assert (found.beside, found.p_value) == (None, None)


def timed(one: Record, seconds: float, training: float | None = None) -> Record:
    assert one["timing"] is not None
    one["timing"]["sample_s"]["value"] = seconds
    one["timing"]["training_s"] = training
    return one


def test_training_pays_beside_the_first_budget_that_is_as_good() -> None:
    free = [
        timed(record("a", value, calls), calls * 1e-3) for calls, value in ((5, 0.5), (10, 0.3), (20, 0.1), (50, 0.1))
    ]
    own = timed(student(0.1), 5e-3, training=150.0)
    found = payback([*free, own], "w1", own)
    assert found.rival is not None
    assert found.rival["nfe"] == 20
    assert found.samples == pytest.approx(150.0 / 0.015)


def test_what_is_never_matched_saves_nothing_or_has_no_time() -> None:
    own = timed(student(0.1), 5e-3, training=150.0)
    assert payback([timed(record("a", 0.5), 1e-3), own], "w1", own).rival is None
    slow = timed(student(0.1), 0.5, training=150.0)
    found = payback([timed(record("a", 0.1, 20), 1e-3), slow], "w1", slow)
    assert found.rival is not None
    assert found.samples is None
    busy = timed(record("a", 0.1, 20), 1.0)
    assert busy["timing"] is not None
    busy["timing"]["load"] = [50.0, 50.0, 50.0]
    assert doubts_of(busy)
    assert payback([busy, own], "w1", own).samples is None
    quiet = timed(record("a", 0.1, 20), 20e-3)
    assert payback([busy, own], "w1", own, [quiet]).samples == pytest.approx(150.0 / 0.015)
