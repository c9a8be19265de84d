"""Records: keys that follow from what determines a measurement, and strict JSON."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigbench.records.record import SCHEMA, Record, key_of, to_json

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


def record(**changes: Any) -> Record:
    """A small but complete record."""
    fields: dict[str, Any] = {
        "schema": SCHEMA,
        "key": "0" * 20,
        "task": "gmm",
        "task_version": 1,
        "sampler": "ddim",
        "family": "ode",
        "steps": 2,
        "nfe": 2,
        "samples": 10,
        "repeats": 1,
        "seed": 0,
        "grid": "uniform",
        "times": [0.0, 0.5, 0.999],
        "final_step": "none",
        "status": "ok",
        "metrics": {},
        "timing": None,
        "provenance": {},
    }
    return {**fields, **changes}  # type: ignore[typeddict-item]


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
    monkeypatch.setattr("sigbench.records.record.SCHEMA", SCHEMA + 1)
    assert key_of(DETERMINANTS) != key


def test_json_is_one_line_and_reads_back() -> None:
    text = to_json(record(error="two\nlines"))
    assert "\n" not in text
    assert json.loads(text) == record(error="two\nlines")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_json_refuses_what_json_does_not_know(bad: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(record(times=[0.0, bad]))
