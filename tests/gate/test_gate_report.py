"""What the gate found, as tables of 80 columns, Markdown and a chart."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console

from sigbench.gate.chart import gate_chart
from sigbench.gate.judge import Judgement
from sigbench.gate.outputs import annotations, junit, summary
from sigbench.gate.table import curve_table, largest_change, moved_tables, values_text

METRIC: Any = {
    "verdict": "equivalent",
    "before": 0.1723,
    "now": 0.1723,
    "margin": 0.0172,
    "change": 0.0,
    "low": 0.0,
    "high": 0.0,
    "p_value": 1.0,
    "p_adjusted": 1.0,
    "p_equivalence": 0.0,
    "repeats_to_decide": None,
    "identical": True,
}
WORSE: Any = {
    **METRIC,
    "verdict": "regressed",
    "now": 0.2067,
    "change": 0.0344,
    "low": 0.0333,
    "high": 0.0355,
    "identical": False,
}
LOST: Any = {**WORSE, "before": None, "now": None, "change": None, "low": None, "high": None, "margin": None}
HOSTILE = "<script>alert(1)</script>|`x` [a](http://b) *c*.py:Mine"


def point(metric: Any, sampler: str = "heun", **facts: Any) -> Any:
    return {
        "schema": 1,
        "kind": "point",
        "task": "gmm",
        "sampler": sampler,
        "steps": 10,
        "verdict": metric["verdict"],
        "reason": None,
        "nfe_before": 10,
        "nfe": 10,
        "metrics": {"label-accuracy": metric},
        "time": None,
        **facts,
    }


def curve(verdict: str, sampler: str = "heun") -> Any:
    return {
        "schema": 1,
        "kind": "curve",
        "task": "gmm",
        "sampler": sampler,
        "verdict": verdict,
        "points": 1,
        "time": "not compared: another machine",
    }


def run(verdict: str) -> Any:
    return {
        "schema": 1,
        "kind": "run",
        "verdict": verdict,
        "exit_code": 0,
        "alpha": 0.05,
        "time_margin": 0.5,
        "comparisons": 3,
        "loosened": [],
        "notes": [],
        "provenance": {"device_name": "a CPU", "threads": 2, "torch": "2.13", "git": None, "sigbench": "0.1"},
    }


def shown(*tables: Any) -> str:
    console = Console(width=80, record=True)
    for table in tables:
        console.print(table)
    return console.export_text()


def test_changes_in_words() -> None:
    assert values_text(WORSE) == ("0.1723", "0.2067", "+0.034 ±0.001", "0.017")
    assert values_text(LOST) == ("–", "–", "–", "–")


def test_the_largest_change_of_a_curve() -> None:
    assert largest_change([point(METRIC), point(METRIC)]) == "identical"
    assert largest_change([point(METRIC), point(WORSE)]) == "label-accuracy +2"
    assert largest_change([point(WORSE), point(LOST, nfe=None)]) == "failed"
    assert largest_change([point(LOST)]) == "–"


def test_only_what_moved_has_a_table() -> None:
    assert moved_tables([point(METRIC)]) == []
    tables = moved_tables([point(METRIC), point(WORSE), point(WORSE, "ddim")])
    assert [str(table.title) for table in tables] == ["gmm · heun", "gmm · ddim"]
    text = shown(*tables)
    assert "regressed" in text and "+0.034 ±0.001" in text
    assert "label-accuracy" in text


@pytest.mark.parametrize("name", ["heun", "./a/long/path/to/somebody/elses/samplers.py:TheirSampler:option=3.14159"])
def test_tables_keep_to_80_columns(name: str) -> None:
    points = [point(WORSE, name), point(LOST, name, nfe=None)]
    text = shown(curve_table([curve("regressed", name)], points), *moved_tables(points))
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "regressed" in text and "not compared" in text


def test_markdown_shows_names_and_errors_as_text() -> None:
    points = [point(LOST, HOSTILE, nfe=None, reason="failed: <img src=x onerror=alert(1)>\n| a | b |")]
    text = summary(points, [curve("regressed", HOSTILE)], run("regressed"))
    assert text.startswith("## sigbench check: regressed\n")
    assert "<script" not in text and "<img" not in text
    assert "[a](" not in text.replace("\\[a](", "")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    counts = [line.replace("\\|", "").count("|") for line in rows]
    assert counts == [7, 7, 7, 10, 10, 10]
    assert "- gmm, " in text


def test_the_chart_holds_every_point_and_marks_failures() -> None:
    points = [point(METRIC), point(WORSE), point(LOST, "ddim", nfe=None)]
    text = json.dumps(gate_chart(points).to_dict())
    rows = json.loads(text)["layer"][2]["data"]["values"]
    assert [(row["change"], row["failed"]) for row in rows] == [(20.0, True), (2.0, False), (0.0, False)]
    assert json.loads(text)["layer"][2]["encoding"]["color"]["scale"]["domain"] == ["regressed", "equivalent"]


def judgement(points: list[Any], verdict: str = "regressed") -> Judgement:
    curves = [curve(verdict, name) for name in dict.fromkeys(each["sampler"] for each in points)]
    return Judgement(points, curves, {**run(verdict), "loosened": ["gmm, w1: the margin widened."]})


def test_junit_fails_what_does_not_pass() -> None:
    points = [point(METRIC), point(WORSE, HOSTILE, reason="failed: \x1b[31m\x00 <b>"), point(LOST, "ddim", nfe=None)]
    root = ElementTree.fromstring(junit(judgement(points)))
    assert [suite.get("tests") for suite in root] == ["1", "1", "1", "1"]
    assert [suite.get("failures") for suite in root] == ["0", "1", "1", "1"]
    failures = [failure.get("message") for failure in root.iter("failure")]
    assert failures[0] is not None and "0.1723 → 0.2067, +0.034 ±0.001" in failures[0]
    assert failures[0].endswith("failed:  [31m  <b>")
    assert root[-1].get("name") == "baseline"
    (suite,) = ElementTree.fromstring(junit(Judgement([point(METRIC)], [curve("equivalent")], run("equivalent"))))
    assert suite.get("failures") == "0"


def test_annotations_of_a_workflow() -> None:
    points = [point(METRIC), point(WORSE, "a,b:c=1", reason="100 %\n::error::no")]
    lines = list(annotations(judgement(points), Path("leaderboard/baseline.json")))
    assert [line.split(" ")[0] for line in lines] == ["::error", "::warning", "::error"]
    assert lines[0].startswith(
        "::error file=leaderboard/baseline.json,title=gmm%2C a%2Cb%3Ac=1 at 10 steps%3A regressed::"
    )
    assert "100 %25%0A::error::no" in lines[0]
    assert all("\n" not in line for line in lines)
    passing = Judgement([point(METRIC)], [curve("equivalent")], run("equivalent"))
    assert [line.split(" ")[0] for line in annotations(passing, Path("b.json"))] == ["::notice"]
