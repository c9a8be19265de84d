"""The baseline's file: written and read back, and every way in which it can be wrong is named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_records import made, metric_of

from sigbench.errors import BadInput
from sigbench.gate.baseline import Baseline, read_baseline, write_baseline
from sigbench.records.record import SCHEMA

RECORDS: Any = [made("ddim", steps, {"w1": metric_of([0.1, 0.2])}, repeats=2) for steps in (5, 10)]
GOOD: Any = {
    "schema": SCHEMA,
    "kind": "sigbench-baseline",
    "alpha": 0.05,
    "time_margin": 0.5,
    "margins": [{"task": "gmm", "metric": "w1", "scale": "relative", "margin": 0.1}],
    "records": RECORDS,
}


def test_there_and_back(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    write_baseline(GOOD, file)
    assert read_baseline(file) == json.loads(json.dumps(GOOD))
    assert len(file.read_text().splitlines()) == 6 + 1 + 2 + 4
    assert [path.name for path in tmp_path.iterdir()] == ["baseline.json"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no folder"):
        write_baseline(GOOD, tmp_path / "nowhere" / "baseline.json")


def again(found: Any, **changes: Any) -> None:
    """Adds a record to a baseline, sealed after its changes."""
    found["records"].append(made("heun", 5, **changes))


WRONG: dict[str, tuple[Callable[[Any], object], str]] = {
    "alpha": (lambda b: b.update(alpha=0.7), "alpha is 0.7, not a number above 0 and below 0.5"),
    "no margins": (lambda b: b.pop("margins"), "the file has no 'margins'"),
    "time": (lambda b: b.update(time_margin="much"), "time_margin is 'much', not a finite number"),
    "unguarded": (lambda b: b["margins"].clear(), r"records\[0\] is of the task 'gmm', for which there are no margins"),
    "scale": (lambda b: b["margins"][0].update(scale="log"), r"margins\[0\].scale is 'log', not relative or absolute"),
    "margin": (lambda b: b["margins"][0].update(margin=-0.1), r"margins\[0\].margin is -0.1, not a number above 0"),
    "metric": (lambda b: b["margins"][0].update(metric=3), r"margins\[0\].metric is 3, not a text"),
    "a table": (lambda b: b["margins"].append("w1"), r"margins\[1\] is no object"),
    "two margins": (lambda b: b["margins"].append(b["margins"][0]), r"margins\[1\] is a second margin of w1 on gmm"),
    "records": (lambda b: b.update(records={}), "records is no list"),
    "record": (lambda b: b["records"].append(3), r"records\[2\] is no record: not a record"),
    "twice": (lambda b: b["records"].append(b["records"][0]), r"records\[2\] is a second one of ddim on gmm at 5"),
    "edited": (lambda b: b["records"][0]["metrics"]["w1"]["values"].reverse(), r"\[0\] is no record: changed since"),
    "foreign": (lambda b: b["records"][0].update(schema=9), r"records\[0\] is no record: schema 9"),
    "failed": (lambda b: again(b, status="failed"), r"records\[2\] is of a cell that failed"),
    "one repeat": (lambda b: again(b, metrics={"w1": metric_of([0.1])}), r"records\[2\] has one repeat"),
    "zero": (lambda b: again(b, metrics={"w1": metric_of([0.1, 0.0])}), r"records\[2\]: w1 is not positive everywhere"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, case: str) -> None:
    spoil, words = WRONG[case]
    found: Baseline = json.loads(json.dumps(GOOD))
    spoil(found)
    file = tmp_path / "baseline.json"
    file.write_text(json.dumps(found))
    with pytest.raises(BadInput, match=words) as error:
        read_baseline(file)
    assert str(error.value).startswith(f"the baseline {file} is corrupt: ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is corrupt: it is no JSON"),
        ("{", "is corrupt: it is no JSON"),
        ('{"alpha": NaN}', "NaN is no number of JSON"),
        ("\udcff", "is corrupt: it is no JSON"),
        ("[]", "is no baseline"),
        ("null", "is no baseline"),
        ('{"schema": 2, "kind": "record"}', "is no baseline"),
        (
            '{"schema": 1, "kind": "sigbench-baseline"}',
            "has schema 1, .* reads 2: `sigbench check --update",
        ),
        ('{"kind": "sigbench-baseline"}', "has schema None"),
    ],
)
def test_what_is_no_baseline(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "baseline.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadInput, match=words):
        read_baseline(file)


def test_a_truncated_file(tmp_path: Path) -> None:
    whole = json.dumps(GOOD)
    file = tmp_path / "baseline.json"
    for length in range(0, len(whole) - 1, 97):
        file.write_text(whole[:length])
        with pytest.raises(BadInput, match="no JSON"):
            read_baseline(file)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"there is no baseline .* --update"):
        read_baseline(tmp_path / "none.json")
    with pytest.raises(BadInput, match="cannot be read"):
        read_baseline(tmp_path)
