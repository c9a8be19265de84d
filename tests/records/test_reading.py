"""Reading records back: what is sound is kept, what is not is named with its file and line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from made_records import made, metric

from sigbench.errors import BadInput
from sigbench.measure.cell import plan_cells
from sigbench.measure.run import measure
from sigbench.measure.settings import Settings
from sigbench.records.checks import digest_of, parse_record
from sigbench.records.key import determinants_of, key_of
from sigbench.records.provenance import provenance
from sigbench.records.reading import read_records
from sigbench.records.record import Record, to_json
from sigbench.records.store import Store

COMMITTED = Path(__file__).parents[2] / "leaderboard"


@pytest.fixture(scope="module")
def records() -> list[Record]:
    settings = Settings("gmm", samples=200, repeats=3, device="cpu")
    return list(measure(plan_cells(settings, ["ddim", "heun", "euler-maruyama", "teacher"], [2, 3])))


@pytest.fixture
def store(tmp_path: Path, records: list[Record]) -> Path:
    store = Store(tmp_path / "store")
    for record in records:
        store.write(record)
    return store.folder


def change(file: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Edits the record in a file as a hand would, key and digest left as they are."""
    document = json.loads(file.read_text())
    edit(document)
    file.write_text(json.dumps(document, indent=1))


def test_a_store_and_lines_hold_the_same_records(tmp_path: Path, store: Path, records: list[Record]) -> None:
    lines = tmp_path / "all.jsonl"
    lines.write_text("".join(to_json(record) + "\n" for record in records))
    from_store, from_lines = read_records([store]), read_records([lines])
    assert from_store.problems == from_lines.problems == []
    assert sorted(from_store.records, key=lambda r: r["key"]) == sorted(records, key=lambda r: r["key"])
    assert from_lines.records == records


def test_a_task_keeps_its_records_and_all_tasks_are_told(tmp_path: Path) -> None:
    lines = tmp_path / "all.jsonl"
    lines.write_text("".join(to_json(made(task=task)) + "\n" for task in ("gmm", "gmm2d", "mnist")))
    found = read_records([lines], "gmm2d")
    assert {record["task"] for record in found.records} == {"gmm2d"}
    assert found.tasks == {"gmm", "gmm2d", "mnist"}


def test_the_committed_records_are_sound_or_of_the_first_schema() -> None:
    """Those of the first schema are measured again; each says so, and none is taken for a record."""
    found = read_records([COMMITTED / "records", COMMITTED / "studies" / "orders"])
    problems = [problem for problem in found.problems if problem.kind != "duplicate"]
    assert all(problem.kind == "outdated" for problem in problems)
    assert len(found.records) + len(problems) > 100
    assert COMMITTED / "studies" / "orders" / "gmm.jsonl" in found.others


def test_the_determinants_in_a_record_give_its_key(records: list[Record]) -> None:
    for record in records:
        read_back = msgspec.json.decode(to_json(record), type=Record)
        assert key_of(determinants_of(read_back)) == key_of(determinants_of(record)) == record["key"]


def test_conditions_are_among_the_determinants() -> None:
    (cell,) = plan_cells(Settings("mnist", samples=100, repeats=1, label=3, guidance=1.0, device="cpu"), ["ddim"], [2])
    provenance_of = provenance(cell.device, cell.network_dtype, cell.artifact_hashes())
    record: Any = {**made(status="failed"), **cell.known(), "provenance": provenance_of}
    assert record["conditions"] == {"label": 3.0, "guidance": 1.0}
    read_back = msgspec.json.decode(json.dumps(record), type=Record)
    assert key_of(determinants_of(read_back)) == cell.key


def test_times_do_not_change_the_digest_and_numbers_do(records: list[Record]) -> None:
    record = json.loads(to_json(records[0]))
    record["timing"]["sample_s"]["value"] *= 2
    record["provenance"]["date"] = "tomorrow"
    assert digest_of(record) == records[0].get("digest")
    record["metrics"]["w1"]["value"] *= 1.0000001
    assert digest_of(record) != records[0].get("digest")


