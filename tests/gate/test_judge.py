"""The gate's judgement, on baselines and measurements that are made up."""

from typing import Any

import pytest
from made_records import made, metric_of

from sigbench.errors import BadInput
from sigbench.gate.baseline import KIND, SCHEMA, Baseline
from sigbench.gate.curves import Curve, curves_of
from sigbench.gate.judge import judge, loosened_by
from sigbench.gate.plan import Filter, plan_baseline
from sigbench.gate.run import judge_against
from sigbench.records.record import Record

HERE = {"device_name": "here", "threads": 2}
KNOWN = {"gmm": ["w1", "lost-variance", "ks"]}
VALUES = {"w1": [0.1, 0.11, 0.09, 0.1], "lost-variance": [0.01, -0.01, 0.0, 0.005]}
TIMES = [1.0, 1.01, 0.99, 1.0]


def record(sampler: str, steps: int, changes: Any = None, machine: Any = HERE) -> Record:
    """A record of 100 samples with what a test changes of "values", "times", "nfe", "status", "error"."""
    facts = {"nfe": steps, "values": VALUES, "times": TIMES, "status": "ok", "quiet": True} | (changes or {})
    metrics = {
        name: metric_of(values, better="zero" if name == "lost-variance" else "lower")
        for name, values in facts["values"].items()
    }
    found: Any = made(sampler, steps, metrics or None, samples=100, repeats=4, nfe=facts["nfe"])
    found["timing"]["cpu_s"] = {"values": [time / 100 for time in facts["times"]]}
    found["timing"]["quiet"] = facts["quiet"]
    found["timing"]["calibration_s"] = {"values": [1.0] * len(facts["times"])}
    found["provenance"].update(machine)
    if facts["status"] != "ok":
        found |= {"status": facts["status"], "error": facts["error"], "nfe": None, "metrics": {}, "timing": None}
    return found  # type: ignore[no-any-return]


def baseline(samplers: tuple[str, ...] = ("ddim", "heun")) -> Baseline:
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "alpha": 0.05,
        "time_margin": 0.5,
        "margins": [
            {"task": "gmm", "metric": "w1", "excess": 0.1, "floor": 0.01},
            {"task": "gmm", "metric": "lost-variance", "excess": 0.1, "floor": 0.01},
        ],
        "curves": [],
        "records": [record(name, steps) for name in samplers for steps in (5, 10)],
    }


def measured(changes: dict[tuple[str, int], Any] | None = None, machine: Any = HERE) -> list[Record]:
    """What was measured now: the baseline's own values, but for the changes of some points."""
    points = [(sampler, steps) for sampler in ("ddim", "heun") for steps in (5, 10)]
    return [record(*point, (changes or {}).get(point), machine) for point in points]


def judged_of(known: Baseline, now: list[Record]) -> Any:
    return judge(known, curves_of(known["records"]), list(zip(known["records"], now, strict=True)), KNOWN, {})


def judged(changes: dict[tuple[str, int], Any] | None = None, machine: Any = HERE) -> Any:
    return judged_of(baseline(), measured(changes, machine))


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
    assert found.points[2]["metrics"]["w1"]["change"] == pytest.approx(0.1 * (factor - 1))


def test_a_sampler_that_failed_has_regressed() -> None:
    found = judged({("ddim", 5): {"status": "diverged", "error": "3 of 100 samples."}})
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
    assert now.points[0]["reason"] == "lost-variance: it is missing now"
    assert (now.points[0]["verdict"], now.run["exit_code"]) == ("inconclusive", 3)
    known = baseline()
    known["records"][0] = record("ddim", 5, {"values": only})
    then = judged_of(known, measured())
    assert then.points[0]["reason"] == "lost-variance: it is missing in the baseline"
    assert then.run["exit_code"] == 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n": 50}, "w1: metrics of different numbers of samples cannot be compared: 50 and 100"),
        ({"method": "another"}, "w1: metrics of different methods cannot be compared"),
        ({"better": "higher"}, "w1: metrics of different directions cannot be compared"),
        ({"values": VALUES["w1"][:3]}, "w1: 3 and 4 repeats make no pairs"),
    ],
)
def test_what_is_no_pair_does_not_pass(changes: Any, words: str) -> None:
    now = measured()
    for each in now:
        each["metrics"]["w1"] = {**each["metrics"]["w1"], "n": 100}
    known = baseline()
    for each in known["records"]:
        each["metrics"]["w1"] = {**each["metrics"]["w1"], "n": 100}
    now[0]["metrics"]["w1"] = {**now[0]["metrics"]["w1"], **changes}
    found = judged_of(known, now)
    assert found.points[0]["verdict"] == "inconclusive"
    assert words in found.points[0]["reason"]


