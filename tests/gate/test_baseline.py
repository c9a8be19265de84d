"""The baseline's file: written and read back, and every way in which it can be wrong is named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_records import made, metric_of, sealed

from sigbench.errors import BadInput
from sigbench.gate.baseline import MOST, SCHEMA, Baseline, read_baseline, write_baseline
from sigbench.gate.curves import curve_entries

RECORDS: Any = [made("ddim", steps, {"w1": metric_of([0.1, 0.2])}, repeats=2) for steps in (5, 10)]
GOOD: Any = {
    "schema": SCHEMA,
    "kind": "sigbench-baseline",
    "alpha": 0.05,
    "time_margin": 0.5,
    "margins": [{"task": "gmm", "metric": "w1", "excess": 0.1, "floor": 0.01}],
    "curves": curve_entries(RECORDS),
    "records": RECORDS,
}


def test_there_and_back(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    write_baseline(GOOD, file)
    assert json.loads(json.dumps(read_baseline(file))) == json.loads(json.dumps(GOOD))
    assert len(file.read_text().splitlines()) == 7 + 1 + 1 + 2 + 5
    assert [path.name for path in tmp_path.iterdir()] == ["baseline.json"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no folder"):
        write_baseline(GOOD, tmp_path / "nowhere" / "baseline.json")


def again(found: Any, **changes: Any) -> None:
    """Adds a record to a baseline, sealed after its changes."""
    found["records"].append(made("heun", 5, **changes))


def first(found: Any, **changes: Any) -> None:
    """Changes a baseline's first record as if it had been measured so: the record is sound, its curve is another."""
    found["records"][0] = sealed({**found["records"][0], **changes})


def asked(found: Any, **changes: Any) -> None:
    """The same where it says what was asked for."""
    first(found, asked={**found["records"][0]["asked"], **changes})


ANOTHER = r"curves\[0\], ddim on gmm, is not what was measured"
WRONG: dict[str, tuple[Callable[[Any], object], str]] = {
    "alpha": (lambda b: b.update(alpha=0.7), r"< 0.5 - at `\$.alpha`"),
    "no margins": (lambda b: b.pop("margins"), "missing required field `margins`"),
    "time": (lambda b: b.update(time_margin="much"), r"at `\$.time_margin`"),
    "time without end": (lambda b: b.update(time_margin=1e9), r"<= 10.0 - at `\$.time_margin`"),
    "unguarded": (lambda b: b["margins"].clear(), r"records\[0\] is of the task 'gmm', for which there are no margins"),
    "no floor": (lambda b: b["margins"][0].pop("floor"), r"missing required field `floor` - at `\$.margins\[0\]`"),
    "margin": (lambda b: b["margins"][0].update(excess=-0.1), r"> 0.0 - at `\$.margins\[0\].excess`"),
    "no margin": (lambda b: b["margins"][0].update(excess=0), r"> 0.0 - at `\$.margins\[0\].excess`"),
    "wide": (lambda b: b["margins"][0].update(excess=1e9), rf"<= {MOST} - at `\$.margins\[0\].excess`"),
    "wide at the floor": (lambda b: b["margins"][0].update(floor=0.51), rf"<= {MOST} - at `\$.margins\[0\].floor`"),
    "metric": (lambda b: b["margins"][0].update(metric=3), r"`str`, got `int` - at `\$.margins\[0\].metric`"),
    "nameless": (lambda b: b["margins"][0].update(metric=""), r"length >= 1 - at `\$.margins\[0\].metric`"),
    "a table": (lambda b: b["margins"].append("w1"), r"`object`, got `str` - at `\$.margins\[1\]`"),
    "two margins": (lambda b: b["margins"].append(b["margins"][0]), r"margins\[1\] is a second margin of w1 on gmm"),
    "records": (lambda b: b.update(records={}), r"`array`, got `object` - at `\$.records`"),
    "record": (lambda b: b["records"].append(3), r"records\[2\] is no record: not a record"),
    "twice": (lambda b: b["records"].append(b["records"][0]), r"records\[2\] is a second one of ddim on gmm at 5"),
    "edited": (lambda b: b["records"][0]["metrics"]["w1"]["values"].reverse(), r"\[0\] is no record: changed since"),
    "edited seed": (lambda b: b["records"][0].update(seed=1), r"records\[0\] is no record: changed since"),
    "edited samples": (lambda b: b["records"][0].update(samples=60_000), r"records\[0\] is no record: changed since"),
    "another seed": (lambda b: first(b, seed=1), ANOTHER),
    "another size": (lambda b: first(b, samples=60_000), ANOTHER),
    "another version": (lambda b: first(b, task_version=2), ANOTHER),
    "another grid": (lambda b: first(b, grid="uniform"), ANOTHER),
    "another dtype": (lambda b: asked(b, dtype="float64"), "its provenance says float32, and float64 was asked for"),
    "another device": (
        lambda b: first(b, provenance={**b["records"][0]["provenance"], "device": "cuda"}),
        ANOTHER,
    ),
    "other times": (lambda b: first(b, times=[0.0, 0.1, 0.2, 0.3, 0.4, 1.0]), ANOTHER),
    "told otherwise": (lambda b: b["curves"][0]["measured"].update(seed=1), ANOTHER),
    "fewer points": (lambda b: b["records"].pop(), ANOTHER),
    "no such curve": (lambda b: b["records"].clear(), ANOTHER),
    "a curve more": (again, "the records of heun on gmm belong to no curve"),
    "no curves": (lambda b: b["curves"].clear(), "the records of ddim on gmm belong to no curve"),
    "foreign": (lambda b: b["records"][0].update(schema=9), r"records\[0\] is no record: schema 9"),
    "failed": (lambda b: again(b, status="failed"), r"records\[2\] is of a cell that failed"),
    "one repeat": (lambda b: again(b, metrics={"w1": metric_of([0.1])}), r"records\[2\] has one repeat"),
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
        ('{"alpha": NaN}', "is corrupt: it is no JSON"),
        (
            '{"kind": "sigbench-baseline", "schema": 3, "alpha": 1' + "0" * 400 + "}",
            r"corrupt: Number out of range - at `\$.alpha`",
        ),
        ('{"kind": "sigbench-baseline", "schema": 3, "alpha": 1e400}', r"corrupt: Number out of range - at `\$.alpha`"),
        ("\udcff", "is corrupt: it is no JSON"),
        ("[]", "is no baseline"),
        ("null", "is no baseline"),
        ('{"schema": 2, "kind": "record"}', "is no baseline"),
        ('{"schema": 1, "kind": "sigbench-baseline"}', "has schema 1, .* reads 3: `sigbench check --update"),
        ('{"schema": 2, "kind": "sigbench-baseline"}', "has schema 2, .* reads 3: `sigbench check --update"),
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
