"""The rules that the page's script shares with the package, held together in a browser."""

from collections.abc import Iterator
from importlib.resources import files
from math import inf
from typing import Any

import numpy as np
import pytest
from made_records import made, metric

from sigbench.leaderboard.board import Entry, boards
from sigbench.records import comparison
from sigbench.report.curves import log_ticks
from sigbench.report.numbers import digits, duration, interval, number

BETTER = ("lower", "higher", "zero")


@pytest.fixture(scope="module")
def rules(browser: Any) -> Iterator[Any]:
    """A blank page that knows the two scripts of the page which draw nothing."""
    template = files("sigbench.leaderboard").joinpath("template")
    page = browser.new_page()
    for name in ("numbers.js", "measures.js"):
        page.add_script_tag(content=template.joinpath(name).read_text(encoding="utf-8"))
    yield page
    page.close()


@pytest.mark.parametrize("better", BETTER)
def test_scores_are_those_of_the_package(rules: Any, better: str) -> None:
    for value in (-2.5, -0.0, 0.0, 1e-9, 3.0):
        found = rules.evaluate("([value, better]) => measures.score(value, better)", [value, better])
        assert found == comparison.score(value, better)


@pytest.mark.parametrize("better", BETTER)
def test_a_turned_interval_holds_the_scores_of_what_it_held(rules: Any, better: str) -> None:
    for low, high in ((-2.0, -1.0), (-1.0, 3.0), (-4.0, 1.0), (1.0, 2.0), (0.0, 0.0)):
        found = rules.evaluate("([low, high, better]) => measures.turned(low, high, better)", [low, high, better])
        scores = [comparison.score(low + (high - low) * share, better) for share in np.linspace(0, 1, 401)]
        assert found == pytest.approx([min(scores), max(scores)], abs=1e-12)


def test_numbers_are_written_alike(rules: Any) -> None:
    rng = np.random.default_rng(0)
    values = [0.0, 1.0, -1.0, 1e-3, 1e5, 0.99996, 999.6, 1234567.0]
    values += [float(sign * 10 ** rng.uniform(-9, 8)) for sign in rng.choice([-1, 1], 400)]
    for call, write in (("number", number), ("digits", digits)):
        assert rules.evaluate(f"values => values.map((v) => numbers.{call}(v))", values) == list(map(write, values))
    times = [abs(value) for value in values if value]
    assert rules.evaluate("values => values.map((v) => numbers.duration(v))", times) == list(map(duration, times))
    ends = [(v, v - abs(v) * rng.random(), v + 10 ** rng.uniform(-6, 4)) for v in values]
    written = rules.evaluate("ends => ends.map((each) => numbers.interval(...each).join(' '))", ends)
    assert written == [interval(*each) for each in ends]
    assert rules.evaluate("numbers.interval(0.2, null, null).join(' ')") == interval(0.2, None, None)


def test_ticks_are_the_same(rules: Any) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        low = float(10 ** rng.uniform(-9, 5))
        high = low * float(10 ** rng.exponential(1.5)) if rng.random() < 0.9 else low
        found = rules.evaluate("([low, high]) => measures.logTicks(low, high)", [low, high])
        assert found == pytest.approx(log_ticks(low, high), rel=1e-12)


def calls(end: dict[str, Any]) -> float:
    """The calls that an end stands for: as few as can be, or more than any."""
    return {"<=": 0.0, ">": inf}.get(end["bound"], end["nfe"])


def reach(rules: Any, points: list[dict[str, Any]], q: float, better: str) -> Any:
    return rules.evaluate("([points, q, better]) => measures.reach(points, q, better)", [points, q, better])


@pytest.mark.parametrize("better", BETTER)
def test_the_interval_of_the_calls_holds_the_estimate(rules: Any, better: str) -> None:
    """Of curves that go up and down, with ends at and below 0, and qualities of either sign."""
    rng = np.random.default_rng(1)
    inner = 0
    for _ in range(400):
        size = 10 ** rng.uniform(-3, 1)
        points = []
        for nfe in sorted(rng.choice(np.arange(1, 100), 5, replace=False)):
            value = float(size * (rng.standard_normal() if better == "zero" else rng.exponential()))
            below, above = size * rng.exponential(0.5, 2)
            low = value - float(below)
            low = max(0.0, low) if better == "lower" else low
            points.append({"NFE": int(nfe), "value": value, "low": low, "high": value + float(above)})
        q = float(size * rng.exponential() * (1 if rng.random() < 0.95 else -1))
        found = reach(rules, points, q, better)
        start, estimate, end = (calls(found[name]) for name in ("from", "at", "to"))
        assert start <= estimate <= end, (points, q, found)
        inner += start < estimate < end
    assert inner > 40


def test_an_end_at_zero_falls_right_behind_the_point_before(rules: Any) -> None:
    """What used to be read linearly where the rest was read log-log: 40.4 [54.6, > 60]."""
    points = [
        {"NFE": 15, "value": 0.2, "low": 0.19, "high": 0.21},
        {"NFE": 60, "value": 0.0064, "low": 0.0, "high": 0.0202},
    ]
    found = reach(rules, points, 0.0188, "lower")
    assert found["from"] == {"nfe": pytest.approx(15.0), "bound": "="}
    assert found["at"]["nfe"] == pytest.approx(15 * 4 ** (np.log(0.2 / 0.0188) / np.log(0.2 / 0.0064)))
    assert found["to"] == {"nfe": 60, "bound": ">"}


def test_made_curves_hold_their_estimates(rules: Any) -> None:
    """Boards of many curves: falling, flat and rising ones, at every distance from the floor."""
    values = np.random.default_rng(0)
    records = [
        made(f"s{curve}", steps, {"w1": metric(size, size * float(values.uniform(0.02, 0.3)))})
        for curve in range(12)
        for steps, size in zip((2, 5, 10, 20, 50), 0.3 * values.uniform(0.05, 1.5, 5).cumprod(), strict=True)
    ]
    (board,) = boards(Entry(record) for record in records)["gmm"]
    curves: dict[str, list[dict[str, Any]]] = {}
    for entry in board.entries:
        found = entry.record["metrics"]["w1"]
        ends = {end: found[end] for end in ("value", "low", "high")}  # type: ignore[literal-required]
        curves.setdefault(entry.record["sampler"], []).append({"NFE": entry.record["nfe"], **ends})
    for points in curves.values():
        for factor in (1.5, 2.0, 5.0, 20.0):
            got = reach(rules, points, board.metrics["w1"]["floor"] * factor, "lower")
            assert calls(got["from"]) <= calls(got["at"]) <= calls(got["to"]), (points, factor)