EDITS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a wider interval": (lambda r: r["metrics"]["w1"].update(high=1.5 * r["metrics"]["w1"]["high"]), "contradict"),
    "a narrower interval": (lambda r: r["metrics"]["w1"].update(low=r["metrics"]["w1"]["value"]), "contradict"),
    "a lower floor": (lambda r: r["metrics"]["w1"].update(floor=0.9 * r["metrics"]["w1"]["floor"]), "contradict"),
    "a better repeat": (lambda r: r["metrics"]["w1"]["values"].__setitem__(0, 0.0), "contradict"),
    "a repeat that is left out": (lambda r: r["metrics"]["w1"]["values"].pop(), "has not one value"),
    "a floor that is better known": (lambda r: r["metrics"]["w2"].update(floor_error=0.0), "contradict"),
    "more repeats than were asked for": (lambda r: r["asked"]["stop"].update(repeats=2), "that were asked for"),
    "ends that are cut": (
        lambda r: r["metrics"]["w1"].update(bounds=[r["metrics"]["w1"]["value"], None]),
        "contradict",
    ),
    "another method": (lambda r: r["metrics"]["w1"].update(method="mine"), "digest"),
    "other code": (lambda r: r["code"]["package"].update({"sigbench/sde": "0"}), "digest"),
    "other noise": (lambda r: r["noise"].update(paths="fresh"), "digest"),
    "a faster repeat": (lambda r: r["timing"]["cpu_s"]["values"].__setitem__(0, 1e-9), "cpu_s contradict"),
    "another efficiency": (lambda r: r["timing"]["efficiency"].update(value=2.0), "efficiency contradict"),
    "another sampler": (lambda r: r.update(sampler="mine"), "digest"),
    "another machine": (lambda r: r["provenance"].update(device_name="a faster one"), "digest"),
    "a faster time": (lambda r: r["timing"]["sample_s"].update(value=1e-12), "contradict"),
    "a value outside its interval": (lambda r: r["metrics"]["w1"].update(value=0.0), "contradict"),
    "fewer steps": (lambda r: r.update(steps=1), "steps"),
    "times that go back": (lambda r: r.update(times=sorted(r["times"], reverse=True)), "go back"),
    "a status that does not fit": (lambda r: r.update(status="failed"), "metrics"),
    "a status that is none": (lambda r: r.update(status="splendid"), "status"),
    "text for a number": (lambda r: r["metrics"]["w1"].update(value="low"), "metrics"),
    "a missing field": (lambda r: r.pop("grid"), "grid"),
    "a missing schema": (lambda r: r.pop("schema"), "schema"),
    "no metrics": (lambda r: r.update(metrics={}), "missing"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_hand_edited_record_is_named_and_left_out(store: Path, edit: str) -> None:
    action, reason = EDITS[edit]
    victim = sorted(store.iterdir())[2]
    change(victim, action)
    found = read_records([store])
    (problem,) = found.problems
    assert (problem.file, problem.line, problem.kind) == (victim, None, "damaged")
    assert reason in problem.reason
    assert len(found.records) == len(list(store.iterdir())) - 1


def test_every_cut_of_a_record_is_named(tmp_path: Path, records: list[Record]) -> None:
    text = to_json(records[0])
    for number, cut in enumerate(range(0, len(text), 97)):
        (tmp_path / f"{number:03}.json").write_text(text[:cut])
    found = read_records([tmp_path])
    assert found.records == []
    assert found.count("damaged") == len(range(0, len(text), 97))
    assert all("JSON" in problem.reason for problem in found.problems)


def test_a_line_that_is_cut_is_named_by_its_number(tmp_path: Path, records: list[Record]) -> None:
    lines = [to_json(record) for record in records[:3]]
    file = tmp_path / "some.jsonl"
    file.write_text(f"{lines[0]}\n\n{lines[1][:200]}\n{lines[2]}\n")
    found = read_records([file])
    assert [(p.line, p.kind) for p in found.problems] == [(3, "damaged")]
    assert found.records == [records[0], records[2]]
    assert str(found.problems[0]).startswith(f"{file}, line 3: not JSON")


@pytest.mark.parametrize("schema", [1, 3, 0, "2", None, [2], True])
def test_a_foreign_schema_is_named(store: Path, schema: Any) -> None:
    change(sorted(store.iterdir())[0], lambda r: r.update(schema=schema))
    (problem,) = read_records([store]).problems
    old = schema == 1 and schema is not True
    assert problem.kind == ("outdated" if old else "foreign")
    assert "schema" in problem.reason
    assert ("measure its cell again" in problem.reason) is old


@pytest.mark.parametrize("text", ["[1]", "3", '"x"', "null"])
def test_json_that_is_no_object_is_foreign(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    (problem,) = read_records([tmp_path]).problems
    assert problem.kind == "foreign"


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"[" * 100_000, b'{"schema":1,"steps":1e999}', b"\x00" * 50])
def test_bytes_that_are_no_json_are_damaged(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.json").write_bytes(data)
    (problem,) = read_records([tmp_path]).problems
    assert problem.kind == "damaged"


def test_a_duplicate_is_named_with_the_first(tmp_path: Path, store: Path, records: list[Record]) -> None:
    again = tmp_path / "again.jsonl"
    again.write_text(to_json(records[0]) + "\n")
    found = read_records([store, again])
    (problem,) = found.problems
    assert (problem.file, problem.line, problem.kind) == (again, 1, "duplicate")
    assert str(store / f"{records[0]['key']}.json") in problem.reason
    assert len(found.records) == len(records)


def test_unfinished_files_are_passed_over(store: Path) -> None:
    shutil.copy(sorted(store.iterdir())[0], store / ".writing-abc.json")
    assert read_records([store]).problems == []


def test_large_records_are_read_whole(tmp_path: Path, records: list[Record]) -> None:
    (tmp_path / "a.json").write_text(to_json(records[0]) + " " * 200_000)
    assert read_records([tmp_path]).records == [records[0]]


def test_a_missing_path_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nowhere"):
        read_records([tmp_path / "nowhere"])


def test_a_key_that_is_not_the_hash_is_refused(records: list[Record]) -> None:
    record = json.loads(to_json(records[0]))
    record["key"] = "0" * 20
    record["digest"] = digest_of(record)
    with pytest.raises(BadInput, match="key is not the hash"):
        parse_record(json.dumps(record))


def test_whole_numbers_in_the_place_of_floats_fit_their_digest(records: list[Record]) -> None:
    """A plug-in's metric may return an int; read back by the schema it has become a float."""
    record: Any = json.loads(to_json(records[0]))
    record["metrics"] = {"w1": metric(3.0, 0.0)}
    record["metrics"]["w1"].update(value=3, low=3, high=3, values=[3] * record["repeats"], n=7)
    record["metrics"]["w1"].update(floor=1, floor_low=1, floor_high=1, floor_error=0, floor_sd=0, floor_draws=0)
    record["digest"] = digest_of(record)
    assert parse_record(json.dumps(record))["metrics"]["w1"]["value"] == 3.0
