"""What the gate found, as tables of 80 columns, Markdown and a chart."""

import json
from typing import Any

import pytest
from rich.console import Console

from sigbench.gate.chart import gate_chart
from sigbench.gate.table import change_text, curve_table, largest_change, moved_tables, summary

METRIC: Any = {
    "verdict": "equivalent",
    "before": 0.1723,
    "now": 0.1723,
    "scale": "relative",
    "margin": 0.1,
    "change": 0.0,
    "low": 0.0,
    "high": 0.0,
    "p_worse": 1.0,
    "p_better": 1.0,
    "p_same": 0.0,
    "identical": True,
}
WORSE: Any = {
    **METRIC,
    "verdict": "regressed",
    "now": 0.2067,
    "change": 0.2,
    "low": 0.193,
    "high": 0.207,
    "identical": False,
}
LOST: Any = {**WORSE, "before": None, "now": None, "change": None, "low": None, "high": None}
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
        "notes": [],
        "provenance": {"device_name": "a CPU", "threads": 2, "torch": "2.13", "git": None, "sigbench": "0.1"},
    }


def shown(*tables: Any) -> str:
    console = Console(width=80, record=True)
    for table in tables:
        console.print(table)
    return console.export_text()


def test_changes_in_words() -> None:
    assert change_text(METRIC) == "+0.0 % [+0.0, +0.0]"
    assert change_text(WORSE) == "+20.0 % [+19.3, +20.7]"
    assert change_text({**WORSE, "scale": "absolute"}) == "+0.2 [+0.193, +0.207]"
    assert change_text({**WORSE, "change": 12.0, "low": 11.0, "high": 13.0}) == "+1200 % [+1100, +1300]"
    assert change_text(LOST) == "–"


def test_the_largest_change_of_a_curve() -> None:
    assert largest_change([point(METRIC), point(METRIC)]) == "identical"
    assert largest_change([point(METRIC), point(WORSE)]) == "label-accuracy +20.0 %"
    assert largest_change([point(WORSE), point(LOST, nfe=None)]) == "failed"
    assert largest_change([point(LOST)]) == "–"


def test_only_what_moved_has_a_table() -> None:
    assert moved_tables([point(METRIC)]) == []
    tables = moved_tables([point(METRIC), point(WORSE), point(WORSE, "ddim")])
    assert [str(table.title) for table in tables] == ["gmm · heun", "gmm · ddim"]
    text = shown(*tables)
    assert "+20.0 % [+19.3, +20.7]   regressed" in text
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
    assert counts == [7, 7, 7, 9, 9, 9]
    assert "- gmm, " in text


def test_the_chart_holds_every_point_and_marks_failures() -> None:
    points = [point(METRIC), point(WORSE), point(LOST, "ddim", nfe=None)]
    text = json.dumps(gate_chart(points).to_dict())
    rows = json.loads(text)["layer"][2]["data"]["values"]
    assert [(row["change"], row["failed"]) for row in rows] == [(20.0, True), (2.0, False), (0.0, False)]
    assert json.loads(text)["layer"][2]["encoding"]["color"]["scale"]["domain"] == ["regressed", "equivalent"]
