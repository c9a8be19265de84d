"""The baseline that CI guards: whole, plannable, and made of committed code; one of its points is measured again."""

from pathlib import Path

import pytest

from sigbench.gate.baseline import Baseline, read_baseline
from sigbench.gate.curves import curves_of, times_of
from sigbench.gate.plan import DEFAULT_PLAN, Filter, cells_of
from sigbench.gate.run import judge_now
from sigbench.progress import ignore

FILE = Path(__file__).parents[2] / "leaderboard" / "baseline.json"


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    return read_baseline(FILE)


def test_it_holds_the_default_plan(baseline: Baseline) -> None:
    found = {(record["task_spec"], record["spec"], record["steps"]) for record in baseline["records"]}
    for task, plan in DEFAULT_PLAN.items():
        assert {(task, sampler, steps) for sampler in plan.samplers for steps in plan.steps} <= found
        guarded = {
            (entry["metric"], entry["excess"], entry["floor"]) for entry in baseline["margins"] if entry["task"] == task
        }
        assert guarded == set(plan.margins)


def test_its_cells_can_be_measured_and_come_from_a_commit(baseline: Baseline) -> None:
    for curve in curves_of(baseline["records"]):
        assert len(cells_of(baseline, curve)) == len(curve.records)
        for record in curve.records:
            assert len(record["provenance"]["git"]) == 40
            assert len(times_of(record)) == record["repeats"]


def test_a_point_of_it_is_the_same_here(baseline: Baseline) -> None:
    """Of the cheapest sampler; the gate itself measures all of them in CI."""
    (curve,) = filter(Filter(("gmm",), ("euler-maruyama",)).takes, curves_of(baseline["records"]))
    (first,) = curves_of(curve.records[:1])
    (point,) = judge_now(baseline, [first], ignore).points
    assert {metric["verdict"] for metric in point["metrics"].values()} == {"equivalent"}
