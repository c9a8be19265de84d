"""Submitted records are kept as they came, reported until they were run again here."""

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest
from made_records import made, metric, sealed

from sigbench.errors import BadInput
from sigbench.leaderboard.submissions import Submissions
from sigbench.leaderboard.verification import compare, sentence
from sigbench.records.checks import digest_of
from sigbench.records.record import Record, to_json


@pytest.fixture
def kept(tmp_path: Path) -> Submissions:
    return Submissions(tmp_path / "submitted")


def handed_in(tmp_path: Path, *records: Record, more: str = "") -> Path:
    file = tmp_path / "theirs.jsonl"
    file.write_text("".join(to_json(record) + "\n" for record in records) + more)
    return file


def test_records_are_taken_once_and_shown_as_reported(tmp_path: Path, kept: Submissions) -> None:
    records = [made(steps=n) for n in (2, 3)]
    file = handed_in(tmp_path, *records)
    assert [record["key"] for record in kept.add(file).taken] == [record["key"] for record in records]
    again = kept.add(file)
    assert again.taken == []
    assert [problem.line for problem in again.known] == [1, 2]
    entries, reading = kept.read()
    assert {entry.standing for entry in entries} == {"reported"}
    assert reading.problems == []
    assert sorted(e.record["key"] for e in entries) == sorted(r["key"] for r in records)


def test_records_are_kept_as_they_came(tmp_path: Path, kept: Submissions) -> None:
    """A label is a whole number, which a schema of floats would turn into 3.0, and the digest knows the difference."""
    record = sealed({**made(), "conditions": {"label": 3}, "note": "one line\N{LINE SEPARATOR}for a reader"})
    file = tmp_path / "theirs.jsonl"
    file.write_text(json.dumps(record, ensure_ascii=False) + "\n")
    added = kept.add(file)
    assert (len(added.taken), added.refused) == (1, [])
    entries, reading = kept.read()
    assert reading.problems == []
    assert entries[0].record["key"] == record["key"]


def test_one_document_may_be_handed_in(tmp_path: Path, kept: Submissions) -> None:
    (tmp_path / "one.json").write_text(json.dumps(made(), indent=2))
    assert len(kept.add(tmp_path / "one.json").taken) == 1


def test_what_is_wrong_is_named_by_its_line_and_refused(tmp_path: Path, kept: Submissions) -> None:
    changed: Any = copy.deepcopy(made(steps=4))
    changed["metrics"]["w1"]["value"] += 1e-6
    foreign = {**made(steps=5), "schema": 9}
    keyed: Any = {**made(steps=6), "key": "../../escape"}
    text = "\n".join([json.dumps(changed), json.dumps(foreign), json.dumps(keyed), "{", "7"])
    added = kept.add(handed_in(tmp_path, made(steps=2), more=text))
    assert [problem.line for problem in added.refused] == [2, 3, 4, 5, 6]
    assert [r["steps"] for r in added.taken] == [2]
    assert len(list(kept.folder.iterdir())) == 1


def test_a_key_that_would_leave_the_folder_is_refused(tmp_path: Path, kept: Submissions) -> None:
    record: Any = copy.deepcopy(made())
    record["key"] = "../../outside"
    record["digest"] = digest_of(record)
    added = kept.add(handed_in(tmp_path, record))
    assert added.taken == []
    assert "the key is not the hash" in added.refused[0].reason


def test_a_prefix_finds_its_record_where_it_is_the_only_one(tmp_path: Path, kept: Submissions) -> None:
    records = [made(steps=n) for n in range(2, 40)]
    kept.add(handed_in(tmp_path, *records))
    key = records[0]["key"]
    assert kept.find(key)["key"] == key
    assert kept.find(key[:12])["key"] == key
    with pytest.raises(BadInput, match="begins"):
        kept.find("")
    first = next(digit for digit in "0123456789abcdef" if sum(r["key"].startswith(digit) for r in records) > 1)
    with pytest.raises(BadInput, match=f"'{first}' begins .* keys"):
        kept.find(first)
    with pytest.raises(BadInput, match="no submitted record"):
        kept.find("nothing")


