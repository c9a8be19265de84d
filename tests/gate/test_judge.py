"""The gate's judgement, on baselines and measurements that are made up."""

from copy import deepcopy
from typing import Any

import pytest

from sigbench.gate.baseline import Baseline
from sigbench.gate.judge import judge
from sigbench.gate.measure import Measured
from sigbench.gate.plan import Filter, extended
from sigbench.gate.run import judge_against

MACHINE = {"device_name": "here", "threads": 2}
SENSES: Any = {"gmm": {"w1": "lower", "lost-variance": "zero", "ks": "lower"}}
VALUES = {"w1": [0.1, 0.11, 0.09, 0.1], "lost-variance": [0.01, -0.01, 0.0, 0.005]}
TIMES = [1.0, 1.01, 0.99, 1.0]


def baseline(samplers: tuple[str, ...] = ("ddim", "heun")) -> Baseline:
    points: Any = [{"steps": steps, "nfe": steps, "values": VALUES, "times": TIMES} for steps in (5, 10)]
    return deepcopy(
        {
            "schema": 1,
            "kind": "sigbench-baseline",
            "alpha": 0.05,
            "time_margin": 0.5,
            "tasks": {
                "gmm": {
                    "version": 1,
                    "samples": 100,
                    "repeats": 4,
                    "seed": 0,
                    "grid": "quadratic",
                    "device": "cpu",
                    "dtype": "float32",
                    "margins": {
                        "w1": {"scale": "relative", "margin": 0.1},
                        "lost-variance": {"scale": "absolute", "margin": 0.05},
                    },
                }
            },
            "curves": [
                {"task": "gmm", "sampler": name, "points": points, "machine": MACHINE, "git": None, "date": "then"}
                for name in samplers
            ],
        }
    )  # type: ignore[return-value]


def measured(changes: dict[tuple[str, int], Any] | None = None) -> list[Measured]:
    """What was measured now: the baseline's own values, but for the changes of some points."""
    points = []
    for sampler in ("ddim", "heun"):
        for steps in (5, 10):
            facts: dict[str, Any] = {"nfe": steps, "values": VALUES, "times": TIMES}
            points.append(Measured("gmm", sampler, steps, **{**facts, **(changes or {}).get((sampler, steps), {})}))
    return points


def judged(changes: dict[tuple[str, int], Any] | None = None, machine: dict[str, Any] = MACHINE) -> Any:
    known = baseline()
    return judge(known, known["curves"], measured(changes), SENSES, machine, {})


def scaled(factor: float) -> dict[str, list[float]]:
    return {**VALUES, "w1": [factor * value for value in VALUES["w1"]]}


def test_nothing_changed() -> None:
    found = judged()
    assert {point["verdict"] for point in found.points} == {"equivalent"}
    assert [curve["time"] for curve in found.curves] == ["same", "same"]
    assert (found.run["verdict"], found.run["exit_code"], found.run["comparisons"]) == ("equivalent", 0, 8)


@pytest.mark.parametrize(
    ("factor", "word", "code"), [(1.2, "regressed", 1), (0.8, "improved", 0), (1.05, "equivalent", 0)]
)
def test_quality_changed_at_one_point(factor: float, word: str, code: int) -> None:
    found = judged({("heun", 5): {"values": scaled(factor)}})
    assert [point["verdict"] for point in found.points] == ["equivalent", "equivalent", word, "equivalent"]
    assert [curve["verdict"] for curve in found.curves] == ["equivalent", word]
    assert (found.run["verdict"], found.run["exit_code"]) == (word, code)
    assert found.points[2]["metrics"]["w1"]["change"] == pytest.approx(factor - 1)


def test_a_sampler_that_failed_has_regressed() -> None:
    found = judged({("ddim", 5): {"nfe": None, "values": {}, "times": [], "failure": "diverged: 3 of 100 samples."}})
    point = found.points[0]
    assert (point["verdict"], point["reason"], point["nfe"]) == ("regressed", "diverged: 3 of 100 samples.", None)
    assert found.run["exit_code"] == 1


def test_more_network_calls_are_a_regression_whatever_the_quality() -> None:
    found = judged({("ddim", 5): {"nfe": 10, "values": scaled(0.5)}})
    assert found.points[0]["verdict"] == "regressed"
    assert found.points[0]["reason"] == "makes 10 network calls a sample, 5 before"


