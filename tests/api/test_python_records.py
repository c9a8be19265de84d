"""Records in Python: tidy rows, frames, charts, differences, and reading them back."""

import builtins
import importlib.util
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import sigbench
from sigbench.records.record import SCHEMA

ROOT = Path(__file__).parents[2]
COMMITTED = sorted((ROOT / "leaderboard" / "records").glob("*.jsonl"))
SMALL: dict[str, Any] = {"samples": 500, "repeats": 4, "device": "cpu", "progress": False}


@pytest.fixture(scope="module")
def records() -> sigbench.Records:
    return sigbench.run("gmm", ["ddim", "heun@5", "dpmpp-2m", "euler-maruyama"], [5, 10], **SMALL)


def test_every_committed_record_of_this_schema_is_valid() -> None:
    """By the JSON schema alone, as a program without sigbench would hold it to."""
    validator = jsonschema.Draft202012Validator(sigbench.schema())
    jsonschema.Draft202012Validator.check_schema(sigbench.schema())
    counts = {}
    for file in COMMITTED:
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        own = [record for record in lines if record["schema"] == SCHEMA]
        assert [error.message for record in own for error in validator.iter_errors(record)] == []
        counts[file.stem] = len(own)
    assert sum(counts.values()) > 400
    assert counts["gmm"] > 200
    spoiled = {**own[0], "steps": "five"}
    assert [error.message for error in validator.iter_errors(spoiled)] == ["'five' is not of type 'integer'"]


def test_rows_are_tidy(records: sigbench.Records) -> None:
    rows = records.rows()
    assert len(rows) == sum(len(record["metrics"]) for record in records)
    assert len({tuple(row) for row in rows}) == 1
    first = records[0]
    told = next(row for row in rows if (row["key"], row["metric"]) == (first["key"], "w1"))
    w1 = first["metrics"]["w1"]
    assert (told["sampler"], told["nfe"], told["value"], told["low"], told["floor"]) == (
        "ddim",
        5,
        w1["value"],
        w1["low"],
        w1["floor"],
    )
    assert told["sample_s"] == first["timing"]["sample_s"]["value"]  # type: ignore[index]


def test_frames_hold_the_rows(records: sigbench.Records) -> None:
    for frame in (records.to_pandas(), records.to_polars()):
        assert frame.shape == (len(records.rows()), len(records.rows()[0]))
        assert list(frame["metric"]) == [row["metric"] for row in records.rows()]
        assert math.isclose(frame["value"].sum(), sum(row["value"] for row in records.rows()))


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_a_missing_package_is_named(records: sigbench.Records, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, package)
    with pytest.raises(sigbench.BadInput, match=f"needs {package}, which is not installed here: pip install {package}"):
        getattr(records, f"to_{package}")()


def test_a_chart_without_its_extra_is_refused(records: sigbench.Records, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "altair")
    with pytest.raises(sigbench.BadInput, match=r"a chart needs altair.*: pip install 'sigbench\[plots\]' brings it"):
        records.plot()


def without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("sigbench.errors.find_spec", lambda name: None if name == package else find(name))


def test_a_chart_is_a_picture_and_a_file(records: sigbench.Records, tmp_path: Path) -> None:
    plot = records.plot("w1")
    assert plot._repr_svg_().startswith("<svg")
    assert "prefers-color-scheme: dark" in plot._repr_svg_()
    assert plot.save(tmp_path / "w1.png").read_bytes().startswith(b"\x89PNG")
    assert plot.save(str(tmp_path / "w1.svg")).read_text() == plot._repr_svg_()
    assert plot.chart.to_dict()["layer"]
    with pytest.raises(sigbench.BadInput, match=r"saved as \.png or \.svg"):
        plot.save(tmp_path / "w1.gif")


def test_printed_they_are_the_table_of_the_command_line(
    records: sigbench.Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "floor (the truth)" in str(records)
    assert "w1 at 5 calls: " in str(records)
    assert records._repr_html_().startswith("<pre>")
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert "floor (the truth)" in records._repr_html_()
    assert repr(records) == "<7 records of gmm>"
    assert str(sigbench.Records()) == "<0 records of nothing>"


def test_they_are_a_sequence(records: sigbench.Records) -> None:
    assert isinstance(records[1:3], sigbench.Records)
    assert list(records[1:3]) == [records[1], records[2]]
    assert records[:2] + records[1:] == records
    assert [r["steps"] for r in records.where(sampler="ddim")] == [5, 10]
    assert len(records.where(sampler="ddim", nfe=10)) == 1
    assert len(records.where(sampler="nobody")) == 0
    with pytest.raises(sigbench.BadInput, match="unknown fact of records 'smapler': did you mean 'sampler'"):
        records.where(smapler="ddim")


def test_they_are_saved_and_loaded(records: sigbench.Records, tmp_path: Path) -> None:
    file = records.save(tmp_path / "mine.jsonl")
    assert sigbench.load(file) == records
    assert sigbench.load([str(file), tmp_path]) == records  # each key once
    assert sigbench.load(tmp_path, task="gmm") == records
    assert sigbench.Records(json.loads(line) for line in file.read_text().splitlines()) == records
    with pytest.raises(sigbench.BadInput, match="there are no records of mnist in"):
        sigbench.load(tmp_path, task="mnist")
    with pytest.raises(sigbench.BadInput, match="there is no folder"):
        records.save(tmp_path / "nowhere" / "mine.jsonl")


def test_the_board_is_loaded_and_older_records_are_counted() -> None:
    old = sum('"schema":1' in line for file in COMMITTED for line in file.read_text().splitlines())
    if old:
        with pytest.warns(UserWarning, match=f"{old} records are of an older schema"):
            found = sigbench.load(ROOT / "leaderboard" / "records")
    else:
        found = sigbench.load(ROOT / "leaderboard" / "records")
    assert {"gmm", "gmm2d", "rbergomi"} <= {record["task"] for record in found}
    assert len(sigbench.compare(found.where(task="gmm"), "w1")) > 100


def changed(**values: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda record: {**record, **values}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (changed(schema=1), r"schemas 2 and 1 are mixed, and this version reads 2: measure the others' cells again\.$"),
        (changed(nfe=77), r"^record 2 is none: changed since it was written: it does not fit its digest\.$"),
        (changed(times=[0.0]), r"^record 2 is none: 10 steps cannot have 1 times\.$"),
        (lambda record: {"schema": SCHEMA}, r"^record 2 is none: .*\.$"),
        (changed(note=math.nan), r"^record 2 is none: .*\.$"),
    ],
)
def test_what_is_no_sound_record_is_refused(
    records: sigbench.Records, change: Callable[[dict[str, Any]], dict[str, Any]], sentence: str
) -> None:
    with pytest.raises(sigbench.BadInput, match=sentence):
        sigbench.Records([records[0], change(dict(records[1]))])