def test_a_reproduced_record_stands_with_our_numbers(tmp_path: Path, kept: Submissions) -> None:
    theirs = made(metrics={"w1": metric(0.2, 0.01)})
    ours = made(metrics={"w1": metric(0.201, 0.02)})
    kept.add(handed_in(tmp_path, theirs))
    kept.keep(theirs, ours, "reproduced", "it agrees")
    ((entry,), _) = kept.read()
    assert entry.standing == "reproduced"
    assert "1 metrics agree" in entry.remark
    assert entry.record["metrics"]["w1"]["value"] == 0.201
    kept.keep(theirs, made(metrics={"w1": metric(0.9, 0.02)}), "reproduced", "it agrees")
    ((entry,), _) = kept.read()
    assert (entry.standing, entry.record["metrics"]["w1"]["value"]) == ("differs", 0.2)
    assert "1 of 1 metrics differ" in entry.remark


def test_a_verdict_that_cannot_be_read_leaves_the_record_reported(tmp_path: Path, kept: Submissions) -> None:
    theirs = made()
    kept.add(handed_in(tmp_path, theirs))
    kept.keep(theirs, theirs, "reproduced", "it agrees")
    (kept.folder / "again" / f"{theirs['key']}.json").write_text("{")
    ((entry,), _) = kept.read()
    assert entry.standing == "reported"


def pair(value: float, half: float | None, **changes: Any) -> tuple[Record, Record]:
    """A reported record of w1 = value, and ours of 0.2 ± half."""
    repeats = 1 if half is None else 5
    ours = made(metrics={"w1": metric(0.2, half, better="higher", floor=0.9)}, repeats=repeats)
    theirs = made(metrics={"w1": metric(value, half, better="higher", floor=0.9)}, repeats=repeats, **changes)
    return theirs, ours


def test_the_difference_is_told_in_standard_errors_of_a_difference() -> None:
    """At five repeats the upper arm of an interval is 2.776 standard errors; both sides are equally uncertain."""
    theirs, ours = pair(0.2 + 0.1, 0.02776)
    verdict, (found,) = compare(theirs, ours)
    assert verdict == "differs"
    assert found.standard_errors == pytest.approx(0.1 / (math.sqrt(2) * 0.01), rel=1e-3)
    assert "w1 by 7.07 standard errors" in sentence(verdict, theirs, ours, [found])


@pytest.mark.parametrize(("value", "verdict"), [(0.2, "reproduced"), (0.22, "reproduced"), (0.26, "differs")])
def test_chance_is_allowed_for(value: float, verdict: str) -> None:
    assert compare(*pair(value, 0.02776))[0] == verdict


def test_the_spread_that_is_reported_excuses_nothing() -> None:
    theirs, ours = pair(0.3, 0.02776)
    wide = copy.deepcopy(theirs)
    wide["metrics"]["w1"] = metric(0.3, 5.0, better="higher", floor=0.9)
    assert compare(wide, ours)[0] == "differs"


@pytest.mark.parametrize(("value", "verdict"), [(0.2, "reproduced"), (0.20001, "reproduced"), (0.21, "undecided")])
def test_one_repeat_has_no_standard_error(value: float, verdict: str) -> None:
    theirs, ours = pair(value, None)
    assert compare(theirs, ours)[0] == verdict
    assert sentence(verdict, theirs, ours, compare(theirs, ours)[1])  # type: ignore[arg-type]


def test_another_outcome_or_another_count_of_calls_differs() -> None:
    theirs, ours = pair(0.2, 0.02)
    failed = made(status="failed")
    assert compare(theirs, failed)[0] == "differs"
    assert "failed" in sentence("differs", theirs, failed, [])
    fewer = sealed({**theirs, "nfe": 3})
    assert compare(fewer, ours) == ("differs", [])
    assert "3 network calls" in sentence("differs", fewer, ours, [])
    assert compare(failed, failed)[0] == "reproduced"


def test_a_metric_by_another_method_decides_nothing() -> None:
    theirs, ours = pair(0.5, 0.02)
    theirs["metrics"]["w1"]["method"] = "another classifier"
    verdict, (found,) = compare(theirs, ours)
    assert (verdict, found.agrees) == ("undecided", None)
