"""Tables of which sampler to use, of what tuning chose, and of when training pays: on records of the official sweep."""

import json
import re
from functools import cache
from pathlib import Path

import pytest

from sigbench.errors import BadInput
from sigbench.leaderboard.choice import choose, within
from sigbench.leaderboard.documents.choices import (
    budget_table,
    choice_lines,
    choice_table,
    leaders,
    limits,
    payback_table,
)
from sigbench.leaderboard.documents.evidence import Cells, cells
from sigbench.leaderboard.documents.tuned import last_step_table, tuned_table
from sigbench.records.names import chosen, is_tuned

ROOT = Path(__file__).parents[3]
RECORDS = sorted(
    file.name
    for file in (ROOT / "leaderboard" / "records").glob("*.jsonl")
    if any("tuning" in json.loads(line) for line in file.read_text().splitlines())
)


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture
def gmm() -> Cells:
    return _read("records/gmm.jsonl")


@cache
def _read(file: str) -> Cells:
    return cells(file).where(status="ok")


def rows_of(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


@pytest.mark.parametrize("name", RECORDS)
def test_what_a_record_says_of_its_tuning_is_what_the_tuning_chose(name: str) -> None:
    """Spec, number of candidates and hash of `leaderboard/tuning.json`, whose choices have the least score."""
    tuning = json.loads((ROOT / "leaderboard" / "tuning.json").read_text())
    choices = {(each["task"], each["sampler"], each["calls"]): each for each in tuning["choices"]}
    told = [record for record in cells(f"records/{name}") if is_tuned(record)]
    assert told
    for record in told:
        note = record["tuning"]
        choice = choices[record["task"], record["sampler"], note["calls"]]
        assert note["hash"] == tuning["hashes"][record["task"]]
        assert note["candidates"] == len(choice["scores"]) <= 12
        assert choice["scores"][choice["spec"]] == min(choice["scores"].values())
        for part in chosen(record).split()[1:]:
            assert part in choice["spec"]
        assert f"grid={record['grid']}" in choice["spec"] or record["family"] == "student"


def test_the_best_of_each_kind_at_each_budget(gmm: Cells) -> None:
    rows = rows_of(choice_table((gmm, "w1")))
    assert [row[1] for row in rows] == ["5", "10", "20"]
    for row, calls in zip(rows, (5, 10, 20), strict=True):
        found = choose(gmm, "w1", calls)
        assert found is not None
        assert found.beside is not None
        assert row[0] == "`gmm`, `w1`"
        assert row[2].startswith(f"{found.free['sampler']} ({found.free['grid']}")
        value = float(row[2].partition("): ")[2].split()[0])
        assert value == pytest.approx(found.free["metrics"]["w1"]["value"], abs=6e-5)
        assert row[3].startswith("sigdeg: ")
        assert re.search(rf": {found.beside.outcome}, p [=<] ", row[4])


def test_sentences_name_what_cannot_be_told_from_the_best(gmm: Cells) -> None:
    lines = choice_lines(gmm, "w1")
    assert len(lines) == 3
    for line, calls in zip(lines, (5, 10, 20), strict=True):
        found = choose(gmm, "w1", calls)
        assert found is not None
        assert line.startswith(f"w1 within {calls} calls: {found.free['sampler']} is the best of {found.among} ")
        assert ("equivalent to it:" in line) == bool(found.tied)
        assert ("not told from it:" in line) == bool(found.open)


def test_a_budget_s_table_holds_every_sampler_with_its_mark(gmm: Cells) -> None:
    rows = rows_of(budget_table(gmm, "w1", 5, 10))
    assert rows[0][0].startswith("floor")
    values = {row[0]: row[1:] for row in rows[1:]}
    assert values.keys() == {record["sampler"] for calls in (5, 10) for record in within(gmm, calls)}
    assert sum("★" in value[0] for value in values.values()) == 1
    assert values["dpm-solver-3s"][0].endswith(" (4)")  # one step of three calls, and one that denoises
    order = [float(row[2].split()[0]) for row in rows[1:] if row[2] != "–"]
    assert order == sorted(order)


def test_a_student_is_matched_by_somebody_or_by_nobody(gmm: Cells) -> None:
    ((task, name, calls, training, rival, pays),) = rows_of(payback_table((gmm, "w1", 5, ())))
    assert (task, name, calls) == ("`gmm`", "sigdeg", "5")
    assert training.endswith("min")
    assert rival.startswith("none up to") or re.search(r" at \d+ calls$", rival)
    assert pays in ("–", "never") or pays.endswith("samples")


def test_leaders_are_students_and_the_best_others(gmm: Cells) -> None:
    found = leaders(gmm, "w1", 5, 3)
    assert [record["family"] == "student" for record in found] == [True, False, False, False]
    values = [record["metrics"]["w1"]["value"] for record in found[1:]]
    assert values == sorted(values)
    assert {record["nfe"] for record in limits(gmm)} >= {300}


def test_what_tuning_chose_and_what_the_last_call_is_worth(gmm: Cells) -> None:
    table = {row[0]: row[1:] for row in rows_of(tuned_table(gmm, "w1"))}
    assert "ddim" in table
    assert all(len(row) == 3 for row in table.values())
    ends = {row[0]: row[1:] for row in rows_of(last_step_table("gmm"))}
    assert re.fullmatch(r"\d+\.\d+, \d+\.\d+ \([+−]\d+(\.\d+)? %\)", ends["ddim"][0])
    with pytest.raises(BadInput, match="holds no tuning of nothing"):
        last_step_table("nothing")
