"""Timing and memory."""

import time
from pathlib import Path

import pytest
import torch

from sigbench.measure import timing
from sigbench.measure.timing import PeakMemory, seconds_of, synchronize

CPU = torch.device("cpu")


def test_seconds_are_wall_clock_seconds() -> None:
    assert 0.05 <= seconds_of(lambda: time.sleep(0.05), CPU) < 5.0
    assert 0.0 <= seconds_of(lambda: None, CPU) < 1.0


def test_peak_memory_sees_an_allocation() -> None:
    with PeakMemory(CPU) as memory:
        block = torch.ones(200 * 2**18)  # 200 MB of float32
        del block
    assert memory.mb is not None
    assert memory.mb == pytest.approx(200, abs=30)


def test_peak_memory_forgets_what_was_before() -> None:
    block = torch.ones(200 * 2**18)
    del block
    with PeakMemory(CPU) as memory:
        pass
    assert memory.mb is not None
    assert memory.mb < 30


def test_peak_memory_can_be_used_again() -> None:
    memory = PeakMemory(CPU)
    with memory:
        block = torch.ones(100 * 2**18)
        del block
    first = memory.mb
    with memory:
        pass
    assert first is not None
    assert memory.mb is not None
    assert memory.mb < first


def test_peak_memory_where_it_cannot_be_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "_CLEAR", tmp_path / "missing" / "clear_refs")
    with PeakMemory(CPU) as memory:
        pass
    assert memory.mb is None


def test_synchronising_the_cpu_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(device: torch.device) -> None:
        raise AssertionError("the CPU has nothing to wait for")

    monkeypatch.setattr(torch.cuda, "synchronize", fail)
    synchronize(CPU)
