"""Cells of records: planned again they are the same ones, and so is what their command measures."""

from typing import Any

import pytest

from sigbench.leaderboard.command import command_of
from sigbench.measure.again import cell_of
from sigbench.measure.cell import plan_cells
from sigbench.measure.run import measure
from sigbench.measure.settings import Settings


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"paths": "fresh"},
        {"grid": "uniform", "seed": 3},
        {"batch": 50, "nfe": 9},
        {"dtype": "float64"},
        {"device": "auto"},
    ],
)
def test_a_records_cell_is_the_one_that_was_measured(changed: dict[str, Any]) -> None:
    settings = Settings(**{"task": "gmm", "samples": 100, "repeats": 2, "device": "cpu", **changed})
    (record,) = measure(plan_cells(settings, ["euler-maruyama"], [3]))
    assert cell_of(record).key == record["key"]
    words = " ".join(command_of(record))
    assert ("--noise fresh" in words) == (record["noise"]["paths"] == "fresh")
