"""The baseline's file: written and read back, and every way in which it can be wrong is named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sigbench.errors import BadInput
from sigbench.gate.baseline import Baseline, read_baseline, write_baseline

GOOD: Any = {
    "schema": 1,
    "kind": "sigbench-baseline",
    "alpha": 0.05,
    "time_margin": 0.5,
    "tasks": {
        "gmm": {
            "version": 1,
            "samples": 100,
            "repeats": 2,
            "seed": 0,
            "grid": "quadratic",
            "device": "cpu",
            "dtype": "float32",
            "margins": {"w1": {"scale": "relative", "margin": 0.1}},
        }
    },
    "curves": [
        {
            "task": "gmm",
            "sampler": "ddim",
            "machine": {"cores": 2},
            "git": None,
            "date": "2026-01-01",
            "points": [{"steps": 5, "nfe": 5, "values": {"w1": [0.1, 0.2]}, "times": [1.0, 1.5]}],
        }
    ],
}


def test_there_and_back(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    write_baseline(GOOD, file)
    assert read_baseline(file) == GOOD
    assert json.loads(file.read_text()) == GOOD
    assert '"w1": [0.1, 0.2]' in file.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["baseline.json"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no folder"):
        write_baseline(GOOD, tmp_path / "nowhere" / "baseline.json")


def point(found: Any) -> Any:
    return found["curves"][0]["points"][0]


WRONG: dict[str, tuple[Callable[[Any], object], str]] = {
    "alpha": (lambda b: b.update(alpha=0.7), "alpha is 0.7, not a number above 0 and below 0.5"),
    "no tasks": (lambda b: b.pop("tasks"), "the file has no 'tasks'"),
    "time": (lambda b: b.update(time_margin="much"), "time_margin is 'much', not a finite number"),
    "repeats": (lambda b: b["tasks"]["gmm"].update(repeats=1), "gmm.repeats is 1, not a whole number of at least 2"),
    "truth": (lambda b: b["tasks"]["gmm"].update(seed=True), "tasks.gmm.seed is True"),
    "grid": (lambda b: b["tasks"]["gmm"].update(grid=3), "tasks.gmm.grid is 3, not a text"),
    "no margins": (lambda b: b["tasks"]["gmm"].update(margins={}), "tasks.gmm.margins guards no metric"),
    "scale": (
        lambda b: b["tasks"]["gmm"]["margins"]["w1"].update(scale="log"),
        "tasks.gmm.margins.w1.scale is 'log', not relative or absolute",
    ),
    "margin": (
        lambda b: b["tasks"]["gmm"]["margins"]["w1"].update(margin=-0.1),
        "tasks.gmm.margins.w1.margin is -0.1, not a number above 0",
    ),
    "curves": (lambda b: b.update(curves={}), "curves is no list"),
    "curve": (lambda b: b["curves"].append(3), r"curves\[1\] is no object"),
    "twice": (lambda b: b["curves"].append(b["curves"][0]), r"curves\[1\] is a second curve of ddim on gmm"),
    "task": (lambda b: b["curves"][0].update(task="gmn"), r"\[0\].task is 'gmn', of which \"tasks\" says nothing"),
    "points": (lambda b: b["curves"][0].pop("points"), r"curves\[0\] has no 'points'"),
    "steps": (lambda b: point(b).update(steps=0), r"curves\[0\].points\[0\].steps is 0"),
    "same steps": (
        lambda b: b["curves"][0]["points"].append(point(b)),
        r"curves\[0\].points\[1\] is a second point at 5 steps",
    ),
    "value": (lambda b: point(b)["values"].update(w1=[0.1, "x"]), r"values.w1\[1\] is 'x', not a finite number"),
    "null": (lambda b: point(b)["values"].update(w1=[None, 1.0]), r"values.w1\[0\] is None, not a finite number"),
    "zero": (lambda b: point(b)["values"].update(w1=[0.0, 1.0]), "values.w1 is not positive everywhere"),
    "time below 0": (lambda b: point(b).update(times=[-1.0]), r"times\[0\] is -1.0, not a time"),
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
        ('{"schema": 1, "kind": "record"}', "is no baseline"),
        ('{"schema": 2, "kind": "sigbench-baseline"}', "has schema 2, and this version reads 1"),
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
    for length in range(0, len(whole) - 1, 7):
        file.write_text(whole[:length])
        with pytest.raises(BadInput, match="no JSON"):
            read_baseline(file)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"there is no baseline .* --update"):
        read_baseline(tmp_path / "none.json")
    with pytest.raises(BadInput, match="cannot be read"):
        read_baseline(tmp_path)
