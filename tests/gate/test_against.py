"""What a baseline asks less of than an earlier one: every way to make a regression pass by an edit is named."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from made_records import made, metric_of, sealed

from sigbench.gate.against import loosened, worsened
from sigbench.gate.baseline import KIND, SCHEMA
from sigbench.gate.plan import Filter
from sigbench.gate.run import held_against, judge_against

VALUES = [0.1, 0.11, 0.09, 0.1]


def baseline() -> Any:
    records = [
        made(name, steps, {"w1": metric_of(VALUES)}, samples=100, repeats=4)
        for name in ("ddim", "heun")
        for steps in (5, 10)
    ]
    margins = [{"task": "gmm", "metric": name, "excess": 0.1, "floor": 0.01} for name in ("w1", "duplicates")]
    head = {"schema": SCHEMA, "kind": KIND, "alpha": 0.05, "time_margin": 0.5}
    return {**head, "margins": margins, "curves": [], "records": records}


def again(found: Any, index: int, **changes: Any) -> None:
    found["records"][index] = sealed({**found["records"][index], **changes})


def asked(found: Any, **changes: Any) -> None:
    again(found, 0, asked={**found["records"][0]["asked"], **changes})


EDITS: dict[str, tuple[Callable[[Any], object], list[str]]] = {
    "nothing": (lambda b: None, []),
    "narrower": (lambda b: b["margins"][0].update(excess=0.05, floor=0.005), []),
    "faster": (lambda b: b.update(time_margin=0.2), []),
    "a curve more": (lambda b: b["records"].append(made("shark", 5, samples=100)), []),
    "a curve less": (lambda b: b["records"].__delitem__(slice(2, 4)), ["gmm, heun: the curve left the baseline."]),
    "a point less": (lambda b: b["records"].pop(), ["gmm, heun: the point at 10 steps left the baseline."]),
    "a curve renamed": (
        lambda b: [again(b, index, spec="heun2") for index in (2, 3)],
        ["gmm, heun: the curve left the baseline."],
    ),
    "wider": (
        lambda b: b["margins"][0].update(excess=0.11),
        ["gmm, w1: the margin widened from 0.1 to 0.11 of the excess."],
    ),
    "wider at the floor": (
        lambda b: b["margins"][0].update(floor=0.5),
        ["gmm, w1: the margin widened from 0.01 to 0.5 of the floor."],
    ),
    "unguarded": (lambda b: b["margins"].pop(), ["gmm, duplicates: it is guarded no more."]),
    "alpha": (lambda b: b.update(alpha=0.4), ["α was 0.05, and is 0.4."]),
    "less alpha": (lambda b: b.update(alpha=0.01), ["α was 0.05, and is 0.01."]),
    "slower": (lambda b: b.update(time_margin=0.6), ["the margin of times widened from 0.5 to 0.6."]),
    "fewer samples": (
        lambda b: again(b, 0, samples=10),
        ["gmm, ddim at 5 steps: samples was 100, and is 10."],
    ),
    "another seed": (lambda b: again(b, 0, seed=7), ["gmm, ddim at 5 steps: seed was 0, and is 7."]),
    "another dtype": (
        lambda b: asked(b, dtype="float64"),
        ["gmm, ddim at 5 steps: dtype was float32, and is float64."],
    ),
}


@pytest.mark.parametrize("case", EDITS)
def test_edits_that_ask_less_are_named(case: str) -> None:
    edit, sentences = EDITS[case]
    new = copy.deepcopy(baseline())
    edit(new)
    assert loosened(baseline(), new) == sentences


@pytest.mark.parametrize(
    ("factor", "words"),
    [(1.0, []), (0.7, []), (1.3, ["gmm, ddim at 5 steps is worse in the new baseline."])],
)
def test_records_that_got_worse_are_named(factor: float, words: list[str]) -> None:
    new = baseline()
    again(new, 0, metrics={"w1": metric_of([factor * value for value in VALUES])})
    new["margins"] = [entry for entry in new["margins"] if entry["metric"] == "w1"]
    found, _ = judge_against(baseline(), new, Filter())
    assert worsened(found) == words


def test_a_check_that_passes_does_not_where_the_baseline_asks_less() -> None:
    new = baseline()
    new["margins"] = [{**entry, "excess": 0.3} for entry in new["margins"] if entry["metric"] == "w1"]
    passing, _ = judge_against(new, new, Filter())
    assert passing.run["exit_code"] == 0
    held = held_against(passing, baseline(), new)
    assert held.run["exit_code"] == 3
    assert held.run["loosened"] == [
        "gmm, w1: the margin widened from 0.1 to 0.3 of the excess.",
        "gmm, duplicates: it is guarded no more.",
    ]
