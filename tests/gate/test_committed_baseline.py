"""The baseline that CI guards: whole, plannable, and made of committed code; one of its points is measured again."""

from pathlib import Path

from sigbench.gate.baseline import read_baseline
from sigbench.gate.plan import DEFAULT_PLAN, Filter, cells_of, check_complete
from sigbench.gate.run import judge_now
from sigbench.progress import ignore

FILE = Path(__file__).parents[2] / "leaderboard" / "baseline.json"


def test_it_holds_the_default_plan() -> None:
    baseline = read_baseline(FILE)
    check_complete(baseline, baseline["curves"], str(FILE))
    found = {
        (curve["task"], curve["sampler"], point["steps"]) for curve in baseline["curves"] for point in curve["points"]
    }
    for task, plan in DEFAULT_PLAN.items():
        assert {(task, sampler, steps) for sampler in plan.samplers for steps in plan.steps} <= found
        assert baseline["tasks"][task]["margins"].keys() == {name for name, _, _ in plan.margins}


def test_its_cells_can_be_measured_and_come_from_a_commit() -> None:
    baseline = read_baseline(FILE)
    for curve in baseline["curves"]:
        assert len(cells_of(baseline, curve)) == len(curve["points"])
        assert curve["git"] is not None and len(curve["git"]) == 40
        assert all(len(point["times"]) == len(next(iter(point["values"].values()))) for point in curve["points"])


def test_a_point_of_it_is_the_same_here() -> None:
    """Of the cheapest sampler; the gate itself measures all of them in CI."""
    baseline = read_baseline(FILE)
    (curve,) = filter(Filter(("gmm",), ("euler-maruyama",)).takes, baseline["curves"])
    judged = judge_now(baseline, [{**curve, "points": curve["points"][:1]}], ignore)
    (point,) = judged.points
    assert {metric["verdict"] for metric in point["metrics"].values()} == {"equivalent"}
