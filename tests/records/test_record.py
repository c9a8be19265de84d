"""Records: keys that follow from what determines a measurement, and strict JSON."""

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_records import made

import sigbench
from sigbench.records.key import key_of
from sigbench.records.record import SCHEMA, to_json

PROPERTY = settings(deadline=None, derandomize=True, database=None)
DETERMINANTS: dict[str, Any] = {
    "sigbench": "0.1.0",
    "task": "gmm",
    "task_version": 1,
    "sampler": "ddim:eta=0.5",
    "times": [0.0, 0.25, 0.999],
    "samples": 1000,
    "repeats": 5,
    "seed": 0,
    "nfe": None,
    "batch": 100,
    "device": "cpu",
    "dtype": "float32",
    "artifacts": {"sigdeg": "ab12"},
}
CHANGED: dict[str, Any] = {
    "sigbench": "0.1.1",
    "task": "gmm2d",
    "task_version": 2,
    "sampler": "ddim",
    "times": [0.0, 0.26, 0.999],
    "samples": 1001,
    "repeats": 6,
    "seed": 1,
    "nfe": 5,
    "batch": 101,
    "device": "cuda",
    "dtype": "float64",
    "artifacts": {"sigdeg": "ab13"},
}


@pytest.mark.parametrize("determinant", sorted(DETERMINANTS))
def test_key_changes_with_each_determinant(determinant: str) -> None:
    assert key_of({**DETERMINANTS, determinant: CHANGED[determinant]}) != key_of(DETERMINANTS)


@pytest.mark.parametrize("determinant", sorted(DETERMINANTS))
def test_key_misses_an_absent_determinant(determinant: str) -> None:
    assert key_of({k: v for k, v in DETERMINANTS.items() if k != determinant}) != key_of(DETERMINANTS)


@PROPERTY
@given(order=st.permutations(sorted(DETERMINANTS)))
def test_key_does_not_change_with_the_order(order: list[str]) -> None:
    assert key_of({name: DETERMINANTS[name] for name in order}) == key_of(DETERMINANTS)


def test_key_is_a_file_name_and_follows_the_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    key = key_of(DETERMINANTS)
    assert len(key) == 20
    assert set(key) <= set("0123456789abcdef")
    monkeypatch.setattr("sigbench.records.key.SCHEMA", SCHEMA + 1)
    assert key_of(DETERMINANTS) != key


def test_json_is_one_line_and_reads_back() -> None:
    text = to_json(made(status="failed", error="two\nlines"))
    assert "\n" not in text
    assert json.loads(text)["error"] == "two\nlines"


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_json_refuses_what_json_does_not_know(bad: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json({**made(), "times": [0.0, bad]})


def test_the_schema_is_that_of_every_record_and_loads_nothing_heavy() -> None:
    found = sigbench.schema()
    told = found["$defs"]["Record"]
    assert told["required"] == sorted(told["required"], key=list(told["properties"]).index)
    assert set(told["properties"]) - set(told["required"]) == {"error", "note", "tuning"}
    assert made().keys() == set(told["required"])
    assert made(status="failed").keys() == {*told["required"], "error"}
    assert found["$defs"]["MetricRecord"]["required"] == list(found["$defs"]["MetricRecord"]["properties"])
    code = "import sys, sigbench; sigbench.schema(); print({'torch', 'numpy', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
