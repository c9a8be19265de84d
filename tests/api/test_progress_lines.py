"""Long work whose stderr is no terminal: a line a minute, none for what takes less."""

import pytest

from sigbench.api import progress
from sigbench.api.progress import Bar
from sigbench.progress import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_line_a_minute(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with Bar("training") as bar:
        for done in range(301):
            bar.show(Progress("training", done, 600, 0.5))
            clock[0] += 0.5
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "training · loss 5.00e-01: 20 %, about 4 min left",
        "training · loss 5.00e-01: 40 %, about 3 min left",
    ]


def test_less_than_a_minute_writes_nothing(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with Bar("starting", "cells") as bar:
        for done in range(5):
            bar.show(Progress("", done, 5))
            clock[0] += 10.0
    assert capsys.readouterr() == ("", "")


def test_a_new_stage_has_a_pace_of_its_own(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with Bar("starting", "paths") as bar:
        bar.show(Progress("teacher paths", 0, 10))
        clock[0] += 70.0
        bar.show(Progress("training", 0, 10))
        clock[0] += 65.0
        bar.show(Progress("training", 5, 10))
    assert capsys.readouterr().err.splitlines() == [
        "training: 0/10 paths",
        "training: 5/10 paths, about 1.08 min left",
    ]
