"""Times that other work on the machine has spoiled are marked, told, and ranked nowhere; memory is forecast."""

import copy
from pathlib import Path
from typing import Any

import pytest
from made_records import made, sealed, spread

from sigbench.errors import BadInput
from sigbench.gate.curves import is_quiet
from sigbench.leaderboard.board import Entry, boards
from sigbench.leaderboard.claims import Claim, answers
from sigbench.measure.cell import plan_cells
from sigbench.measure.settings import Settings
from sigbench.records import machine
from sigbench.records.checks import parse_record
from sigbench.records.consistency import doubts_of
from sigbench.records.machine import check_memory, free_memory
from sigbench.records.record import Record, to_json
from sigbench.report.run_sentences import break_even, break_even_lines, doubtful_times


def timed(cores: int = 2, times: float = 1.0, **facts: Any) -> Record:
    record: Any = copy.deepcopy(made(**facts))
    record["provenance"]["cores"] = cores
    values = list(record["timing"]["sample_s"]["values"])
    values[0] = min(values) / times if times > 1 else values[0]
    low, high, middle = min(values), max(values), sorted(values)[len(values) // 2]
    record["timing"]["sample_s"] = {"value": middle, "low": low, "high": high, "values": values}
    record["timing"]["samples_per_s"] = 1 / middle
    return sealed(record)


def with_timing(record: Record, **fields: Any) -> Record:
    changed: Any = copy.deepcopy(record)
    changed["timing"].update(fields)
    return sealed(changed)


QUIET = timed()


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (with_timing(QUIET, efficiency=spread(1.2)), "efficiency 1.20"),
        (timed(times=3.1), "times as long as another"),
        (with_timing(QUIET, load=[3.1, 0.1, 0.1]), "a load of 3.1 on 2 processors"),
        (with_timing(timed(cores=1), load=[2.0, 0.1, 0.1]), "a load of 2.0 on 1 processor"),
    ],
)
def test_what_puts_times_in_doubt(record: Record, words: str) -> None:
    (reason,) = doubts_of(record)
    assert words in reason
    assert parse_record(to_json(record))
    assert doubtful_times([QUIET]) == []
    (line,) = doubtful_times([QUIET, record])
    assert "not to be trusted" in line
    assert words in line
    assert is_quiet(QUIET)
    assert not is_quiet(record)


@pytest.mark.parametrize(
    "record",
    [
        with_timing(QUIET, efficiency=spread(1.09)),
        with_timing(QUIET, efficiency=None),
        timed(times=2.0),
        with_timing(QUIET, load=[2.2, 9.0, 9.0]),
        with_timing(QUIET, load=None),
        made(status="failed"),
    ],
)
def test_what_does_not(record: Record) -> None:
    assert doubts_of(record) == []


def test_rankings_by_time_leave_them_out() -> None:
    slow = timed(sampler="heun", steps=300, seconds=1.0)
    student = with_timing(timed(sampler="sigdeg", family="student", seconds=1e-3), training_s=10.0)
    busy = with_timing(student, load=[9.0, 9.0, 9.0])
    assert break_even(student, slow) is not None
    assert break_even(busy, slow) is break_even(student, with_timing(slow, load=[9.0, 9.0, 9.0])) is None
    assert break_even_lines([busy, slow]) == []
    claim = Claim("gmm", "speed", "faster", "a source", "https://example.org", "sigdeg", "heun", 5, 300)
    for record, verdict in ((student, "times faster"), (busy, "Not decided")):
        (answer,) = answers([claim], boards([Entry(record), Entry(slow)]))["gmm"]
        assert verdict in answer.verdict


def test_a_forecast_is_held_against_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    free = free_memory()
    assert free is not None
    assert 10**8 < free < 10**14
    monkeypatch.setattr(machine, "free_memory", lambda: 10 * 10**9)
    check_memory(9e9, "it", "take less")
    with pytest.raises(BadInput, match=r"it takes at least 11.0 GB of memory, and .* 10.0 GB left: take less"):
        check_memory(11e9, "it", "take less")
    with pytest.raises(BadInput, match=r"10,000,000 samples of mnist .* at least 31.4 GB"):
        plan_cells(Settings("mnist", samples=10_000_000, device="cpu"), ["ddim"], [2])
    plan_cells(Settings("gmm", samples=10_000_000, device="cpu"), ["ddim"], [2])
    monkeypatch.setattr(machine, "free_memory", lambda: None)
    check_memory(1e18, "it", "take less")


@pytest.mark.parametrize(
    ("most", "used", "cached", "left"), [("max", 5, 0, None), ("100", 40, 10, 70), ("100", 140, 0, 0)]
)
def test_a_container_has_a_bound_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: str, used: int, cached: int, left: int | None
) -> None:
    for name, text in (
        ("memory.max", most),
        ("memory.current", str(used)),
        ("memory.stat", f"anon 3\nfile {cached}\n"),
    ):
        (tmp_path / name).write_text(text + "\n")
    monkeypatch.setattr(machine, "_GROUP", tmp_path)
    assert machine._of_group() == left