def test_files_of_mixed_schemas_and_damaged_ones_are_refused(records: sigbench.Records, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed.jsonl"
    mixed.write_text(f"{json.dumps(records[0])}\n{json.dumps({**records[1], 'schema': 1})}\n")
    with pytest.raises(sigbench.BadInput, match=r"mixed\.jsonl, line 2: schema 1, where this version reads 2"):
        sigbench.load(mixed)
    mixed.write_text(f"{json.dumps(records[0])}\n{json.dumps({**records[1], 'nfe': 77})}\n")
    with pytest.raises(sigbench.BadInput, match=r"mixed\.jsonl, line 2: changed since it was written"):
        sigbench.load(tmp_path)
    with pytest.raises(sigbench.BadInput, match="no such file or folder"):
        sigbench.load(tmp_path / "nowhere")


def test_differences_are_paired_and_beside_the_best(records: sigbench.Records) -> None:
    found = sigbench.compare(records, "w1")
    assert [each.nfe for each in found] == sorted(each.nfe or 0 for each in found)
    by_hand = records.where(nfe=5)
    best = min(by_hand, key=lambda record: record["metrics"]["w1"]["value"])
    for each in found:
        if each.nfe != 5:
            continue
        (own,) = by_hand.where(sampler=each.sampler)
        pairs = zip(own["metrics"]["w1"]["values"], best["metrics"]["w1"]["values"], strict=True)
        assert math.isclose(each.difference, sum(a - b for a, b in pairs) / 4)
        assert each.low <= each.difference <= each.high
        assert each.paired
    assert found.to_pandas().shape == (len(found), 13)
    assert found.rows() == found.to_polars().to_dicts()
    assert "w1 at 5 calls on gmm: " in str(found)
    assert sigbench.compare(list(records)).rows() == found.rows()


def test_differences_beside_a_sampler_turn_round_with_it(records: sigbench.Records) -> None:
    """Of two samplers the one is worse by what the other is better."""
    two = sigbench.Records([*records.where(sampler="ddim", nfe=10), *records.where(sampler="heun")])
    (one,) = sigbench.compare(two, "w1", beside="ddim")
    (other,) = sigbench.compare(two, "w1", beside="heun")
    assert (one.sampler, one.other, other.sampler) == ("heun", "ddim", "ddim")
    assert math.isclose(one.difference, -other.difference)
    assert {one.outcome, other.outcome} in ({"better", "worse"}, {"not resolved"}, {"equivalent"})
    with pytest.raises(sigbench.BadInput, match="unknown sampler among the records 'dim': did you mean 'ddim'"):
        sigbench.compare(two, beside="dim")


def test_cells_that_share_nothing_are_not_compared(records: sigbench.Records) -> None:
    other_seed = sigbench.run("gmm", "heun", 5, seed=1, **SMALL)
    other_task = sigbench.run("ou", "euler-maruyama", 5, **SMALL)
    for several, words in (
        (records[:1], "one record alone has w1, and a comparison takes two"),
        (records.where(sampler="ddim"), "records of different numbers of network calls are not compared: 5 and 10"),
        (sigbench.Records([*records[:1], *other_task]), "different tasks"),
        (sigbench.Records([*records.where(sampler="dpmpp-2m", nfe=10), *other_seed]), "different seeds"),
        (sigbench.Records(), "none of the records has a metric"),
    ):
        with pytest.raises(sigbench.BadInput, match=words):
            sigbench.compare(several)
    with pytest.raises(sigbench.BadInput, match="unknown metric of the records 'fid'"):
        sigbench.compare(records, "fid")
    with pytest.raises(sigbench.BadInput, match="one repeat has no spread"):
        sigbench.compare(sigbench.run("gmm", "ddim,dpmpp-2m", 5, **{**SMALL, "repeats": 1}))


def test_a_chart_is_of_one_task(records: sigbench.Records) -> None:
    both = records + sigbench.run("ou", "euler-maruyama", 5, **SMALL)
    with pytest.raises(sigbench.BadInput, match="a chart is of one task, and these are records of gmm and ou"):
        both.plot()
    with pytest.raises(sigbench.BadInput, match="unknown metric of the records 'fid'"):
        records.plot("fid")
    assert builtins.str(both) == repr(both)
