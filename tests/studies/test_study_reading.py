"""The one reader of studies: what is committed is read, what is written is read back, and mistakes have their line."""

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from made_records import made

from sigbench.errors import BadInput, Outdated
from sigbench.metrics.estimate import Interval
from sigbench.studies.ablation.result import AblationResult
from sigbench.studies.convergence.order_fit import LevelError, OrderEstimate
from sigbench.studies.convergence.result import Orders, Reference, WeakOrder, order_of
from sigbench.studies.gap.result import Gap, StepGap, TeacherWalked
from sigbench.studies.gap.verdict import GapFinding
from sigbench.studies.guidance.result import Guided
from sigbench.studies.reading import read_study
from sigbench.studies.result import to_line
from sigbench.studies.spectrum.result import SpectrumGap

COMMITTED = Path(__file__).parents[2] / "leaderboard" / "studies"
KINDS: dict[str, Any] = {
    "orders": Orders,
    "gap": Gap,
    "spectrum": SpectrumGap,
    "ablation": AblationResult,
    "guidance": Guided,
}
FILES = sorted(COMMITTED.glob("*/*.jsonl"))


def without_nulls(document: Any) -> Any:
    """A document without what is null, empty or left to its default: all that a typed form may leave out or fill in."""
    if isinstance(document, dict):
        kept = {key: without_nulls(value) for key, value in document.items()}
        return {key: value for key, value in kept.items() if value not in (None, [], "")}
    return [without_nulls(value) for value in document] if isinstance(document, list) else document


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_what_is_committed_is_read_and_written_again(file: Path, tmp_path: Path) -> None:
    try:
        found = read_study(file, KINDS[file.parent.name])
    except Outdated as error:
        pytest.skip(f"to be measured again: {error}")
    assert len(found) == len(file.read_text().splitlines())
    for line, result in zip(file.read_text().splitlines(), found, strict=True):
        was, now = json.loads(line), json.loads(to_line(result))
        assert now["kind"] == file.parent.name
        if file.parent.name == "guidance":
            was = {"kind": "guidance", "record": was}
        for name in ("grid", "sup", "dtype", "seed", "candidates"):
            if file.parent.name == "orders" and name not in was:
                now.pop(name)
        if not was.get("variant", {}).get("serves"):
            now.get("variant", {}).pop("serves", None)
        assert without_nulls(now) == without_nulls(was)
    again = tmp_path / "again.jsonl"
    again.write_text("".join(to_line(result) + "\n" for result in found))
    assert read_study(again, KINDS[file.parent.name]) == found


def test_every_kind_is_committed() -> None:
    assert {file.parent.name for file in FILES} == set(KINDS)


A_STEP = StepGap(1, 0.5, 0.0, *[Interval(1.0, 0.9, 1.1)] * 14)


def a_gap(**changes: Any) -> Gap:
    facts: dict[str, Any] = {
        "task": "gmm",
        "sampler": "ddim",
        "spec": "ddim:eta=0.5",
        "role": "sampler",
        "family": "ode",
        "grid": "quadratic",
        "distance": "w1",
        "status": "ok",
        "samples": 80,
        "group": 8,
        "repeats": 5,
        "seed": 0,
        "teacher": TeacherWalked("euler-maruyama", 300, "quadratic"),
        "conditions": {},
        "provenance": {"dtype": "float32"},
        "verdict": GapFinding((1,), "local", Interval(1.0, 0.9, 1.1), "So it is."),
        "times": (A_STEP,),
    }
    return Gap(**{**facts, **changes})


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    file = tmp_path / "gap.jsonl"
    gaps = [
        a_gap(),
        a_gap(status="failed", error="it did", verdict=None, times=()),
        a_gap(sampler="euler-maruyama", spec="euler-maruyama", role="teacher"),
    ]
    file.write_text("".join(to_line(gap) + "\n\n" for gap in gaps))
    assert read_study(file, Gap) == gaps
    assert [gap.display_name for gap in gaps] == ["ddim:eta=0.5", "ddim:eta=0.5", "teacher (euler-maruyama)"]
    assert [gap.spec_again for gap in gaps] == ["ddim:eta=0.5", "ddim:eta=0.5", "teacher"]
    assert "error" not in json.loads(to_line(gaps[0]))


