"""Tables and sentences of the documents, on committed records: what they hold, and what they refuse."""

from pathlib import Path

import pytest

from sigbench.errors import BadInput
from sigbench.leaderboard.documents.evidence import Cells, cells, is_older, superseded
from sigbench.leaderboard.documents.sentences import beside, best, block, bullets, excess_times, times, value
from sigbench.leaderboard.documents.studies import (
    errors_table,
    gap_table,
    gaps,
    left_out_cell,
    metric_cell,
    order_table,
    orders,
    orders_table,
    plain,
    students,
)
from sigbench.leaderboard.documents.tables import calls_table, cell_table, cost_table, grids_table, guidance_table
from sigbench.report.numbers import interval
from sigbench.report.run_table import marks

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture
def gmm() -> Cells:
    return cells("../tests/leaderboard/documents/seven_samplers.jsonl")


def column(table: str, place: int) -> list[str]:
    return [line.split("|")[place].strip() for line in table.splitlines()[2:]]


def test_a_cell_is_the_number_of_the_record_with_the_mark_of_its_family(gmm: Cells) -> None:
    table = calls_table(gmm, "w1")
    family = list(gmm.where(nfe=20))
    for record, mark in zip(family, marks(family, "w1"), strict=True):
        metric = record["metrics"]["w1"]
        text = f"{interval(metric['value'], metric['low'], metric['high'], brief=True)} {mark}".strip()
        assert f"| {record['sampler']} |" in table
        assert f" {text} |" in table


def test_rows_of_cells_stand_by_calls_and_then_by_value(gmm: Cells) -> None:
    table = cell_table(gmm, "w1", "ks")
    names, calls, values = (column(table, place) for place in (1, 2, 3))
    assert names[0] == "floor (the truth)"
    assert calls[1:] == sorted(calls[1:], key=int)
    five = [float(text.split()[0]) for text, of in zip(values, calls, strict=True) if of == "5"]
    assert five == sorted(five)
    assert len(five) == 7


def test_older_records_are_shown_and_never_marked() -> None:
    old = cells("records/mnist.jsonl").where(samples=2000)
    assert all(map(is_older, old))
    assert not set("★≈?=!") & set(cell_table(old, "fcd"))
    assert "teacher (euler-maruyama)" in column(cell_table(old, "fcd"), 1)
    assert "369" in cost_table(old)
    said = superseded(old)
    assert "version 1 of the task `mnist`" in said
    assert said.startswith("*Superseded")
    assert superseded(cells("records/gmm.jsonl")) == ""


def test_ratios_are_of_values_and_of_what_lies_above_the_floor(gmm: Cells) -> None:
    one, other = gmm.one("ddim", steps=5), gmm.one("sigdeg", steps=5)
    own, their = one["metrics"]["w1"], other["metrics"]["w1"]
    assert float(times(one, other, "w1")) == pytest.approx(own["value"] / their["value"], rel=5e-3)
    above = (own["value"] - own["floor"]) / (their["value"] - their["floor"])
    assert float(excess_times(one, other, "w1").replace(",", "")) == pytest.approx(above, rel=5e-3)
    assert value(one, "w1").startswith("0.3748 [0.3725")


def test_sentences_say_what_the_comparison_says(gmm: Cells) -> None:
    at20 = gmm.where(nfe=20)
    assert beside(gmm.one("ddim", steps=20), gmm.one("ipndm", steps=20), "w1").endswith(", worse.")
    assert beside(gmm.one("ipndm", steps=20), gmm.one("ddim", steps=20), "w1").endswith(", better.")
    (sentence,) = best(at20, "w1")
    assert sentence.startswith("w1 at 20 calls: ipndm is best")
    assert "not told from it" in sentence
    old = cells("records/mnist.jsonl").where("sigdeg", samples=2000)
    with pytest.raises(KeyError):  # an older record has no repeats to compare
        beside(old.one("sigdeg", steps=5), old.one("sigdeg", steps=10), "fcd")


def test_what_is_not_there_or_not_one_is_refused(gmm: Cells) -> None:
    with pytest.raises(BadInput, match="no record of nobody"):
        gmm.one("nobody")
    with pytest.raises(BadInput, match="3 records of ddim"):
        gmm.one("ddim")


def test_grids_of_a_sampler_are_compared_among_themselves() -> None:
    table = grids_table(cells("apart/grids/gmm.jsonl").where(nfe=5), "w1")
    for row in table.splitlines()[2:]:
        assert row.count("★") == 1
    assert "`trajectories`" in table


def test_studies_are_tables_of_their_results() -> None:
    ou = orders("ou")
    assert len(orders_table(ou).splitlines()) == len(ou) + 2
    assert "| euler-maruyama | 1.02 ±0.03 | 1 | 256–2048 | agrees |" in orders_table(ou)
    student = next(one for one in orders("gmm") if one.sampler == "sigdeg")
    assert column(errors_table(student), 2)[0].startswith("0.0803")
    assert "step 3: 54.0 % [48.0, 60.0]" in gap_table(gaps("gmm"))
    guided = guidance_table(cells("studies/guidance/mnist.jsonl"), "recall")
    assert column(guided, 1) == ["0", "1", "2", "4"]


def test_ablations_have_a_row_an_order() -> None:
    several = students("studies/ablation/gmm.jsonl")
    with pytest.raises(BadInput, match="several students of order 2"):
        order_table(several, "steps", metric_cell("w1"))
    found = plain(several)
    table = order_table(found, "steps", metric_cell("w1"))
    assert table.splitlines()[0] == "| signature order | 2 steps | 5 steps | 10 steps | 20 steps |"
    assert column(table, 1) == ["1", "2", "3", "4"]
    assert column(table, 3)[1].startswith("0.0184 [.0170")
    lost = column(order_table(found, "steps", left_out_cell("gmm")), 3)
    assert [float(text.partition(" ")[0]) for text in lost] == sorted(
        (float(text.partition(" ")[0]) for text in lost), reverse=True
    )


def test_text_is_wrapped_and_tables_are_not() -> None:
    long = "word " * 60
    assert max(map(len, block(long).splitlines())) <= 118
    assert max(map(len, bullets(long).splitlines())) <= 118
    table = f"| {long} |\n| --- |"
    assert table in block(table)