def test_a_metric_that_is_missing_on_one_side_is_named_and_does_not_pass() -> None:
    only = {"w1": VALUES["w1"]}
    now = judged({("ddim", 5): {"values": only}})
    assert now.points[0]["reason"] == "lost-variance is missing now"
    assert (now.points[0]["verdict"], now.run["exit_code"]) == ("inconclusive", 3)
    known = baseline()
    known["curves"][0]["points"][0]["values"] = only
    then = judge(known, known["curves"], measured(), SENSES, MACHINE, {})
    assert then.points[0]["reason"] == "lost-variance is missing in the baseline"
    assert then.run["exit_code"] == 3


def test_what_has_no_relative_change_does_not_pass() -> None:
    found = judged({("ddim", 5): {"values": {**VALUES, "w1": [0.1, 0.1, 0.1, 0.0]}}})
    assert found.points[0]["verdict"] == "inconclusive"
    assert "w1: a value that is not positive" in found.points[0]["reason"]


def test_unguarded_metrics_are_named() -> None:
    assert judged().run["notes"] == ["gmm: not guarded are ks."]


def test_time_beyond_its_margin_on_the_same_machine() -> None:
    slow = {("ddim", 5): {"times": [2.0, 2.1, 1.9, 2.0]}}
    found = judged(slow)
    assert found.points[0]["verdict"] == "regressed"
    assert found.points[0]["reason"] == "takes 99.9 % longer"
    assert [curve["time"] for curve in found.curves] == ["slower", "same"]
    within = judged({("ddim", 5): {"times": [1.2, 1.21, 1.19, 1.2]}})
    assert within.run["verdict"] == "equivalent"


def test_time_on_another_machine_is_not_compared_and_says_so() -> None:
    found = judged({("ddim", 5): {"times": [9.0, 9.0, 9.0, 9.0]}}, machine={**MACHINE, "threads": 1})
    assert found.run["verdict"] == "equivalent"
    assert all(point["time"] is None for point in found.points)
    assert {curve["time"] for curve in found.curves} == {"not compared: another machine"}


def test_unresolved_time_is_no_verdict_on_quality() -> None:
    found = judged({("ddim", 5): {"times": [0.5, 4.0, 1.0, 2.0]}})
    assert found.curves[0]["time"] == "not resolved"
    assert found.run["verdict"] == "equivalent"


def test_points_and_measurements_that_do_not_match() -> None:
    known = baseline()
    with pytest.raises(ValueError, match="was measured for"):
        judge(known, known["curves"], measured()[::-1], SENSES, MACHINE, {})
    with pytest.raises(ValueError, match="shorter"):
        judge(known, known["curves"], measured()[:3], SENSES, MACHINE, {})


def test_a_new_baseline_against_the_old_one() -> None:
    old, new = baseline(), baseline(("ddim", "shark"))
    new["curves"][0]["points"][1]["values"] = scaled(1.3)
    found, apart = judge_against(old, new, Filter())
    assert [(point["sampler"], point["steps"], point["verdict"]) for point in found.points] == [
        ("ddim", 5, "equivalent"),
        ("ddim", 10, "regressed"),
    ]
    assert apart == ["gmm, shark at 5 steps: new.", "gmm, shark at 10 steps: new."]
    new["tasks"]["gmm"]["samples"] = 200
    found, apart = judge_against(old, new, Filter(samplers=("ddim",)))
    assert found.points == []
    assert apart[0] == "gmm, ddim at 5 steps: measured in another way than before, not compared."


def test_new_curves_join_a_baseline() -> None:
    known = baseline()
    assert extended(known, Filter()) == known
    assert extended(known, Filter(samplers=("ddim",))) == known
    grown = extended(known, Filter(samplers=("shark",)))
    assert [(c["task"], c["sampler"]) for c in grown["curves"]] == [("gmm", n) for n in ("ddim", "heun", "shark")]
    assert grown["curves"][2]["points"][0]["values"] == {}
    wider = extended(known, Filter(tasks=("gmm2d",), samplers=("ddim",)))
    assert ("gmm2d", "ddim") in [(c["task"], c["sampler"]) for c in wider["curves"]]
    assert wider["tasks"]["gmm2d"]["margins"].keys() == {"sliced-w2", "mode-tv"}
