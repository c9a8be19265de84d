"""Claims stand beside what was measured, never in its place."""

from pathlib import Path
from typing import Any

import pytest
from made_records import made, metric, metric_of

from sigbench.errors import BadInput
from sigbench.leaderboard.board import Entry, boards
from sigbench.leaderboard.claims import Answer, Claim, answers, read_claims
from sigbench.records.record import Record

COMMITTED = Path(__file__).parents[2] / "leaderboard" / "claims.toml"


def answer(claim: dict[str, Any], *records: Record) -> Answer:
    facts = {
        "task": "gmm",
        "kind": "quality",
        "words": "it is as good",
        "source": "a paper",
        "url": "https://example.org",
        "sampler": "sigdeg",
        "steps": 5,
        "against": "teacher",
        "against_steps": 300,
        "metrics": ("w1",),
        **claim,
    }
    found = answers([Claim(**facts)], boards(Entry(record) for record in records))  # type: ignore[arg-type]
    (only,) = found["gmm"]
    return only


def student(value: float, half: float | None = 0.01, **changes: Any) -> Record:
    return made("sigdeg", 5, {"w1": metric(value, half)}, family="student", **changes)


def teacher(value: float, half: float | None = 0.01, **changes: Any) -> Record:
    return made("teacher (euler-maruyama)", 300, {"w1": metric(value, half)}, **changes)


@pytest.mark.parametrize(
    ("own", "other", "verdict"),
    [
        ([0.10, 0.11, 0.12], [0.1001, 0.1102, 0.1199], "Equivalent"),
        ([0.10, 0.11, 0.12], [0.20, 0.21, 0.22], "Better (p < 0.001)"),
        ([0.20, 0.21, 0.22], [0.10, 0.11, 0.12], "Worse (p < 0.001)"),
        ([0.14, 0.15, 0.16], [0.10, 0.12, 0.11], "Worse (p = 0.02)"),
        ([0.10, 0.11, 0.12], [0.10, 0.18, 0.12], "Not resolved"),
        ([0.0099, 0.0100, 0.0098], [0.0101, 0.0102, 0.0100], "Equivalent"),
        ([0.20], [0.10], "Not decided (one repeat has no spread, and nothing can be compared: measure at least two)"),
    ],
)
def test_quality_is_decided_by_comparing(own: list[float], other: list[float], verdict: str) -> None:
    records = [
        made(name, steps, {"w1": metric_of(values, 0.01)})
        for name, steps, values in (("sigdeg", 5, own), ("teacher (euler-maruyama)", 300, other))
    ]
    found = answer({}, *records)
    assert found.verdict == verdict
    for values in (own, other):
        assert f"{sum(values) / len(values):.4f}" in found.answer
    assert "floor 0.0100" in found.answer


def test_repeats_are_paired_where_the_noise_is_shared_and_nowhere_else() -> None:
    """Two that differ by the same in every repeat, beside a spread that hides it from a test of two groups."""
    own, other = [0.10, 0.20, 0.30, 0.40], [0.20, 0.30, 0.40, 0.50]
    fresh = {"paths": "fresh", "axes": ["task", "sampler"]}
    for noise, verdict in (({}, "Better (p < 0.001)"), ({"noise": fresh}, "Not resolved")):
        records = [
            made("sigdeg", 5, {"w1": metric_of(own, 0.01)}, **noise),
            made("teacher (euler-maruyama)", 300, {"w1": metric_of(other, 0.01)}, **noise),
        ]
        assert answer({}, *records).verdict == verdict


def test_speed_is_the_ratio_of_times_with_its_ends() -> None:
    found = answer({"kind": "speed"}, student(0.1, seconds=1e-3), teacher(0.1, seconds=0.08))
    assert found.verdict == "80 (65.5–97.8) times faster"
    assert "60 times fewer network calls (300 and 5)" in found.answer


def test_times_of_different_machines_are_not_compared() -> None:
    other = teacher(0.1, seconds=0.08)
    other["provenance"]["device_name"] = "another"
    found = answer({"kind": "speed"}, student(0.1), other)
    assert found.verdict == "Only the calls can be compared"


def test_what_is_missing_failed_or_only_reported_answers_nothing() -> None:
    assert answer({}, student(0.1)).verdict == "Not measured yet"
    assert answer({}, student(0.1), teacher(0.1, status="failed")).verdict == "Not measured yet"
    reported = [Entry(student(0.1)), Entry(teacher(0.1), "reported")]
    claim = Claim("gmm", "quality", "w", "s", "u", "sigdeg", "teacher", 5, 300, ("w1",))
    assert answers([claim], boards(reported))["gmm"][0].verdict == "Not measured yet"


def test_the_committed_claims_are_read_and_name_their_source() -> None:
    claims = read_claims(COMMITTED)
    assert {claim.task for claim in claims} >= {"gmm", "mnist"}
    assert all("2508.16939" in claim.url for claim in claims)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[claim]]\ntask = 'gmm'", "claim 1 of .* lacks"),
        (
            COMMITTED.read_text().replace('kind = "speed"', 'kind = "fast"'),
            "'fast': valid are quality, speed, orders, table",
        ),
        (COMMITTED.read_text().replace("remark =", "remrak ="), "unknown remrak"),
        ("[[claim", "cannot be read"),
    ],
)
def test_mistakes_in_the_file_are_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "claims.toml").write_text(text)
    with pytest.raises(BadInput, match=words):
        read_claims(tmp_path / "claims.toml")


def test_times_beside_other_cells_are_not_compared_with_those_alone() -> None:
    alone, busy = student(0.1), teacher(0.1)
    assert busy["timing"] is not None
    assert "times faster" in answer({"kind": "speed"}, alone, busy).verdict
    busy["timing"]["workers"] = 2
    found = answer({"kind": "speed"}, alone, busy)
    assert found.verdict == "Only the calls can be compared"
    assert "beside more or fewer others" in found.answer


def test_orders_are_answered_by_what_a_study_says() -> None:
    claim = Claim("gmm", "orders", "w", "s", "u", "sigdeg", "euler-maruyama")
    sentences = {"gmm": {"sigdeg": "Strong order 0.9.", "euler-maruyama": "Strong order 1.0."}}
    (found,) = answers([claim], {}, sentences)["gmm"]
    assert (found.verdict, found.answer) == (
        "What is seen",
        "sigdeg: Strong order 0.9. euler-maruyama: Strong order 1.0.",
    )
    (found,) = answers([claim], {}, {"gmm": {"sigdeg": "x"}})["gmm"]
    assert found.verdict == "Not measured yet"
    (found,) = answers([claim], {})["gmm"]
    assert found.verdict == "Not measured yet"
