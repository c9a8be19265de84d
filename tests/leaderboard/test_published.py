"""Published tables stand beside our ranks of the same samplers, never as a measurement."""

from pathlib import Path

import pytest
from made_records import made, metric_of

from sigbench.errors import BadInput
from sigbench.leaderboard.board import Entry, boards
from sigbench.leaderboard.markdown import build_markdown
from sigbench.leaderboard.published import Beside, PublishedTable, beside_ours, read_tables
from sigbench.records.record import Record
from sigbench.registry import sampler_names

COMMITTED = Path(__file__).parents[2] / "leaderboard" / "claims.toml"
TABLE = PublishedTable(
    "table", "Elsewhere.", "a paper", "https://example.org", 5, "FID", {"c": 3.0, "a": 1.0, "b": 2.0}
)


def record(name: str, value: float, steps: int = 5, **changes: str) -> Record:
    return made(name, steps, {"w1": metric_of([value, value + 0.001, value - 0.001], 0.01)}, **changes)


def beside(*records: Record, table: PublishedTable = TABLE) -> Beside:
    return beside_ours(table, boards(map(Entry, records)))


def test_our_ranks_are_of_the_table_s_samplers_among_themselves() -> None:
    """What else is on the board moves nobody, and what was measured at other calls is not looked at."""
    found = beside(record("a", 0.1), record("b", 0.3), record("c", 0.2), record("best", 0.05), record("a", 0.9, 10))
    assert found.there == {"a": "1", "b": "2", "c": "3"}
    (here,) = found.here
    assert (here.task, here.metric) == ("gmm", "w1")
    assert here.ranks == {"a": "1", "b": "3", "c": "2"}
    assert here.agreement == pytest.approx(1 / 3)
    assert "0.33 on gmm (w1)" in found.sentence


@pytest.mark.parametrize(("values", "agreement"), [((0.1, 0.2, 0.3), 1.0), ((0.3, 0.2, 0.1), -1.0)])
def test_the_same_order_and_the_reverse(values: tuple[float, float, float], agreement: float) -> None:
    (here,) = beside(*(record(name, value) for name, value in zip("abc", values, strict=True))).here
    assert here.agreement == pytest.approx(agreement)


def test_two_samplers_are_no_order() -> None:
    found = beside(record("a", 0.1), record("b", 0.3))
    assert found.here == ()
    assert "None of our tasks" in found.sentence


def test_a_sampler_that_was_not_measured_has_no_rank() -> None:
    table = PublishedTable("table", "w", "s", "https://example.org", 5, "FID", {**TABLE.values, "d": 4.0})
    (here,) = beside(record("a", 0.1), record("b", 0.3), record("c", 0.2), table=table).here
    assert here.ranks["d"] == ""
    text = build_markdown({}, titles={}, claims={}, published=[beside(*(record(n, 0.1) for n in "abc"), table=table)])
    assert "| d | 4 | 4 | – |" in text
    assert "[s](<https://example.org>)" in text
    assert text.count("## Published elsewhere") == 1


def test_the_committed_tables_are_of_our_samplers() -> None:
    tables = read_tables(COMMITTED)
    assert tables
    for table in tables:
        assert set(table.values) <= set(sampler_names())


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("calls = 5\nmetric", "metric", "lacks calls"),
        ("calls = 5\nmetric", "calls = 5\ncolour = 1\nmetric", "unknown colour"),
        ("ipndm = 13.59, deis = 14.39, ipndm-v = 23.58, unipc = 23.98, ", "", "at least 3 finite numbers"),
        ("ipndm = 13.59", "ipndm = nan", "at least 3 finite numbers"),
        ("ipndm = 13.59", "ipndm = 'x'", "is not as it should be"),
        ("https://github.com/zju", "javascript:zju", "begins https"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = COMMITTED.read_text()
    assert old in text
    (tmp_path / "claims.toml").write_text(text.replace(old, new))
    with pytest.raises(BadInput, match=words):
        read_tables(tmp_path / "claims.toml")