def test_what_is_not_decided_says_how_many_repeats_would() -> None:
    found = judged({("ddim", 5): {"values": {**VALUES, "w1": [0.12, 0.09, 0.11, 0.1]}}})
    needed = found.points[0]["metrics"]["w1"]["repeats_to_decide"]
    assert needed > 4
    assert found.points[0]["reason"] == f"w1 is not decided: about {needed:,} repeats would decide"


def test_samples_better_than_exact_draws_do_not_pass() -> None:
    """The floor of these metrics is 0.01: what lies surely below it is no improvement but a finding."""
    below = judged({("ddim", 5): {"values": {**VALUES, "w1": [0.001, 0.0011, 0.0009, 0.001]}}})
    assert below.points[0]["verdict"] == "inconclusive"
    assert "w1 has come to lie below the floor of exact draws: look for copies" in below.points[0]["reason"]
    at = judged({("ddim", 5): {"values": {**VALUES, "w1": [0.009, 0.011, 0.0105, 0.01]}}})
    assert at.points[0]["verdict"] == "improved"


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
    found = judged({("ddim", 5): {"times": [9.0, 9.0, 9.0, 9.0]}}, machine={**HERE, "threads": 1})
    assert found.run["verdict"] == "equivalent"
    assert all(point["time"] is None for point in found.points)
    assert {curve["time"] for curve in found.curves} == {"not compared: another machine"}


@pytest.mark.parametrize("quiet", [False, None])
def test_times_under_load_are_not_compared(quiet: bool | None) -> None:
    slow = {"times": [9.0, 9.1, 8.9, 9.0], "quiet": quiet}
    found = judged({("ddim", steps): slow for steps in (5, 10)})
    assert found.run["verdict"] == "equivalent"
    assert [curve["time"] for curve in found.curves] == ["not compared: the machine was busy", "same"]


def test_unresolved_time_is_no_verdict_on_quality() -> None:
    found = judged({("ddim", 5): {"times": [0.5, 4.0, 1.0, 2.0]}})
    assert found.curves[0]["time"] == "not resolved"
    assert found.run["verdict"] == "equivalent"


def test_points_and_measurements_that_do_not_match() -> None:
    with pytest.raises(ValueError, match="was measured for"):
        judged_of(baseline(), measured()[::-1])


def test_a_new_baseline_against_the_old_one() -> None:
    old, new = baseline(), baseline(("ddim", "shark"))
    new["records"][1] = record("ddim", 10, {"values": scaled(1.3)})
    found, apart = judge_against(old, new, Filter())
    assert [(point["sampler"], point["steps"], point["verdict"]) for point in found.points] == [
        ("ddim", 5, "equivalent"),
        ("ddim", 10, "regressed"),
    ]
    assert apart == ["gmm, shark at 5 steps: new.", "gmm, shark at 10 steps: new."]
    for own in new["records"]:
        own["samples"] = 200
    found, apart = judge_against(old, new, Filter(samplers=("ddim",)))
    assert found.points == []
    assert apart[0] == "gmm, ddim at 5 steps: measured in another way than before, not compared."


def test_with_less_asked_than_before_nothing_passes() -> None:
    assert loosened_by(judged(), []).run["exit_code"] == 0
    held = loosened_by(judged(), ["the curve left."])
    assert (held.run["verdict"], held.run["exit_code"], held.run["loosened"]) == (
        "inconclusive",
        3,
        ["the curve left."],
    )
    worse = judged({("ddim", 5): {"values": scaled(1.5)}})
    assert loosened_by(worse, ["the curve left."]).run["exit_code"] == 1


def test_a_baseline_holds_every_sampler_on_its_tasks_grid() -> None:
    Filter(samplers=("ddim:final=denoise",)).check(None)
    with pytest.raises(BadInput, match="names a grid, and a baseline holds every sampler on its task's"):
        Filter(samplers=("ddim:grid=uniform",)).check(None)


def test_new_curves_join_a_baseline() -> None:
    known = baseline()
    held = curves_of(known["records"])
    assert plan_baseline(known, Filter()) == (known, held)
    assert plan_baseline(known, Filter(samplers=("ddim",))) == (known, held)
    assert plan_baseline(known, Filter(samplers=("shark",))) == (known, [*held, Curve("gmm", "shark")])
    wider, curves = plan_baseline(known, Filter(tasks=("gmm2d",), samplers=("ddim",)))
    assert curves == [*held, Curve("gmm2d", "ddim")]
    assert [entry["metric"] for entry in wider["margins"] if entry["task"] == "gmm2d"] == [
        "sliced-w2",
        "mode-tv",
        "duplicates",
    ]
    assert wider["records"] == known["records"]