def test_numbers_that_are_not_finite_are_null() -> None:
    lost = OrderEstimate(
        None,
        None,
        None,
        1.0,
        "not-resolved",
        (LevelError(8, 0.125, math.inf, math.inf, 0.0, math.inf, False, "diverged"),),
        "it diverges",
    )
    order = order_of(lost, [8])
    weak = WeakOrder(order.order, order.low, order.high, order.expected, order.verdict, order.advice, order.levels, {})
    orders = Orders(
        task="ou",
        sampler="a",
        spec="a",
        role="sampler",
        reference=Reference("exact path", 8, 0.0, 0.0, 0.0, {"x": None}),
        paths=400,
        strong=order,
        strong_rms=order,
        weak=weak,
    )
    line = to_line(orders)
    assert not any(word in line for word in ("inf", "Infinity", "NaN", "nan"))
    (level,) = json.loads(line)["strong"]["levels"]
    assert (level["error"], level["low"], level["high"], level["nfe"]) == (None, 0.0, None, 8)
    assert msgspec.json.decode(line, type=Orders) == orders


def dropped(kind: str, name: str, count: int = 1) -> str:
    """The first committed line of a kind that succeeded, without the last `count` members of a list in it."""
    file = next(file for file in FILES if file.parent.name == kind)
    document = json.loads(file.read_text().splitlines()[0])
    *path, last = name.split(".")
    place = document
    for part in path:
        place = place[part]
    place[last] = place[last][: max(0, len(place[last]) - count)]
    if kind == "gap":
        document["verdict"] = None
    return json.dumps(document)


@pytest.mark.parametrize(
    ("kind", "name", "count", "words"),
    [
        *(("spectrum", name, 1, f"{name} has") for name in ("power", "truth", "ratio", "floor")),
        ("spectrum", "frequencies", 1, "power has"),
        ("spectrum", "bands", 1, "not three bands"),
        ("orders", "strong.levels", 1, "the levels of strong and weak orders differ"),
        ("orders", "weak.levels", 99, "the levels of strong and weak orders differ"),
        ("orders", "strong_rms.levels", 2, "the levels of strong and weak orders differ"),
    ],
)
def test_lists_that_belong_together_are_as_long(tmp_path: Path, kind: str, name: str, count: int, words: str) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text(dropped(kind, name, count))
    with pytest.raises(BadInput, match=f"line 1: .*{words}"):
        read_study(file, KINDS[kind])


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "is empty"),
        (["{"], "line 1: "),
        (["[]"], "line 1: this is JSON, but no object"),
        (['{"kind": "lap"}'], "line 1: Invalid value 'lap'"),
        (['{"kind": "gap"}'], "line 1: Object missing required field"),
        (
            [to_line(a_gap()), to_line(a_gap()).replace('"seed":0', '"seed":"x"')],
            r"line 2: Expected `int`, got `str` - at `\$.seed`",
        ),
        ([to_line(a_gap()), to_line(a_gap(task="mnist"))], "line 2: this is of mnist, and the first of gmm"),
        (['{"kind": "ablation", "record": 3}'], "line 1: "),
        ([to_line(a_gap()).replace('"steps":[1]', '"steps":[2]')], r"line 1: the verdict names steps \[2\] of 1"),
        ([to_line(a_gap()).replace('"steps":[1]', '"steps":[0]')], r"line 1: the verdict names steps \[0\] of 1"),
        ([dropped("gap", "times", 99)], "line 1: it succeeded, and has no steps"),
        (['{"schema": 1}'], "line 1: "),
    ],
)
def test_mistakes_have_their_file_and_line(tmp_path: Path, lines: list[str], words: str) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text("\n".join(lines))
    with pytest.raises(BadInput, match=words) as caught:
        read_study(file, Gap)
    assert str(file) in str(caught.value)


def test_records_of_the_first_schema_are_outdated(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text(json.dumps({"schema": 1, "key": "0", "status": "ok"}) + "\n")
    with pytest.raises(Outdated, match=r"mine.jsonl, line 1: schema 1, .* measure its cell again"):
        read_study(file, Guided)


def test_a_point_of_guidance_is_read_back(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text(json.dumps(made(task="mnist", conditions={"guidance": 2.0})) + "\n")
    (point,) = read_study(file, Guided)
    assert (point.task, point.weight, point.display_name) == ("mnist", 2.0, "ddim")
    again = tmp_path / "again.jsonl"
    again.write_text(to_line(point) + "\n")
    assert read_study(again, Guided) == [point]


def test_another_kind_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text(to_line(a_gap()))
    with pytest.raises(BadInput, match="line 1: this is of kind gap, not spectrum"):
        read_study(file, SpectrumGap)
    with pytest.raises(BadInput, match="cannot be read: No such file"):
        read_study(tmp_path / "nowhere.jsonl", Gap)
